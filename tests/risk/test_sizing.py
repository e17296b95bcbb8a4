"""How large an entry may be: each answer in closed form, and the smallest wins."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.money import NOTHING, Quantity
from risk.sizing import (
    LEAST_TRADES,
    MAX_KELLY_RISK,
    Constraint,
    TrackRecord,
    fixed_fraction,
    fractional_kelly,
    kelly_fraction,
    smallest,
    volatility_target,
)


def d(text: str) -> Decimal:
    return Decimal(text)


def record(trades: int = LEAST_TRADES, win_rate: str = "0.5", payoff: str = "1.1") -> TrackRecord:
    return TrackRecord(trades, d(win_rate), d(payoff))


def kelly(track: TrackRecord, equity: str = "10000", stop_distance: str = "100") -> Quantity | None:
    return fractional_kelly(track, equity=d(equity), stop_distance=d(stop_distance))


# --- Kelly


@pytest.mark.parametrize(
    ("win_rate", "payoff", "fraction"),
    [
        ("0.6", "1", "0.2"),  # Kelly's own case: even money, p - q
        ("0.5", "2", "0.25"),
        ("0.25", "4", "0.0625"),
        ("1", "1", "1"),
    ],
)
def test_kelly_is_the_edge_over_the_odds(win_rate: str, payoff: str, fraction: str) -> None:
    assert kelly_fraction(d(win_rate), d(payoff)) == d(fraction)


@pytest.mark.parametrize(
    ("win_rate", "payoff"), [("0.5", "1"), ("0.25", "3"), ("0.4", "1"), ("0.9", "0.05"), ("0", "100")]
)
def test_without_an_edge_kelly_bets_nothing(win_rate: str, payoff: str) -> None:
    assert kelly_fraction(d(win_rate), d(payoff)) == 0


def test_without_a_payoff_kelly_bets_nothing_however_often_it_wins() -> None:
    assert kelly_fraction(d("1"), d("0")) == 0


@given(win_rate=st.decimals("0.01", "0.99", places=2), payoff=st.decimals("0.1", "10", places=1))
def test_no_other_bet_grows_faster_than_kelly(win_rate: Decimal, payoff: Decimal) -> None:
    def growth(fraction: Decimal) -> Decimal:
        return win_rate * (1 + payoff * fraction).ln() + (1 - win_rate) * (1 - fraction).ln()

    best = kelly_fraction(win_rate, payoff)
    for other in (best + d("0.005"), max(best - d("0.005"), d("0"))):
        if other < 1:
            assert growth(other) <= growth(best)


def test_no_record_or_too_few_trades_are_no_opinion() -> None:
    assert fractional_kelly(None, equity=d("10000"), stop_distance=d("100")) is None
    assert kelly(record(0, win_rate="1", payoff="0")) is None
    assert kelly(record(29)) is None
    assert kelly(record(30)) is not None


def test_a_quarter_of_the_bet_is_lost_at_the_stop() -> None:
    # f* = (1.1 * 0.5 - 0.5) / 1.1 = 1 / 22, a quarter of it is 1 / 88 of 8,800.
    quantity = kelly(record(), equity="8800", stop_distance="50")
    assert quantity is not None
    assert quantity * 50 == pytest.approx(d("100"), rel=d("1e-50"))


def test_never_more_than_two_percent_of_equity_is_at_risk() -> None:
    # A quarter of 0.2 would be 5 %.
    assert kelly(record(win_rate="0.6", payoff="1")) == d("2")


def test_no_edge_is_a_size_of_nothing_and_not_no_opinion() -> None:
    assert kelly(record(win_rate="0.4", payoff="1")) == NOTHING


@given(
    trades=st.integers(LEAST_TRADES, 10_000),
    win_rate=st.decimals("0", "1", places=4),
    payoff=st.decimals("0", "1000", places=3),
    equity=st.decimals("-1000", "1000000", places=2),
    stop_distance=st.decimals("0", "1000", places=2),
)
def test_no_record_puts_more_than_the_ceiling_at_risk(
    trades: int, win_rate: Decimal, payoff: Decimal, equity: Decimal, stop_distance: Decimal
) -> None:
    quantity = fractional_kelly(TrackRecord(trades, win_rate, payoff), equity=equity, stop_distance=stop_distance)
    assert quantity is not None
    assert quantity >= 0
    assert quantity * stop_distance <= MAX_KELLY_RISK * max(equity, Decimal(0)) * (1 + d("1e-50"))


@pytest.mark.parametrize(
    ("trades", "win_rate", "payoff", "says"),
    [
        (-1, "0.5", "1", "trades: expected 0 or more, found -1"),
        (30, "1.01", "1", "win_rate: expected a fraction from 0 to 1, found 1.01"),
        (30, "-0.01", "1", "win_rate: expected a fraction from 0 to 1, found -0.01"),
        (30, "NaN", "1", "win_rate: expected a fraction from 0 to 1, found NaN"),
        (30, "0.5", "-1", "payoff: expected a finite ratio of 0 or more, found -1"),
        (30, "0.5", "Infinity", "payoff: expected a finite ratio of 0 or more, found Infinity"),
    ],
)
def test_a_record_that_cannot_be_is_refused(trades: int, win_rate: str, payoff: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        record(trades, win_rate, payoff)


# --- a loss that is known beforehand


def test_a_move_of_one_average_range_costs_the_fraction_of_equity() -> None:
    assert volatility_target(equity=d("10000"), risk=d("0.01"), average_range=d("400")) == d("0.25")


def test_a_fill_at_the_stop_costs_the_fraction_of_equity() -> None:
    assert fixed_fraction(equity=d("10000"), risk=d("0.01"), stop_distance=d("500")) == d("0.2")


@pytest.mark.parametrize(
    ("equity", "distance"), [("0", "1"), ("-5", "1"), ("10000", "0"), ("10000", "-1"), ("-5", "-1")]
)
def test_without_equity_or_a_distance_nothing_is_bought(equity: str, distance: str) -> None:
    assert volatility_target(equity=d(equity), risk=d("0.01"), average_range=d(distance)) == NOTHING
    assert fixed_fraction(equity=d(equity), risk=d("0.01"), stop_distance=d(distance)) == NOTHING
    assert kelly(record(), equity, distance) == NOTHING


# --- the smallest wins


def test_the_smallest_wins_and_is_named() -> None:
    candidates = {
        Constraint.KELLY: Quantity(d("3")),
        Constraint.VOLATILITY_TARGET: Quantity(d("1")),
        Constraint.CASH: Quantity(d("2")),
    }
    assert smallest(candidates) == (Constraint.VOLATILITY_TARGET, d("1"))


def test_no_opinion_binds_nothing_and_nothing_at_all_binds_everything() -> None:
    assert smallest({Constraint.KELLY: None, Constraint.CASH: Quantity(d("2"))}) == (Constraint.CASH, d("2"))
    assert smallest({Constraint.KELLY: NOTHING, Constraint.CASH: Quantity(d("2"))}) == (Constraint.KELLY, NOTHING)


def test_of_equals_the_first_named_binds() -> None:
    same = Quantity(d("2"))
    assert smallest({Constraint.CASH: same, Constraint.KELLY: same}) == (Constraint.CASH, same)


@pytest.mark.parametrize("candidates", [{}, {Constraint.KELLY: None}])
def test_where_nobody_has_an_opinion_there_is_no_size(candidates: dict[Constraint, Quantity | None]) -> None:
    with pytest.raises(ValueError, match="a size without a bound is no size"):
        smallest(candidates)


quantities = st.decimals("0", "1000", places=3).map(Quantity)


@given(st.dictionaries(st.sampled_from(list(Constraint)), st.none() | quantities))
def test_the_answer_is_no_larger_than_any_opinion(candidates: dict[Constraint, Quantity | None]) -> None:
    opinions = [quantity for quantity in candidates.values() if quantity is not None]
    if opinions:
        binding, quantity = smallest(candidates)
        assert candidates[binding] == quantity
        assert all(quantity <= opinion for opinion in opinions)
