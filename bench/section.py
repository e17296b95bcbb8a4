"""The gate on real books: how its section grows with what was traded before, and the way to a ticket."""

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from time import perf_counter_ns
from typing import Any
from unittest.mock import patch

from sqlalchemy import Connection, text

from bench.timing import milliseconds, row, timed
from core.money import Quantity, round_price
from core.orders import Order, OrderType, Proposal, Side
from core.time import DAY_NS, HOUR_NS, MINUTE_NS, ManualClock, parse_time
from desk.build import Desk, build
from desk.home import Home
from desk.markets import MarketSpec
from desk.settings import Settings
from execution import orderbook
from execution.tickets import ApprovedOrder
from memory.books import accounts, tables
from memory.books.database import Books

FEW, MANY = 10, 100_000
ROUNDS, PROPOSALS = 40, 20
ACCOUNT, PERSON = "paper", "person:bench"
START = parse_time("2026-02-01T00:00Z")
SYMBOL, *_ = SYMBOLS = ("BTC/USDT", "ETH/USDT", "BNB/USDT")
LOT = Quantity(Decimal("0.005"))
# How far apart the copies of a trade lie, the last of them a day before it.
APART_NS = 31 * MINUTE_NS
_IDS = ("proposal_id", "client_order_id", "exchange_order_id", "trade_id")


@contextmanager
def opened() -> Iterator[Desk]:
    """A desk with fresh books on the simulated market; an account with 10,000 USDT."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home, settings = Home(Path(folder)), Settings()
        with Books.open(home.database_url) as books:
            market = MarketSpec("simulated", SYMBOLS, 7).open(settings.market)
            deposits = {"USDT": Decimal(10_000)}
            books.write(
                lambda conn: accounts.open_account(conn, ACCOUNT, "USDT", deposits, ts_ns=START, clock_ns=START)
            )
            yield build(settings, home, books, market, ACCOUNT, ManualClock(START))


def wanted(desk: Desk, number: int, side: Side = Side.BUY, *, rests: bool = False) -> Proposal:
    """An order on a person's own word, with a stop 5 % away: it takes, or `rests` 1 % below.

    An entry is of a plan of its own, since nobody may repeat one for ever; an exit's is as old as the account.
    """
    now_ns = desk.clock.now_ns()
    quote, instrument = desk.market.quote(SYMBOL, as_of_ns=now_ns), desk.market.instrument(SYMBOL)
    assert quote is not None
    assert instrument is not None
    stop, limit = (round_price(quote.bid * Decimal(n), instrument.tick_size, Side.BUY) for n in ("0.95", "0.99"))
    order = Order(f"p{number}", ACCOUNT, "trend", SYMBOL, side, OrderType.MARKET, LOT, reduce_only=side is Side.SELL)
    return Proposal(
        replace(order, type=OrderType.LIMIT, limit_price=limit) if rests else order,
        source=PERSON,
        decided_ns=now_ns,
        thesis="it rises",
        stop_price=stop,
        invalidation=("last <= 1",),
        evidence=(PERSON,),
        views_until_ns=now_ns + 12 * HOUR_NS,
        plan=f"plan{number}" if side is Side.BUY else "",
    )


async def traded(desk: Desk, trips: int) -> None:
    """`trips` closed round trips, with their orders, fills and marks, and then a position that stays open."""
    await trade(desk, wanted(desk, 0))
    await trade(desk, wanted(desk, 1, Side.SELL))
    desk.books.write(lambda conn: multiply(conn, trips - 1))
    await trade(desk, wanted(desk, 2))


async def trade(desk: Desk, proposal: Proposal) -> None:
    """An order that fills within the hour."""
    receipt = await desk.gate.propose(proposal)
    assert receipt.review.allowed, [verdict.code for verdict in receipt.review.denials]
    desk.clock.advance_to(desk.clock.now_ns() + HOUR_NS)
    await desk.watch.step()


def multiply(conn: Connection, times: int) -> None:
    """Writes all that was traded again and again into the past: rows that differ in their ids and times alone."""
    for table in (tables.proposals, tables.orders, tables.fills, tables.round_trips, tables.marks):
        columns = [column.name for column in table.columns if column.name != "id"]
        copied = (
            f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {times}) "
            f"INSERT INTO {table.name} ({', '.join(columns)}) "
            f"SELECT {', '.join(map(_again, columns))} FROM n, {table.name}"
        )
        conn.execute(text(copied))


def _again(column: str) -> str:
    if column in _IDS:
        return f"{column} || '-' || i"
    if column in ("body", "review"):  # nobody reads them again, and they are a hundred times the rest
        return "'{}'"
    if column == "pnl":  # every other trade won: a streak ends where the last win is
        return "CASE i % 2 WHEN 0 THEN '1' ELSE '-1' END"
    return f"{column} - {DAY_NS} - i * {APART_NS}" if column.endswith("_ns") else column


def section(desk: Desk, proposal: Proposal) -> Callable[[], object]:
    """One pass through the locked section up to the ruling: fresh facts, breakers, every rule."""
    return lambda: desk.books.read(lambda conn: desk.gate._review(conn, proposal))


async def compared() -> dict[str, tuple[float, float]]:
    """Milliseconds after few and after many trades: of the section, and of a proposal as a whole."""
    taken: dict[str, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    with opened() as few, opened() as many:
        await traded(few, FEW)
        await traded(many, MANY)
        for _ in range(ROUNDS):
            for at, desk in enumerate((few, many)):
                taken["section, entry"][at].append(timed(section(desk, wanted(desk, 9))))
                taken["section, exit"][at].append(timed(section(desk, wanted(desk, 9, Side.SELL))))
        for number in range(100, 100 + PROPOSALS):
            for at, desk in enumerate((few, many)):
                to_ticket, to_answer = await proposed(desk, wanted(desk, number, rests=True))
                taken["from a proposal to its ticket, durable"][at].append(to_ticket)
                taken["to its answer, with the order at the venue"][at].append(to_answer)
    return {
        name: (milliseconds(after_few), milliseconds(after_many)) for name, (after_few, after_many) in taken.items()
    }


async def proposed(desk: Desk, proposal: Proposal) -> tuple[int, int]:
    """Nanoseconds to the ticket and to the answer. The order rests for two minutes and is cancelled."""
    office, minted_ns = desk.gate._office, 0
    mint = office.mint

    def stamped(*args: Any, **more: Any) -> ApprovedOrder:
        nonlocal minted_ns
        minted_ns = perf_counter_ns()
        return mint(*args, **more)

    with patch.object(office, "mint", stamped):
        started = perf_counter_ns()
        receipt = await desk.gate.propose(proposal)
        answered_ns = perf_counter_ns()
    assert receipt.review.allowed, [verdict.code for verdict in receipt.review.denials]
    desk.clock.advance_to(desk.clock.now_ns() + 2 * MINUTE_NS)
    for attempt in desk.books.read(lambda conn: orderbook.live_attempts(conn, ACCOUNT)):
        await desk.gate.cancel(attempt.client_order_id, attempt.symbol)
    return minted_ns - started, answered_ns - started


async def main() -> None:
    row("milliseconds on real books, p50", f"{FEW} trades", f"{MANY:,} trades", "growth")
    for name, (few, many) in (await compared()).items():
        row(name, f"{few:.2f}", f"{many:.2f}", f"{many / few:.2f}x")
