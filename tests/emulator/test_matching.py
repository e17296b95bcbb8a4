"""The core without a wire: stops, icebergs, accounts that meet, fates, timers and readers that lag behind."""

from dataclasses import replace
from decimal import Decimal

import pytest

from core.orders import Side, TimeInForce
from core.time import ManualClock
from emulator.accounts import Account
from emulator.exchange import API_KEY, Exchange
from emulator.orders import Cause, Fate, Refusal, Request, SelfTrade, Status, Trigger, VenueOrder

BTC = "BTC/USDT"
NOW_NS = 1_700_000_000_000_000_000


@pytest.fixture
def venue() -> Exchange:
    """A market that is held around 50,000."""
    found = Exchange(clock=ManualClock(NOW_NS))
    move(found, "50000")
    return found


def move(venue: Exchange, price: str) -> None:
    venue.pin(BTC, Decimal(price))
    venue.clock.advance(100)
    venue.advance()


def mine(venue: Exchange) -> Account:
    return venue.accounts[API_KEY]


def theirs(venue: Exchange) -> Account:
    return venue.open_account("another", "secret", {"USDT": Decimal(100_000), "BTC": Decimal(5)})


def limit(side: Side, quantity: str, price: str, client_id: str = "a") -> Request:
    return Request(BTC, side, Decimal(quantity), Decimal(price), client_id)


def stop(side: Side, quantity: str, trigger: str, price: str | None = None) -> Request:
    return Request(
        BTC,
        side,
        Decimal(quantity),
        None if price is None else Decimal(price),
        "stop",
        trigger=Trigger(Decimal(trigger), rises=side is Side.BUY),
    )


def shown(venue: Exchange, side: Side, price: str) -> Decimal:
    """What accounts have in the book at a price."""
    market = venue.market(BTC)
    ticks = int(Decimal(price) / market.listing.instrument.tick_size)
    return market.quantity(market.side(side).accounts.get(ticks, 0))


def inside(venue: Exchange) -> str:
    """A price between the strangers' best bid and best ask, where an order meets nobody but accounts."""
    market = venue.market(BTC)
    assert market.best_ask - market.best_bid > 1
    return str(market.price(market.best_bid + 1))


# ── stops ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_stop_that_would_trigger_at_once_is_refused(venue: Exchange) -> None:
    with pytest.raises(Refusal) as refused:
        venue.place(mine(venue), stop(Side.SELL, "0.1", "60000"))
    assert refused.value.cause is Cause.WOULD_TRIGGER


def test_a_waiting_stop_is_not_in_the_book_and_holds_what_it_will_sell(venue: Exchange) -> None:
    waiting = venue.place(mine(venue), stop(Side.SELL, "0.1", "49000", "48900"))
    assert (waiting.status, waiting.waiting, shown(venue, Side.SELL, "48900")) == (Status.NEW, True, 0)
    assert mine(venue).holding("BTC").locked == Decimal("0.1")


def test_a_stop_sells_at_the_market_once_the_price_has_fallen_to_its_trigger(venue: Exchange) -> None:
    waiting = venue.place(mine(venue), stop(Side.SELL, "0.01", "49000"))
    move(venue, "49500")
    assert waiting.status is Status.NEW
    move(venue, "48990")
    assert (waiting.status, waiting.fills[0].maker) == (Status.FILLED, False)
    assert waiting.fills[0].price < 49_000
    assert mine(venue).holding("BTC").locked == 0


def test_a_stop_limit_rests_at_its_price_when_the_market_went_through_it(venue: Exchange) -> None:
    waiting = venue.place(mine(venue), stop(Side.SELL, "0.1", "49000", "48990"))
    move(venue, "48500")
    assert (waiting.status, waiting.triggered) == (Status.NEW, True)
    assert shown(venue, Side.SELL, "48990") == Decimal("0.1")
    venue.cancel(mine(venue), waiting)
    assert (mine(venue).holding("BTC").locked, shown(venue, Side.SELL, "48990")) == (0, 0)


def test_a_triggered_stop_that_cannot_be_paid_any_more_expires(venue: Exchange) -> None:
    waiting = venue.place(mine(venue), stop(Side.BUY, "10", "50100"))
    venue.transfer(mine(venue), "USDT", -mine(venue).holding("USDT").free)
    move(venue, "55000")
    assert (waiting.status, waiting.fills) == (Status.EXPIRED, [])
    assert mine(venue).holding("USDT").locked == 0


# ── icebergs ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("display", "cause"), [("0.00999", Cause.ICEBERG), ("0.2", Cause.LOT_GRID)])
def test_an_iceberg_of_too_many_parts_or_of_a_part_above_the_whole_is_refused(
    venue: Exchange, display: str, cause: Cause
) -> None:
    with pytest.raises(Refusal) as refused:
        venue.place(mine(venue), replace(limit(Side.BUY, "0.1", "49000"), display=Decimal(display)))
    assert refused.value.cause is cause


def test_an_iceberg_shows_one_part_until_what_is_left_is_smaller(venue: Exchange) -> None:
    price = inside(venue)
    iceberg = venue.place(mine(venue), replace(limit(Side.BUY, "0.1", price), display=Decimal("0.01")))
    assert shown(venue, Side.BUY, price) == Decimal("0.01")
    venue.place(theirs(venue), limit(Side.SELL, "0.095", price))
    assert iceberg.remaining == Decimal("0.005")
    assert shown(venue, Side.BUY, price) == Decimal("0.005")


# ── accounts that meet ──────────────────────────────────────────────────────────────────────────────────────────────


def test_two_accounts_trade_at_the_price_of_the_one_who_was_there_first(venue: Exchange) -> None:
    price = inside(venue)
    resting = venue.place(mine(venue), limit(Side.BUY, "0.1", price))
    other = theirs(venue)
    taker = venue.place(other, limit(Side.SELL, "0.04", price))
    assert (resting.status, taker.status) == (Status.PARTIAL, Status.FILLED)
    assert [(f.price, f.quantity, f.maker) for f in resting.fills] == [(Decimal(price), Decimal("0.04"), True)]
    assert resting.fills[0].trade_id == taker.fills[0].trade_id
    assert other.holding("BTC").free == Decimal("4.96")
    assert shown(venue, Side.BUY, price) == Decimal("0.06")


@pytest.mark.parametrize(
    ("mode", "resting", "taker"),
    [
        (SelfTrade.MAKER, Status.PREVENTED, Status.NEW),
        (SelfTrade.TAKER, Status.NEW, Status.PREVENTED),
        (SelfTrade.BOTH, Status.PREVENTED, Status.PREVENTED),
        (SelfTrade.NONE, Status.FILLED, Status.FILLED),
    ],
)
def test_an_account_that_would_trade_with_itself_is_stopped_as_it_asked(
    venue: Exchange, mode: SelfTrade, resting: Status, taker: Status
) -> None:
    price = inside(venue)
    first = venue.place(mine(venue), limit(Side.BUY, "0.1", price, "first"))
    second = venue.place(mine(venue), replace(limit(Side.SELL, "0.1", price, "second"), self_trade=mode))
    assert (first.status, second.status) == (resting, taker)


def test_a_post_only_order_does_not_take_from_another_account_either(venue: Exchange) -> None:
    price = inside(venue)
    venue.place(theirs(venue), limit(Side.SELL, "0.1", price))
    with pytest.raises(Refusal) as refused:
        venue.place(mine(venue), replace(limit(Side.BUY, "0.1", price), post_only=True))
    assert refused.value.cause is Cause.WOULD_TAKE


def test_fill_or_kill_counts_what_other_accounts_offer(venue: Exchange) -> None:
    price = inside(venue)
    venue.place(theirs(venue), limit(Side.SELL, "0.1", price))
    ask = replace(limit(Side.BUY, "0.1", price), time_in_force=TimeInForce.FOK)
    assert venue.place(mine(venue), ask).status is Status.FILLED


# ── what the venue decides by itself ────────────────────────────────────────────────────────────────────────────────


def doomed(venue: Exchange, request: Request, fate: Fate) -> VenueOrder:
    venue.fate = fate
    try:
        return venue.place(mine(venue), request)
    finally:
        venue.fate = None


def test_an_order_that_is_rejected_late_was_open_and_fills_nothing(venue: Exchange) -> None:
    order = doomed(venue, limit(Side.BUY, "0.1", "51000"), Fate(Decimal(0), 300, Status.REJECTED))
    move(venue, "50000")
    assert (order.status, order.fills) == (Status.NEW, [])
    venue.clock.advance(300)
    venue.advance()
    assert (order.status, order.fills, mine(venue).open) == (Status.REJECTED, [], {})
    assert mine(venue).holding("USDT").locked == 0


@pytest.mark.parametrize("price", ["49000", "51000"])
def test_a_share_fills_before_the_rest_is_cancelled(venue: Exchange, price: str) -> None:
    order = doomed(venue, limit(Side.BUY, "0.01", price), Fate(Decimal("0.4"), 100, Status.CANCELLED))
    assert (order.status, order.filled) == (Status.PARTIAL, Decimal("0.004"))
    venue.clock.advance(100)
    venue.advance()
    assert (order.status, order.filled) == (Status.CANCELLED, Decimal("0.004"))
    assert mine(venue).holding("USDT").locked == 0


def test_a_cancel_after_timer_cancels_everything_unless_it_is_refreshed(venue: Exchange) -> None:
    order = venue.place(mine(venue), limit(Side.BUY, "0.1", "45000"))
    mine(venue).cancel_at_ms[None] = venue.clock.now_ms() + 500
    venue.clock.advance(499)
    venue.advance()
    assert order.status is Status.NEW
    venue.clock.advance(1)
    venue.advance()
    assert order.status is Status.CANCELLED


# ── readers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_reader_that_lags_sees_an_order_its_fill_and_its_end_late(venue: Exchange) -> None:
    order = venue.place(mine(venue), limit(Side.BUY, "0.1", "45000"))
    venue.lag = lambda _: 1_000
    assert venue.orders(mine(venue)) == venue.open_orders(mine(venue)) == []
    with pytest.raises(Refusal):
        venue.seen(mine(venue), order)
    venue.clock.advance(1_000)
    assert [o.order_id for o in venue.open_orders(mine(venue))] == [order.order_id]
    move(venue, "44000")
    assert order.status is Status.FILLED
    assert [(o.status, o.fills) for o in venue.orders(mine(venue))] == [(Status.NEW, [])]
    venue.clock.advance(1_000)
    assert [o.status for o in venue.orders(mine(venue))] == [Status.FILLED]


def test_more_than_is_free_cannot_leave(venue: Exchange) -> None:
    venue.place(mine(venue), limit(Side.BUY, "1", "45000"))
    with pytest.raises(Refusal):
        venue.transfer(mine(venue), "USDT", Decimal(-1_000_000))
    assert mine(venue).transfers == []
