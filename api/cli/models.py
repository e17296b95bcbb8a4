"""`warden models`: training forecasters, judging them out of sample, and giving one a vote."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.options import Json

app = typer.Typer(help="Trained forecasters: train, list, show, score, tune, report, promote.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Such as xgb-4h-1, from `warden models list`.")]
Learner = Annotated[
    str,
    typer.Argument(
        metavar="LEARNER",
        help="xgboost, forest, lightgbm, lstm, gru, transformer, ppo, dqn, or a preset: xgb-4h, lstm-score.",
    ),
]
Symbol = Annotated[str, typer.Option(help="Such as BTC/USDT.")]
Timeframe = Annotated[str | None, typer.Option(help="Such as 4h; a preset's own, else 1h.")]
Horizon = Annotated[int | None, typer.Option(min=1, help="Bars ahead; as in the settings by default.")]
AsOf = Annotated[str | None, typer.Option(help="With what was known at this time (UTC); now by default.")]
Market = Annotated[str | None, typer.Option(help="recorded or simulated; as in the settings by default.")]
Venue = Annotated[str | None, typer.Option(help="Where several venues have the candles.")]
Series = Annotated[
    list[str] | None,
    typer.Option(
        "--with", metavar="SERIES", help="Stored numbers to learn from too, such as fear_greed; all; NAME=SOURCE."
    ),
]
Uniqueness = Annotated[
    bool | None,
    typer.Option(help="Overlapping outcomes share their weight; so by default, except where a preset was not."),
]
HalfLife = Annotated[float | None, typer.Option(help="In bars: a row so much older counts half.")]
Set = Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE of the learner's settings; repeat.")]


@app.command("train")
def train(
    learner: Learner,
    symbol: Symbol = "BTC/USDT",
    timeframe: Timeframe = None,
    horizon: Horizon = None,
    as_of: AsOf = None,
    market: Market = None,
    venue: Venue = None,
    seed: Annotated[int | None, typer.Option(min=0, help="42 by default.")] = None,
    window: Annotated[int | None, typer.Option(min=1, help="Learn from so many of the newest bars alone.")] = None,
    uniqueness: Uniqueness = None,
    half_life: HalfLife = None,
    series: Series = None,
    name: Annotated[str | None, typer.Option(help="Of the model; the learner's by default.")] = None,
    changes: Set = None,
    json: Json = False,
) -> None:
    """Train a model on candles of the store, and register it in the shadow: it speaks, and has no vote."""
    from api.cli import modelling

    asked = modelling.Asked(learner, symbol, timeframe, horizon, as_of, market, venue, changes or [])
    read = modelling.Read(series or [], uniqueness, half_life)
    modelling.train(asked, read, modelling.Taught(seed, window, name), json=json)


@app.command("list")
def list_(json: Json = False) -> None:
    """Every model with its state; exits with 1 where one cannot be loaded."""
    from api.cli import modelling

    modelling.listing(json=json)


@app.command("show")
def show(name: Name, json: Json = False) -> None:
    """One model: its card, what became of it, and on what evidence."""
    from api.cli import modelling

    modelling.show_one(name, json=json)


@app.command("score")
def score(name: Name, as_of: AsOf = None, market: Market = None, venue: Venue = None, json: Json = False) -> None:
    """Score a model on what came after its training, beside the naive forecasters, with alarms."""
    from api.cli import modelling

    modelling.score(name, modelling.Where(as_of, market, venue), json=json)


@app.command("promote")
def promote(
    name: Name,
    by: Annotated[str, typer.Option(help="Who says so; journaled.")],
    reason: Annotated[str, typer.Option(help="Why; journaled.")],
    as_of: AsOf = None,
    market: Market = None,
    venue: Venue = None,
    json: Json = False,
) -> None:
    """Give a model in the shadow a vote, over evidence that it earned one; the model it replaces is retired."""
    from api.cli import modelling

    modelling.promote(name, modelling.Where(as_of, market, venue), by=by, reason=reason, json=json)


@app.command("tune")
def tune(
    learner: Learner,
    symbol: Symbol = "BTC/USDT",
    timeframe: Timeframe = None,
    horizon: Horizon = None,
    as_of: AsOf = None,
    market: Market = None,
    venue: Venue = None,
    trials: Annotated[int, typer.Option(min=1, help="How many more settings to try.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Of the search.")] = 0,
    uniqueness: Uniqueness = None,
    half_life: HalfLife = None,
    series: Series = None,
    json: Json = False,
) -> None:
    """Search better settings walk-forward. Each trial is counted; the same command goes on where it was."""
    from api.cli import modelling

    asked = modelling.Asked(learner, symbol, timeframe, horizon, as_of, market, venue, [])
    read = modelling.Read(series or [], uniqueness, half_life)
    modelling.tune(asked, read, trials=trials, seed=seed, json=json)


@app.command("report")
def report(
    name: Name,
    file: Annotated[str, typer.Argument(metavar="FILE", help="To write, ending in .html.")],
    as_of: AsOf = None,
    market: Market = None,
    venue: Venue = None,
    json: Json = False,
) -> None:
    """Write one page about a model: scorecard, reliability, importance of features, equity after costs."""
    from api.cli import modelling

    modelling.report(name, file, modelling.Where(as_of, market, venue), json=json)
