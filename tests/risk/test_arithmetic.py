"""The leaf functions, once in exact money and once in floats."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from risk import arithmetic

Number = Callable[[str], Any]


@pytest.fixture(params=[Decimal, float], ids=["Decimal", "float"])
def n(request: pytest.FixtureRequest) -> Number:
    made: Number = request.param
    return made


def same(value: object) -> object:
    return value if isinstance(value, Decimal) else pytest.approx(value, rel=1e-12, abs=1e-12)


def test_notional_is_quantity_times_price(n: Number) -> None:
    assert arithmetic.notional(n("0.01"), n("50000")) == same(n("500"))


def test_cost_includes_the_fee(n: Number) -> None:
    assert arithmetic.cost_with_fee(n("0.01"), n("50000"), n("0.001")) == same(n("500.5"))


def test_the_largest_within_a_share_brings_it_to_exactly_the_share(n: Number) -> None:
    most = arithmetic.largest_within(n("0.2"), n("10000"), n("500"), n("50000"))
    assert most == same(n("0.03"))
    assert arithmetic.share_after(n("500"), most, n("50000"), n("10000")) == same(n("0.2"))


def test_the_largest_within_a_share_that_is_passed_already_is_negative(n: Number) -> None:
    assert arithmetic.largest_within(n("0.2"), n("10000"), n("2500"), n("50000")) == same(n("-0.01"))


def test_the_largest_affordable_uses_the_balance_up(n: Number) -> None:
    most = arithmetic.largest_affordable(n("1"), n("1101"), n("100"), n("100"), n("0.001"))
    assert most == same(n("10"))
    assert arithmetic.share(n("100") + arithmetic.cost_with_fee(most, n("100"), n("0.001")), n("1101")) == same(n("1"))


def test_a_deviation_has_no_sign(n: Number) -> None:
    assert arithmetic.deviation(n("95"), n("100")) == arithmetic.deviation(n("105"), n("100")) == same(n("0.05"))


def test_nothing_is_beyond_its_own_bound(n: Number) -> None:
    assert arithmetic.beyond(n("5"), n("5")) == 0
    assert arithmetic.beyond(n("4"), n("5")) == 0
    assert arithmetic.beyond(n("5.5"), n("5")) == same(n("0.5"))
