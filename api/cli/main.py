"""`warden`: verbs over the desk. Each takes `--json` and answers with a stable exit code.

0 done, 1 failed, 2 usage or settings, 4 halted; of a verb about orders also 3 denied, 5 unknown: a person must look.
Heavy rooms are imported inside the verbs, so that `--help` answers at once.
"""

import sys
from typing import Annotated

import typer

from api.cli.approvals import app as approvals
from api.cli.audit import app as audit
from api.cli.backtesting import app as backtest
from api.cli.data import app as data
from api.cli.instructions import app as instructions
from api.cli.keys import app as keys
from api.cli.memory import app as memory
from api.cli.models import app as models
from api.cli.options import (
    Account,
    Again,
    By,
    CandleFiles,
    Instructions,
    Json,
    Masked,
    MoreFiles,
    Pairs,
    Reason,
    Seed,
    StoredTimeframe,
    StoredVenue,
)
from api.cli.orders import app as orders
from api.cli.risk import app as risk
from core.errors import DeskError
from core.printable import lines

app = typer.Typer(
    name="warden",
    help="An AI trading desk that cannot overrule its risk officer.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.add_typer(audit, name="audit")
app.add_typer(backtest, name="backtest")
app.add_typer(data, name="data")
app.add_typer(models, name="models")
app.add_typer(risk, name="risk")
app.add_typer(approvals, name="approvals")
app.add_typer(keys, name="keys")
app.add_typer(orders, name="orders")
app.add_typer(instructions, name="instructions")
app.add_typer(memory, name="memory")

INTERRUPTED = 130  # what the command line library exits with after Ctrl-C


@app.command()
def demo(
    venue: Annotated[
        str | None, typer.Option(help="emulator: over HTTP and WebSockets, at a venue of its own.")
    ] = None,
    json: Json = False,
    again: Again = 0,
) -> None:
    """One whole decision cycle on the simulated market, without a key or a network."""
    if venue is not None:
        from api.cli import rehearsing

        rehearsing.run(venue, json=json)
        return
    from api.cli import running

    running.demo(json=json, again=again)


@app.command()
def run(
    market: Annotated[str | None, typer.Option(help="recorded or simulated; as in the settings by default.")] = None,
    symbols: Pairs = "BTC/USDT,ETH/USDT",
    candles: CandleFiles = None,
    files: MoreFiles = None,
    as_of: Annotated[str | None, typer.Option(help="One cycle, at this time (UTC).")] = None,
    start: Annotated[str | None, typer.Option("--from", help="Many cycles, from this time.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="To this time, included.")] = None,
    every: Annotated[str | None, typer.Option(help="Time between cycles, such as 4h.")] = None,
    seed: Seed = None,
    venue: StoredVenue = None,
    timeframe: StoredTimeframe = None,
    instructions: Instructions = None,
    masked: Masked = False,
    again: Again = 0,
    json: Json = False,
) -> None:
    """Decide on a market of the past: one cycle with --as-of, or many with --from, --to, --every.

    The same command resumes an interrupted run or reports a finished one.
    """
    from api.cli import running

    asked = running.Asked(
        market=market,
        symbols=symbols,
        candles=[*(candles or []), *(files or [])],
        as_of=as_of,
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
    running.run(asked, json=json)


@app.command()
def chat(
    question: Annotated[list[str] | None, typer.Argument(metavar="[QUESTION]", help="Answered once.")] = None,
    thread: Annotated[str | None, typer.Option(help="Go on with this thread, by the beginning of its id.")] = None,
    last: Annotated[bool, typer.Option("--continue", help="Go on with the newest thread.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="The threads that there are.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Say yes to what the question asks to be confirmed.")] = False,
    by: By = "operator",
    account: Account = None,
    json: Json = False,
) -> None:
    """Talk with the desk: ask what it did and why, what would be, and propose orders. `help` lists the words."""
    from api.cli import chat as chatting

    asked = chatting.Asked(" ".join(question or ()), thread, last, yes, by, account, json)
    if listed:
        chatting.listing(asked)
    else:
        chatting.talk(asked)


@app.command()
def portfolio(account: Account = None, json: Json = False) -> None:
    """Cash, positions, stops and what was earned."""
    from api.cli import reading

    reading.portfolio(account, json=json)


@app.command()
def up(
    host: Annotated[str | None, typer.Option(help="The address to serve at; as in the settings by default.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="0 takes any that is free.")] = None,
    symbols: Annotated[str, typer.Option(help="What the desk at the venue works on.")] = "BTC/USDT,ETH/USDT",
    live: Annotated[bool, typer.Option("--live", help="Say so where the settings say mode = live.")] = False,
    json: Json = False,
) -> None:
    """Serve the API, beside a desk where the mode is testnet or live. Ctrl-C or SIGTERM ends it."""
    from api.cli import serving

    serving.up(host, port, symbols, live=live, json=json)


@app.command()
def signals(
    symbol: Annotated[str | None, typer.Option(help="Of this symbol alone, such as BTC/USDT.")] = None,
    history: Annotated[int, typer.Option(min=0, help="The newest N, in place of the last of each symbol.")] = 0,
    account: Account = None,
    json: Json = False,
) -> None:
    """What the desk last said of each symbol: signed, with its horizon, and what came of it once that is known."""
    from api.cli import signalling

    signalling.listing(account, symbol, history, json=json)


@app.command()
def close(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="Such as BTC/USDT.")],
    reason: Reason = "closed by hand",
    by: By = "operator",
    account: Account = None,
    json: Json = False,
) -> None:
    """Close one position at the market, whatever the state. Exits that rest there are cancelled first."""
    from api.cli import exiting

    exiting.close(account, symbol, by, reason, json=json)


@app.command()
def flatten(
    reason: Reason = "flattened by hand", by: By = "operator", account: Account = None, json: Json = False
) -> None:
    """Cancel every order and close every position at the market, whatever the state."""
    from api.cli import exiting

    exiting.flatten(account, by, reason, json=json)


@app.command()
def research(
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="Such as UNI.")],
    doc: Annotated[str, typer.Option(help="A document about it: .pdf, .html, .txt or .md.")],
    keep: Annotated[bool, typer.Option(help="Let the desk's research ask for its fields from now on.")] = False,
    json: Json = False,
) -> None:
    """What a document says of a token: supply, unlocks, use, team, risks, what it leaves open; each with a quote."""
    from api.cli import researching

    researching.run(token, doc, keep=keep, json=json)


@app.command()
def costs(
    days: Annotated[int, typer.Option(min=1, help="The newest days on which a model was asked.")] = 7,
    json: Json = False,
) -> None:
    """What language models cost: calls, tokens and US dollars, by day and role."""
    from api.cli import costing

    costing.listing(days, json=json)


@app.command()
def settings(json: Json = False) -> None:
    """The effective settings, secrets masked."""
    from api.cli import reading

    reading.settings(json=json)


@app.command()
def doctor(json: Json = False) -> None:
    """Whether this desk could start: settings, home, database, market."""
    from api.cli import reading

    reading.doctor(json=json)


def main() -> None:
    """Ends every expected failure with one sentence and its exit code, never a traceback."""
    try:
        app()
    except DeskError as error:
        print(f"warden: {lines(str(error))}", file=sys.stderr)
        sys.exit(error.exit_code)
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            print("warden: interrupted; the same command goes on from here", file=sys.stderr)
        raise
