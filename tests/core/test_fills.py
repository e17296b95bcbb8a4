"""How a simulated venue fills, once in exact money and once in floats: one source, pessimistic in every doubt."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import fills

Number = Callable[[str], Any]
BUY, SELL = 1, -1


@pytest.fixture(params=[Decimal, float], ids=["Decimal", "float"])
def n(request: pytest.FixtureRequest) -> Number:
    """Makes numbers of one kind from text."""
    made: Number = request.param
    return made


def same(value: object) -> object:
    """Exact for money, to the last bits for floats."""
    return value if isinstance(value, Decimal) else pytest.approx(value, rel=1e-12)


def test_a_fee_is_a_fraction_of_notional(n: Number) -> None:
    assert fills.fee(n("1000"), n("0.001")) == same(n("1"))


def test_slippage_makes_a_buy_dearer_and_a_sale_cheaper(n: Number) -> None:
    costs = n("0.0005"), n("0.01"), n("0.5")
    assert fills.slipped(n("100"), BUY, *costs) == same(n("100.55"))
    assert fills.slipped(n("100"), SELL, *costs) == same(n("99.45"))


def test_without_latency_the_price_stands(n: Number) -> None:
    assert fills.after_latency(n("100"), n("90"), n("110"), BUY, n("0")) == same(n("100"))


def test_latency_moves_the_price_against_us(n: Number) -> None:
    assert fills.after_latency(n("100"), n("90"), n("110"), BUY, n("0.1")) == same(n("102"))
    assert fills.after_latency(n("100"), n("90"), n("110"), SELL, n("0.1")) == same(n("98"))


def test_latency_never_leaves_the_bar(n: Number) -> None:
    assert fills.after_latency(n("100"), n("90"), n("110"), BUY, n("1")) == same(n("110"))
    assert fills.after_latency(n("100"), n("90"), n("110"), SELL, n("1")) == same(n("90"))


def test_a_stop_that_is_touched_is_hit(n: Number) -> None:
    assert fills.stop_hit(n("90"), n("90"), n("110"), SELL)
    assert fills.stop_hit(n("110"), n("90"), n("110"), BUY)


def test_a_stop_that_is_missed_by_a_tick_is_not_hit(n: Number) -> None:
    assert not fills.stop_hit(n("89.99"), n("90"), n("110"), SELL)
    assert not fills.stop_hit(n("110.01"), n("90"), n("110"), BUY)


def test_a_hit_stop_fills_at_its_trigger(n: Number) -> None:
    assert fills.stop_price(n("95"), n("100"), SELL) == same(n("95"))
    assert fills.stop_price(n("105"), n("100"), BUY) == same(n("105"))


def test_a_gap_beyond_the_stop_fills_at_the_open(n: Number) -> None:
    assert fills.stop_price(n("95"), n("80"), SELL) == same(n("80"))
    assert fills.stop_price(n("105"), n("120"), BUY) == same(n("120"))


def test_a_limit_that_is_only_touched_does_not_fill(n: Number) -> None:
    assert not fills.limit_crossed(n("90"), n("90"), n("110"), BUY)
    assert not fills.limit_crossed(n("110"), n("90"), n("110"), SELL)


def test_a_limit_that_is_traded_through_fills(n: Number) -> None:
    assert fills.limit_crossed(n("90.01"), n("90"), n("110"), BUY)
    assert fills.limit_crossed(n("109.99"), n("90"), n("110"), SELL)


def test_a_taker_pays_no_more_than_its_limit(n: Number) -> None:
    assert fills.within_limit(n("95"), n("100"), BUY) == same(n("95"))
    assert fills.within_limit(n("105"), n("100"), BUY) == same(n("100"))
    assert fills.within_limit(n("105"), n("100"), SELL) == same(n("105"))
    assert fills.within_limit(n("95"), n("100"), SELL) == same(n("100"))


def test_a_bar_gives_at_most_its_share(n: Number) -> None:
    assert fills.fillable(n("5"), n("100"), n("0.05")) == same(n("5"))
    assert fills.fillable(n("5.01"), n("100"), n("0.05")) == same(n("5"))
    assert fills.fillable(n("4.99"), n("100"), n("0.05")) == same(n("4.99"))


def test_a_bar_without_volume_gives_nothing(n: Number) -> None:
    assert fills.fillable(n("5"), n("0"), n("0.1")) == 0


def test_adding_averages_the_cost_by_quantity(n: Number) -> None:
    assert fills.average_price(n("1"), n("100"), n("3"), n("200")) == same(n("175"))


def test_a_long_earns_when_the_price_rises_and_a_short_when_it_falls(n: Number) -> None:
    assert fills.realised(BUY, n("100"), n("110"), n("2")) == same(n("20"))
    assert fills.realised(SELL, n("100"), n("110"), n("2")) == same(n("-20"))


def test_longs_pay_a_positive_funding_rate(n: Number) -> None:
    assert fills.funding_payment(BUY, n("2"), n("100"), n("0.0001")) == same(n("0.02"))
    assert fills.funding_payment(SELL, n("2"), n("100"), n("0.0001")) == same(n("-0.02"))


@pytest.mark.parametrize("sign", [BUY, SELL])
def test_at_the_liquidation_price_the_margin_is_the_maintenance(n: Number, sign: int) -> None:
    entry, margin, maintenance = n("100"), n("10"), n("0.05")
    mark = fills.liquidation_price(sign, entry, margin, maintenance)
    left = margin + fills.realised(sign, entry, mark, n("1"))
    assert float(left) == pytest.approx(float(maintenance * mark), rel=1e-12)


prices = st.decimals("0.01", "100000", places=2)
fractions = st.decimals("0", "1", places=6)


@given(prices, prices, prices, fractions, st.sampled_from([BUY, SELL]))
def test_latency_and_slippage_never_help(a: Decimal, b: Decimal, c: Decimal, share: Decimal, sign: int) -> None:
    low, price, high = sorted([a, b, c])
    late = fills.after_latency(price, low, high, sign, share)
    assert sign * (late - price) >= 0
    assert low <= late <= high
    assert sign * (fills.slipped(late, sign, share, share, share) - late) >= 0


@given(prices, prices, prices, prices, st.sampled_from([BUY, SELL]))
def test_a_hit_stop_never_fills_better_than_its_trigger(
    a: Decimal, b: Decimal, c: Decimal, trigger: Decimal, sign: int
) -> None:
    low, open_, high = sorted([a, b, c])
    if fills.stop_hit(trigger, low, high, sign):
        assert sign * (fills.stop_price(trigger, open_, sign) - trigger) >= 0
