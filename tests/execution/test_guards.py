"""What bars do to a guard: each is held against the trigger from before it, and only then moves it."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from core.bars import Bar
from core.exits import Chandelier, ExitPlan, Rung
from core.money import Price, Quantity
from core.orders import Order, OrderType, Proposal, Side
from core.time import HOUR_NS, Timeframe
from execution.guards import FIXED, Guard, plan_of, walked
from memory.books.words import StopState
from tests.execution.desk import BTC, T0

LONG, SHORT = Side.SELL, Side.BUY  # the side of the exit


def d(text: str) -> Decimal:
    return Decimal(text)


def guard(
    *, side: Side = LONG, stop: str = "90", entry: str = "100", plan: ExitPlan | None = None, **more: Any
) -> Guard:
    fields: dict[str, Any] = {
        "stop_id": "p1",
        "account_id": "paper",
        "symbol": "BTC/USDT",
        "owner": "trend",
        "side": side,
        "state": StopState.ARMED,
        "trigger": Price(d(stop)),
        "set_by": FIXED,
        "quantity": d("3"),
        "entered": d("3"),
        "entry": Price(d(entry)),
        "high": Price(d(entry)),
        "low": Price(d(entry)),
        "plan": plan or ExitPlan(),
        "invalidation": (),
        "undecided": (),
        "rungs": 0,
        "hits": 0,
        "resting": "",
        "opened_ns": T0,
        "seen_ns": T0,
    }
    return Guard(**{**fields, **more})


def bars(*prices: str) -> list[Bar]:
    """One hour each from `open high low close`, the first opening at T0."""
    found = []
    for hour, text in enumerate(prices):
        numbers = [Decimal(price) for price in text.split()]
        found.append(Bar("BTC/USDT", Timeframe.H1, T0 + hour * HOUR_NS, *numbers, Decimal(1000)))
    return found


def none(symbol: str, n: int, as_of_ns: int) -> Sequence[Bar]:
    return ()


def after(of: Guard, *prices: str) -> Guard:
    moved, hit = walked(of, bars(*prices), BTC, none)
    assert hit is None
    return moved


TRAIL = ExitPlan(trail=d("0.05"))
OWN_BAR = "100 100 100 100"  # of the entry


def test_a_fixed_stop_stays_where_it_is() -> None:
    assert after(guard(), OWN_BAR, "100 130 95 120").trigger == 90


def test_a_trail_follows_the_best_price_and_says_so() -> None:
    moved = after(guard(plan=TRAIL), OWN_BAR, "100 120 99 119")
    assert (moved.trigger, moved.set_by) == (114, "trail")


def test_a_trail_mirrors_for_a_short() -> None:
    moved = after(guard(side=SHORT, stop="110", plan=TRAIL), OWN_BAR, "100 101 80 81")
    assert (moved.trigger, moved.set_by) == (84, "trail")


def test_a_trigger_never_loosens() -> None:
    moved = after(guard(plan=TRAIL), OWN_BAR, "100 120 116 119", "119 119 115 116")
    assert moved.trigger == 114


def test_a_bar_is_held_against_the_trigger_from_before_it() -> None:
    """It rose to 120 and fell to 110: below the trail that its own high makes, above the one from before."""
    assert after(guard(plan=TRAIL), OWN_BAR, "100 120 96 110").trigger == 114


def test_the_next_bar_is_held_against_the_moved_one() -> None:
    path = bars(OWN_BAR, "100 120 100 119", "119 119 114 115", "115 140 115 140")
    moved, hit = walked(guard(plan=TRAIL), path, BTC, none)
    assert (hit, moved.trigger) == (path[2], 114), "and nothing moves any more after the hit"
    assert moved.seen_ns == path[3].close_ns


def test_the_worst_of_the_entrys_own_bar_counts_and_its_best_does_not() -> None:
    _, hit = walked(guard(), bars("100 101 90 100"), BTC, none)
    assert hit is not None
    moved = after(guard(plan=TRAIL), "100 140 95 100")
    assert (moved.trigger, moved.high, moved.rungs) == (90, 100, 0)


def test_an_own_bar_that_touched_a_rung_takes_no_profit() -> None:
    assert after(guard(plan=ladder("110")), "100 111 95 100").rungs == 0


def test_extremes_since_the_entry_are_kept() -> None:
    moved = after(guard(), OWN_BAR, "100 107 94 100", "100 103 92 100")
    assert (moved.high, moved.low) == (107, 92)


def test_a_bar_that_was_seen_is_not_held_against_it_again() -> None:
    moved = after(guard(), OWN_BAR, "100 107 94 100")
    assert moved.seen_ns == T0 + 2 * HOUR_NS


def test_break_even_moves_the_stop_beyond_the_costs() -> None:
    plan = ExitPlan(break_even=d("0.02"))
    assert after(guard(plan=plan), OWN_BAR, "100 101.99 100 101").trigger == 90
    moved = after(guard(plan=plan), OWN_BAR, "100 102 100.5 102")
    assert (moved.trigger, moved.set_by) == (d("100.21"), "break_even")  # 100 * 1.001 / 0.999, on the tick


def test_a_chandelier_hangs_from_the_bars_that_agents_decide_on() -> None:
    asked: list[tuple[str, int, int]] = []

    def recent(symbol: str, n: int, as_of_ns: int) -> Sequence[Bar]:
        asked.append((symbol, n, as_of_ns))
        return bars("100 110 100 110", "110 120 110 120", "120 130 120 130")

    plan = ExitPlan(chandelier=Chandelier(bars=2, multiple=d("1")))
    moved, _ = walked(guard(plan=plan), bars(OWN_BAR, "100 130 100 130"), BTC, recent)
    assert asked == [("BTC/USDT", 3, T0 + 2 * HOUR_NS)]
    assert (moved.trigger, moved.set_by) == (120, "chandelier")


def test_a_chandelier_without_enough_bars_has_no_say() -> None:
    assert after(guard(plan=ExitPlan(chandelier=Chandelier())), OWN_BAR, "100 130 100 130").trigger == 90


def test_of_several_the_tightest_sets_the_trigger() -> None:
    plan = ExitPlan(trail=d("0.05"), break_even=d("0.01"))
    assert after(guard(plan=plan), OWN_BAR, "100 102 100.5 102").set_by == "break_even"
    assert after(guard(plan=plan), OWN_BAR, "100 120 100.5 119").set_by == "trail"


# Ladders.


def ladder(*prices: str, each: str = "0.5") -> ExitPlan:
    return ExitPlan(ladder=tuple(Rung(d(price), d(each)) for price in prices))


def entry(side: Side = Side.BUY, *, target: str | None = None, plan: ExitPlan | None = None) -> Proposal:
    order = Order("p1", "paper", "trend", "BTC/USDT", side, OrderType.MARKET, Quantity(d("3")))
    price = None if target is None else Price(d(target))
    return Proposal(order, source="cycle:c", decided_ns=T0, target_price=price, exits=plan or ExitPlan())


def test_a_target_without_a_ladder_is_one_rung_of_the_whole() -> None:
    assert plan_of(entry(target="110")).ladder == (Rung(d("110"), d("1")),)


def test_a_ladder_is_what_it_is_whatever_the_target() -> None:
    assert plan_of(entry(target="150", plan=ladder("110", "120"))).ladder == ladder("110", "120").ladder


@pytest.mark.parametrize(("side", "told"), [(Side.BUY, ("120", "110")), (Side.SELL, ("80", "90"))])
def test_the_nearest_rung_comes_first(side: Side, told: tuple[str, str]) -> None:
    assert [rung.price for rung in plan_of(entry(side, plan=ladder(*told))).ladder] == [d(told[1]), d(told[0])]


def test_without_either_nothing_takes_profit() -> None:
    assert plan_of(entry()).ladder == ()


def test_a_rung_that_is_touched_has_its_fraction_due() -> None:
    at = guard(plan=ladder("110", "120"))
    assert after(at, OWN_BAR, "100 109.99 99 105").profit_due() == 0
    assert after(at, OWN_BAR, "100 110 99 105").profit_due() == d("1.5")
    assert after(at, OWN_BAR, "100 120 99 105").profit_due() == 3


def test_rungs_of_a_short_are_below() -> None:
    at = guard(side=SHORT, stop="110", plan=ladder("90", "80"))
    assert after(at, OWN_BAR, "100 101 90 95").profit_due() == d("1.5")


def test_what_was_sold_already_is_not_due_again() -> None:
    at = guard(plan=ladder("110", "120"), rungs=1, quantity=d("1.5"))
    assert at.profit_due() == 0
    assert replace(at, rungs=2).profit_due() == d("1.5")


def test_what_fills_after_a_rung_has_its_fraction_due_too() -> None:
    assert guard(plan=ladder("110", "120"), rungs=1, entered=d("5"), quantity=d("3.5")).profit_due() == 1


def test_a_rung_that_the_entry_was_beyond_takes_no_profit() -> None:
    """It filled at 112: to sell at 110 would be a loss, and the other half still waits for 120."""
    at = guard(entry="112", plan=ladder("110", "120"))
    assert after(at, OWN_BAR, "112 113 111 112").profit_due() == 0
    assert after(at, OWN_BAR, "112 121 111 112").profit_due() == d("1.5")


def test_a_rung_stays_reached_when_the_price_has_left_it() -> None:
    assert after(guard(plan=ladder("110", "120")), OWN_BAR, "100 110 99 105", "105 105 95 96").rungs == 1
