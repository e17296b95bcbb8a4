"""Which orders a desk's rule works, and as what: the boundary, what is sent whole, and what an exit may not become."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.algorithms import Iceberg, LimitChase, Twap, problem
from core.money import Price, Quantity
from core.orders import Order, OrderType, Side
from core.working import Kind, Working

D = Decimal
RULE = Working("twap", D(1000), 1800, 6, 10, D("0.1"), D(0), D("0.005"))


def order(quantity: str, at: str | None = None, side: Side = Side.BUY, *, reduces: bool = False) -> Order:
    kind = OrderType.MARKET if at is None else OrderType.LIMIT
    limit = None if at is None else Price(D(at))
    return Order("p", "a", "desk", "BTC/USDT", side, kind, Quantity(D(quantity)), limit, reduce_only=reduces)


def worked(kind: Kind, wanted: Order, last: str | None = "100") -> Order:
    return replace(RULE, kind=kind).worked(wanted, None if last is None else D(last))


def test_an_order_of_exactly_that_worth_is_sent_whole() -> None:
    assert worked("twap", order("10")) == order("10")
    assert worked("twap", order("10.001")).execution == Twap(1800, 6, D(0))


def test_an_order_whose_worth_nobody_knows_is_sent_whole() -> None:
    assert worked("twap", order("1000"), last=None) == order("1000")


def test_a_limit_order_is_worth_its_limit_price() -> None:
    assert worked("twap", order("11", at="90")) == order("11", at="90")
    assert worked("twap", order("11", at="91"), last=None).execution == Twap(1800, 6, D(0))


@pytest.mark.parametrize(("side", "worst"), [(Side.BUY, "100.5"), (Side.SELL, "99.5")])
def test_a_market_order_is_chased_as_far_as_the_reach(side: Side, worst: str) -> None:
    chased = worked("chase", order("11", side=side))
    assert (chased.type, chased.limit_price) == (OrderType.LIMIT, D(worst))
    assert chased.execution == LimitChase(1800, 10)


def test_a_limit_order_is_chased_no_further_than_its_limit() -> None:
    assert worked("chase", order("11", at="99")).limit_price == D(99)


def test_an_iceberg_shows_its_share_of_a_limit_order_and_leaves_market_orders_whole() -> None:
    assert worked("iceberg", order("20", at="99")).execution == Iceberg(D(2), D(0))
    assert worked("iceberg", order("20")) == order("20")


@pytest.mark.parametrize("kind", ["chase", "iceberg"])
def test_an_exit_never_rests_for_the_sake_of_its_price(kind: Kind) -> None:
    exit_ = order("20", at="99", side=Side.SELL, reduces=True)
    assert worked(kind, exit_) == exit_
    assert worked("twap", exit_).execution == Twap(1800, 6, D(0))


@given(
    kind=st.sampled_from(["twap", "chase", "iceberg"]),
    quantity=st.decimals("0.0001", "1e6", places=4),
    at=st.none() | st.decimals("0.01", "1e6", places=2),
    side=st.sampled_from(Side),
    reduces=st.booleans(),
    share=st.decimals("0.002", "1", places=3),
)
def test_no_plan_is_one_that_the_gate_would_deny(
    kind: Kind, quantity: Decimal, at: Decimal | None, side: Side, reduces: bool, share: Decimal
) -> None:
    wanted = order(str(quantity), None if at is None else str(at), side, reduces=reduces)
    made = replace(RULE, kind=kind, above_notional=D(0), display_share=share).worked(wanted, D(100))
    assert problem(made) is None
    assert (made.quantity, made.side, made.reduce_only) == (wanted.quantity, side, reduces)
