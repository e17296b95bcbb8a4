"""Bars that are passed together leave the books that as many steps leave: every row of every table, every digit."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Connection, Table, select

from core.exits import Chandelier, ExitPlan, Rung
from core.money import Price, Quantity
from core.orders import Order, OrderType, Proposal, Side, TimeInForce
from core.time import HOUR_NS, MINUTE_NS, parse_time, show_time
from desk import cycles
from desk.build import Desk, PastDesk
from desk.home import Home
from desk.rehearsal import Rehearsal
from desk.runs import open_run, step_to
from desk.settings import Settings, parse
from execution import latches
from execution.watch import WatchReport
from market.recorded import RecordedMarket
from memory.books import tables
from memory.books.database import Books
from risk.breakers import STANDARD, Trip
from risk.readings import ACCOUNT
from tests.desk.desks import LIVELY, SYMBOLS, books_of, desk_at, fresh_home, run, series
from tests.desk.test_rehearsal import nervous

BAR_NS = 5 * MINUTE_NS
BEGINS_NS = parse_time("2026-03-02T00:00Z")
WARM, BARS = 400, 500  # bars of history, and bars that are walked
WISHES = 20
# What tells only of the process that wrote it: all of a table, or columns of it.
APART: dict[str, tuple[str, ...]] = {"leases": (), "runs": ("created_ns",)}
ENDS = ("last <= 1", "age_h >= 9 and gain < 0.5%", "gain < -2% or high > 150", "funding_rate > 1% and last < 1")


def books_rows(books: Books) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table."""

    def rows(conn: Connection, table: Table) -> list[tuple[Any, ...]]:
        kept = [column for column in table.c if column.name not in APART.get(table.name, ())]
        return sorted((tuple(row) for row in conn.execute(select(*kept))), key=repr)

    named = {name: table for name, table in tables.metadata.tables.items() if APART.get(name) != ()}
    return books.read(lambda conn: {name: rows(conn, table) for name, table in named.items()})


def candles_of(seed: int, folder: Path) -> RecordedMarket:
    """Five-minute bars of two random walks on a coarse tick, now and then with a leap, or with an hour missing."""
    files = {}
    for symbol in SYMBOLS:
        draw, price = Random(f"{seed} {symbol}"), 100.0
        lines = ["date,open,high,low,close,volume"]
        missing = {draw.randrange(WARM + 20, WARM + BARS) for _ in range(2)}
        for i in range(WARM + BARS):
            opened, wild = price, 8 if draw.random() < 0.02 else 1
            price = round(max(1.0, price * (1 + wild * draw.gauss(0, 0.0012))), 2)
            high = round(max(opened, price) * (1 + abs(draw.gauss(0, 0.0005))), 2)
            low = round(min(opened, price) * (1 - abs(draw.gauss(0, 0.0005))), 2)
            if any(at <= i < at + 9 for at in missing):
                continue
            at = show_time(BEGINS_NS + i * BAR_NS).replace(" ", "T")
            lines.append(f"{at},{opened},{high},{low},{price},{draw.randrange(20, 2000)}")
        files[symbol] = folder / f"{symbol.replace('/', '')}-{seed}.csv"
        files[symbol].write_text("\n".join(lines) + "\n")
    return RecordedMarket.from_files(files, assumed_spread_bps=Decimal(2))


def wish(draw: Random, desk: PastDesk, number: int) -> Proposal:
    """An order as a person might place it: any way in, and any way out."""
    symbol, now_ns = draw.choice(SYMBOLS), desk.clock.now_ns()
    quote = desk.market.quote(symbol, as_of_ns=now_ns)
    assert quote is not None
    waits = draw.random() < 0.4
    at = Price(round(quote.last * (Decimal("0.99") if waits else Decimal("1.004")), 2))
    stop = Price(round(at * Decimal(draw.choice(["0.97", "0.985", "0.99"])), 2))
    rungs = tuple(Rung(round(at * Decimal(x), 2), Decimal("0.5")) for x in ("1.01", "1.02"))
    plan = draw.choice(
        [
            ExitPlan(),
            ExitPlan(),
            ExitPlan(trail=Decimal("0.012")),
            ExitPlan(break_even=Decimal("0.006")),
            ExitPlan(time_limit_s=6 * 3600),
            ExitPlan(ladder=rungs),
            ExitPlan(chandelier=Chandelier(5, Decimal(2))),
        ]
    )
    order = Order(
        proposal_id=f"wish-{number}",
        account_id=desk.account_id,
        owner="operator",
        symbol=symbol,
        side=Side.BUY,
        type=OrderType.LIMIT,
        quantity=Quantity(Decimal(draw.randrange(20, 90)) / 10),
        limit_price=at,
        time_in_force=TimeInForce.GTC,
    )
    source = f"person:operator:{number}"
    target = None if plan.ladder else draw.choice([None, Price(round(at * Decimal("1.015"), 2))])
    return Proposal(
        order,
        source=source,
        decided_ns=now_ns,
        thesis="it rises",
        stop_price=stop,
        target_price=target,
        exits=plan,
        invalidation=(draw.choice(ENDS),),
        evidence=(source,),
        views_until_ns=now_ns + 12 * HOUR_NS,
    )


ROOMY = {
    "max_window_deviation": "0.5",
    "max_volatility_ratio": "20",
    "max_orders_second": 20,
    "max_layers": 10,
    "max_stress_loss": "0.30",
    "max_asset_exposure": "0.2",
}


async def lived(market: RecordedMarket, seed: int, settings: Settings, *, every_bar: bool) -> dict[str, Any]:
    """The books of a desk that was given the same wishes at the same moments, walked one way or the other."""
    draw, begins_ns = Random(seed), BEGINS_NS + WARM * BAR_NS
    with fresh_home() as home:
        async with desk_at(home, market, begins_ns, settings) as desk:
            await desk.watch.recover()
            for number in range(WISHES):
                await desk.gate.propose(wish(draw, desk, number))
                ahead = draw.randrange(1, 2 * BARS // WISHES) * BAR_NS + (MINUTE_NS if draw.random() < 0.2 else 0)
                end_ns = min(desk.clock.now_ns() + ahead, begins_ns + BARS * BAR_NS)
                await step_to(desk, end_ns, every_bar=every_bar)
            return books_rows(desk.books)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The moments of bars that were stepped one by one."""
    found: list[int] = []
    step = Desk.step

    async def counted(self: PastDesk) -> WatchReport:
        found.append(self.clock.now_ns())
        return await step(self)

    monkeypatch.setattr(Desk, "step", counted)
    return found


@pytest.fixture
def timeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Annexes of records that took no time, at no time: the chain that they are part of can then be compared."""
    monkeypatch.setattr(cycles, "time", SimpleNamespace(time_ns=lambda: 0, perf_counter_ns=lambda: 0))


@pytest.mark.parametrize("seed", [1, 2])
async def test_whatever_is_held_and_waits_the_books_are_those_of_steps(
    seed: int, tmp_path: Path, steps: list[int]
) -> None:
    market, settings = candles_of(seed, tmp_path), parse({"risk": ROOMY}, "the test")
    stepped = await lived(market, seed, settings, every_bar=True)
    assert len(steps) == len(stepped["marks"])
    assert len(stepped["fills"]) > 10
    steps.clear()
    passed = await lived(market, seed, settings, every_bar=False)
    for name, rows in stepped.items():
        assert passed[name] == rows, name
    assert len(steps) < len(passed["marks"]) / 3


@pytest.mark.usefixtures("timeless")
@pytest.mark.parametrize("rearm_h", [None, 12])
async def test_a_rehearsal_decides_fills_trips_and_marks_alike(
    candles: dict[str, str], steps: list[int], rearm_h: int | None
) -> None:
    wanted = Rehearsal.of((), None if rearm_h is None else rearm_h * HOUR_NS)
    command = replace(series(candles, *LIVELY, every_h=6), rehearsal=wanted)
    found = []
    for every_bar in (True, False):
        steps.clear()
        with fresh_home() as home:
            result = await run(home, replace(command, every_bar=every_bar), nervous())
            with books_of(home) as books:
                found.append((result, books_rows(books), len(steps)))
    (stepped, rows, every), (passed, same, few) = found
    assert (passed.digest, passed.run_id) == (stepped.digest, stepped.run_id)
    assert rows["latches"]
    assert rows["fills"]
    for name in rows:
        assert same[name] == rows[name], name
    assert few < every / 2


async def test_a_desk_that_is_halted_for_good_passes_its_bars_together(
    candles: dict[str, str], steps: list[int], home: Home
) -> None:
    command = series(candles, LIVELY[0], "2026-02-27", every_h=216)
    async with open_run(home, Settings(), command) as opened:
        desk = opened.desk
        await opened.execute()
        await desk.gate.halt(by="tester", reason="enough")
        steps.clear()
        before = len(books_rows(desk.books)["marks"])
        await step_to(desk, desk.market.range_ns[1])
        assert len(books_rows(desk.books)["marks"]) - before > 24
        assert len(steps) <= 1


async def test_a_pulled_kill_switch_has_every_bar_stepped(
    candles: dict[str, str], steps: list[int], home: Home
) -> None:
    command = series(candles, *LIVELY, every_h=96)
    async with open_run(home, Settings(), command) as opened:
        desk = opened.desk
        await opened.execute()
        steps.clear()
        home.kill_file.touch()
        closes = desk.market.closes_between(desk.clock.now_ns(), desk.clock.now_ns() + 5 * HOUR_NS)
        await step_to(desk, closes[-1])
        assert steps == closes


def without_midnight(folder: Path) -> RecordedMarket:
    """Flat bars of two symbols, none of them from half past eleven to half past midnight."""
    files = {}
    for symbol in SYMBOLS:
        lines = ["date,open,high,low,close,volume"]
        for i in range(800):
            if not 570 <= i < 582:
                at = show_time(BEGINS_NS + i * BAR_NS).replace(" ", "T")
                lines.append(f"{at},100.0,100.1,99.9,100.0,500")
        files[symbol] = folder / f"{symbol.replace('/', '')}-flat.csv"
        files[symbol].write_text("\n".join(lines) + "\n")
    return RecordedMarket.from_files(files, assumed_spread_bps=Decimal(2))


async def test_a_window_that_ends_where_bars_are_missing_is_booked_as_ended(tmp_path: Path) -> None:
    market, begun_ns, found = without_midnight(tmp_path), parse_time("2026-03-03T20:00Z"), []
    trip = Trip(next(breaker for breaker in STANDARD if breaker.name == "day_reducing"), ACCOUNT, Decimal("0.04"))
    for every_bar in (True, False):
        with fresh_home() as home:
            async with desk_at(home, market, begun_ns) as desk:
                await desk.watch.recover()
                desk.books.write(lambda conn: latches.turn(conn, "paper", [trip], begun_ns))
                for hour in range(1, 9):
                    await step_to(desk, begun_ns + hour * HOUR_NS, every_bar=every_bar)
                found.append(books_rows(desk.books))
    stepped, passed = found
    assert any("breaker_ended" in repr(row) for row in stepped["journal"])
    for name, rows in stepped.items():
        assert passed[name] == rows, name
