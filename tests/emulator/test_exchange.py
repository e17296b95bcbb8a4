from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.orders import Side, TimeInForce
from core.time import ManualClock
from emulator.accounts import Account, Event, OrderChange
from emulator.clock import HOUR_MS, MS_NS, VenueClock, WallClock
from emulator.exchange import API_KEY, Exchange
from emulator.market import Delta, PublicTrade
from emulator.orders import Cause, Refusal, Request, Status, VenueOrder

BTC = "BTC/USDT"
NOW_NS = 1_700_000_000_000_000_000


def exchange() -> Exchange:
    return Exchange(clock=ManualClock(NOW_NS))


def account_of(venue: Exchange) -> Account:
    return venue.accounts[API_KEY]


def order(
    venue: Exchange,
    side: Side,
    quantity: str | None,
    at: Decimal | None = None,
    tif: TimeInForce = TimeInForce.GTC,
    client_id: str = "mine",
    post_only: bool = False,
    funds: str | None = None,
) -> VenueOrder:
    return venue.place(
        account_of(venue),
        Request(
            BTC,
            side,
            None if quantity is None else Decimal(quantity),
            at,
            client_id,
            funds=None if funds is None else Decimal(funds),
            time_in_force=tif,
            post_only=post_only,
        ),
    )


def best(venue: Exchange, side: Side) -> Decimal:
    """Where a taker of `side` meets somebody."""
    market = venue.market(BTC)
    return market.price(market.best_ask if side is Side.BUY else market.best_bid)


def test_an_unknown_symbol_is_refused() -> None:
    with pytest.raises(Refusal, match="unknown symbol: XYZ/USDT"):
        exchange().market("XYZ/USDT")


def test_deltas_continue_each_other_and_turn_one_snapshot_into_the_next() -> None:
    venue, deltas = exchange(), list[Delta]()
    market = venue.market(BTC)
    bids, asks, last = market.bids.all(), market.asks.all(), market.last_id
    venue.on_event.append(lambda event: deltas.append(event) if isinstance(event, Delta) else None)
    for _ in range(50):
        venue.clock.advance(100)
        venue.advance()
    assert len(deltas) > 10
    for delta in deltas:
        assert delta.first_id == last + 1
        assert delta.last_id >= delta.first_id
        last = delta.last_id
        for side, changes in ((bids, delta.bids), (asks, delta.asks)):
            for ticks, lots in changes:
                side[ticks] = lots
        assert max(t for t, n in bids.items() if n) < min(t for t, n in asks.items() if n)
    assert {t: n for t, n in bids.items() if n} == market.bids.all()
    assert {t: n for t, n in asks.items() if n} == market.asks.all()


def test_a_clock_held_by_hand_repeats_a_market() -> None:
    def life() -> list[PublicTrade]:
        venue = exchange()
        venue.market(BTC)
        venue.clock.advance(10_000)
        return list(venue.market(BTC).trades)

    assert life() == life()
    assert len(life()) > 10


def test_a_market_of_the_wall_clock_is_the_same_at_any_hour_unless_it_is_to_go_on() -> None:
    def closes(hours_later: int, **begins: None) -> list[int]:
        venue = Exchange(clock=VenueClock(WallClock(hours_later * HOUR_MS * MS_NS)), **begins)
        this_hour = venue.clock.now_ms() // HOUR_MS * HOUR_MS
        return venue.paths[BTC].bars(HOUR_MS, this_hour - 24 * HOUR_MS, 24).close.tolist()

    assert closes(0) == closes(7) == closes(5_000)
    assert closes(0, begins_ms=None)[7:] == closes(-7, begins_ms=None)[14:] + closes(0, begins_ms=None)[-7:]


def test_a_limit_order_beyond_the_market_fills_at_the_levels_it_meets() -> None:
    venue = exchange()
    filled = order(venue, Side.BUY, "0.5", best(venue, Side.BUY) + 100)
    assert filled.status is Status.FILLED
    assert filled.fills[0].price == best_before(filled)
    assert [fill.price for fill in filled.fills] == sorted(fill.price for fill in filled.fills)
    assert all(not fill.maker and fill.fee_currency == "BTC" for fill in filled.fills)


def best_before(filled: VenueOrder) -> Decimal:
    return min(fill.price for fill in filled.fills)


def test_a_resting_order_locks_its_money_and_gives_it_back_when_cancelled() -> None:
    venue = exchange()
    price = (best(venue, Side.SELL) - 1000) // 1
    resting = order(venue, Side.BUY, "0.1", price)
    held = account_of(venue).holding("USDT")
    assert (resting.status, held.locked) == (Status.NEW, Decimal("0.1") * price)
    venue.cancel(account_of(venue), resting)
    assert (resting.status, held.locked, held.free) == (Status.CANCELLED, 0, Decimal(1_000_000))


def test_a_resting_order_shows_in_the_book() -> None:
    venue = exchange()
    market = venue.market(BTC)
    price = market.price(market.best_bid)
    before = market.bids.lots(market.best_bid)
    resting = order(venue, Side.BUY, "0.1", price)
    assert market.bids.lots(market.best_bid) == before + 10_000
    venue.cancel(account_of(venue), resting)
    assert market.bids.lots(market.best_bid) == before


def test_a_resting_order_fills_as_maker_at_its_own_price_when_the_market_comes() -> None:
    venue = exchange()
    price = (best(venue, Side.SELL) - 500) // 1
    resting = order(venue, Side.BUY, "0.01", price)
    venue.pin(BTC, price - 200)
    venue.clock.advance(200)
    venue.advance()
    assert resting.status is Status.FILLED
    assert [(fill.price, fill.maker) for fill in resting.fills] == [(price, True)]
    assert account_of(venue).holding("USDT").locked == 0


def test_a_market_order_sized_in_quote_spends_no_more() -> None:
    venue = exchange()
    bought = order(venue, Side.BUY, None, funds="1000")
    assert bought.status is Status.FILLED
    assert bought.cost <= 1000


def test_immediate_or_cancel_expires_with_what_it_could_not_fill() -> None:
    venue = exchange()
    taken = order(venue, Side.BUY, "5", best(venue, Side.BUY), TimeInForce.IOC)
    assert taken.status is Status.EXPIRED
    assert 0 < taken.filled < 5
    assert account_of(venue).holding("USDT").locked == 0


def test_fill_or_kill_fills_nothing_that_it_cannot_fill_whole() -> None:
    venue = exchange()
    killed = order(venue, Side.BUY, "5", best(venue, Side.BUY), TimeInForce.FOK)
    assert (killed.status, killed.fills) == (Status.EXPIRED, [])


@pytest.mark.parametrize(
    ("quantity", "offset", "post_only", "cause"),
    [
        ("0.000001", "-10", False, Cause.LOT_GRID),
        ("0.1", "-10.001", False, Cause.PRICE_GRID),
        ("0.1", "-49000", False, Cause.PRICE_BAND),
        ("0.00001", "-10", False, Cause.NOTIONAL),
        ("9000", "-10", False, Cause.FUNDS),
        ("0.1", "50", True, Cause.WOULD_TAKE),
    ],
)
def test_what_the_filters_forbid_is_refused_and_nothing_moves(
    quantity: str, offset: str, post_only: bool, cause: Cause
) -> None:
    venue = exchange()
    venue.pin(BTC, Decimal(50_000))
    venue.clock.advance(100)
    price = best(venue, Side.BUY) + Decimal(offset)
    with pytest.raises(Refusal) as refused:
        order(venue, Side.BUY, quantity, price, post_only=post_only)
    assert refused.value.cause is cause
    assert account_of(venue).orders == {}
    assert account_of(venue).holding("USDT").locked == 0


def test_a_client_id_is_unique_among_open_orders_and_free_again_afterwards() -> None:
    venue = exchange()
    price = (best(venue, Side.SELL) - 1000) // 1
    first = order(venue, Side.BUY, "0.1", price)
    with pytest.raises(Refusal, match="duplicate client order id"):
        order(venue, Side.BUY, "0.1", price)
    venue.cancel(account_of(venue), first)
    assert order(venue, Side.BUY, "0.1", price).status is Status.NEW


def test_a_frozen_account_places_nothing() -> None:
    venue = exchange()
    account_of(venue).frozen = True
    with pytest.raises(Refusal, match="frozen"):
        order(venue, Side.BUY, "0.1")


def test_a_closed_order_cannot_be_cancelled() -> None:
    venue = exchange()
    filled = order(venue, Side.BUY, "0.01")
    with pytest.raises(Refusal, match="not open"):
        venue.cancel(account_of(venue), filled)


def test_whoever_hears_an_event_may_look_at_the_market_without_moving_it() -> None:
    venue, ids = exchange(), list[int]()
    venue.market(BTC)

    def curious(event: Event) -> None:
        venue.market(BTC)
        if isinstance(event, Delta):
            ids.append(event.first_id)

    venue.on_event.append(curious)
    venue.clock.advance(3_000)
    venue.advance()
    assert len(ids) > 5
    assert ids == sorted(set(ids))


_SIDES = st.sampled_from(Side)


@given(
    actions=st.lists(
        st.tuples(_SIDES, st.integers(1, 3_000_000), st.integers(-400, 400), st.sampled_from(TimeInForce)), max_size=12
    )
)
def test_money_is_neither_made_nor_lost(
    actions: list[tuple[Side, int, int, TimeInForce]],
) -> None:
    venue, changes = exchange(), list[OrderChange]()
    venue.on_event.append(lambda event: changes.append(event) if isinstance(event, OrderChange) else None)
    account, refused = account_of(venue), set[Cause]()
    for n, (side, lots, offset, tif) in enumerate(actions):
        price = (best(venue, side) + offset) // 1
        try:
            order(venue, side, str(lots * Decimal("0.00001")), price, tif, client_id=str(n))
        except Refusal as refusal:
            refused.add(refusal.cause)
        venue.clock.advance(300)
        venue.advance()
    assert refused <= {Cause.FUNDS, Cause.NOTIONAL}
    for placed in account.open_orders():
        venue.cancel(account, placed)
    fills = [(change.order.side, change.fill) for change in changes if change.fill]
    usdt = Decimal(1_000_000) + sum(
        (f.quantity * f.price * (-s.sign) - (f.fee if s is Side.SELL else 0) for s, f in fills), Decimal(0)
    )
    btc = Decimal(10) + sum((f.quantity * s.sign - (f.fee if s is Side.BUY else 0) for s, f in fills), Decimal(0))
    assert (account.holding("USDT").free, account.holding("USDT").locked) == (usdt, 0)
    assert (account.holding("BTC").free, account.holding("BTC").locked) == (btc, 0)
    assert usdt >= 0
    assert btc >= 0
