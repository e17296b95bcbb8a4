"""Whole desks for tests: a home that lies in memory, markets that need no file, runs, and what their books hold."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, func, select

from agents.cycle import Cycle
from core.canonical import JSON
from core.time import HOUR_NS, ManualClock, Timeframe, parse_time, show_time
from desk import reports
from desk.build import Desk, build
from desk.cycles import Engine, run_cycle
from desk.home import Home
from desk.markets import Market, MarketSpec
from desk.runs import Progress, RunCommand, RunResult, checkpoints, open_run, step_to
from desk.settings import Settings, parse
from market.simulated import SimulatedMarket
from memory.books import accounts, blobs, records, tables
from memory.books.database import Books
from memory.books.records import Record
from memory.books.verify import Verification, verify
from memory.books.words import RecordKind

SYMBOLS = ("BTC/USDT", "ETH/USDT")

# Moments of the simulated market whose trends leave no doubt: seed and time.
BUYS_ETH = (2, parse_time("2026-04-15T08:00Z"))
BUYS_BOTH = (8, parse_time("2026-02-16T08:00Z"))
BUYS_NOTHING = (2, parse_time("2026-03-04T08:00Z"))

# Of the hourly candles below: entries, exits and stops that fire.
LIVELY = ("2026-02-18", "2026-02-22")


@contextmanager
def fresh_home() -> Iterator[Home]:
    """An empty home, in memory where the system has such a folder: a run commits once a bar."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="warden-", dir=memory if memory.is_dir() else None))
    try:
        yield Home(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@cache
def simulated(seed: int) -> SimulatedMarket:
    return SimulatedMarket(seed, SYMBOLS)


def tightened(**limits: object) -> Settings:
    """Settings with these keys of the risk table."""
    return parse({"risk": limits}, "the test")


@asynccontextmanager
async def desk_at(home: Home, market: Market, as_of_ns: int, settings: Settings | None = None) -> AsyncIterator[Desk]:
    """A desk with a new account at one moment, with checkpoints."""
    home.make()
    chosen = settings or Settings()
    with Books.open(home.database_url) as books:
        deposits = {chosen.account.numeraire: chosen.account.deposit}

        def open_account(conn: Connection) -> None:
            accounts.open_account(conn, "paper", "USDT", deposits, ts_ns=as_of_ns, clock_ns=as_of_ns)

        books.write(open_account)
        async with checkpoints(home) as saver:
            yield build(chosen, home, books, market, "paper", ManualClock(as_of_ns), saver)


async def decide(desk: Desk, as_of_ns: int, engine: Engine | None = None, ordinal: int = 0) -> Cycle:
    """One cycle over all of the market's symbols, after the bars on the way to it."""
    await step_to(desk, as_of_ns)
    with desk.books.step():
        return await run_cycle(desk, "run", ordinal, desk.market.symbols(), as_of_ns, engine)


async def decide_once(
    market: Market, as_of_ns: int, settings: Settings | None = None, engine: Engine | None = None
) -> Cycle:
    """One cycle of a new desk that is gone again afterwards."""
    with fresh_home() as home:
        async with desk_at(home, market, as_of_ns, settings) as desk:
            return await decide(desk, as_of_ns, engine)


async def run(
    home: Home, command: RunCommand, settings: Settings | None = None, progress: Progress | None = None
) -> RunResult:
    async with open_run(home, settings or Settings(), command) as opened:
        return await (opened.execute() if progress is None else opened.execute(progress))


def moment(at: tuple[int, int], again: int = 0) -> RunCommand:
    """One cycle of the simulated market with this seed at this time."""
    seed, as_of_ns = at
    return RunCommand.single(MarketSpec("simulated", SYMBOLS, seed), as_of_ns, again)


def write_hourly_candles(folder: Path, seed: int = 10, days: int = 60) -> dict[str, str]:
    """Files of hourly candles, made of the simulated market: a recorded market for every machine."""
    market, files = simulated(seed), {}
    for symbol in SYMBOLS:
        bars = market.bars(symbol, Timeframe.H1, as_of_ns=market.range_ns[0] + days * 24 * HOUR_NS, n=days * 24)
        lines = ["date,open,high,low,close,volume"]
        for at, *prices in zip(
            bars.open_ns.tolist(), bars.open, bars.high, bars.low, bars.close, bars.volume, strict=True
        ):
            lines.append(",".join([show_time(at).replace(" ", "T"), *(repr(float(p)) for p in prices)]))
        file = folder / f"{symbol.replace('/', '')}.csv"
        file.write_text("\n".join(lines) + "\n")
        files[symbol] = str(file)
    return files


def series(files: dict[str, str], start: str, end: str, every_h: int, again: int = 0) -> RunCommand:
    spec = MarketSpec("recorded", tuple(files), 0, files)
    return RunCommand.series(spec, parse_time(start), parse_time(end), every_h * HOUR_NS, again)


@contextmanager
def books_of(home: Home) -> Iterator[Books]:
    with Books.open(home.database_url) as books:
        yield books


def all_records(books: Books, kind: RecordKind | None = None) -> tuple[Record, ...]:
    """Oldest first."""
    return tuple(reversed(books.read(lambda conn: records.listing(conn, kind=kind, limit=None))))


def record_hashes(home: Home) -> list[tuple[str, str]]:
    with books_of(home) as books:
        return sorted((r.record_id, r.record_hash) for r in all_records(books))


def body_of(books: Books, record: Record) -> JSON:
    return books.read(lambda conn: blobs.get_json(conn, record.body))


def report_of(home: Home, result: RunResult) -> JSON:
    with books_of(home) as books:
        return books.read(lambda conn: reports.run_report(conn, result))


def verified(home: Home) -> Verification:
    with books_of(home) as books:
        return books.read(verify)


def rows(home: Home) -> dict[str, int]:
    """How many rows each table has; nothing where no books exist."""
    if not (home.path / "desk.db").exists():
        return {}
    with books_of(home) as books:
        tabled = tables.metadata.sorted_tables
        return books.read(
            lambda conn: {t.name: conn.execute(select(func.count()).select_from(t)).scalar_one() for t in tabled}
        )
