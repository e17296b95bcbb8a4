"""Expected shortfall, and the bound that a review relies on: two risks together are never worse than their sum."""

import random
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.money import exact
from core.orders import Side
from risk.codes import DenialCode
from risk.shortfall import TAIL, expected_shortfall
from tests.risk.builders import PERP, largest_of, order, review_of

DAYS = 240  # the worst 2.5 % of them are six


@pytest.mark.parametrize(
    ("outcomes", "worst"),
    [(1, 1), (39, 1), (40, 1), (41, 2), (80, 2), (81, 3), (240, 6)],
)
def test_the_worst_fortieth_rounded_up_is_what_counts(outcomes: int, worst: int) -> None:
    losses = [1.0] * worst + [0.0] * (outcomes - worst)
    assert expected_shortfall(losses, TAIL) == 1.0
    assert expected_shortfall([*losses[1:], 0.0], TAIL) == pytest.approx((worst - 1) / worst)


def test_the_mean_of_the_worst_is_taken_whatever_their_order() -> None:
    losses = [-0.01] * 78 + [0.03, 0.05]
    drawn = random.Random(1)
    for _ in range(3):
        drawn.shuffle(losses)
        assert expected_shortfall(losses) == pytest.approx(0.04)


def test_what_never_lost_has_no_shortfall() -> None:
    assert expected_shortfall([-0.01] * 100) == 0.0


def days(seed: int) -> list[tuple[float, ...]]:
    """Returns of three assets that share a common shock, with the odd very bad day."""
    drawn = random.Random(seed)
    share = drawn.uniform(-1, 1)
    moves: list[tuple[float, ...]] = []
    for _ in range(DAYS):
        shock = drawn.gauss(0, 0.03) * (8 if drawn.random() < 0.02 else 1)
        moves.append(tuple(share * shock + drawn.gauss(0, 0.02) for _ in range(3)))
    return moves


@given(
    st.integers(0, 2**32),
    st.lists(st.integers(-5000, 5000), min_size=3, max_size=3),
    st.sampled_from(Side),
    st.integers(1, 20_000),
)
def test_the_bound_of_a_review_is_never_below_the_exact_shortfall_of_the_account(
    seed: int, worths: list[int], side: Side, lots: int
) -> None:
    moves = days(seed)
    held = [-sum(worth * move for worth, move in zip(worths, day, strict=True)) for day in moves]
    unit = [-side.sign * day[0] for day in moves]
    wanted = order(side, lots * Decimal("0.00001"), symbol=PERP.symbol)
    known = {
        "portfolio_shortfall": str(exact(expected_shortfall(held))),
        "shortfall": str(exact(expected_shortfall(unit))),
        "funding_rate": "0",
    }
    worth = float(wanted.quantity * 50_000)
    together = expected_shortfall([a + worth * b for a, b in zip(held, unit, strict=True)])
    measured = review_of(wanted, **known).of(DenialCode.SHORTFALL).measured
    assert measured is not None
    assert float(measured) * 10_000 >= together * (1 - 1e-12) - 1e-9

    largest = largest_of(DenialCode.SHORTFALL, wanted, **known)
    if largest:
        most = float(largest) * 50_000
        exactly = expected_shortfall([a + most * b for a, b in zip(held, unit, strict=True)])
        assert exactly <= 1_000 * (1 + 1e-12)  # a tenth of 10 000


def test_an_order_in_the_same_asset_and_direction_meets_the_bound_exactly() -> None:
    """Nothing is diversified away, so that the bound is no looser than it has to be."""
    moves = [day[0] for day in days(7)]
    before = expected_shortfall([-2_000 * move for move in moves])
    measured = (
        review_of(
            order(Side.BUY, "0.01"),
            portfolio_shortfall=str(exact(before)),
            shortfall=str(exact(expected_shortfall([-move for move in moves]))),
        )
        .of(DenialCode.SHORTFALL)
        .measured
    )
    assert measured is not None
    assert float(measured) * 10_000 == pytest.approx(expected_shortfall([-2_500 * move for move in moves]))
