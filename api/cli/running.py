"""`warden demo` and `warden run`."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from sqlalchemy import Connection

from agents.llm.settings import RULES
from api.cli import instructing, show
from api.cli.console import console, print_json
from core.canonical import JSON
from core.errors import ConfigError, DeskHalted
from core.time import duration_ns, parse_time, timeframe_named
from desk import reports
from desk.home import Home
from desk.markets import MarketSpec, Stored
from desk.runs import DeskRun, RunCommand, RunResult, open_run
from desk.settings import Settings, load
from market.importing.names import assign
from market.store.store import MarketStore
from market.stored import choose
from memory.books import accounts, blobs, records

# In this market, at this hour, BTC rises calmly while ETH has just jumped and its spread with it.
DEMO_SEED = 169
DEMO_AS_OF = "2026-02-18T20:00Z"


@dataclass(frozen=True, slots=True)
class Asked:
    """The words of a `run` command, not yet understood."""

    market: str | None
    symbols: str
    candles: Sequence[str]
    as_of: str | None
    start: str | None
    end: str | None
    every: str | None
    seed: int | None
    again: int
    venue: str | None = None
    timeframe: str | None = None
    instructions: str | None = None
    masked: bool = False


def demo(*, json: bool, again: int) -> None:
    spec = MarketSpec("simulated", ("BTC/USDT", "ETH/USDT"), DEMO_SEED)
    _execute(RunCommand.single(spec, parse_time(DEMO_AS_OF), again), load(Home.find()), json=json)


def run(asked: Asked, *, json: bool) -> None:
    settings = settings_of(asked)
    _execute(understand(asked, settings), settings, json=json)


def settings_of(asked: Asked) -> Settings:
    """Those of this home. Models that see no symbol, date or price scale are another policy, and so another run."""
    settings = load(Home.find())
    if not asked.masked:
        return settings
    if settings.llm.provider == RULES:
        raise ConfigError("--masked hides the market from a language model, and llm.provider is rules, which asks none")
    return settings.model_copy(update={"llm": settings.llm.model_copy(update={"masked": True})})


def understand(asked: Asked, settings: Settings) -> RunCommand:
    """The command that was meant, or one sentence about what is wrong with it."""
    spec = market_of(asked, settings)
    standing = () if asked.instructions is None else instructing.read_file(asked.instructions)
    if asked.as_of is not None:
        if asked.start or asked.end or asked.every:
            raise ConfigError("--as-of makes one cycle and --from, --to, --every make many: give one or the other")
        return RunCommand.single(spec, parse_time(asked.as_of), asked.again, standing)
    if not (asked.start and asked.end and asked.every):
        raise ConfigError("give --as-of TIME for one cycle, or all of --from TIME --to TIME --every DURATION for many")
    start, end, every = parse_time(asked.start), parse_time(asked.end), duration_ns(asked.every)
    return RunCommand.series(spec, start, end, every, asked.again, standing)


def market_of(asked: Asked, settings: Settings) -> MarketSpec:
    """The market that the words name, or one sentence about what is wrong with them."""
    symbols = tuple(s.strip() for s in asked.symbols.split(",") if s.strip())
    if not symbols:
        raise ConfigError("--symbols is empty: name at least one, such as BTC/USDT")
    if len(set(symbols)) < len(symbols):
        raise ConfigError(f"--symbols names one twice: {', '.join(symbols)}")
    kind = asked.market or settings.market.kind
    if kind == "simulated":
        if asked.candles or asked.venue or asked.timeframe:
            raise ConfigError("the simulated market takes no candle files, venue or timeframe: use --market recorded")
        return MarketSpec("simulated", symbols, settings.market.seed if asked.seed is None else asked.seed)
    if kind != "recorded":
        raise ConfigError(f"--market is {kind!r}: recorded and simulated are allowed")
    if not asked.candles:
        return MarketSpec("recorded", symbols, 0, None, _stored(asked, symbols))
    if asked.venue or asked.timeframe:
        raise ConfigError(
            "--venue and --timeframe choose from the store, and --candles names files: give one or the other"
        )
    files = {symbol: str(path.absolute()) for symbol, path in assign(asked.candles, symbols).items()}
    return MarketSpec("recorded", symbols, 0, files)


def _stored(asked: Asked, symbols: tuple[str, ...]) -> Stored:
    """What the store has of the symbols, or one sentence about what it lacks."""
    root = Home.find().candles
    timeframe = None if asked.timeframe is None else timeframe_named(asked.timeframe)
    venue, chosen = choose(MarketStore(root), symbols, asked.venue, timeframe)
    return Stored(str(root), venue, chosen.value)


def _execute(command: RunCommand, settings: Settings, *, json: bool) -> None:
    asyncio.run(_run(command, settings, json=json))


async def _run(command: RunCommand, settings: Settings, *, json: bool) -> None:
    async with open_run(Home.find(), settings, command) as run:
        result = await with_progress(run, len(command.as_of_ns), quiet=json)
        report = run.desk.books.read(lambda conn: reports.run_report(conn, result))
        report["candles"] = reports.candle_quality(run.desk.market)
        if json:
            print_json({**report, "records": _records(run, result)})
        elif len(command.as_of_ns) == 1:
            show.one_cycle(_only_record(run, result), {**report, "account_after": _after(run)})
        else:
            show.many_cycles(report)
    if result.halted is not None:
        done = f"{result.cycles} of {result.planned} cycles"
        raise DeskHalted(
            f"the desk halted after {done} ({result.halted}); `warden risk resume REASON` re-arms it, then the same "
            "command goes on"
        )


async def with_progress(run: DeskRun, planned: int, *, quiet: bool, named: str = "cycles") -> RunResult:
    """Executes a run under a bar that says how far it is."""
    if quiet:
        return await run.execute()
    if planned == 1:
        with console.status(f"one cycle by {run.desk.analysts.reasoner.name}"):
            return await run.execute()
    columns = (
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(named, total=planned)
        return await run.execute(lambda done, total: bar.update(task, completed=done, total=total))


def _records(run: DeskRun, result: RunResult) -> list[JSON]:
    def read(conn: Connection) -> list[JSON]:
        found = reports.decisions_of(conn, result.run_id)
        return [{**reports.record_line(r), "body": blobs.get_json(conn, r.body)} for r in found]

    return run.desk.books.read(read)


def _after(run: DeskRun) -> JSON:
    def read(conn: Connection) -> JSON:
        account = accounts.account(conn, run.desk.account_id)
        return reports.portfolio(conn, account, run.desk.market)

    return run.desk.books.read(read)


def _only_record(run: DeskRun, result: RunResult) -> JSON:
    def read(conn: Connection) -> JSON:
        found = records.listing(conn, run_id=result.run_id, limit=None)
        return None if not found else reports.record_report(conn, found[-1])

    return run.desk.books.read(read)
