"""The leaf functions, once in exact money and once in floats: one source for the gate and for the kernels."""

import ast
import inspect
import random
from collections.abc import Callable
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest
from numba import njit

from core import fills
from risk import arithmetic, stops

Number = Callable[[str], Any]
Leaf = Callable[..., Any]


@pytest.fixture(params=[Decimal, float], ids=["Decimal", "float"])
def n(request: pytest.FixtureRequest) -> Number:
    made: Number = request.param
    return made


def same(value: object) -> object:
    return value if isinstance(value, Decimal) else pytest.approx(value, rel=1e-12, abs=1e-12)


# What each of them says.


def test_notional_is_quantity_times_price(n: Number) -> None:
    assert arithmetic.notional(n("0.01"), n("50000")) == same(n("500"))


def test_cost_includes_the_fee(n: Number) -> None:
    assert arithmetic.cost_with_fee(n("0.01"), n("50000"), n("0.001")) == same(n("500.5"))


def test_the_largest_within_a_share_brings_it_to_exactly_the_share(n: Number) -> None:
    most = arithmetic.largest_within(n("0.2"), n("10000"), n("500"), n("50000"))
    assert most == same(n("0.03"))
    after = arithmetic.share_after(n("500"), arithmetic.notional(most, n("50000")), n("10000"))
    assert after == same(n("0.2"))


def test_the_largest_within_a_share_that_is_passed_already_is_negative(n: Number) -> None:
    assert arithmetic.largest_within(n("0.2"), n("10000"), n("2500"), n("50000")) == same(n("-0.01"))


def test_the_largest_affordable_uses_the_balance_up(n: Number) -> None:
    most = arithmetic.largest_affordable(n("1"), n("1101"), n("100"), n("100"), n("0.001"))
    assert most == same(n("10"))
    assert arithmetic.share(n("100") + arithmetic.cost_with_fee(most, n("100"), n("0.001")), n("1101")) == same(n("1"))


def test_a_fall_costs_its_part_of_everything_held(n: Number) -> None:
    assert arithmetic.loss_share_after(n("1900"), n("600"), n("0.3"), n("10000")) == same(n("0.075"))


def test_a_shortfall_is_at_most_that_of_both_parts_together(n: Number) -> None:
    assert arithmetic.shortfall_share_after(n("975"), n("500"), n("0.05"), n("10000")) == same(n("0.1"))


def test_the_largest_at_a_loss_brings_the_loss_to_exactly_the_share(n: Number) -> None:
    assert arithmetic.largest_at_loss(n("0.1"), n("10000"), n("975"), n("0.05"), n("50000")) == same(n("0.01"))


def test_a_net_worth_is_less_what_it_hedges(n: Number) -> None:
    assert arithmetic.net_after(n("0"), n("1900"), n("600")) == same(n("-1300"))
    assert arithmetic.net_after(n("1900"), n("0"), n("600")) == same(n("2500"))


def test_a_deviation_has_no_sign(n: Number) -> None:
    assert arithmetic.deviation(n("95"), n("100")) == arithmetic.deviation(n("105"), n("100")) == same(n("0.05"))


def test_nothing_is_beyond_its_own_bound(n: Number) -> None:
    assert arithmetic.beyond(n("5"), n("5")) == 0
    assert arithmetic.beyond(n("4"), n("5")) == 0
    assert arithmetic.beyond(n("5.5"), n("5")) == same(n("0.5"))


def test_slippage_is_what_is_paid_beyond_the_middle_on_either_side(n: Number) -> None:
    assert arithmetic.slippage_bps(n("50250"), n("50000"), 1) == same(n("50"))
    assert arithmetic.slippage_bps(n("49750"), n("50000"), -1) == same(n("50"))
    assert arithmetic.slippage_bps(n("49750"), n("50000"), 1) == same(n("-50"))


def test_modelled_slippage_is_half_the_spread_and_a_share_of_the_usual_move(n: Number) -> None:
    assert arithmetic.modelled_slippage_bps(n("0.008"), n("0.1"), n("0.05"), n("10")) == same(n("50"))


def test_a_liquidation_is_below_a_long_and_above_a_short(n: Number) -> None:
    assert arithmetic.liquidation_distance(n("50000"), n("37500"), 1) == same(n("0.25"))
    assert arithmetic.liquidation_distance(n("50000"), n("62500"), -1) == same(n("0.25"))
    assert arithmetic.liquidation_distance(n("50000"), n("50001"), 1) == same(n("-0.00002"))


# One source for Decimals and for compiled floats.


def leaves(module: ModuleType) -> list[Leaf]:
    """The functions of a module that take numbers and signs alone, and answer with a number or a yes."""
    found = [f for _, f in inspect.getmembers(module, inspect.isfunction) if f.__module__ == module.__name__]
    return [f for f in found if {*inspect.get_annotations(f).values()} <= {module.N, int, bool}]


LEAVES = [leaf for module in (arithmetic, fills, stops) for leaf in leaves(module)]
named = pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: f"{leaf.__module__}.{leaf.__name__}")


@pytest.mark.parametrize("module", [arithmetic, fills], ids=lambda module: module.__name__)
def test_these_modules_hold_nothing_else(module: ModuleType) -> None:
    defined = [node.name for node in ast.parse(inspect.getsource(module)).body if isinstance(node, ast.FunctionDef)]
    assert sorted(defined) == [leaf.__name__ for leaf in leaves(module)]


def test_stops_have_leaves_too() -> None:
    assert {"better", "gain", "trailing", "chandelier", "break_even", "tighter"} <= {f.__name__ for f in leaves(stops)}


# Everything that a kernel compiles alike for any number: no call, no float literal, no power, no square root.
PLAIN = (
    *(ast.Return, ast.Assign, ast.If, ast.IfExp, ast.Name, ast.Load, ast.Store),
    *(ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.UnaryOp, ast.USub),
    *(ast.Compare, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.BoolOp, ast.And),
)


@named
def test_a_leaf_is_nothing_but_the_four_operations_and_comparisons(leaf: Leaf) -> None:
    (function,) = ast.parse(inspect.getsource(leaf)).body
    assert isinstance(function, ast.FunctionDef)
    for node in (node for statement in function.body[1:] for node in ast.walk(statement)):  # after the docstring
        if isinstance(node, ast.Constant):
            assert type(node.value) is int, f"{node.value!r} in line {node.lineno}"
        else:
            assert isinstance(node, PLAIN), f"{type(node).__name__} in line {getattr(node, 'lineno', '?')}"


@named
def test_a_compiled_leaf_answers_what_exact_money_does(leaf: Leaf) -> None:
    compiled: Any = njit(leaf)
    drawn = random.Random(leaf.__name__)  # the same numbers in every run
    kinds = inspect.get_annotations(leaf)
    parameters = [kinds[name] for name in inspect.signature(leaf).parameters]
    for _ in range(200):
        numbers = [drawn.choice([1, -1]) if kind is int else 10 ** drawn.uniform(-3, 3) for kind in parameters]
        exact = leaf(*(Decimal.from_float(x) if isinstance(x, float) else x for x in numbers))
        found = compiled(*numbers)
        if isinstance(exact, bool):
            assert found is exact
        else:
            assert found == pytest.approx(float(exact), rel=1e-12)
