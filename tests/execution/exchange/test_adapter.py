"""The adapter whole, against the emulated venues."""

import decimal
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
import pytest_asyncio

from core.errors import ExchangeRejected, ExchangeUnavailable
from core.orders import OrderState, OrderType, Side
from emulator.server import Emulator
from tests.execution.exchange.emulated import COIN, DIALECTS, LOST, OURS, Place, an_hour_ago, place_at
from tests.execution.exchange.loopback import order

THEIRS = "somebody-else-1"
NAME = dict(zip(DIALECTS, ("a" * 32, "b" * 32, "c" * 32), strict=True))


@pytest_asyncio.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with Emulator() as found:
        yield found


@pytest_asyncio.fixture(params=DIALECTS)
async def at(request: pytest.FixtureRequest, emulator: Emulator) -> AsyncIterator[Place]:
    async with place_at(request.param, emulator) as found:
        yield found


@pytest_asyncio.fixture
async def binance(emulator: Emulator) -> AsyncIterator[Place]:
    async with place_at("binance", emulator) as found:
        yield found


async def test_the_instrument_is_the_venue_s(at: Place) -> None:
    found = at.instrument
    assert (found.tick_size, found.lot_size, found.min_notional) == (Decimal("0.01"), Decimal("0.00001"), Decimal(5))
    assert (found.base, found.quote, found.venue) == ("BTC", "USDT", at.venue.name)


async def test_an_order_lives_from_placing_to_cancelling(at: Place) -> None:
    asked = at.resting()
    await at.venue.place(asked)
    report = await at.venue.report(OURS, COIN)
    assert report is not None
    assert (report.state, report.filled_quantity, report.fills) == (OrderState.OPEN, Decimal(0), ())
    (listed,) = await at.venue.open_orders()
    assert (listed.client_order_id, listed.exchange_order_id) == (OURS, report.exchange_order_id)
    assert (listed.quantity, listed.limit_price, listed.side) == (asked.quantity, asked.limit_price, Side.BUY)
    assert (listed.type, listed.trigger_price) == (OrderType.LIMIT, None)
    await at.venue.cancel(OURS, COIN)
    report = await at.venue.report(OURS, COIN)
    assert report is not None
    assert report.state is OrderState.CANCELLED
    assert await at.venue.open_orders() == ()


async def test_a_filled_order_tells_every_fill_and_its_fee(at: Place) -> None:
    await at.venue.place(at.taking())
    report = await at.venue.report(OURS, COIN)
    assert report is not None
    assert report.state is OrderState.FILLED
    assert report.filled_quantity == sum(fill.quantity for fill in report.fills) == Decimal("0.3")
    assert {fill.client_order_id for fill in report.fills} == {OURS}
    assert all(fill.fee > 0 and fill.fee_currency in ("BTC", "USDT") and not fill.maker for fill in report.fills)
    assert len({fill.trade_id for fill in report.fills}) == len(report.fills)


async def test_a_report_tells_the_same_fills_as_the_account_s_trades(at: Place) -> None:
    await at.venue.place(at.taking())
    report = await at.venue.report(OURS, COIN)
    fills = await at.venue.fills(COIN, an_hour_ago())
    assert report is not None
    assert {(f.trade_id, f.client_order_id, f.quantity, f.price, f.fee) for f in fills} == {
        (f.trade_id, f.client_order_id, f.quantity, f.price, f.fee) for f in report.fills
    }


async def test_another_process_names_the_fills_of_an_order_it_never_saw(emulator: Emulator) -> None:
    for dialect in DIALECTS:
        async with place_at(dialect, emulator) as first:
            await first.venue.place(first.taking(name=NAME[dialect]))
        async with place_at(dialect, emulator) as second:
            names = {fill.client_order_id for fill in await second.venue.fills(COIN, an_hour_ago())}
            assert NAME[dialect] in names


async def test_an_order_of_somebody_else_is_listed_and_its_fills_are_told(binance: Place) -> None:
    await binance.client.create_order(COIN, "market", "sell", "0.1", None, {"clientOrderId": THEIRS})
    price = str(binance.resting().limit_price)
    await binance.client.create_order(COIN, "limit", "buy", "0.1", price, {"clientOrderId": THEIRS + "-b"})
    assert [each.client_order_id for each in await binance.venue.open_orders()] == [THEIRS + "-b"]
    assert {fill.client_order_id for fill in await binance.venue.fills(COIN, an_hour_ago())} == {THEIRS}


async def test_an_order_that_never_was_is_in_no_list(at: Place) -> None:
    assert await at.venue.report(LOST, COIN) is None


async def test_placing_twice_is_one_order(at: Place) -> None:
    asked = at.resting()
    await at.venue.place(asked)
    await at.venue.place(asked)
    assert len(await at.venue.open_orders()) == 1


async def test_a_duplicate_of_another_process_is_found_and_not_placed_again(emulator: Emulator) -> None:
    for dialect in DIALECTS:
        name = NAME[dialect]
        async with place_at(dialect, emulator) as first:
            await first.venue.place(first.resting(name=name))
        async with place_at(dialect, emulator) as second:
            await second.venue.place(second.resting(name=name))
            assert len([o for o in await second.venue.open_orders() if o.client_order_id == name]) == 1


async def test_an_order_beyond_the_balance_is_rejected_and_absent(at: Place) -> None:
    with pytest.raises(ExchangeRejected):
        await at.venue.place(at.resting(quantity="5000"))
    assert await at.venue.report(OURS, COIN) is None


async def test_a_symbol_that_was_not_made_ready_is_not_sent(binance: Place) -> None:
    binance.venue._ready = frozenset()
    with pytest.raises(ExchangeRejected, match="not made ready"):
        await binance.venue.place(binance.resting())
    assert binance.paths() == []


async def test_cancelling_what_is_over_is_no_error(at: Place) -> None:
    await at.venue.place(at.taking())
    await at.venue.cancel(OURS, COIN)
    report = await at.venue.report(OURS, COIN)
    assert report is not None
    assert report.state is OrderState.FILLED


async def test_balances_are_totals_and_exact(at: Place) -> None:
    before = await at.venue.balances()
    await at.venue.place(at.resting())
    assert await at.venue.balances() == before  # what an order holds is still ours
    assert all(isinstance(total, Decimal) and total for total in before.values())


async def test_spot_holds_coins_and_no_positions(at: Place) -> None:
    assert await at.venue.positions() == ()
    assert at.paths() == []


async def test_an_unread_transfer_history_is_unavailable_and_says_so(binance: Place) -> None:
    binance.client.has["fetchDeposits"] = False
    with pytest.raises(ExchangeUnavailable, match="deposits and withdrawals"):
        await binance.venue.transfers(an_hour_ago())


async def test_ccxt_s_decimal_context_stays_with_ccxt(at: Place) -> None:
    """Its rounding helper sets the rounding of the whole thread."""
    before = decimal.getcontext().rounding
    await at.venue.place(at.resting())
    await at.venue.report(OURS, COIN)
    assert decimal.getcontext().rounding == before


async def test_a_stop_that_the_symbol_does_not_take_is_rejected_unsent(binance: Place) -> None:
    binance.client.markets[COIN]["info"]["orderTypes"] = ["LIMIT", "MARKET"]
    with pytest.raises(ExchangeRejected, match="not allowed"):
        await binance.venue.place(order(side="sell", stop="48000"))
    assert binance.paths() == []
