"""A person's verbs beside an answer: halt, re-arm, close, flatten; whether or not a desk holds the account."""

import asyncio
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select

from core.canonical import JSON
from core.errors import ConfigError, DeskBusy, DeskHalted
from core.money import round_quantity
from core.orders import Side
from core.time import ManualClock, show_time
from desk import answering, requests
from desk.build import build
from desk.clock import SystemClock
from desk.holding import Holding
from desk.home import Home
from desk.runs import checkpoints
from desk.settings import Settings
from desk.standing import risk_status
from execution import latches, orderbook
from execution.kill import KillSwitch
from market.simulated import SimulatedMarket
from memory.books import accounts, ledger, tables
from memory.books.words import RecordKind, RequestState
from risk.settings import RiskSettings
from risk.states import TradingState
from tests.desk.desks import BUYS_BOTH, BUYS_ETH, all_records, books_of, fresh_home, moment, run, simulated, verified


@pytest.fixture(scope="module")
def bought() -> Iterator[Home]:
    """A home whose account holds ETH, to be copied."""
    with fresh_home() as made:
        asyncio.run(run(made, moment(BUYS_ETH)))
        yield made


@pytest.fixture
def holding(bought: Home, home: Home) -> Home:
    """A home of the test's own whose account holds ETH."""
    shutil.copytree(bought.path, home.path, dirs_exist_ok=True)
    assert held(home) == ["ETH/USDT"]
    return home


def account_of(home: Home) -> str:
    with books_of(home) as books:
        return str(books.read(lambda conn: conn.execute(select(tables.accounts.c.account_id)).scalar_one()))


def held(home: Home) -> list[str]:
    account_id = account_of(home)
    with books_of(home) as books:
        return [p.symbol for p in books.read(lambda conn: ledger.positions(conn, account_id))]


def live(home: Home) -> list[orderbook.Attempt]:
    account_id = account_of(home)
    with books_of(home) as books:
        return books.read(lambda conn: orderbook.live_attempts(conn, account_id))


def causes(home: Home) -> list[latches.Latch]:
    account_id = account_of(home)
    with books_of(home) as books:
        now_ns = books.read(lambda conn: accounts.account(conn, account_id)).clock_ns
        return list(books.read(lambda conn: latches.live(conn, account_id, now_ns)))


async def say(home: Home, verb: str, **more: object) -> JSON:
    """One verb as a process gives it that has just opened the books."""
    account_id, said = account_of(home), {"by": "ada", "reason": "because"}
    with books_of(home) as books:
        match verb:
            case "halt":
                return await answering.halt(home, books, account_id, **said)
            case "rearm":
                latch_id, rebase = more.get("latch_id"), bool(more.get("rebase"))
                return await answering.rearm(home, books, account_id, latch_id, rebase=rebase, **said)  # type: ignore[arg-type]
            case "close":
                return await answering.close(home, books, account_id, str(more["symbol"]), **said)
            case _:
                return await answering.flatten(home, books, account_id, **said)


# Close.


async def test_a_close_sells_all_of_a_position_and_the_next_bar_fills_it(holding: Home) -> None:
    (told,) = (await say(holding, "close", symbol="ETH/USDT"))["closed"]
    assert (told["kind"], told["order"], told["side"], told["denials"]) == ("done", "filled", "sell", [])
    assert (held(holding), live(holding)) == ([], [])
    assert verified(holding).ok


async def test_a_close_is_an_action_with_a_record_of_its_own(holding: Home) -> None:
    (told,) = (await say(holding, "close", symbol="ETH/USDT"))["closed"]
    with books_of(holding) as books:
        (record,) = [r for r in all_records(books, RecordKind.ACTION) if r.proposal_id == told["proposal_id"]]
        stored = books.read(lambda conn: orderbook.find_proposal(conn, told["proposal_id"]))
    assert record.cycle_id is None
    assert stored is not None
    assert stored.body["source"].startswith("person:ada:")
    assert (stored.body["thesis"], stored.body["order"]["reduce_only"]) == ("because", True)


@pytest.mark.parametrize("verb", ["close", "flatten"])
async def test_what_the_venue_does_not_take_at_once_is_closed_in_parts(
    holding: Home, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    account_id = account_of(holding)
    with books_of(holding) as books:
        (position,) = books.read(lambda conn: ledger.positions(conn, account_id))
    most = round_quantity(position.quantity / 3, Decimal("0.0001"))
    known = SimulatedMarket.instrument
    monkeypatch.setattr(
        SimulatedMarket, "instrument", lambda *seen: (i := known(*seen)) and replace(i, max_quantity=most)
    )
    told = (await say(holding, verb, symbol="ETH/USDT"))["closed"]
    assert [a["denials"] for a in told] == [[]] * len(told)
    assert len(told) >= 3
    assert sum(Decimal(a["quantity"]) for a in told) == position.quantity
    assert max(Decimal(a["quantity"]) for a in told) <= most
    assert held(holding) == []


async def test_what_is_not_held_cannot_be_closed(holding: Home) -> None:
    with pytest.raises(ConfigError, match="holds no BTC/USDT, it holds ETH/USDT"):
        await say(holding, "close", symbol="BTC/USDT")


async def test_a_second_close_finds_nothing(holding: Home) -> None:
    await say(holding, "close", symbol="ETH/USDT")
    with pytest.raises(ConfigError, match="holds no ETH/USDT, it holds nothing"):
        await say(holding, "close", symbol="ETH/USDT")


async def test_a_close_passes_while_the_desk_is_halted_and_killed(holding: Home) -> None:
    await say(holding, "halt")
    holding.kill_file.touch()
    (told,) = (await say(holding, "close", symbol="ETH/USDT"))["closed"]
    assert (told["order"], told["state"]) == ("filled", "halted")
    assert held(holding) == []


async def test_a_close_leaves_other_positions_alone(home: Home) -> None:
    await run(home, moment(BUYS_BOTH))
    assert held(home) == ["BTC/USDT", "ETH/USDT"]
    await say(home, "close", symbol="ETH/USDT")
    assert held(home) == ["BTC/USDT"]


# Flatten.


async def test_flatten_closes_everything_and_cancels_every_order(home: Home) -> None:
    await run(home, moment(BUYS_BOTH))
    told = await say(home, "flatten")
    assert [a["symbol"] for a in told["closed"]] == ["BTC/USDT", "ETH/USDT"]
    assert {a["order"] for a in told["closed"]} == {"filled"}
    assert (held(home), live(home), told["left"]) == ([], [], [])


async def test_flatten_with_nothing_held_does_nothing(holding: Home) -> None:
    await say(holding, "flatten")
    told = await say(holding, "flatten")
    assert (told["closed"], told["left"]) == ([], [])


async def test_flatten_passes_while_the_desk_is_halted(holding: Home) -> None:
    await say(holding, "halt")
    await say(holding, "flatten")
    assert held(holding) == []


# Halt and re-arm.


async def test_a_halt_latches_with_who_and_why(holding: Home) -> None:
    told = await say(holding, "halt")
    assert told["state"] == "halted"
    (latch,) = causes(holding)
    assert (latch.cause.name, latch.cause.detail) == ("kill", "the kill switch is pulled: because (ada)")
    assert held(holding) == ["ETH/USDT"]


async def test_a_run_of_a_halted_account_stays_where_it_is(holding: Home) -> None:
    """Its own command reports it as finished: it has nothing left to do."""
    await say(holding, "halt")
    assert (await run(holding, moment(BUYS_ETH))).reported


async def test_the_only_latch_needs_no_number(holding: Home) -> None:
    await say(holding, "halt")
    told = await say(holding, "rearm")
    assert (told["latch"], causes(holding)) == (1, [])


async def test_without_a_latch_there_is_nothing_to_re_arm(holding: Home) -> None:
    with pytest.raises(ConfigError, match="has no latch to re-arm: none at all"):
        await say(holding, "rearm")


async def test_of_several_latches_one_must_be_named(holding: Home) -> None:
    await say(holding, "halt")
    lose(holding, 5)
    await say(holding, "halt")
    assert [latch.cause.name for latch in causes(holding)] == ["kill", "losing_streak"]
    with pytest.raises(ConfigError, match="has several latches, name one with --latch: #1 kill, #2 losing_streak"):
        await say(holding, "rearm")
    await say(holding, "rearm", latch_id=2)
    assert [latch.cause.name for latch in causes(holding)] == ["kill"]


async def test_a_latch_that_trips_after_the_word_was_given_is_not_re_armed_by_it(
    holding: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "_WAIT_S", 0)
    await say(holding, "halt")
    account_id = account_of(holding)
    with books_of(holding) as books, Holding(books, account_id), pytest.raises(DeskBusy, match="stays with it"):
        await say(holding, "rearm")
    await say(holding, "rearm")
    lose(holding, 5)
    await say(holding, "halt")
    await say(holding, "rearm", latch_id=next(x.latch_id for x in causes(holding) if x.cause.name == "kill"))
    with desk_at_work(holding):
        async with asyncio.timeout(30):
            while asked(holding)[0].state in (RequestState.PENDING, RequestState.BEGUN):
                await asyncio.sleep(0.01)
    assert "no live latch #1" in asked(holding)[0].answer["error"]
    assert [latch.cause.name for latch in causes(holding)] == ["losing_streak"]


async def test_a_resolution_is_of_the_attempt_that_was_seen(holding: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "_WAIT_S", 0)
    account_id = account_of(holding)
    with books_of(holding) as books:
        order = books.read(lambda conn: conn.execute(select(tables.orders)).first())
        assert order is not None
        said = {"by": "ada", "reason": "seen at the venue"}
        with Holding(books, account_id), pytest.raises(DeskBusy):
            await answering.resolve(holding, books, account_id, order.proposal_id, "absent", **said)
    assert [row.arguments["order"] for row in asked(holding)] == [order.client_order_id]


def asked(home: Home) -> list[Any]:
    with books_of(home) as books:
        return list(books.read(lambda conn: conn.execute(select(tables.requests).order_by(tables.requests.c.id)).all()))


def lose(home: Home, times: int) -> None:
    """So many round trips that ended at a loss."""
    account_id = account_of(home)

    def write(conn: Connection) -> None:
        now_ns = accounts.account(conn, account_id).clock_ns
        row = {"account_id": account_id, "symbol": "BTC/USDT", "closed_ns": now_ns, "pnl": Decimal(-1)}
        row |= {"quantity": Decimal(1), "entry_price": Decimal(2), "exit_price": Decimal(1)}
        conn.execute(insert(tables.round_trips), [row] * times)

    with books_of(home) as books:
        books.write(write)


@pytest.mark.parametrize("latch_id", [99, -1])
async def test_a_latch_that_is_none_is_named(holding: Home, latch_id: int) -> None:
    with pytest.raises(ConfigError, match=f"no live latch #{latch_id} in account"):
        await say(holding, "rearm", latch_id=latch_id)


async def test_nothing_is_re_armed_while_the_kill_file_is_present(holding: Home) -> None:
    await say(holding, "halt")
    holding.kill_file.touch()
    with pytest.raises(DeskHalted, match="remove it before re-arming"):
        await say(holding, "rearm")
    assert len(causes(holding)) == 1


# While another desk holds the account.


@contextmanager
def desk_at_work(home: Home) -> Iterator[None]:
    """A desk in a thread of its own that holds the account and answers what is asked of it."""
    holds, stop = threading.Event(), threading.Event()

    async def work() -> None:
        seed, _ = BUYS_ETH
        with books_of(home) as books:
            account_id = books.read(lambda conn: conn.execute(select(tables.accounts.c.account_id)).scalar_one())
            clock_ns = books.read(lambda conn: accounts.account(conn, account_id)).clock_ns
            with Holding(books, account_id):
                async with checkpoints(home) as saver:
                    clock = ManualClock(clock_ns)
                    desk = build(Settings(), home, books, simulated(seed), account_id, clock, saver)
                    holds.set()
                    while not stop.is_set():
                        await requests.serve(desk)
                        await asyncio.sleep(0.01)

    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    assert holds.wait(timeout=30)
    try:
        yield
    finally:
        stop.set()
        thread.join()


async def test_a_desk_at_work_closes_a_position(holding: Home) -> None:
    with desk_at_work(holding):
        (told,) = (await say(holding, "close", symbol="ETH/USDT"))["closed"]
    assert told["order"] in ("open", "filled"), "where its market shows depth it fills at once"
    assert [a.side for a in live(holding)] == ([Side.SELL] if told["order"] == "open" else [])
    assert held(holding) == (["ETH/USDT"] if told["order"] == "open" else [])


async def test_a_desk_at_work_flattens(holding: Home) -> None:
    with desk_at_work(holding):
        told = await say(holding, "flatten")
    assert [(a["symbol"], a["denials"]) for a in told["closed"]] == [("ETH/USDT", [])]
    assert told["closed"][0]["order"] in ("open", "filled")


async def test_a_desk_at_work_halts_and_is_re_armed(holding: Home) -> None:
    with desk_at_work(holding):
        await say(holding, "halt")
        assert [latch.cause.state for latch in causes(holding)] == [TradingState.HALTED]
        await say(holding, "rearm")
    assert causes(holding) == []


async def test_a_refusal_of_a_desk_at_work_is_the_same_error_here(holding: Home) -> None:
    with desk_at_work(holding):
        await say(holding, "halt")
        holding.kill_file.touch()
        with pytest.raises(DeskHalted, match="remove it before re-arming"):
            await say(holding, "rearm")
        with pytest.raises(ConfigError, match="holds no BTC/USDT"):
            await say(holding, "close", symbol="BTC/USDT")


# How it stands.


def status(home: Home, *, priced: bool = True) -> JSON:
    account_id = account_of(home)
    with books_of(home) as books:
        account = books.read(lambda conn: accounts.account(conn, account_id))
        market = simulated(BUYS_ETH[0]) if priced else None
        kill = KillSwitch(home.kill_file)
        return books.read(lambda conn: risk_status(conn, account, RiskSettings(), market, kill))


async def test_the_status_names_every_breaker_with_its_reading_and_how_near_it_is(holding: Home) -> None:
    told = status(holding)
    assert (told["state"], told["caps"], told["scopes"]) == (
        "active",
        "1",
        [{"scope": "account", "state": "active", "caps": "1"}],
    )
    rows = {row["breaker"]: row for row in told["breakers"]}
    assert set(rows) == {breaker.name for breaker in RiskSettings().breakers}
    assert (rows["losing_streak"]["value"], rows["losing_streak"]["near"]) == ("0", "0")
    assert rows["data_quality"]["scope"] == "symbol:ETH/USDT"
    assert rows["venue_failures"]["value"] is None, "only the desk at work knows its calls"
    assert not any(row["live"] for row in told["breakers"])


async def test_the_status_shows_what_holds_and_until_when(holding: Home) -> None:
    await say(holding, "halt")
    told = status(holding)
    assert told["state"] == "halted"
    ((cause),) = told["causes"]
    assert (cause["cause"], cause["kind"], cause["until"]) == ("kill", "latch", None)
    assert cause["tripped"] == show_time(causes(holding)[0].cause.tripped_ns)
    assert [row["breaker"] for row in told["breakers"] if row["live"]] == ["kill"]


async def test_without_its_market_the_status_measures_nothing_that_needs_a_price(holding: Home) -> None:
    rows = {row["breaker"]: row for row in status(holding, priced=False)["breakers"]}
    for name in ("day_halt", "equity_floor", "equity_unknown", "data_quality"):
        assert rows[name]["value"] is None, name


async def test_a_request_that_breaks_is_answered_and_the_one_behind_it_is_done(holding: Home) -> None:
    account_id = account_of(holding)

    def leave(conn: Connection) -> None:
        asked = {"account_id": account_id, "created_ns": SystemClock().now_ns(), "state": RequestState.PENDING}
        for verb, said in (("close", {"of": "another version"}), ("halt", {"by": "ada", "reason": "a drill"})):
            conn.execute(insert(tables.requests).values(**asked, verb=verb, arguments=said))

    with books_of(holding) as books:
        books.write(leave)
    with desk_at_work(holding):
        await say(holding, "rearm", latch_id=1)
    with books_of(holding) as books:
        rows = books.read(lambda conn: conn.execute(select(tables.requests).order_by(tables.requests.c.id)).all())
    assert [row.state for row in rows] == [RequestState.FAILED, RequestState.DONE, RequestState.DONE]
    assert "TypeError" in rows[0].answer["error"]
