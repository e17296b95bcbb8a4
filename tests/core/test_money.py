"""Money is exact, has one canonical text, and rounds so that it never spends more than was approved."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.money import (
    PRECISION,
    Money,
    exact,
    nearest_tick,
    on_grid,
    round_price,
    round_quantity,
    significant,
    text_of,
)
from core.orders import Side

amounts = st.decimals(min_value=0, max_value=10**12, allow_nan=False, places=18)
steps = st.sampled_from([Decimal(1).scaleb(-n) for n in (0, 2, 5, 8, 18)] + [Decimal("0.5"), Decimal("25")])


@pytest.mark.parametrize("name", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_a_number_that_is_not_finite_keeps_its_name(name: str) -> None:
    assert text_of(Decimal(name)) == name


@pytest.mark.parametrize("zero", ["0", "-0", "0.000", "-0E-18", "0E+70", "0E-70"])
def test_every_zero_is_written_alike(zero: str) -> None:
    assert text_of(Decimal(zero)) == "0"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("1.00", "1"),
        ("100", "100"),
        ("1E+2", "100"),
        ("0.10", "0.1"),
        ("-2.50", "-2.5"),
        ("0.000000000000000001", "0.000000000000000001"),
        ("123456789012.123456789012345678", "123456789012.123456789012345678"),
    ],
)
def test_equal_numbers_are_written_alike_and_without_an_exponent(number: str, text: str) -> None:
    assert text_of(Decimal(number)) == text


def test_an_absurd_exponent_stays_short() -> None:
    assert text_of(Decimal("1E+61")) == "1E+61"


@pytest.mark.parametrize("absurd", ["1E+1000001", "-1E+999999999", "1E-1000100"])
def test_an_exponent_beyond_the_context_still_has_a_text(absurd: str) -> None:
    assert Decimal(text_of(Decimal(absurd))) == Decimal(absurd)


def test_numbers_that_differ_beyond_the_precision_are_written_differently() -> None:
    assert text_of(Decimal("1." + "0" * PRECISION + "1")) != text_of(Decimal("1"))


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30))
def test_the_text_is_the_number(number: Decimal) -> None:
    assert Decimal(text_of(number)) == number


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_exact_refuses_what_is_not_finite(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        exact(value)


@pytest.mark.parametrize(("value", "number"), [(0.1, "0.1"), (-0.0, "0"), (1e-9, "0.000000001"), (1e22, "1E+22")])
def test_exact_gives_the_decimal_that_a_person_sees(value: float, number: str) -> None:
    assert exact(value) == Decimal(number)


def test_significant_cuts_what_processors_disagree_on() -> None:
    assert significant(0.1 + 0.2) == significant(0.3) == "0.3"


def test_significant_refuses_nan() -> None:
    with pytest.raises(ValueError, match="finite"):
        significant(float("nan"))


def test_a_quantity_on_the_grid_is_not_rounded() -> None:
    assert round_quantity(Decimal("0.01"), Decimal("0.01")) == Decimal("0.01")


def test_a_quantity_rounds_toward_zero() -> None:
    assert round_quantity(Decimal("0.0199"), Decimal("0.01")) == Decimal("0.01")


def test_a_buy_limit_rounds_down_and_a_sell_limit_up() -> None:
    assert round_price(Decimal("100.04"), Decimal("0.05"), Side.BUY) == Decimal("100.00")
    assert round_price(Decimal("100.01"), Decimal("0.05"), Side.SELL) == Decimal("100.05")


@given(amounts, steps)
def test_rounding_a_quantity_never_adds(quantity: Decimal, step: Decimal) -> None:
    rounded = round_quantity(quantity, step)
    assert quantity - step < rounded <= quantity
    assert on_grid(rounded, step)


@given(amounts, steps, st.sampled_from(Side))
def test_rounding_a_limit_price_never_makes_it_worse_for_us(price: Decimal, tick: Decimal, side: Side) -> None:
    rounded = round_price(price, tick, side)
    assert rounded <= price if side is Side.BUY else rounded >= price
    assert abs(rounded - price) < tick


@given(amounts, steps)
def test_the_nearest_tick_is_within_half_a_tick(price: Decimal, tick: Decimal) -> None:
    assert abs(nearest_tick(price, tick) - price) <= tick / 2


@pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity", "1E+40", "1E-40"])
def test_what_is_absurd_is_on_no_grid(value: str) -> None:
    assert not on_grid(Decimal(value), Decimal("0.01"))


def test_one_currency_adds_up() -> None:
    assert Money(Decimal("1.10"), "USDT") + Money(Decimal("2"), "USDT") == Money(Decimal("3.10"), "USDT")
    assert Money(Decimal("1.10"), "USDT") - Money(Decimal("2"), "USDT") == Money(Decimal("-0.90"), "USDT")


def test_two_currencies_do_not_mix() -> None:
    with pytest.raises(ValueError, match="cannot mix USDT with BTC"):
        Money(Decimal(1), "USDT") + Money(Decimal(1), "BTC")
