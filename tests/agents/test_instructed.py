"""What standing instructions hold, as a planner sees it: told, and out of its reach."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from agents.briefing import account_table
from agents.cycle import Cycle
from agents.planning import sized
from agents.views import AccountState, Instructed, Observation, Plan, PlannedOrder, Snapshot
from core.exits import ExitPlan
from core.money import Price, Quantity
from core.orders import OrderType, Position, Side
from core.taint import Taint

BTC = "BTC/USDT"
HELD = Instructed(owner="instruction:1a2b3c4d", symbol=BTC, quantity=Decimal("2.5"))


def cycle(own: str | None) -> Cycle:
    """An account of 10 000 USDT with coins at 100, of which an instruction holds 2.5 and the cycle `own`."""
    positions = () if own is None else (Position("paper", BTC, Side.BUY, Quantity(Decimal(own)), Price(Decimal(90))),)
    money = {"equity": Decimal(10_000), "start_equity": Decimal(10_000), "cash": Decimal(9_000)}
    told = {"numeraire": "USDT", "positions": positions, "instructed": (HELD,), "limits": {}, "state": "active"}
    blank: dict[str, Any] = dict.fromkeys(Observation.model_fields)
    seen = Observation(
        **{**blank, "symbol": BTC, "last": Decimal(100), "bars": 0, "missing_bars": 0, "texts": (), "bars_digest": ""}
    )
    snapshot = Snapshot(account=AccountState(**money, **told), markets={BTC: seen})
    return Cycle("c", "paper", "r", (BTC,), 1, 0, "policy", snapshot=snapshot)


def exit_of(quantity: str) -> Plan:
    order = PlannedOrder(
        index=0,
        symbol=BTC,
        side=Side.SELL,
        type=OrderType.MARKET,
        quantity=Decimal(quantity),
        reduce_only=True,
        thesis="all of it, whoever holds it",
        evidence=("portfolio_view::x",),
        taint=Taint.TRUSTED,
        exits=ExitPlan(),
    )
    return Plan(orders=(order,), judgements=())


@pytest.mark.parametrize(("own", "left"), [("0.5", ["0.5"]), (None, [])])
def test_no_exit_of_a_cycle_is_larger_than_its_own_part(own: str | None, left: list[str]) -> None:
    nothing: Any = SimpleNamespace(answers={})
    plan = sized(exit_of("3"), cycle(own), nothing)
    assert [str(order.quantity) for order in plan.orders] == left
    assert plan.cut == (f"order 0: 3 BTC/USDT was asked, {own or 0} is held",)


@pytest.mark.parametrize(("amounts", "told"), [(False, "0.025 of equity"), (True, "quantity 2.5")])
def test_a_planner_is_told_who_holds_it(amounts: bool, told: str) -> None:
    lines = account_table(cycle(None), amounts=amounts).splitlines()
    assert lines[-1] == f"held by instruction:1a2b3c4d: BTC/USDT, {told}, not yours to leave"
    assert not any(line.startswith("holds ") for line in lines)
