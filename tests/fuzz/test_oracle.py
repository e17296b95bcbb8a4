"""The oracle: it shares nothing with what it judges, knows every code, and is as strict at a limit as beyond it."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from core.money import Quantity
from core.orders import OrderType, Side
from core.taint import Taint
from fuzz.checks import CHECKS, CLOSED_LIST
from fuzz.oracle import Judgement, judge
from fuzz.proposals import DIRECTED
from fuzz.scene import Scene
from fuzz.worlds import COINS, SPOT, changed, entry, exit_
from risk.codes import DenialCode
from risk.rules import RULES
from risk.settings import RiskSettings

ROOT = Path(__file__).resolve().parents[2]
LIMITS = RiskSettings().model_dump()


def imported_by(source: str) -> Iterator[str]:
    """Every module that a source names in an import, wherever the import stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def reach_of(*modules: str) -> set[str]:
    """The rooms and libraries that modules of `fuzz` need, through one another."""
    seen: set[str] = set()
    outside: set[str] = set()
    left = [*modules]
    while left:
        module = left.pop()
        file = ROOT / (module.replace(".", "/") + ".py")
        file = file if file.exists() else ROOT / module.replace(".", "/") / "__init__.py"
        if module in seen or not file.exists():
            continue
        seen.add(module)
        for name in imported_by(file.read_text()):
            left += [name] if name.startswith("fuzz") else []
            outside |= set() if name.startswith("fuzz") else {name.split(".")[0]}
    return outside - sys.stdlib_module_names


def test_it_shares_no_code_with_the_rules_or_the_gate() -> None:
    assert reach_of("fuzz.oracle", "fuzz.witness", "fuzz.tally") == {"core", "numpy"}


def test_what_shows_scenes_to_the_rules_would_be_found_out() -> None:
    assert "risk" in reach_of("fuzz.judging")
    assert {"risk", "execution"} <= reach_of("fuzz.sessions")


def test_it_has_a_check_and_the_campaign_a_way_to_break_for_every_code() -> None:
    assert {*CHECKS} == {*DIRECTED} == {code.value for code in DenialCode}


def test_its_closed_list_is_the_one_that_binds_exits() -> None:
    assert {rule.code for rule in RULES if rule.binds_exits} == CLOSED_LIST


# What it says.


def buying() -> Scene:
    """An entry in BTC at the market that nothing stands against, in an account without anything else."""
    scene = entry(Random(3), SPOT[:1], kind=OrderType.MARKET)
    scene.positions.clear()
    scene.working.clear()
    scene.recent.clear()
    scene.caps = Decimal(1)
    return scene


def selling() -> Scene:
    return exit_(Random(3), SPOT[:1], kind=OrderType.MARKET)


def test_an_order_that_nothing_stands_against_is_no_breach() -> None:
    assert judge(buying(), LIMITS, []) == Judgement()


def test_denying_it_is_unfounded() -> None:
    assert judge(buying(), LIMITS, ["THESIS"]) == Judgement(unfounded=("THESIS: nothing is wrong",))


def test_exactly_the_limit_is_no_breach_and_one_lot_more_is() -> None:
    scene = buying()
    ask = scene.quotes[scene.order.symbol].ask
    scene.equity = scene.order.quantity * ask * 5
    assert judge(scene, LIMITS, []) == Judgement()
    assert judge(scene, LIMITS, ["ASSET_EXPOSURE"]).unfounded
    lot = scene.instruments[scene.order.symbol].lot_size
    changed(scene, quantity=Quantity(scene.order.quantity + lot))
    assert judge(scene, LIMITS, []).breaches == ("ASSET_EXPOSURE: let through",)
    assert judge(scene, LIMITS, ["ASSET_EXPOSURE"]) == Judgement()


def test_a_missing_reading_that_was_let_through_is_a_breach() -> None:
    scene = buying()
    scene.market["usual_volatility"] = None
    assert "VOLATILITY: let through" in judge(scene, LIMITS, []).breaches


def test_an_exit_that_was_let_through_whatever_is_wrong_is_no_breach() -> None:
    scene = selling()
    scene.state, scene.equity, scene.wish = "halted", None, {"taint": Taint.HOSTILE, "stop_price": None}
    assert judge(scene, LIMITS, []) == Judgement()


def test_an_exit_that_anything_but_the_closed_list_held_up_is_a_breach() -> None:
    scene = selling()
    scene.state = "halted"
    assert judge(scene, LIMITS, ["TRADING_STATE"]).breaches == ("TRADING_STATE: held up an exit",)


def test_an_exit_that_the_closed_list_held_up_for_nothing_is_a_breach() -> None:
    assert judge(selling(), LIMITS, ["TRADABLE"]).breaches == ("TRADABLE: nothing is wrong",)


def test_a_sale_of_more_than_is_free_is_no_exit() -> None:
    scene = selling()
    held = next(p for p in scene.positions if p.symbol == scene.order.symbol)
    changed(scene, quantity=Quantity(held.quantity + scene.instruments[scene.order.symbol].lot_size))
    assert "UNMANAGED: let through" in judge(scene, LIMITS, []).breaches


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-1", "-0", "0", "1E+999999"])
def test_an_order_of_no_number_is_a_breach_and_any_denial_of_it_is_founded(number: str) -> None:
    scene = buying()
    changed(scene, quantity=Quantity(Decimal(number)))
    assert judge(scene, LIMITS, []).breaches
    assert judge(scene, LIMITS, ["GROSS_EXPOSURE"]) == Judgement()


def test_a_held_asset_without_a_price_leaves_every_exposure_unknown() -> None:
    scene = buying()
    scene.positions = [replace(p, symbol="XRP/USDT") for p in selling().positions[-1:]]
    said = judge(scene, LIMITS, []).breaches
    assert {f"{name}_EXPOSURE: let through" for name in ("ASSET", "VENUE", "GROSS", "NET", "CLUSTER")} <= {*said}


@pytest.mark.parametrize("number", range(40))
def test_worlds_are_good_ones(number: int) -> None:
    """Entries and exits in every coin, by either side, that the oracle has nothing against."""
    for scene in (entry(Random(number)), exit_(Random(number))):
        assert judge(scene, LIMITS, []) == Judgement()
    assert {c.symbol for c in COINS} >= {*scene.quotes}
    assert scene.order.side in Side
