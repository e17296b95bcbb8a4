"""When a position is left: a stop that only tightens, shorts that mirror longs, ladders that never oversell.

The leaf functions run once in exact money and once in floats.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.bars import Bar
from core.exits import TIME_LIMIT_S, Chandelier, ExitPlan, Rung
from core.money import Price, on_grid
from core.orders import Side
from core.time import Timeframe
from risk import stops
from risk.stops import OpenTrade, average_range, overdue, rungs_reached, tightened, triggers

Number = Callable[[str], Any]
LONG, SHORT = 1, -1
TICK = Decimal("0.01")


@pytest.fixture(params=[Decimal, float], ids=["Decimal", "float"])
def n(request: pytest.FixtureRequest) -> Number:
    made: Number = request.param
    return made


def same(value: object) -> object:
    return value if isinstance(value, Decimal) else pytest.approx(value, rel=1e-12, abs=1e-12)


# --- leaf functions


def test_the_best_price_is_the_highest_of_a_long_and_the_lowest_of_a_short(n: Number) -> None:
    assert stops.better(n("100"), n("90"), n("110"), LONG) == n("110")
    assert stops.better(n("100"), n("90"), n("110"), SHORT) == n("90")
    assert stops.better(n("120"), n("90"), n("110"), LONG) == n("120")
    assert stops.better(n("80"), n("90"), n("110"), SHORT) == n("80")


def test_a_gain_is_profit_on_either_side(n: Number) -> None:
    assert stops.gain(n("100"), n("103"), LONG) == same(n("0.03"))
    assert stops.gain(n("100"), n("103"), SHORT) == same(n("-0.03"))


def test_a_trailing_stop_is_a_fraction_behind_the_best_price(n: Number) -> None:
    assert stops.trailing(n("200"), n("0.05"), LONG) == same(n("190"))
    assert stops.trailing(n("200"), n("0.05"), SHORT) == same(n("210"))


def test_a_chandelier_hangs_from_the_high_and_stands_on_the_low(n: Number) -> None:
    assert stops.chandelier(n("200"), n("4"), n("3"), LONG) == same(n("188"))
    assert stops.chandelier(n("200"), n("4"), n("3"), SHORT) == same(n("212"))


@pytest.mark.parametrize("sign", [LONG, SHORT])
def test_a_round_trip_to_break_even_nets_nothing(n: Number, sign: int) -> None:
    entry, cost = n("50000"), n("0.0015")
    even = stops.break_even(entry, cost, sign)
    paid = entry * cost + even * cost
    assert sign * (even - entry) == same(paid) if n is float else abs(sign * (even - entry) - paid) < Decimal("1e-50")
    assert sign * (even - entry) > 0


def test_the_tighter_trigger_is_nearer_to_the_market(n: Number) -> None:
    assert stops.tighter(n("90"), n("91"), LONG) == n("91")
    assert stops.tighter(n("91"), n("90"), LONG) == n("91")
    assert stops.tighter(n("110"), n("109"), SHORT) == n("109")
    assert stops.tighter(n("109"), n("110"), SHORT) == n("109")


@pytest.mark.parametrize(
    ("age", "price", "sign", "due"),
    [
        ("21599", "90", LONG, False),
        ("21600", "90", LONG, True),
        ("21600", "100.2", LONG, True),  # exactly even is no profit
        ("21600", "100.21", LONG, False),
        ("21600", "100.2", SHORT, True),
        ("21600", "100.19", SHORT, False),
    ],
)
def test_time_is_up_at_the_limit_without_a_profit(n: Number, age: str, price: str, sign: int, due: bool) -> None:
    assert stops.time_is_up(n(age), n("21600"), n(price), n("100.2"), sign) is due


def test_a_rung_is_reached_by_a_touch(n: Number) -> None:
    assert stops.rung_reached(n("110"), n("90"), n("110"), LONG)
    assert not stops.rung_reached(n("110.01"), n("90"), n("110"), LONG)
    assert stops.rung_reached(n("90"), n("90"), n("110"), SHORT)
    assert not stops.rung_reached(n("89.99"), n("90"), n("110"), SHORT)


def test_a_rung_closes_its_part_of_the_whole_and_no_more_than_is_left(n: Number) -> None:
    assert stops.rung_quantity(n("3"), n("0.5"), n("2")) == same(n("1.5"))
    assert stops.rung_quantity(n("3"), n("0.5"), n("1")) == same(n("1"))


def test_a_true_range_has_the_gap_before_it(n: Number) -> None:
    assert stops.true_range(n("110"), n("100"), n("105")) == n("10")
    assert stops.true_range(n("110"), n("100"), n("95")) == n("15")
    assert stops.true_range(n("110"), n("100"), n("112")) == n("12")


# --- the plan


def d(text: str) -> Decimal:
    return Decimal(text)


def bar(low: str, high: str, close: str | None = None) -> Bar:
    close = close or low
    return Bar("BTC/USDT", Timeframe.H1, 0, d(close), d(high), d(low), d(close), d("1"))


def trade(best: str = "100", side: Side = Side.BUY, entry: str = "100", cost: str = "0.001") -> OpenTrade:
    return OpenTrade(side, Price(d(entry)), Price(d(best)), d(cost))


def moved(plan: ExitPlan, held: OpenTrade, trigger: str, *bars: Bar, tick: Decimal = TICK) -> Decimal:
    return tightened(plan, held, Price(d(trigger)), bars, tick)


def test_a_plan_that_moves_nothing_leaves_the_stop_where_it_is() -> None:
    assert moved(ExitPlan(time_limit_s=TIME_LIMIT_S), trade("150"), "90", bar("140", "150")) == d("90")


def test_a_trailing_stop_follows_the_best_price_and_stays() -> None:
    plan = ExitPlan(trail=d("0.05"))
    assert moved(plan, trade("100"), "90") == d("95")
    assert moved(plan, trade("120"), "95") == d("114")
    assert moved(plan, trade("120", Side.BUY), "115") == d("115")
    assert moved(plan, trade("80", Side.SELL), "110") == d("84")
    assert moved(plan, trade("80", Side.SELL), "83") == d("83")


def test_a_moved_trigger_is_on_the_tick_that_is_nearer_to_the_market() -> None:
    plan = ExitPlan(trail=d("0.033"))
    assert moved(plan, trade("101"), "90", tick=d("0.5")) == d("98")  # 97.667
    assert moved(plan, trade("101", Side.SELL), "120", tick=d("0.5")) == d("104")  # 104.333


def test_a_break_even_stop_waits_for_its_gain_and_then_keeps_the_costs() -> None:
    plan = ExitPlan(break_even=d("0.03"))
    assert moved(plan, trade("102.99"), "90") == d("90")
    assert moved(plan, trade("103"), "90") == d("100.21")  # 100 * 1.001 / 0.999 = 100.2002
    assert moved(plan, trade("97.01", Side.SELL), "110") == d("110")
    assert moved(plan, trade("97", Side.SELL), "110") == d("99.80")  # 100 * 0.999 / 1.001 = 99.8002


def test_a_break_even_stop_is_never_set_beyond_the_market() -> None:
    """A gain below the costs is none, and a stop beyond the best price would fire for having gained."""
    plan = ExitPlan(break_even=d("0.001"))
    assert moved(plan, trade("100.20"), "90") == d("90")
    assert moved(plan, trade("100.21"), "90") == d("100.21")
    # With a fifth lost at each fill, 100 * 1.2 / 0.8 is exactly 150.
    assert moved(plan, trade("150", cost="0.2"), "90") == d("90")
    assert moved(plan, trade("150.01", cost="0.2"), "90") == d("150")


def test_a_chandelier_needs_one_bar_more_than_it_looks_at() -> None:
    plan = ExitPlan(chandelier=Chandelier(2, d("3")))
    bars = [bar("98", "102", "100"), bar("100", "104", "102"), bar("102", "108", "104")]
    assert moved(plan, trade("108"), "80", *bars[1:]) == d("80")
    # True ranges of 4 and 6, from the high of 108.
    assert moved(plan, trade("108"), "80", *bars) == d("93")


def test_a_chandelier_hangs_from_the_highest_of_its_bars_wherever_it_is_among_them() -> None:
    plan = ExitPlan(chandelier=Chandelier(2, d("1")))
    bars = [bar("100", "104", "102"), bar("102", "110", "106"), bar("104", "108", "106")]
    assert triggers(plan, trade("120"), bars) == {"chandelier": d("104")}


def test_a_chandelier_forgets_a_high_that_is_too_long_ago() -> None:
    plan = ExitPlan(chandelier=Chandelier(1, d("2")))
    bars = [bar("100", "120", "110"), bar("106", "110", "108")]
    assert triggers(plan, trade("120"), bars) == {"chandelier": d("102")}
    # What it had granted is kept all the same.
    assert moved(plan, trade("120"), "104", *bars) == d("104")


def test_a_high_from_before_the_entry_is_not_ours_to_lose() -> None:
    """Bought in a fall, a stop below the old high would be above the market and fire at once."""
    plan = ExitPlan(chandelier=Chandelier(2, d("1")))
    bars = [bar("148", "152", "150"), bar("140", "152", "142"), bar("98", "143", "100")]
    assert triggers(plan, trade("100"), bars) == {"chandelier": 100 - d("28.5")}
    bars = [bar("48", "52", "50"), bar("48", "60", "58"), bar("57", "102", "100")]
    assert triggers(plan, trade("100", Side.SELL), bars) == {"chandelier": 100 + d("28.5")}


def test_the_tightest_of_several_wins_and_each_can_be_told() -> None:
    plan = ExitPlan(trail=d("0.1"), chandelier=Chandelier(1, d("2")), break_even=d("0.05"))
    bars = [bar("105", "106", "106"), bar("106", "110", "108")]
    assert triggers(plan, trade("110"), bars) == {
        "trail": d("99"),
        "chandelier": d("102"),
        "break_even": d("100") * d("1.001") / d("0.999"),
    }
    assert moved(plan, trade("110"), "90", *bars) == d("102")


def test_the_average_range_is_a_plain_mean_of_the_last_ranges() -> None:
    bars = [bar("1", "900", "100"), bar("98", "102", "100"), bar("95", "103", "100")]
    assert average_range(bars, 2) == 6
    assert average_range(bars, 1) == average_range(bars[1:], 1) == 8
    assert average_range(bars, 3) is None
    assert average_range([], 1) is None


def test_a_trade_without_a_limit_is_never_overdue() -> None:
    assert not overdue(ExitPlan(), trade(), Price(d("1")), age_s=10**9)


@pytest.mark.parametrize("side", Side)
def test_a_trade_is_overdue_when_it_has_not_earned_its_costs(side: Side) -> None:
    plan = ExitPlan(time_limit_s=TIME_LIMIT_S)
    inside, beyond = ("100.20", "100.21") if side is Side.BUY else ("99.81", "99.80")
    assert overdue(plan, trade(side=side), Price(d(inside)), age_s=21_600)
    assert not overdue(plan, trade(side=side), Price(d(inside)), age_s=21_599)
    assert not overdue(plan, trade(side=side), Price(d(beyond)), age_s=21_600)


def test_a_bar_reaches_every_rung_that_it_touches() -> None:
    up = ExitPlan(ladder=(Rung(d("110"), d("0.5")), Rung(d("120"), d("0.3")), Rung(d("130"), d("0.2"))))
    assert rungs_reached(up, Side.BUY, bar("100", "109.99")) == ()
    assert rungs_reached(up, Side.BUY, bar("100", "120")) == up.ladder[:2]
    down = ExitPlan(ladder=(Rung(d("90"), d("0.5")), Rung(d("80"), d("0.3"))))
    assert rungs_reached(down, Side.SELL, bar("90.01", "120")) == ()
    assert rungs_reached(down, Side.SELL, bar("90", "120")) == down.ladder[:1]


# --- what must never happen

MIRROR = Decimal(2000)  # a price p becomes 2000 - p

prices = st.decimals("500", "1500", places=2)
costs = st.decimals("0", "0.01", places=4)
fractions = st.decimals("0.001", "0.5", places=3)


@st.composite
def paths(draw: st.DrawFn) -> list[Bar]:
    spans = draw(st.lists(st.tuples(prices, prices, prices), min_size=1, max_size=12))
    return [Bar("BTC/USDT", Timeframe.H1, 0, s[1], s[2], s[0], s[1], d("1")) for s in map(sorted, spans)]


chandeliers = st.builds(Chandelier, bars=st.integers(1, 4), multiple=st.decimals("0.1", "5", places=1))
plans = st.builds(
    ExitPlan, trail=st.none() | fractions, chandelier=st.none() | chandeliers, break_even=st.none() | fractions
)


def walked(
    plan: ExitPlan, side: Side, entry: Decimal, cost: Decimal, stop: Decimal, path: Sequence[Bar]
) -> list[Price]:
    """The trigger before and after every bar, as a watch would move it."""
    best, found = entry, [Price(stop)]
    for seen in range(1, len(path) + 1):
        best = stops.better(best, path[seen - 1].low, path[seen - 1].high, side.sign)
        held = OpenTrade(side, Price(entry), Price(best), cost)
        found.append(tightened(plan, held, found[-1], path[:seen], TICK))
    return found


@given(plan=plans, side=st.sampled_from(Side), entry=prices, cost=costs, stop=prices, path=paths())
def test_on_no_path_does_a_trigger_loosen_or_leave_the_grid(
    plan: ExitPlan, side: Side, entry: Decimal, cost: Decimal, stop: Decimal, path: list[Bar]
) -> None:
    found = walked(plan, side, entry, cost, stop, path)
    assert all(side.sign * (after - before) >= 0 for before, after in pairwise(found))
    assert all(on_grid(trigger, TICK) for trigger in found)


@given(plan=plans, side=st.sampled_from(Side), entry=prices, cost=costs, path=paths())
def test_no_plan_asks_for_a_stop_beyond_the_best_price(
    plan: ExitPlan, side: Side, entry: Decimal, cost: Decimal, path: list[Bar]
) -> None:
    far = Decimal(1) if side is Side.BUY else Decimal(10_000)
    trigger = walked(plan, side, entry, cost, far, path)[-1]
    best = max(entry, *(b.high for b in path)) if side is Side.BUY else min(entry, *(b.low for b in path))
    assert side.sign * (best - trigger) > -TICK


@given(chandelier=chandeliers, entry=prices, stop=prices, path=paths())
def test_a_short_in_the_mirror_has_the_stop_of_a_long(
    chandelier: Chandelier, entry: Decimal, stop: Decimal, path: list[Bar]
) -> None:
    plan, free = ExitPlan(chandelier=chandelier), Decimal(0)
    upside_down = [
        Bar(b.symbol, b.timeframe, 0, MIRROR - b.open, MIRROR - b.low, MIRROR - b.high, MIRROR - b.close, b.volume)
        for b in path
    ]
    long = walked(plan, Side.BUY, entry, free, stop, path)
    short = walked(plan, Side.SELL, MIRROR - entry, free, MIRROR - stop, upside_down)
    assert short == [MIRROR - trigger for trigger in long]


@given(best=prices, low=prices, high=prices, fraction=fractions, cost=costs)
def test_every_leaf_is_its_own_mirror_image(
    best: Decimal, low: Decimal, high: Decimal, fraction: Decimal, cost: Decimal
) -> None:
    assert stops.better(best, low, high, LONG) == MIRROR - stops.better(
        MIRROR - best, MIRROR - high, MIRROR - low, SHORT
    )
    assert stops.tighter(low, high, LONG) == MIRROR - stops.tighter(MIRROR - low, MIRROR - high, SHORT)
    assert best - stops.trailing(best, fraction, LONG) == stops.trailing(best, fraction, SHORT) - best
    assert stops.gain(best, low, LONG) == -stops.gain(best, low, SHORT)
    # A round trip costs the same factor, up or down.
    both = stops.break_even(best, cost, LONG) * stops.break_even(best, cost, SHORT)
    assert abs(both - best * best) < Decimal("1e-40")
    for price, even in ((low, high), (high, low), (best, best)):
        mirrored = stops.time_is_up(Decimal(1), Decimal(1), MIRROR - price, MIRROR - even, SHORT)
        assert stops.time_is_up(Decimal(1), Decimal(1), price, even, LONG) is mirrored


@st.composite
def ladders(draw: st.DrawFn) -> ExitPlan:
    found = sorted(draw(st.sets(prices, min_size=1, max_size=5)))
    weights = [draw(st.integers(1, 100)) for _ in found]
    spare = draw(st.integers(0, 100))
    whole = Decimal(sum(weights) + spare)
    return ExitPlan(ladder=tuple(Rung(p, Decimal(w) / whole) for p, w in zip(found, weights, strict=True)))


@given(plan=ladders(), whole=st.decimals("0.00001", "1000", places=5), path=paths(), sold=fractions)
def test_a_ladder_never_closes_more_than_the_position(
    plan: ExitPlan, whole: Decimal, path: list[Bar], sold: Decimal
) -> None:
    """Whatever else has closed a part of it already."""
    left = whole - whole * sold
    taken: set[Rung] = set()
    for b in path:
        for rung in rungs_reached(plan, Side.BUY, b):
            if rung not in taken:
                taken.add(rung)
                left -= stops.rung_quantity(whole, rung.fraction, left)
    assert left >= 0
