"""`warden backtest`: what a simulated run came to, and whether to believe it."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli import options
from api.cli.options import Json

app = typer.Typer(help="Simulated runs: what they came to, and whether to believe it.", no_args_is_help=True)


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Small letters, digits and _.")],
    workflow: Annotated[
        bool, typer.Option("--workflow", help="And a GitHub workflow that checks every strategy with each change.")
    ] = False,
    json: Json = False,
) -> None:
    """Write a strategy of your own, NAME.py, that runs as it is; nothing is written over."""
    from api.cli import templating

    templating.new(name, workflow=workflow, json=json)


# What a simulated run is asked for, the same words with every verb that makes one.
Params = Annotated[
    list[str] | None,
    typer.Option(
        "--param",
        metavar="NAME=RANGE",
        help="fast=5:50:5, x=3 or x=a,b; repeat. Also stop, trail, take, chandelier, break_even, hold_bars.",
    ),
]
Strategy = Annotated[
    str,
    typer.Argument(
        metavar="STRATEGY",
        help="trend, reversion, breakout, composite, pairs, FILE.py, or installed; dca, grid, smart.",
    ),
]
Symbols = Annotated[list[str] | None, typer.Option("--symbol", help="BTC/USDT by default; repeat.")]
Timeframe = Annotated[str, typer.Option(help="Such as 1h.")]
Since = Annotated[str | None, typer.Option("--from", help="Trade from this time (UTC) on.")]
Until = Annotated[str | None, typer.Option("--to", help="Up to this time (UTC).")]
Candles = Annotated[
    list[str] | None, typer.Option(metavar="FILE", help="FILE or SYMBOL=FILE instead of the store; repeat.")
]
Market = Annotated[str | None, typer.Option(help="recorded or simulated; as in the settings by default.")]
Venue = Annotated[str | None, typer.Option(help="Where several venues have the candles.")]
Capital = Annotated[float, typer.Option(help="Quote currency to begin with.")]
Fee = Annotated[float, typer.Option(help="Fraction of notional.")]
Slippage = Annotated[
    str,
    typer.Option(metavar="RATE|FILE", help="Fraction of price, before impact; or as `backtest compare` measured it."),
]
Impact = Annotated[float, typer.Option(help="Bar ranges that a whole bar's volume moves the price.")]
Shorts = Annotated[bool, typer.Option("--short/--long-only", help="Whether targets below 0 are traded.")]
Limits = Annotated[
    str, typer.Option(help="desk: the caps and loss tiers of the policy in force; plain: all of equity, no tiers.")
]
Workers = Annotated[int, typer.Option(min=1, max=64, help="Processes for the strategy's own code.")]


@app.command("sweep")
def sweep(
    strategy: Strategy,
    params: Params = None,
    symbols: Symbols = None,
    timeframe: Timeframe = "1h",
    since: Since = None,
    until: Until = None,
    candles: Candles = None,
    market: Market = None,
    venue: Venue = None,
    capital: Capital = 10_000.0,
    fee: Fee = 0.001,
    slippage: Slippage = "0.0005",
    impact: Impact = 1.0,
    shorts: Shorts = False,
    limits: Limits = "plain",
    funding: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="Funding rates of a perpetual: FILE or SYMBOL=FILE; repeat."),
    ] = None,
    best: Annotated[int, typer.Option(min=1, max=50, help="How many sets to list.")] = 5,
    walk_forward: Annotated[
        int | None,
        typer.Option(min=1, max=200, help="Trade so many parts of the history, each picked on what came before."),
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(help="With --walk-forward: pick on so much before a part, such as 180d; all by default."),
    ] = None,
    optimise: Annotated[
        int | None, typer.Option(help="Ask a search (Optuna) for so many sets instead of trying all of them.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the search.")] = 0,
    workers: Workers = 1,
    csv: Annotated[str | None, typer.Option(metavar="FILE", help="Write the figures of every set.")] = None,
    json: Json = False,
) -> None:
    """Simulate a strategy under every set of parameters; each is counted, and the best are told with their luck.

    --walk-forward picks on the past and trades what came after; --optimise searches instead of trying every set.
    """
    from api.cli import sweeping

    asked = sweeping.Asked(
        strategy, params or [], symbols or [], timeframe, since, until, candles or [], market, venue, funding or []
    )
    how = sweeping.How(capital, fee, slippage, impact, shorts, limits, best, workers, csv)
    ways = sweeping.Ways(walk_forward, window, optimise, seed)
    sweeping.sweep(asked, how, ways, json=json)


@app.command("check")
def check(
    strategy: Strategy,
    params: Params = None,
    symbols: Symbols = None,
    timeframe: Timeframe = "1h",
    since: Since = None,
    until: Until = None,
    candles: Candles = None,
    market: Market = None,
    venue: Venue = None,
    capital: Capital = 10_000.0,
    fee: Fee = 0.001,
    slippage: Slippage = "0.0005",
    impact: Impact = 1.0,
    shorts: Shorts = False,
    limits: Limits = "plain",
    workers: Workers = 1,
    signals: Annotated[int, typer.Option(min=1, max=100_000, help="The most signals that bars are cut after.")] = 100,
    baseline: Annotated[
        str | None, typer.Option(metavar="FILE", help="A check that was saved: exit 1 where anything is worse now.")
    ] = None,
    save: Annotated[str | None, typer.Option(metavar="FILE", help="Write this check, as a baseline for later.")] = None,
    json: Json = False,
) -> None:
    """Ask a strategy whether it may be believed: look-ahead, warm-up, costs, delay, luck, and what it was picked from.

    Exit 1 where it looks ahead, or is worse than the baseline. Of ranges, the best set is checked. No line is a promise
    of profit: one that passed only found nothing against it.
    """
    from api.cli import checking, sweeping

    asked = sweeping.Asked(strategy, params or [], symbols or [], timeframe, since, until, candles or [], market, venue)
    account = sweeping.Account(capital, fee, slippage, impact, shorts, limits)
    checking.check(asked, account, workers=workers, signals=signals, before=baseline, keep=save, json=json)


@app.command("report")
def report(
    file: Annotated[str, typer.Argument(metavar="FILE", help="An outcome of a backtest, ending in .outcome.npz.")],
    out: Annotated[str | None, typer.Option(help="Write the page to this file, ending in .html.")] = None,
    csv: Annotated[str | None, typer.Option(help="Write equity, trades, figures and months into this folder.")] = None,
    candles: Annotated[
        list[str] | None, typer.Option(help="FILE or SYMBOL=FILE to draw trades on, where none were kept; repeat.")
    ] = None,
    minimum_notional: Annotated[
        float | None, typer.Option(min=0, help="The least that an order may be worth, in quote currency; 5 by default.")
    ] = None,
    json: Json = False,
) -> None:
    """Thresholds with their intervals, doubts and figures beside buying and holding; --out writes the whole page."""
    from api.cli import backtestshow

    asked = backtestshow.Asked(file, out, csv, tuple(candles or ()), minimum_notional)
    backtestshow.report(asked, json=json)


@app.command("desk")
def desk(
    start: Annotated[str, typer.Option("--from", help="The first cycle, UTC.")],
    end: Annotated[str, typer.Option("--to", help="To this time, included.")],
    every: Annotated[str, typer.Option(help="Time between cycles, such as 4h.")],
    symbols: options.Pairs = "BTC/USDT,ETH/USDT",
    candles: options.CandleFiles = None,
    files: options.MoreFiles = None,
    market: Annotated[str, typer.Option(help="recorded or simulated.")] = "recorded",
    seed: options.Seed = None,
    venue: options.StoredVenue = None,
    timeframe: options.StoredTimeframe = None,
    rearm: Annotated[
        str, typer.Option(help="When an attendant re-arms what halted the desk: never, or 24h.")
    ] = "never",
    without: Annotated[
        list[str] | None, typer.Option(help="Leave out research, sentiment or forecast; repeat.")
    ] = None,
    instructions: options.Instructions = None,
    slippage: Annotated[
        str | None,
        typer.Option(metavar="RATE|FILE", help="Of the paper venue, or as `backtest compare` measured it."),
    ] = None,
    masked: options.Masked = False,
    step: Annotated[
        str, typer.Option(help="needed: bars that change nothing but marks are passed together; every: one by one.")
    ] = "needed",
    again: options.Again = 0,
    json: Json = False,
) -> None:
    """Replay the whole desk over recorded candles: pipeline, risk officer, gate, paper venue, watch and journal.

    It goes to the end whatever halts it, without cycles while it is halted. With --rearm, what came of never re-arming
    stands beside. The same command resumes an interrupted replay or reports a finished one.
    """
    from api.cli import replaying
    from api.cli.running import Asked

    asked = Asked(
        market=market,
        symbols=symbols,
        candles=[*(candles or []), *(files or [])],
        as_of=None,
        start=start,
        end=end,
        every=every,
        seed=seed,
        again=again,
        venue=venue,
        timeframe=timeframe,
        instructions=instructions,
        masked=masked,
    )
    replaying.replay(asked, rearm, without or [], step, slippage=slippage, json=json)


@app.command("compare")
def compare(
    live: Annotated[str, typer.Argument(metavar="LIVE", help="An account, or the beginning of a run's id.")],
    replay: Annotated[
        str, typer.Argument(metavar="BACKTEST", help="The same of its replay, or the .outcome.npz that it kept.")
    ],
    within: Annotated[str, typer.Option(help="How far apart decisions may be that belong to each other.")] = "15m",
    save: Annotated[
        str | None, typer.Option("--save-slippage", metavar="FILE", help="Write what fills cost, for --slippage FILE.")
    ] = None,
    json: Json = False,
) -> None:
    """Lay a live or paper period beside its replay: every difference, and what explains it.

    Differences of timing, signal, gate, missed fills, price and fee, each with what the two saw, held and were told.
    Make the replay first: `warden backtest desk` over the same window on recorded candles.
    """
    from api.cli import comparing

    comparing.compare(live, replay, within=within, save=save, json=json)
