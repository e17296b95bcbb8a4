"""An exit plan says itself what is wrong with it."""

from decimal import Decimal

import pytest

from core.canonical import canonical_text
from core.exits import MAX_BARS, MAX_RUNGS, TIME_LIMIT_S, Chandelier, ExitPlan, Rung
from core.orders import Side


def ladder(*rungs: tuple[str, str]) -> ExitPlan:
    return ExitPlan(ladder=tuple(Rung(Decimal(price), Decimal(fraction)) for price, fraction in rungs))


def d(text: str) -> Decimal:
    return Decimal(text)


def test_a_plan_that_asks_for_nothing_is_sound() -> None:
    assert ExitPlan().problem() is None


def test_a_plan_may_go_to_its_bounds() -> None:
    assert (
        ExitPlan(
            trail=d("0.999"),
            chandelier=Chandelier(MAX_BARS, d("0.001")),
            break_even=d("0.001"),
            time_limit_s=1,
            ladder=(Rung(d("110"), d("0.5")), Rung(d("120"), d("0.5"))),
        ).problem()
        is None
    )


@pytest.mark.parametrize("plan", [ExitPlan(chandelier=Chandelier(1)), ladder(("110", "1"))])
def test_one_bar_and_one_rung_for_all_are_enough(plan: ExitPlan) -> None:
    assert plan.problem() is None


def test_a_trade_has_six_hours_unless_its_plan_says_otherwise() -> None:
    assert TIME_LIMIT_S == 6 * 3600


def test_le_beau_looks_at_twenty_two_bars_and_three_ranges() -> None:
    assert Chandelier() == Chandelier(22, d("3"))


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        (ExitPlan(trail=d("0")), "trail: expected a fraction above 0 and below 1, found 0"),
        (ExitPlan(trail=d("1")), "trail: expected a fraction above 0 and below 1, found 1"),
        (ExitPlan(trail=d("NaN")), "trail: expected a fraction above 0 and below 1, found NaN"),
        (ExitPlan(chandelier=Chandelier(0)), "chandelier: expected 1 to 500 bars, found 0"),
        (ExitPlan(chandelier=Chandelier(MAX_BARS + 1)), "chandelier: expected 1 to 500 bars, found 501"),
        (ExitPlan(chandelier=Chandelier(22, d("0"))), "chandelier: expected a multiple above 0, found 0"),
        (ExitPlan(chandelier=Chandelier(22, d("Infinity"))), "chandelier: expected a multiple above 0, found Infinity"),
        (ExitPlan(break_even=d("0")), "break_even: expected a gain above 0, found 0"),
        (ExitPlan(break_even=d("sNaN")), "break_even: expected a gain above 0, found sNaN"),
        (ExitPlan(time_limit_s=0), "time_limit_s: expected more than 0 seconds, found 0"),
        (ladder(("0", "1")), "ladder: expected prices above 0, found 0"),
        (ladder(("100", "0.5"), ("sNaN", "0.5")), "ladder: expected prices above 0, found sNaN"),
        (ladder(("100", "0")), "ladder: expected fractions above 0, found 0"),
        (ladder(("100", "NaN")), "ladder: expected fractions above 0, found NaN"),
        (ladder(("100", "-1"), ("110", "2")), "ladder: expected fractions above 0, found -1"),
        (ladder(("100", "0.5"), ("110", "0.51")), "ladder: expected fractions of at most 1 in sum, found 1.01"),
        (ladder(("100", "0.2"), ("100", "0.2")), "ladder: expected prices that only rise or only fall, found 100, 100"),
        (
            ladder(("100", "0.2"), ("110", "0.2"), ("105", "0.2")),
            "ladder: expected prices that only rise or only fall, found 100, 110, 105",
        ),
    ],
)
def test_what_is_out_of_range_is_named_with_what_is_allowed(plan: ExitPlan, says: str) -> None:
    assert plan.problem() == says


def test_a_ladder_has_a_bounded_number_of_rungs() -> None:
    rungs = [(str(100 + n), "0.01") for n in range(MAX_RUNGS + 1)]
    assert ladder(*rungs[:-1]).problem() is None
    assert ladder(*rungs).problem() == "ladder: expected at most 10 rungs, found 11"


def test_a_ladder_may_fall_as_that_of_a_short_does() -> None:
    assert ladder(("90", "0.5"), ("80", "0.5")).problem() is None


@pytest.mark.parametrize(
    ("side", "price", "says"),
    [
        (Side.BUY, "99.99", None),
        (Side.BUY, "100", "ladder: a buy at 100 has its rungs above, found 100"),
        (Side.BUY, "105", "ladder: a buy at 105 has its rungs above, found 100"),
        (Side.SELL, "110.01", None),
        (Side.SELL, "110", "ladder: a sell at 110 has its rungs below, found 110"),
        (Side.SELL, "105", "ladder: a sell at 105 has its rungs below, found 110"),
    ],
)
def test_a_rung_that_takes_no_profit_is_misplaced(side: Side, price: str, says: str | None) -> None:
    assert ladder(("100", "0.5"), ("110", "0.5")).misplaced(side, d(price)) == says


def test_a_plan_without_a_ladder_has_nothing_misplaced() -> None:
    assert ExitPlan().misplaced(Side.BUY, d("1")) is None


def test_a_plan_has_a_canonical_text_for_its_hash() -> None:
    plan = ExitPlan(trail=d("0.050"), time_limit_s=3600, ladder=(Rung(d("110.0"), d("0.5")),))
    assert canonical_text(plan) == (
        '{"break_even":null,"chandelier":null,"ladder":[{"fraction":"0.5","price":"110"}],'
        '"time_limit_s":3600,"trail":"0.05"}'
    )
