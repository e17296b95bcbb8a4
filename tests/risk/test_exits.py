"""Exits get through: what is proven to reduce is held to the closed list, whatever else is wrong."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.orders import Order, OrderState, Side
from core.taint import Taint
from core.time import HOUR_NS
from core.verdicts import Outcome
from risk.codes import DenialCode
from risk.facts import Facts
from risk.rules import RULES
from risk.states import TradingState
from tests.risk.accounts import states, tiers, wild_facts, wild_orders
from tests.risk.builders import (
    BTC,
    NOW,
    PERP,
    buy,
    held,
    judged,
    placed,
    quoted,
    resting,
    review_of,
    sell,
)

BIND_EXITS = {rule.code for rule in RULES if rule.binds_exits}


@st.composite
def desperate(draw: st.DrawFn) -> dict[str, Any]:
    """An account and a market in any condition, around a long position of 0.02."""
    price = draw(st.sampled_from([None, "1", "50000", "1000000"]))
    old = draw(st.sampled_from([0, 5, 1000])) * HOUR_NS
    spread = draw(st.sampled_from(["0", "1", "-1"]))
    quote = None
    if price is not None:
        quote = quoted(price, ask=str(Decimal(price) + Decimal(spread)), ts_event_ns=NOW - old, known_at_ns=NOW - old)
    return {
        "mid": None,
        "quote": quote,
        "equity": draw(st.sampled_from([None, "0", "-5", "1", "10000"])),
        "cash": draw(st.sampled_from(["0", "10000"])),
        "positions": [held("0.02", at=draw(st.sampled_from(["1", "50000", "99999999"])))],
        "recent": [placed(Side.SELL, "0.0001", ago_s=1, proposal_id=str(n)) for n in range(draw(st.integers(0, 5)))],
        "orders": [resting(Side.SELL, "0.001", at="0", proposal_id=str(n)) for n in range(draw(st.integers(0, 10)))],
        "stop": draw(st.sampled_from([None, "1", "NaN"])),
        "taint": draw(st.sampled_from(Taint)),
        "reused_id": draw(st.booleans()),
        "instruments": [replace(BTC, tradable=draw(st.booleans()))],
        "max_asset_exposure": "0.0001",
        "max_gross_exposure": "0.0001",
        "max_order_size": "0.0001",
        "max_open_orders": 1,
        "max_price_age_s": 1,
        "max_spread_bps": "0.0001",
        "approval": draw(st.sampled_from(["never", "always"])),
    }


@given(st.integers(1, 1000), desperate(), states, tiers, st.booleans())
def test_a_proven_exit_is_denied_by_the_closed_list_alone(
    lots: int, condition: dict[str, Any], state: TradingState, caps: Decimal, reduce_only: bool
) -> None:
    wanted = sell(lots * BTC.lot_size, reduce_only=reduce_only)
    answered = review_of(wanted, state=state, caps=caps, **condition)
    assert answered.reducing  # 0.02 held, at most 0.01 being sold already, at most 0.01 wanted
    assert {*answered.denials} <= BIND_EXITS


@given(wild_orders(st.sampled_from([Decimal("0.01"), Decimal("0.02")])), wild_facts, states)
def test_whatever_the_facts_hold_only_the_closed_list_denies_what_is_proven_to_reduce(
    wanted: Order, facts: Facts, state: TradingState
) -> None:
    held_too = replace(facts, positions=(held("0.02", symbol=wanted.symbol, side=wanted.side.opposite),), orders=())
    answered = judged(wanted, held_too, state=state)
    assert answered.reducing
    assert {*answered.denials} <= BIND_EXITS


@given(st.integers(40, 1000), states, st.sampled_from(["NaN", "1", "49000"]))
def test_an_exit_of_good_form_passes_in_every_state(lots: int, state: TradingState, stop: str) -> None:
    quantity = lots * BTC.lot_size
    assert review_of(sell(quantity), state=state, positions=[held("0.02")], equity=None, cash="0", stop=stop).allowed
    assert review_of(sell(quantity, trigger="30000"), state=state, positions=[held("0.02")], equity="-1").allowed


@pytest.mark.parametrize("state", [TradingState.REDUCING, TradingState.HALTED])
def test_one_lot_beyond_the_proof_is_no_exit(state: TradingState) -> None:
    assert review_of(sell("0.02"), state=state, positions=[held("0.02")]).allowed
    beyond = review_of(sell("0.02001"), state=state, positions=[held("0.02")])
    assert not beyond.reducing
    assert {DenialCode.TRADING_STATE, DenialCode.FREE_BALANCE} <= {*beyond.denials}


def test_an_order_of_nothing_reduces_nothing() -> None:
    assert not review_of(sell("0"), positions=[held("0.02")]).reducing
    assert not review_of(sell("0"), positions=[]).reducing


def test_what_is_being_sold_at_an_unknown_venue_state_is_not_proven_again() -> None:
    selling = [resting(Side.SELL, "0.01", at="0", state=OrderState.UNKNOWN)]
    position = {"positions": [held("0.02")], "orders": selling, "reserved": {"BTC": "0.01"}}
    assert review_of(sell("0.01"), state=TradingState.HALTED, **position).allowed
    assert not review_of(sell("0.01001"), state=TradingState.HALTED, **position).allowed


def test_a_sale_of_coins_beyond_the_position_is_denied_in_an_active_desk() -> None:
    assert not review_of(sell("0.03"), positions=[held("0.02")]).allowed


@pytest.mark.parametrize("margin", [None, "1000"])
def test_a_short_is_closed_by_a_buy(margin: str | None) -> None:
    symbol = "BTC/USDT" if margin is None else PERP.symbol
    short = [held("0.02", side=Side.SELL, symbol=symbol, margin=margin)]
    known: dict[str, Any] = {"positions": short, "state": TradingState.HALTED}
    assert review_of(buy("0.02", symbol=symbol), **known, equity=None, stop=None).allowed
    assert not review_of(buy("0.02001", symbol=symbol), **known).allowed


def test_an_exempt_rule_shows_what_it_measured() -> None:
    verdict = review_of(sell("0.02"), state=TradingState.HALTED, positions=[held("0.02")]).of(DenialCode.TRADING_STATE)
    assert (verdict.outcome, verdict.measured) == (Outcome.EXEMPT, Decimal(2))
