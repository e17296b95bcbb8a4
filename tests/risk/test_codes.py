"""Every denial has one rule that gives it, one sentence that a person reads, and orders that only it denies."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from core.orders import Order, OrderType, Side
from core.taint import Taint
from core.time import HOUR_NS
from core.verdicts import Outcome
from risk.codes import TEXTS, DenialCode, text_for
from risk.rules import RULES
from risk.states import TradingState
from tests.risk.builders import (
    BTC,
    NOW,
    PERP,
    buy,
    depth,
    expects,
    held,
    placed,
    quoted,
    resting,
    review_of,
    sell,
)

BTC_PERP: dict[str, Any] = {"symbol": PERP.symbol}
CALM_FUNDING: dict[str, Any] = {"funding_rate": "0.0001"}
ETHER: dict[str, Any] = {
    "positions": [held("1", symbol="ETH/USDT", at="1900")],
    "quotes": [quoted("1900", symbol="ETH/USDT")],
}
IN_DOLLARS: dict[str, Any] = {"symbol": "USDC/USDT"}
LONG: dict[str, Any] = {"positions": [held("0.02")]}
MISTAKEN: dict[str, Any] = {"instruments": {"BTC/USDT": replace(BTC, symbol="BTC/USD")}}

# Good orders with one thing wrong each, so that nothing but this rule stands between them and the venue.
ALONE: dict[DenialCode, tuple[Order, dict[str, Any]]] = {
    # form
    DenialCode.FINITE: (sell("0.01", trigger="Infinity"), LONG),
    DenialCode.POSITIVE: (
        buy("0"),
        {"instruments": [replace(BTC, min_quantity=0 * BTC.lot_size, min_notional=0 * BTC.lot_size)]},
    ),
    DenialCode.FIELDS: (replace(sell("0.01"), type=OrderType.STOP), LONG),
    DenialCode.INSTRUMENT: (buy("0.01"), MISTAKEN),
    DenialCode.CURRENCY: (sell("0.01"), {**LONG, "instruments": [replace(BTC, quote="EUR")]}),
    DenialCode.INCREMENT: (buy("0.010001", at="50000"), {}),
    DenialCode.MIN_QUANTITY: (buy("0.01"), {"instruments": [replace(BTC, min_quantity=buy("0.01001").quantity)]}),
    DenialCode.MIN_NOTIONAL: (buy("0.0002", at="49999.99"), {}),
    DenialCode.PRICE_COLLAR: (sell("0.01", at="40000"), LONG),
    DenialCode.PROPOSAL_ID: (buy("0.01"), {"reused_id": True}),
    # sanity
    DenialCode.TRADABLE: (buy("0.01"), {"instruments": [replace(BTC, tradable=False)]}),
    DenialCode.ALLOW_LIST: (buy("0.01"), {"allowed_symbols": ["ETH/USDT"]}),
    DenialCode.ORDER_SIZE: (buy("0.03"), {"max_order_size": "0.1"}),
    DenialCode.ORDER_NOTIONAL: (buy("0.03"), {"max_order_notional": "1499.99"}),
    DenialCode.ORDER_QUANTITY: (buy("0.03"), {"instruments": [replace(BTC, max_quantity=buy("0.02").quantity)]}),
    DenialCode.MID_COLLAR: (buy("0.01", trigger="53000"), {}),
    DenialCode.WINDOW_COLLAR: (buy("0.01"), {"window_price": "40000"}),
    DenialCode.PRICE_JUMP: (buy("0.01"), {"jump": "0.51"}),
    DenialCode.FORECAST: (buy("0.01"), {"expectation": expects("55000")}),
    DenialCode.NEAR_DUPLICATE: (buy("0.01"), {"recent": [placed(Side.BUY, "0.01", ago_s=1)]}),
    DenialCode.ORDERS_SECOND: (buy("0.01"), {"orders_second": 5}),
    DenialCode.ORDERS_MINUTE: (buy("0.01"), {"orders_minute": 30}),
    DenialCode.ORDERS_DAY: (buy("0.01"), {"orders_day": 500}),
    DenialCode.MESSAGES_SECOND: (buy("0.01"), {"messages_second": 10}),
    DenialCode.MESSAGES_MINUTE: (buy("0.01"), {"messages_minute": 60}),
    DenialCode.MESSAGES_DAY: (buy("0.01"), {"messages_day": 2000}),
    # account
    DenialCode.TRADING_STATE: (buy("0.01"), {"state": TradingState.REDUCING}),
    DenialCode.FREE_BALANCE: (buy("0.01"), {"cash": "500"}),
    DenialCode.ASSET_EXPOSURE: (buy("0.041"), {}),
    DenialCode.VENUE_EXPOSURE: (buy("0.03"), {"max_venue_exposure": "0.1"}),
    DenialCode.GROSS_EXPOSURE: (buy("0.03"), {"max_gross_exposure": "0.1"}),
    DenialCode.NET_EXPOSURE: (buy("0.03"), {"max_net_exposure": "0.1"}),
    DenialCode.LEVERAGE: (buy("0.03", **BTC_PERP), {**CALM_FUNDING, "max_leverage": "0.1"}),
    DenialCode.OPEN_ORDERS: (buy("0.01"), {"orders": [resting(Side.BUY, "0.001", at="40000")], "max_open_orders": 1}),
    DenialCode.POSITIONS: (buy("0.01"), {**ETHER, "max_positions": 1}),
    DenialCode.CLUSTER_EXPOSURE: (buy("0.03"), {**ETHER, "max_cluster_exposure": "0.3"}),
    DenialCode.SHORTFALL: (buy("0.01"), {"portfolio_shortfall": "990"}),
    DenialCode.STRESS_LOSS: (buy("0.03"), {"max_stress_loss": "0.04"}),
    DenialCode.DEPEG_LOSS: (
        buy("1000", **IN_DOLLARS),
        {"mid": "1", "stop": "0.9", "bar_volume": "100000", "max_depeg_loss": "0.009"},
    ),
    DenialCode.REDUCE_ONLY: (buy("0.01", reduce_only=True), LONG),
    DenialCode.FLIP: (
        sell("0.02", **BTC_PERP),
        {"positions": [held("0.01", symbol=PERP.symbol, margin="500")], **CALM_FUNDING},
    ),
    DenialCode.UNMANAGED: (sell("0.01"), {"coins": "1"}),
    DenialCode.MANAGED_CAPITAL: (buy("0.01"), {"managed_capital": "499"}),
    # market
    DenialCode.NO_PRICE: (
        buy("0.01", trigger="50500"),
        {"quote": quoted("NaN", bid="50000", ask="50000"), "window_price": "50000"},
    ),
    DenialCode.PRICE_AGE: (buy("0.01"), {"quote": quoted("50000", ts_event_ns=NOW - HOUR_NS)}),
    DenialCode.STREAM_AGE: (buy("0.01"), {"overdue_s": {"book": "0", "trades": "91"}}),
    DenialCode.LOOP_LAG: (buy("0.01"), {"loop_lag_s": "2.1"}),
    DenialCode.SPREAD: (buy("0.01"), {"quote": quoted("50000", bid="49900", ask="50100")}),
    DenialCode.BOOK: (buy("0.01"), {"bids": depth(("50001", "1")), "asks": depth(("50000", "1"))}),
    DenialCode.VOLATILITY: (buy("0.01"), {"volatility": "0.026"}),
    DenialCode.DEPTH: (buy("0.01"), {"bar_volume": "0.019", "usual_volatility": "0.001", "volatility": "0.001"}),
    DenialCode.SLIPPAGE: (
        buy("0.01"),
        {"bids": depth(("50000", "1")), "asks": depth(("50001", "0.001"), ("50500", "1"))},
    ),
    DenialCode.DIVERGENCE: (buy("0.01"), {"elsewhere": {"another venue": "50600"}}),
    DenialCode.DEPEG: (buy("0.01"), {"pegs": {"USDT": "USDT/USD"}, "peg_prices": {"USDT": "0.97"}}),
    DenialCode.FUNDING: (buy("0.01", **BTC_PERP), {"funding_rate": "0.0011"}),
    DenialCode.LIQUIDATION: (
        buy("0.01", **BTC_PERP),
        {"positions": [held("0.01", symbol=PERP.symbol, margin="50")], **CALM_FUNDING},
    ),
    DenialCode.VENUE_STATUS: (buy("0.01"), {"venue_status": 1}),
    # conduct
    DenialCode.SELF_TRADE: (buy("0.01"), {**LONG, "orders": [resting(Side.SELL, "0.01", at="52000")]}),
    DenialCode.CANCEL_RATIO: (buy("0.01"), {"owner_cancels": 21, "owner_fills": 2}),
    DenialCode.QUICK_CANCELS: (buy("0.01"), {"owner_quick_cancels": 21}),
    DenialCode.LAYERING: (buy("0.01"), {"orders": [resting(Side.BUY, "0.001", at="40000")] * 3}),
    DenialCode.RESTRICTED: (buy("0.01"), {"restricted": ["BTC"]}),
    DenialCode.ACCOUNT_RESTRICTED: (buy("0.01"), {"account_restricted": True}),
    # provenance
    DenialCode.TAINT: (buy("0.01"), {"taint": Taint.UNTRUSTED}),
    DenialCode.TEXT_ALONE: (buy("0.01"), {"taint": Taint.DERIVED, "least_taint": Taint.DERIVED}),
    DenialCode.THESIS: (buy("0.01"), {"thesis": False}),
    DenialCode.STOP: (buy("0.01"), {"stop": None}),
    DenialCode.PREDICATES: (buy("0.01"), {"unreadable_predicates": 1}),
    DenialCode.VIEW_AGE: (buy("0.01"), {"views_until_ns": NOW - 1}),
    DenialCode.EVIDENCE: (buy("0.01"), {"unknown_evidence": 1}),
    DenialCode.CALIBRATION: (buy("0.02"), {"confidence": "0.9"}),
    DenialCode.REPEATED: (buy("0.01"), {"executions": 100}),
}


@pytest.mark.parametrize("code", DenialCode)
def test_every_code_has_a_sentence(code: DenialCode) -> None:
    assert TEXTS[code] == text_for(code.value) != ""


def test_no_two_codes_share_a_sentence() -> None:
    assert len({*TEXTS.values()}) == len(DenialCode)


def test_every_code_belongs_to_exactly_one_rule() -> None:
    assert Counter(rule.code for rule in RULES) == Counter(DenialCode)


def test_a_plug_in_rules_own_code_stands_for_itself() -> None:
    assert text_for("HOUSE_RULE") == "HOUSE_RULE"


def test_an_order_with_nothing_wrong_is_denied_by_nothing() -> None:
    assert review_of(buy("0.01")).allowed


@pytest.mark.parametrize("code", DenialCode)
def test_every_code_can_be_the_only_denial(code: DenialCode) -> None:
    wanted, known = ALONE[code]
    assert review_of(wanted, **known).denials == [code]


# What a person's release overcomes.

RELEASED = {rule.code for rule in RULES if rule.person_may}


@pytest.mark.parametrize("code", DenialCode)
def test_a_person_overcomes_what_a_person_may_and_nothing_else(code: DenialCode) -> None:
    wanted, known = ALONE[code]
    assert review_of(wanted, **known, vouched=True).allowed is (code in RELEASED)


# Exits.

BIND_EXITS = {rule.code for rule in RULES if rule.binds_exits}
BOUND: dict[DenialCode, tuple[Order, dict[str, Any]]] = {
    DenialCode.FINITE: ALONE[DenialCode.FINITE],
    DenialCode.POSITIVE: (sell("0.01", trigger="-1"), LONG),
    DenialCode.FIELDS: ALONE[DenialCode.FIELDS],
    DenialCode.INSTRUMENT: (sell("0.01"), {**LONG, **MISTAKEN}),
    DenialCode.CURRENCY: ALONE[DenialCode.CURRENCY],
    DenialCode.INCREMENT: (sell("0.010001"), LONG),
    DenialCode.MIN_QUANTITY: (sell("0.00009"), {**LONG, "mid": "200000"}),
    DenialCode.MIN_NOTIONAL: (sell("0.0001"), LONG),
    DenialCode.PRICE_COLLAR: ALONE[DenialCode.PRICE_COLLAR],
    DenialCode.PROPOSAL_ID: (sell("0.01"), {**LONG, "reused_id": True}),
    DenialCode.TRADABLE: (sell("0.01"), {**LONG, "venue_status": 2}),
    DenialCode.SELF_TRADE: (sell("0.01"), {**LONG, "orders": [resting(Side.BUY, "0.01", at="40000")]}),
}


def test_exits_are_bound_by_the_closed_list_alone() -> None:
    form = {rule.code for rule in RULES if rule.layer == "form"}
    assert BIND_EXITS == form | {DenialCode.TRADABLE, DenialCode.SELF_TRADE} == {*BOUND}


@pytest.mark.parametrize("code", BOUND)
def test_what_binds_exits_can_be_the_only_thing_that_denies_one(code: DenialCode) -> None:
    wanted, known = BOUND[code]
    assert review_of(wanted, **known).denials == [code]


@pytest.mark.parametrize("code", [code for code in DenialCode if code not in BIND_EXITS])
def test_what_denies_an_entry_lets_an_exit_pass(code: DenialCode) -> None:
    entry, known = ALONE[code]
    margin = "5000" if entry.symbol == PERP.symbol else None
    others = [p for p in known.get("positions", ()) if p.symbol != entry.symbol]
    position = held("1000" if entry.symbol == "USDC/USDT" else "0.1", symbol=entry.symbol, margin=margin)
    turned = [replace(o, side=o.side.opposite) for o in known.get("orders", ())]
    exit_ = sell(entry.quantity, symbol=entry.symbol)
    assert review_of(exit_, **{**known, "positions": [*others, position], "orders": turned, "stop": None}).allowed


# What a spot sale within its position cannot break, whatever the market.
NOT_ITS_OWN = {
    DenialCode.REDUCE_ONLY,
    DenialCode.FLIP,
    DenialCode.UNMANAGED,
    DenialCode.LEVERAGE,
    DenialCode.FUNDING,
    DenialCode.DEPEG_LOSS,
}


def test_an_exit_passes_when_everything_else_is_wrong() -> None:
    """All rules but the closed list fail at once, and are shown as exempt."""
    answered = review_of(
        sell("0.01"),
        state=TradingState.HALTED,
        mid=None,
        window_price=None,
        jump=None,
        bar_volume=None,
        volatility=None,
        usual_volatility=None,
        bids=(),
        overdue_s={"book": "1000"},
        loop_lag_s=None,
        venue_status=1,
        equity=None,
        coins="0",
        portfolio_shortfall=None,
        positions=[held("0.02"), held("1", symbol="ETH/USDT")],
        orders=[resting(Side.SELL, "0.001", at="60000")] * 3,
        recent=[placed(Side.SELL, "0.01", ago_s=1)],
        expectation=expects("1"),
        taint=Taint.HOSTILE,
        least_taint=Taint.HOSTILE,
        thesis=False,
        stop=None,
        predicates=0,
        evidence=0,
        unknown_evidence=None,
        views_until_ns=None,
        confidence="0.9",
        executions=1000,
        account_restricted=True,
        peg_prices={"USDT": None},
        pegs={"USDT": "USDT/USD"},
        restricted=["BTC"],
        allowed_symbols=[],
        managed_capital="1",
        max_open_orders=1,
        max_positions=1,
        owner_cancels=1000,
        owner_quick_cancels=1000,
        **{f"{kind}_{span}": 10**6 for kind in ("orders", "messages") for span in ("second", "minute", "day")},
        instruments=[replace(BTC, max_quantity=buy("0.001").quantity)],
    )
    assert answered.allowed
    exempt = {v.code for v in answered.review.verdicts if v.outcome is Outcome.EXEMPT}
    assert exempt == {*DenialCode} - BIND_EXITS - NOT_ITS_OWN
