"""The watch: what it marks, and what a halt leaves standing. Stops have files of their own."""

from decimal import Decimal

import pytest

from core.errors import ConfigError
from core.orders import OrderState
from core.time import HOUR_NS
from core.verdicts import AnswerKind
from memory.books import accounts
from tests.execution.conftest import Opened
from tests.execution.desk import ACCOUNT, FREE, T0, Desk, lose

# Marks.


async def test_the_account_is_marked_to_the_last_trade(desk: Desk) -> None:
    await desk.bought("2")
    report = await desk.trades("100", "110", "100", "110")
    assert report.equity == Decimal("10000") - Decimal("0.2") + 2 * 10
    assert [m.equity for m in desk.rows("marks")][-1] == report.equity


async def test_the_clock_of_an_account_is_that_of_its_last_step(desk: Desk) -> None:
    await desk.trades("100", "100", "100", "100")
    assert desk.books.read(lambda conn: accounts.account(conn, ACCOUNT)).clock_ns == T0 + HOUR_NS


# A halt.


async def test_a_halt_cancels_resting_entries(desk: Desk) -> None:
    entry = desk.buy("1", at="96")
    await desk.propose(entry)
    desk.kill.on = True
    await desk.step()
    assert desk.order_of(entry).state is OrderState.CANCELLED
    assert desk.reserved() == {}


async def test_a_halt_keeps_positions_and_their_stops(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    desk.kill.on = True
    await desk.step()
    assert desk.held() == desk.armed() == 2


@pytest.mark.parametrize("reduce_only", [True, False])
async def test_a_halt_keeps_resting_exits(desk: Desk, reduce_only: bool) -> None:
    await desk.bought("2", stop="90")
    exit_ = desk.sell("2", at="105", reduce_only=reduce_only)
    await desk.propose(exit_)
    desk.kill.on = True
    await desk.step()
    assert desk.order_of(exit_).state is OrderState.OPEN


async def test_a_halt_lets_a_position_be_closed(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    desk.kill.on = True
    await desk.step()
    assert (await desk.propose(desk.sell("2"))).kind is AnswerKind.WORKING
    await desk.trades("100", "100", "100", "100")
    assert desk.held() == 0


async def test_only_reducing_keeps_resting_entries(desk: Desk) -> None:
    """A streak closes the desk for new risk; what was approved before it stands."""
    entry = desk.buy("1", at="96")
    await desk.propose(entry)
    lose(desk, 5)
    await desk.step()
    assert desk.order_of(entry).state is OrderState.OPEN


async def test_an_order_in_a_symbol_that_the_market_no_longer_knows_is_named(desk: Desk) -> None:
    await desk.propose(desk.buy("1", at="96"))
    del desk.market.instruments["BTC/USDT"]
    with pytest.raises(ConfigError, match="does not know BTC/USDT"):
        await desk.step()


async def test_an_outage_expires_an_order_and_frees_what_it_reserved(open_desk: Opened) -> None:
    desk = open_desk(settings=FREE)
    proposal = desk.buy("1")
    await desk.propose(proposal)
    await desk.step(T0 + 5 * HOUR_NS)
    await desk.trades("100", "100", "100", "100")
    assert desk.order_of(proposal).state is OrderState.EXPIRED
    assert desk.reserved() == {}
