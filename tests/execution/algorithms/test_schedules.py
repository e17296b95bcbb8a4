"""Each schedule by itself: what it would release of one parent at one moment. Nothing else is there."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.algorithms import Iceberg, LimitChase, Marketable, Twap
from core.money import Price, Quantity
from core.orders import Order, OrderState, OrderType, Side, TimeInForce
from core.quotes import Quote
from core.time import SECOND_NS
from execution.algorithms.driver import schedule_of, sized
from execution.algorithms.schedule import Action, Finish, Release, Withdraw, Work
from execution.parents import Child
from tests.execution.desk import BTC

D = Decimal
FOUR = Twap(duration_s=400, slices=4)


def order(side: Side = Side.BUY, quantity: str = "4", at: str | None = None, **more: Any) -> Order:
    price = None if at is None else Price(D(at))
    kind = OrderType.MARKET if at is None else OrderType.LIMIT
    return Order("parent", "paper", "trend", "BTC/USDT", side, kind, Quantity(D(quantity)), price, **more)


def child(at: str, filled: str = "0") -> Child:
    return Child("child", 0, False, OrderState.OPEN, D(4), D(filled), Price(D(at)), None, 0)


def work(
    wish: Order, *, at_s: int = 0, tried_s: int | None = None, bid: str = "99.99", ask: str = "100.01", **more: Any
) -> Work:
    quote = Quote("BTC/USDT", Price(D(100)), Price(D(bid)), Price(D(ask)), 0, 0)
    fields: dict[str, Any] = {
        "order": wish,
        "reduces": False,
        "started_ns": 0,
        "now_ns": at_s * SECOND_NS,
        "left": wish.quantity,
        "live": (),
        "slices": 0 if tried_s is None else 1,
        "tried_ns": None if tried_s is None else tried_s * SECOND_NS,
        "last_filled": True,
        "quote": quote,
        "instrument": BTC,
    }
    return Work(**{**fields, **more})


def decided(plan: Twap | Iceberg | LimitChase | Marketable, seen: Work) -> Action | None:
    return schedule_of(plan).decide(seen)


# TWAP.


def test_the_first_slice_goes_at_once() -> None:
    assert decided(FOUR, work(order())) == Release(D(1), OrderType.MARKET)


def test_a_slice_is_tried_once_until_the_next_is_due() -> None:
    assert decided(FOUR, work(order(), at_s=99, tried_s=0, left=D(3))) is None
    assert decided(FOUR, work(order(), at_s=100, tried_s=0, left=D(3))) == Release(D(1), OrderType.MARKET)


def test_what_a_slice_left_goes_with_the_next() -> None:
    assert decided(FOUR, work(order(), at_s=100, tried_s=0, left=D("3.6"))) == Release(D("1.6"), OrderType.MARKET)


def test_a_limit_is_taken_at_once_or_not_at_all() -> None:
    assert decided(FOUR, work(order(at="101"))) == Release(D(1), OrderType.LIMIT, Price(D(101)), TimeInForce.IOC)


def test_what_is_left_at_the_end_is_tried_once_more_and_then_it_ends() -> None:
    assert decided(FOUR, work(order(), at_s=400, tried_s=300, left=D("0.5"))) == Release(D("0.5"), OrderType.MARKET)
    assert decided(FOUR, work(order(), at_s=401, tried_s=400, left=D("0.5"))) == Finish("its time is up")


def test_an_exit_goes_on_after_its_time() -> None:
    late = work(order(Side.SELL), at_s=405, tried_s=400, left=D(1), reduces=True)
    assert decided(FOUR, late) is None
    assert decided(FOUR, replace(late, now_ns=410 * SECOND_NS)) == Release(D(1), OrderType.MARKET)


def test_a_live_child_is_waited_for() -> None:
    for at_s in (100, 500):
        assert decided(FOUR, work(order(), at_s=at_s, tried_s=0, left=D(3), live=(child("100"),))) is None


def test_jitter_only_delays_and_is_the_same_every_time() -> None:
    plan = replace(FOUR, jitter=D("0.9"))
    due = [next(s for s in range(100, 200) if decided(plan, work(order(), at_s=s, tried_s=0, left=D(3)))) for _ in "ab"]
    assert due[0] == due[1]
    assert 100 < due[0] < 190


@given(slices=st.integers(1, 500), duration_s=st.integers(1, 7 * 86_400), at=st.integers(0, 10**6))
def test_the_line_never_runs_ahead_of_time(slices: int, duration_s: int, at: int) -> None:
    at_s = at % duration_s
    due = decided(Twap(duration_s, slices, D("0.5")), work(order(quantity="1000"), at_s=at_s))
    assert isinstance(due, Release)
    assert 0 < due.quantity <= D(1000) * (at_s * slices // duration_s + 1) / slices


# Iceberg.


def test_an_iceberg_shows_one_slice_at_the_limit() -> None:
    shown = work(order(at="99"))
    assert decided(Iceberg(D(1)), shown) == Release(D(1), OrderType.LIMIT, Price(D(99)))
    assert decided(Iceberg(D(1)), replace(shown, live=(child("99"),))) is None
    assert decided(Iceberg(D(1)), replace(shown, left=D("0.5"))) == Release(D("0.5"), OrderType.LIMIT, Price(D(99)))


def test_a_slice_that_came_to_nothing_is_not_shown_again_at_once() -> None:
    seen = work(order(at="99"), at_s=9, tried_s=0, last_filled=False)
    assert decided(Iceberg(D(1)), seen) is None
    assert decided(Iceberg(D(1)), replace(seen, now_ns=10 * SECOND_NS)) is not None
    assert decided(Iceberg(D(1)), replace(seen, last_filled=True)) is not None


def test_slices_do_not_look_alike_and_show_no_more_than_was_said() -> None:
    shown = [decided(Iceberg(D(1), D("0.5")), work(order(at="99"), slices=n)) for n in range(8)]
    sizes = [release.quantity for release in shown if isinstance(release, Release)]
    assert len(set(sizes)) == 8
    assert all(D("0.5") < size <= 1 for size in sizes)


def test_what_the_venue_would_not_take_ends_it() -> None:
    assert decided(Iceberg(D("0.05")), work(order(at="99"))) == Finish("what it may show is less than the venue takes")


# Limit chase.


@pytest.mark.parametrize(("side", "price"), [(Side.BUY, "99.99"), (Side.SELL, "100.01")])
def test_a_chase_rests_at_the_best_price_of_its_own_side(side: Side, price: str) -> None:
    cap = "101" if side is Side.BUY else "99"
    assert decided(LimitChase(600), work(order(side, at=cap))) == Release(D(4), OrderType.LIMIT, Price(D(price)))


@pytest.mark.parametrize(("side", "cap"), [(Side.BUY, "99.5"), (Side.SELL, "100.5")])
def test_it_goes_no_further_than_its_limit(side: Side, cap: str) -> None:
    assert decided(LimitChase(600), work(order(side, at=cap))) == Release(D(4), OrderType.LIMIT, Price(D(cap)))


def test_it_follows_a_market_that_left_and_no_other() -> None:
    def at(bid: str, at_s: int = 10) -> Action | None:
        resting = work(order(at="101"), at_s=at_s, tried_s=0, bid=bid, ask="102", live=(child("100"),), left=D(0))
        return decided(LimitChase(600, every_s=10), resting)

    assert at("100.01") == Withdraw("child")
    assert at("100") is None
    assert at("99") is None
    assert at("100.01", at_s=9) is None


def test_at_its_cap_it_stays() -> None:
    resting = work(order(at="101"), at_s=60, tried_s=0, bid="105", ask="106", live=(child("101"),), left=D(0))
    assert decided(LimitChase(600), resting) is None


def test_it_gives_an_entry_up_when_its_time_is_up_and_an_exit_never() -> None:
    late = work(order(at="101"), at_s=600, tried_s=0, live=(child("99.99"),))
    assert decided(LimitChase(600), late) == Finish("its time is up")
    assert decided(LimitChase(600), replace(late, reduces=True)) is None


# Taking with a collar.


def test_an_exit_takes_again_after_a_while_and_an_entry_does_not() -> None:
    seen = work(order(Side.SELL), at_s=9, tried_s=0, left=D(1), reduces=True)
    assert decided(Marketable(), seen) is None
    assert decided(Marketable(), replace(seen, now_ns=10 * SECOND_NS)) == Release(D(1), OrderType.MARKET)
    assert decided(Marketable(), replace(seen, reduces=False)) == Finish("it took what there was")


# The venue's increments.


def test_a_child_is_cut_to_the_lot_and_to_what_is_left() -> None:
    assert sized(Release(D("1.23456"), OrderType.MARKET), work(order())) == Release(D("1.234"), OrderType.MARKET)
    assert sized(Release(D(9), OrderType.MARKET), work(order())) == Release(D(4), OrderType.MARKET)


def test_a_child_that_would_leave_dust_takes_it_along() -> None:
    assert sized(Release(D("3.95"), OrderType.MARKET), work(order())) == Release(D(4), OrderType.MARKET)
    assert sized(Release(D("3.9"), OrderType.MARKET), work(order())) == Release(D("3.9"), OrderType.MARKET)


def test_a_child_that_is_dust_waits_for_more() -> None:
    assert sized(Release(D("0.05"), OrderType.MARKET), work(order())) is None


def test_a_rest_that_is_dust_is_told_and_ends_it() -> None:
    ended = sized(Release(D("0.05"), OrderType.MARKET), work(order(), left=D("0.05")))
    assert ended == Finish("its rest of 0.05 is less than the venue takes")


def test_a_child_is_no_larger_than_the_venue_takes() -> None:
    small = replace(BTC, max_quantity=D("1.5"))
    assert sized(Release(D(4), OrderType.MARKET), work(order(), instrument=small)) == Release(
        D("1.5"), OrderType.MARKET
    )
