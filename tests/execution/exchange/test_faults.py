"""Each fault of the emulated venues while an order is placed, cancelled or looked up."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import pytest_asyncio

from core.errors import AccountRestricted, ExchangeRejected, ExchangeUnavailable, OrderStateUnknown
from core.orders import OrderState
from emulator.server import Emulator
from tests.execution.exchange.emulated import COIN, DIALECTS, OURS, Place, place_at

NEW_ORDER = {"binance": "/api/v3/order", "kraken": "/0/private/AddOrder", "bybit": "/v5/order/create"}
CANCEL = {"binance": ("DELETE", "/api/v3/order"), "kraken": ("POST", "/0/private/CancelOrder")} | {
    "bybit": ("POST", "/v5/order/cancel")
}
LOOK = {"binance": "/api/v3/order", "kraken": "/0/private/OpenOrders", "bybit": "/v5/order/realtime"}
# Before the venue acts, and after it did.
NEVER_HEARD = ("hang", "cut", "status", "redirect")
PLACED = ("unanswered", "silent", "html", "empty", "malformed", "truncated")


@pytest_asyncio.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with Emulator() as found:
        yield found


@pytest_asyncio.fixture(params=DIALECTS)
async def at(request: pytest.FixtureRequest, emulator: Emulator) -> AsyncIterator[Place]:
    async with place_at(request.param, emulator, timeout_ms=1_500) as found:
        yield found


@pytest.mark.parametrize("fault", PLACED)
async def test_an_order_whose_answer_was_lost_is_unknown_and_then_found(at: Place, fault: str) -> None:
    armed = at.emulator.faults.add(fault, method="POST", path=NEW_ORDER[at.venue.name], times=1)
    with pytest.raises(OrderStateUnknown):
        await at.venue.place(at.resting())
    assert armed.struck == 1
    report = await at.venue.report(OURS, COIN)
    assert report is not None
    assert report.state is OrderState.OPEN
    assert len(await at.venue.open_orders()) == 1


@pytest.mark.parametrize("fault", NEVER_HEARD)
async def test_an_order_that_the_venue_never_heard_is_unknown_and_then_in_no_list(at: Place, fault: str) -> None:
    at.emulator.faults.add(fault, method="POST", path=NEW_ORDER[at.venue.name], times=1)
    with pytest.raises(OrderStateUnknown):
        await at.venue.place(at.resting())
    assert await at.venue.report(OURS, COIN) is None
    assert await at.venue.open_orders() == ()


async def test_a_redirect_is_not_followed_with_a_signed_request(at: Place) -> None:
    at.emulator.faults.add("redirect", method="POST", path=NEW_ORDER[at.venue.name], times=1, location="/elsewhere")
    with pytest.raises(OrderStateUnknown):
        await at.venue.place(at.resting())
    assert at.paths() == [NEW_ORDER[at.venue.name]]


@pytest.mark.parametrize("fault", ["hang", "cut", "status", "html", "empty", "malformed", "truncated", "silent"])
async def test_a_look_that_failed_raises_and_never_says_absent(at: Place, fault: str) -> None:
    await at.venue.place(at.resting())
    at.emulator.faults.add(fault, path=LOOK[at.venue.name])
    with pytest.raises(ExchangeUnavailable):
        await at.venue.report(OURS, COIN)
    at.emulator.faults.clear()
    report = await at.venue.report(OURS, COIN)
    assert report is not None
    assert report.state is OrderState.OPEN


async def test_wrong_types_in_a_list_of_orders_are_not_an_empty_list(at: Place) -> None:
    paths = {"binance": "/api/v3/openOrders", "kraken": "/0/private/OpenOrders", "bybit": "/v5/order/realtime"}
    await at.venue.place(at.resting())
    at.emulator.faults.add("wrong_types", path=paths[at.venue.name])
    with pytest.raises(ExchangeUnavailable):
        await at.venue.open_orders()


@pytest.mark.parametrize("fault", ["unanswered", "silent", "html", "truncated"])
async def test_a_cancel_whose_answer_was_lost_is_unavailable_and_the_report_tells(at: Place, fault: str) -> None:
    await at.venue.place(at.resting())
    method, path = CANCEL[at.venue.name]
    at.emulator.faults.add(fault, method=method, path=path, times=1)
    if fault == "unanswered" and method == "DELETE":
        # aiohttp asks again by itself for what may be asked twice, and hears that the order is gone.
        await at.venue.cancel(OURS, COIN)
    else:
        with pytest.raises(ExchangeUnavailable):
            await at.venue.cancel(OURS, COIN)
    report = await at.venue.report(OURS, COIN)
    assert report is not None
    assert report.state is OrderState.CANCELLED


@pytest.mark.parametrize(("fault", "keys"), [("too_many", {"retry_after": "30"}), ("banned", {"retry_after": "60"})])
async def test_too_many_requests_stop_the_polls_and_nothing_is_sent_again(
    at: Place, fault: str, keys: Mapping[str, Any]
) -> None:
    at.emulator.faults.add(fault, times=1, **keys)
    with pytest.raises(ExchangeUnavailable):
        await at.venue.open_orders()
    asked = len(at.emulator.requests)
    assert at.venue.budget.silent_s > 20
    with pytest.raises(ExchangeUnavailable, match="silence"):
        await at.venue.report(OURS, COIN)
    with pytest.raises(ExchangeRejected, match="silence"):
        await at.venue.place(at.resting())
    assert len(at.emulator.requests) == asked


async def test_a_cancel_gets_through_after_too_many_requests_and_not_through_a_ban(at: Place) -> None:
    await at.venue.place(at.resting())
    at.venue.budget.told_to_stop(429, 30)
    await at.venue.cancel(OURS, COIN)
    at.venue.budget.told_to_stop(418, 30)
    with pytest.raises(ExchangeUnavailable, match="silence"):
        await at.venue.cancel(OURS, COIN)


@pytest.mark.parametrize("dialect", ["binance", "bybit"])
async def test_a_clock_that_is_off_is_a_refusal_and_is_set_before_the_next_request(
    emulator: Emulator, dialect: str
) -> None:
    async with place_at(dialect, emulator) as at:
        emulator.faults.add("skew", ms=60_000)
        with pytest.raises(ExchangeRejected, match="InvalidNonce"):
            await at.venue.place(at.resting())
        await at.venue.place(at.resting())
        assert await at.venue.report(OURS, COIN) is not None


async def test_a_clock_that_is_off_is_set_after_a_read_as_well(emulator: Emulator) -> None:
    async with place_at("binance", emulator) as at:
        emulator.faults.add("skew", ms=60_000)
        with pytest.raises(ExchangeUnavailable):
            await at.venue.balances()
        assert await at.venue.balances()


async def test_a_frozen_account_is_restricted(at: Place) -> None:
    at.emulator.faults.add("frozen")
    with pytest.raises(AccountRestricted):
        await at.venue.place(at.resting())


async def test_a_venue_that_is_down_fails_to_open(emulator: Emulator) -> None:
    emulator.faults.add("status")
    with pytest.raises(ExchangeUnavailable, match="could not be prepared"):
        async with place_at("binance", emulator):
            pass
