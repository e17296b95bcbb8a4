"""The kill switch: by file, by signal and from inside, and all of it with the books gone."""

import asyncio
import os
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.errors import DeskBusy, ExchangeUnavailable
from core.orders import OrderState, Proposal, Side
from core.verdicts import AnswerKind
from execution.kill import KillSwitch
from execution.ports import OrderReport, PlainOrder
from execution.tickets import TicketRefused
from risk.states import TradingState
from tests.execution.desk import ACCOUNT, T0, Desk

# The switch itself.


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "HALT"


def test_nothing_is_pulled_until_somebody_pulls_it(file: Path) -> None:
    assert not KillSwitch(file)()


def test_the_file_pulls_it_and_its_first_line_says_why(file: Path) -> None:
    file.write_text("the exchange is odd\nand more\n")
    switch = KillSwitch(file)
    assert switch()
    assert switch.reason == "the exchange is odd"


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"x" * 10_000])
def test_whatever_stands_in_the_file_pulls_it(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    switch = KillSwitch(file)
    assert switch()
    assert len(switch.reason) <= 200


def test_what_is_pulled_stays_pulled_over_a_restart(file: Path) -> None:
    KillSwitch(file).pull("a drill")
    again = KillSwitch(file)
    assert (again(), again.reason) == (True, "a drill")


def test_whoever_takes_the_file_away_lets_go(file: Path) -> None:
    switch = KillSwitch(file)
    switch.pull("a drill")
    assert switch()
    file.unlink()
    assert not switch()
    file.touch()
    assert switch()


def test_a_file_that_cannot_be_written_pulls_it_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    switch = KillSwitch(tmp_path / "file" / "HALT")
    switch.pull("a drill")
    assert (switch(), switch(), switch.reason) == (True, True, "a drill")


def test_a_file_that_nobody_may_look_at_counts_as_there(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(self: Path, **_: Any) -> bool:
        raise PermissionError

    monkeypatch.setattr(Path, "exists", forbidden)
    assert KillSwitch(file)()


def test_a_file_that_was_there_before_keeps_its_reason(file: Path) -> None:
    file.write_text("before")
    KillSwitch(file).pull("after")
    assert file.read_text() == "before"


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="this system has no SIGUSR1")
def test_a_signal_pulls_it_while_somebody_listens(file: Path) -> None:
    before, switch = signal.getsignal(signal.SIGUSR1), KillSwitch(file)
    with switch.listening():
        assert not switch()
        os.kill(os.getpid(), signal.SIGUSR1)
        assert switch()
    assert (signal.getsignal(signal.SIGUSR1), file.read_text()) == (before, "SIGUSR1\n")


def test_a_thread_that_cannot_hear_signals_listens_in_vain_but_works(file: Path) -> None:
    worked: list[bool] = []

    def work() -> None:
        with KillSwitch(file).listening():
            worked.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert worked == [True]


# The door.


async def test_a_ticket_for_new_risk_is_worthless_once_it_is_pulled(desk: Desk) -> None:
    ticket = desk.office.mint(desk.order(Side.BUY, "1"), desk.office.epoch, T0)
    desk.kill.on = True
    with pytest.raises(TicketRefused, match="the kill switch is pulled, and the order is not proven to reduce"):
        await desk.door.submit(ticket, "client-1", T0)
    assert desk.venue.placed == []


async def test_a_ticket_for_a_proven_exit_is_good_while_it_is_pulled(desk: Desk) -> None:
    await desk.bought("2")
    ticket = desk.office.mint(desk.order(Side.SELL, "2"), desk.office.epoch, desk.clock.now_ns(), reducing=True)
    desk.kill.on = True
    await desk.door.submit(ticket, "client-1", desk.clock.now_ns())
    assert desk.venue.placed[-1].client_order_id == "client-1"


async def test_pulled_between_the_review_and_the_send_nothing_is_sent(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    mint = desk.office.mint

    def pulled(*args: Any, **more: Any) -> Any:
        desk.kill.on = True
        return mint(*args, **more)

    monkeypatch.setattr(desk.office, "mint", pulled)
    entry = desk.buy("1", at="96")
    await desk.propose(entry)
    assert (desk.venue.placed, desk.order_of(entry).state) == ([], OrderState.ABSENT)
    assert desk.reserved() == {}


async def test_pulled_while_the_request_is_on_its_way_the_order_is_cancelled_on_arrival(desk: Desk) -> None:
    desk.venue.let_through.clear()
    entry = desk.buy("1", at="96")
    sending = asyncio.create_task(desk.propose(entry))
    await desk.venue.reached.wait()
    desk.kill.on = True
    desk.venue.let_through.set()
    await sending
    assert desk.order_of(entry).state is OrderState.CANCELLED


async def test_pulled_while_the_request_is_on_its_way_a_step_does_not_forget_it(desk: Desk) -> None:
    """The venue does not know the order yet: that is no proof that it never will."""
    desk.venue.let_through.clear()
    entry = desk.buy("1", at="96")
    sending = asyncio.create_task(desk.propose(entry))
    await desk.venue.reached.wait()
    desk.kill.on = True
    await desk.door.cancel_risky()
    desk.venue.let_through.set()
    await sending
    assert desk.order_of(entry).state is OrderState.CANCELLED


# With the books gone.


class Exchange:
    """A venue with books of its own, in memory: it takes orders and lets them rest."""

    name = "paper"
    rests_stops = False
    iceberg_parts = 0

    def __init__(self) -> None:
        self.resting: dict[str, PlainOrder] = {}
        self.taken: list[str] = []
        self.cut = False

    async def place(self, order: PlainOrder) -> None:
        self.taken.append(order.client_order_id)
        self.resting[order.client_order_id] = order

    async def cancel(self, client_order_id: str, symbol: str) -> None:
        if self.cut:
            raise ExchangeUnavailable("the line is cut")
        self.resting.pop(client_order_id, None)

    async def report(self, client_order_id: str, symbol: str) -> OrderReport | None:
        state = OrderState.OPEN if client_order_id in self.resting else OrderState.CANCELLED
        return OrderReport(client_order_id, "theirs", state, Decimal(0), ())

    async def advance(self, now_ns: int) -> None:
        pass


@pytest.fixture
async def exchange(desk: Desk) -> Exchange:
    """A desk that holds two coins, with an exit and an entry resting at a real exchange."""
    await desk.bought("2")
    away = Exchange()
    desk.door._venue = away
    for proposal in (desk.sell("1", at="105"), desk.buy("1", at="96", stop="80", symbol="ETH/USDT")):
        assert (await desk.propose(proposal)).kind is AnswerKind.WORKING
    assert len(away.resting) == 2
    return away


@contextmanager
def closed(desk: Desk) -> Iterator[None]:
    desk.books.close()
    yield


@contextmanager
def locked(desk: Desk) -> Iterator[None]:
    """Another process holds the write lock and does not let go."""
    desk.books.write(lambda conn: conn.exec_driver_sql("PRAGMA busy_timeout=20"))
    other = sqlite3.connect(str(desk.books._url.database), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.close()


@contextmanager
def deleted(desk: Desk) -> Iterator[None]:
    """The file is gone; who has it open still writes into what no other process will ever see."""
    for file in Path(str(desk.books._url.database)).parent.glob("desk.db*"):
        file.unlink()
    yield


GONE = [closed, locked, deleted]


async def tried(desk: Desk, wanted: Proposal) -> None:
    """Whatever becomes of it."""
    with suppress(RuntimeError, DeskBusy):
        await desk.propose(wanted)


async def stepped(desk: Desk) -> None:
    with suppress(RuntimeError, DeskBusy):
        await desk.step()


@pytest.mark.parametrize("gone", GONE)
async def test_nothing_that_adds_risk_reaches_the_venue(desk: Desk, exchange: Exchange, gone: Any) -> None:
    ticket = desk.office.mint(desk.order(Side.BUY, "1"), desk.office.epoch, desk.clock.now_ns())
    before = len(exchange.taken)
    with gone(desk):
        desk.kill.on = True
        await tried(desk, desk.buy("1", symbol="ETH/USDT"))
        with pytest.raises(TicketRefused):
            await desk.door.submit(ticket, "client-1", desk.clock.now_ns())
    assert len(exchange.taken) == before


@pytest.mark.parametrize("gone", GONE)
async def test_what_rests_and_adds_risk_is_cancelled_from_memory(desk: Desk, exchange: Exchange, gone: Any) -> None:
    with gone(desk):
        desk.kill.on = True
        await stepped(desk)
    assert [order.side for order in exchange.resting.values()] == [Side.SELL], "the exit stays"


async def test_a_cancel_that_does_not_get_through_is_tried_again(desk: Desk, exchange: Exchange) -> None:
    with closed(desk):
        desk.kill.on = exchange.cut = True
        await stepped(desk)
        assert len(exchange.resting) == 2
        exchange.cut = False
        await stepped(desk)
    assert len(exchange.resting) == 1


async def test_once_the_books_are_back_they_hear_of_it_and_latch(desk: Desk, exchange: Exchange) -> None:
    with locked(desk):
        desk.kill.on = True
        await stepped(desk)
    report = await desk.step()
    assert report.state is TradingState.HALTED
    assert desk.latched() == ["kill"]
    assert {o.state for o in desk.rows("orders") if o.side is Side.BUY and o.account_id == ACCOUNT} == {
        OrderState.FILLED,
        OrderState.CANCELLED,
    }


async def test_while_it_is_not_pulled_nothing_is_cancelled(desk: Desk, exchange: Exchange) -> None:
    with closed(desk):
        await stepped(desk)
    assert len(exchange.resting) == 2
