"""What the desk replayed costs: a bar stepped and a bar passed, a cycle, a decision point with its review.

`python -m bench.replay [--bars N] [--rounds N]`. Minute bars of seeded random walks, in files like a user's. The
desk holds a position with a stop that rests at the venue, and an entry that waits far below: every bar is marked, and
held against breakers, stops and orders. Times are of the process's processor; the ratios are of one run.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from time import process_time_ns

import numpy as np
from sqlalchemy import Connection, func, select

from bench.timing import row
from core.money import Price, Quantity
from core.orders import Order, OrderType, Proposal, Side, TimeInForce
from core.time import HOUR_NS, MINUTE_NS, ManualClock, parse_time, show_time
from desk.build import PastDesk, build
from desk.home import Home
from desk.markets import MarketSpec
from desk.rehearsal import Rehearsal
from desk.runs import RunCommand, open_run, step_to
from desk.settings import Settings
from market.recorded import RecordedMarket
from market.settings import MarketSettings
from memory.books import accounts, tables
from memory.books.database import Books
from tools.strategies.trend import TrendFollowing

BEGINS_NS = parse_time("2024-01-01T00:00Z")
BASES = ("BTC", "ETH", "SOL", "XRP")
WARM = 3_000  # bars before the desk begins, so that the gate knows how the market moves
ACCOUNT = "paper"
LINEAR = 1.15  # what twice as much may cost, of twice the time


def write(folder: Path, symbols: int, bars: int, bar_ns: int = MINUTE_NS) -> dict[str, str]:
    """Candle files: walks that never leave a few percent of 100, so that what waits far away is not reached."""
    files = {}
    for number, base in enumerate(BASES[:symbols]):
        draw, price, lines = np.random.default_rng(number), 100.0, ["date,open,high,low,close,volume"]
        steps = draw.normal(0, 0.0003, WARM + bars)
        for i, step in enumerate(steps.tolist()):
            opened = price
            price = round(100 * (price / 100) ** 0.999 * (1 + step), 2)
            high, low = max(opened, price) + 0.01, min(opened, price) - 0.01
            at = show_time(BEGINS_NS + i * bar_ns).replace(" ", "T")
            lines.append(f"{at},{opened},{high:.2f},{low:.2f},{price},1000")
        file = folder / f"{base}USDT-{bars}.csv"
        file.write_text("\n".join(lines) + "\n")
        files[f"{base}/USDT"] = str(file)
    return files


def opened(folder: Path, files: dict[str, str]) -> tuple[Books, PastDesk]:
    """A desk of its own books at the first bar that counts."""
    spec = MarketSpec("recorded", tuple(files), 0, files)
    market, begins_ns = spec.open(MarketSettings()), BEGINS_NS + WARM * MINUTE_NS
    home = Home(Path(tempfile.mkdtemp(dir=folder)))
    home.make()
    books = Books.open(home.database_url)

    def begin(conn: Connection) -> None:
        cash = {"USDT": Decimal(100_000)}
        accounts.open_account(conn, ACCOUNT, "USDT", cash, ts_ns=begins_ns, clock_ns=begins_ns)

    books.write(begin)
    assert isinstance(market, RecordedMarket)
    return books, build(Settings(), home, books, market, ACCOUNT, ManualClock(begins_ns))


def entry(desk: PastDesk, symbol: str, name: str, away: str) -> Proposal:
    """A person's entry at a limit that is `away` from the last price, with a stop far below it."""
    now_ns = desk.clock.now_ns()
    quote = desk.market.quote(symbol, as_of_ns=now_ns)
    assert quote is not None
    limit = Price(round(quote.last * Decimal(away), 2))
    order = Order(
        proposal_id=f"{name} {symbol}",
        account_id=ACCOUNT,
        owner="operator",
        symbol=symbol,
        side=Side.BUY,
        type=OrderType.LIMIT,
        quantity=Quantity(Decimal(10)),
        limit_price=limit,
        time_in_force=TimeInForce.GTC,
    )
    source = f"person:operator:{name}"
    return Proposal(
        order,
        source=source,
        decided_ns=now_ns,
        thesis="it rises",
        stop_price=Price(round(limit * Decimal("0.9"), 2)),
        invalidation=("last <= 1",),
        evidence=(source,),
        views_until_ns=now_ns + 12 * HOUR_NS,
    )


async def holding(desk: PastDesk) -> None:
    """Has a position with its stop and a waiting entry in every symbol."""
    await desk.watch.recover()
    for name, away in (("holds", "1.001"), ("waits", "0.97")):
        for symbol in desk.market.symbols():
            receipt = await desk.gate.propose(entry(desk, symbol, name, away))
            if receipt.review.denials:
                raise SystemExit(f"{name} {symbol}: {[verdict.code.value for verdict in receipt.review.denials]}")
        await step_to(desk, desk.clock.now_ns() + 3 * MINUTE_NS)
    held = desk.books.read(lambda conn: conn.execute(select(func.count()).select_from(tables.stops)).scalar())
    if held != len(desk.market.symbols()):
        raise SystemExit(f"{held} positions are held, {len(desk.market.symbols())} were to be")


async def walked(folder: Path, symbols: int, bars: int, *, every_bar: bool) -> int:
    """Nanoseconds for so many minutes of a desk that holds something. Every one must be marked."""
    books, desk = opened(folder, write(folder, symbols, bars + 10))
    with books:
        await holding(desk)
        before = desk.clock.now_ns()
        started = process_time_ns()
        await step_to(desk, before + bars * MINUTE_NS, every_bar=every_bar)
        took = process_time_ns() - started
        marks = select(func.count()).select_from(tables.marks).where(tables.marks.c.ts_ns > before)
        if books.read(lambda conn: conn.execute(marks).scalar()) != bars:
            raise SystemExit("not every bar was marked")
        await desk.watch.close()
    return took


async def least(work: Callable[[], Awaitable[int]], rounds: int) -> int:
    return min([await work() for _ in range(rounds)])


async def bars_walked(folder: Path, bars: int, rounds: int) -> None:
    few = max(50, bars // 100)
    stepped = await least(lambda: walked(folder, 1, few, every_bar=True), 1) / few
    row("a bar of a desk that holds, guards and waits", "µs a bar", "bars a second", "x passed")
    found: dict[tuple[int, int], int] = {}
    for symbols, count in ((1, bars), (1, 2 * bars), (2, bars), (4, bars)):
        found[symbols, count] = await least(lambda s=symbols, n=count: walked(folder, s, n, every_bar=False), rounds)  # type: ignore[misc]
    passed = found[1, bars] / bars
    row("  stepped one by one", f"{stepped / 1e3:.0f}", f"{1e9 / stepped:,.0f}", f"{stepped / passed:.0f}")
    for (symbols, count), took in found.items():
        name = f"  passed: {symbols} symbol{'s' * (symbols > 1)}, {count:,} bars"
        more = took / found[1, bars]
        row(name, f"{took / count / 1e3:.1f}", f"{1e9 * count / took:,.0f}", f"{more:.2f} in all")
        if more > LINEAR * symbols * count / bars:
            raise SystemExit(f"{more:.2f} times the time for {symbols * count / bars:.0f} times the bars: not linear")


async def decisions(folder: Path, points: int) -> None:
    """A strategy looks back and says what it would hold, and the gate reviews the order for it; nothing is sent."""
    books, desk = opened(folder, write(folder, 2, 2_000))
    strategy, symbol = TrendFollowing(fast=20, slow=50), "BTC/USDT"
    with books:
        await holding(desk)
        spent = {"strategy": 0, "review": 0}
        for number in range(points):
            await step_to(desk, desk.clock.now_ns() + MINUTE_NS)
            started = process_time_ns()
            bars = desk.market.bars(symbol, desk.market.base_timeframe, as_of_ns=desk.clock.now_ns(), n=400)
            strategy.exposure(bars)
            decided = process_time_ns()
            desk.gate.weigh(entry(desk, symbol, f"point {number}", "1.001"))
            spent["strategy"] += decided - started
            spent["review"] += process_time_ns() - decided
        await desk.watch.close()
    print()
    row("a decision point of a strategy, with its review", "ms", "points a second")
    for name, ns in {**spent, "both": sum(spent.values())}.items():
        row(f"  {name}", f"{ns / points / 1e6:.2f}", f"{1e9 * points / ns:,.0f}")


async def cycles(folder: Path, count: int) -> None:
    """Full keyless cycles of two symbols on hourly bars, four bars apart, with everything that they book."""
    files = write(folder, 2, 4 * count, HOUR_NS)
    spec, begins_ns = MarketSpec("recorded", tuple(files), 0, files), BEGINS_NS + 1_000 * HOUR_NS
    command = RunCommand.series(spec, begins_ns, begins_ns + 4 * (count - 1) * HOUR_NS, 4 * HOUR_NS)
    home = Home(Path(tempfile.mkdtemp(dir=folder)))
    async with open_run(home, Settings(), replace(command, rehearsal=Rehearsal())) as run:
        started = process_time_ns()
        result = await run.execute()
        took = process_time_ns() - started
    print()
    row("a full keyless cycle of two symbols, four bars apart", "ms a cycle", "cycles a second")
    row(f"  {result.cycles} cycles", f"{took / result.cycles / 1e6:.1f}", f"{1e9 * result.cycles / took:.0f}")


async def main(bars: int, rounds: int) -> None:
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        folder = Path(name)
        await bars_walked(folder, bars, rounds)
        await decisions(folder, 200)
        await cycles(folder, 100)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=2)
    asked = parser.parse_args()
    asyncio.run(main(asked.bars, asked.rounds))
