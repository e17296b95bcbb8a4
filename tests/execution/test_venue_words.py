"""What a venue says is believed as far as it proves something, and what it fails to say holds nothing up."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from core.errors import ExchangeRejected, OrderStateUnknown
from core.money import Price
from core.orders import OrderState, OrderType
from core.time import HOUR_NS
from core.verdicts import AnswerKind
from execution.ports import OrderReport
from risk.codes import DenialCode
from risk.states import TradingState
from tests.execution.desk import Desk, denials

BROKEN = [ExchangeRejected("no such order"), OrderStateUnknown("lost"), TimeoutError(), KeyError("id"), OSError("cut")]


class Saying:
    """The desk's venue, with one of its calls answered by the test."""

    def __init__(self, desk: Desk, **calls: Any) -> None:
        self._venue = desk.door._venue
        self._calls = calls
        desk.door._venue = desk.reads._venue = self  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        return self._calls.get(name, getattr(self._venue, name))


def raising(failure: BaseException) -> Any:
    async def call(*asked: object) -> Any:
        raise failure

    return call


def answering(report: OrderReport | None) -> Any:
    async def call(*asked: object) -> Any:
        return report

    return call


async def test_an_order_that_was_shown_and_is_then_unknown_is_a_contradiction(desk: Desk) -> None:
    entry = desk.buy("5", at="96")
    await desk.propose(entry)
    Saying(desk, report=answering(None))
    await desk.step()
    # The halt asked for its cancel, and nothing proves what became of that.
    assert desk.order_of(entry).state is OrderState.CANCEL_UNKNOWN
    assert "mismatch" in desk.latched()
    assert desk.reserved()["USDT"] > 480


async def test_an_order_that_is_forgotten_after_it_filled_in_part_is_not_sent_again(desk: Desk) -> None:
    entry = desk.buy("5", at="96")
    await desk.propose(entry)
    await desk.trades("100", "100", "95", "96", volume="2")
    assert 0 < desk.held() < 5
    Saying(desk, report=answering(None))
    await desk.step(desk.clock.now_ns() + HOUR_NS)
    assert (await desk.propose(entry)).kind is AnswerKind.WORKING
    assert len(desk.venue.placed) == 1


async def test_an_order_said_to_be_filled_counts_until_its_fills_are_told(desk: Desk) -> None:
    entry = desk.buy("5", at="96")
    await desk.propose(entry)
    known = desk.order_of(entry).client_order_id
    Saying(desk, report=answering(OrderReport(known, "x1", OrderState.FILLED, Decimal(5), ())))
    await desk.step()
    assert (desk.held(), desk.order_of(entry).state) == (0, OrderState.OPEN)
    assert desk.reserved()["USDT"] > 480


@pytest.mark.parametrize("failure", BROKEN, ids=lambda failure: type(failure).__name__)
async def test_a_cancel_that_fails_anyhow_holds_no_halt_up(desk: Desk, failure: BaseException) -> None:
    await desk.propose(desk.buy("5", at="96"))
    await desk.propose(desk.buy("5", at="96", symbol="ETH/USDT"))
    Saying(desk, cancel=raising(failure))
    await desk.gate.halt(by="ada", reason="a drill")
    assert desk.state() is TradingState.HALTED


@pytest.mark.parametrize("failure", BROKEN[1:], ids=lambda failure: type(failure).__name__)
async def test_a_report_that_fails_anyhow_keeps_no_breaker_from_looking(desk: Desk, failure: BaseException) -> None:
    await desk.propose(desk.buy("5", at="96"))
    Saying(desk, report=raising(failure))
    desk.kill.pull("a drill")
    report = await desk.step()
    assert report.state is TradingState.HALTED


@pytest.mark.parametrize("failure", BROKEN, ids=lambda failure: type(failure).__name__)
async def test_a_cancel_that_fails_anyhow_holds_no_exit_up(desk: Desk, failure: BaseException) -> None:
    await desk.bought("5")
    await desk.propose(desk.buy("5", at="96"))
    Saying(desk, cancel=raising(failure))
    receipt = await desk.propose(desk.sell("5", at="95.5"))
    assert denials(receipt) in ([], [DenialCode.SELF_TRADE])


async def test_what_was_proven_to_reduce_is_sent_as_that_and_nothing_else(desk: Desk) -> None:
    await desk.bought("5")
    await desk.propose(desk.sell("5"))
    assert desk.venue.placed[-1].reduce_only


async def test_nobody_but_a_stop_decides_in_the_past(desk: Desk) -> None:
    await desk.trades("100", "100", "96", "100")
    late = replace(desk.buy("5", at="96.5"), decided_ns=desk.clock.now_ns() - HOUR_NS)
    await desk.propose(late)
    await desk.step()
    assert desk.held() == 0
    assert desk.venue.placed[-1].decided_ns == desk.clock.now_ns()


async def test_an_exit_that_waits_moves_no_stop_out_of_its_way(desk: Desk) -> None:
    """Whatever rests for the position at the venue stays there while a better price is waited for."""
    await desk.bought("5")
    resting = {a.client_order_id for a in desk.live()}
    await desk.propose(desk.sell("5", at="104", reduce_only=True))
    assert resting <= {a.client_order_id for a in desk.live()}


async def test_an_entry_on_its_way_at_the_market_holds_no_exit_up(desk: Desk) -> None:
    await desk.bought("5")
    desk.venue.fails_before = OrderStateUnknown("lost")
    desk.venue.unreadable = True
    await desk.propose(desk.buy("2"))
    desk.venue.fails_before = None
    assert denials(await desk.propose(desk.sell("5"))) == []


async def test_a_stop_whose_exit_nobody_took_is_still_due_when_the_price_is_back(desk: Desk) -> None:
    await desk.bought("5", stop="90")
    desk.venue.fails_before = ExchangeRejected("not now")
    await desk.trades("100", "100", "89", "99")
    assert desk.held() == 5
    desk.venue.fails_before = None
    await desk.trades("99", "99", "99", "99")
    await desk.trades("99", "99", "99", "99")
    assert desk.held() == 0


async def test_a_stop_far_away_keeps_no_coins_from_the_one_that_guards_them(desk: Desk) -> None:
    await desk.bought("5", stop="90")
    far = desk.sell("5", reduce_only=True, trigger_price=Price(Decimal(1)), type=OrderType.STOP)
    await desk.propose(far)
    await desk.trades("100", "100", "80", "80")
    assert desk.held() == 0
