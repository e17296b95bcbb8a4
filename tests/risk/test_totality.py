"""The review is total: whatever it is asked, it answers, and what it cannot measure it denies."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.canonical import canonical_text
from core.orders import Order, Side
from core.verdicts import Outcome
from risk.codes import DenialCode
from risk.facts import Facts
from risk.rules import RULES
from risk.states import TradingState
from tests.risk.accounts import anything, maybe_anything, states, tiers, wild_facts, wild_orders
from tests.risk.builders import (
    LISTED,
    PERP,
    buy,
    depth,
    expects,
    facts_of,
    held,
    judged,
    placed,
    quoted,
    resting,
    review_of,
)

# An order may be anything at all, and so may what it is judged by.


def fit_for_a_venue(number: Decimal) -> bool:
    return number.is_finite() and number > 0 and abs(number.adjusted()) <= 30


@given(wild_orders(), states, st.booleans())
def test_any_decimals_get_an_answer_and_malformed_ones_a_denial(wanted: Order, state: TradingState, long: bool) -> None:
    answered = review_of(
        wanted, state=state, positions=[held("0.02")] if long else [], orders=[resting(Side.BUY, "0.001", at="40000")]
    )
    numbers = [n for n in (wanted.quantity, wanted.limit_price, wanted.trigger_price) if n is not None]
    if not all(fit_for_a_venue(n) for n in numbers):
        assert {DenialCode.FINITE, DenialCode.POSITIVE, DenialCode.INCREMENT} & {*answered.denials}


@pytest.mark.parametrize("quantity", ["1E+1000001", "1E+100000000000000000", "1E-1000100"])
def test_an_absurd_exponent_is_denied_and_no_accident(quantity: str) -> None:
    assert review_of(buy(quantity, at="50000")).denied_by(DenialCode.INCREMENT)


@given(wild_orders(st.sampled_from([Decimal("0.01")]) | anything), wild_facts, states, tiers)
def test_whatever_the_facts_hold_every_rule_answers_and_none_breaks(
    wanted: Order, facts: Facts, state: TradingState, caps: Decimal
) -> None:
    answered = judged(wanted, facts, state=state, caps=caps).review
    assert [(v.code, v.alarm) for v in answered.verdicts] == [(rule.code, None) for rule in RULES]
    passed = [v.measured for v in answered.verdicts if v.outcome is Outcome.PASSED]
    assert all(number is not None and number.is_finite() for number in passed)
    assert answered.largest_allowed >= 0
    assert canonical_text(answered)


@given(mid=maybe_anything, equity=maybe_anything, cash=anything, stop=maybe_anything)
def test_an_entry_is_allowed_on_sound_numbers_alone(
    mid: Decimal | None, equity: Decimal | None, cash: Decimal, stop: Decimal | None
) -> None:
    wanted = buy("0.01")
    seen = None if mid is None else quoted(str(mid))
    facts = facts_of(wanted, mid=None, quote=seen, cash=str(cash), stop=None if stop is None else str(stop))
    if judged(wanted, replace(facts, equity=equity)).allowed:
        assert all(n is not None and n.is_finite() and n > 0 for n in (mid, equity, cash, stop))


# Every number that an entry is judged by, of a perpetual that is held already and of another coin.


def of_position(**number: Any) -> dict[str, Any]:
    return {"positions": [held(**{"quantity": "0.01", "margin": "500", "symbol": PERP.symbol, **number})]}


def of_order(**number: Any) -> dict[str, Any]:
    known: dict[str, Any] = {"side": Side.BUY, "remaining": "0.001", "at": "49000", "symbol": PERP.symbol}
    return {"orders": [resting(**{**known, **number})]}


def of_listing(**number: str) -> dict[str, Any]:
    changed: dict[str, Any] = {name: Decimal(text) for name, text in number.items()}
    return {"instruments": [replace(PERP, **changed), *LISTED[:2]]}


def of_ether(price: str) -> dict[str, Any]:
    return {"positions": [held("1", symbol="ETH/USDT")], "quotes": [quoted(price, symbol="ETH/USDT")]}


def of_book(**number: Any) -> dict[str, Any]:
    return {"bids": depth(("49999", "9")), "asks": depth(("50000", "9")), **number}


def of_quote(last: str = "50000", **number: str) -> dict[str, Any]:
    sound = {"bid": "50000", "ask": "50000", **number}
    return {"quote": quoted(last, symbol=PERP.symbol, **sound), "window_price": "50000"}


READINGS: dict[str, Callable[[str], dict[str, Any]]] = {
    "equity": lambda n: {"equity": n, "cash": "10000"},
    "cash": lambda n: {"cash": n},
    "what is reserved": lambda n: {"reserved": {"USDT": n}},
    "the last price": lambda n: of_quote(n),
    "the bid": lambda n: of_quote(bid=n),
    "the ask": lambda n: of_quote(ask=n),
    "the price of another holding": of_ether,
    "the quantity held": lambda n: of_position(quantity=n),
    "the price paid": lambda n: of_position(at=n),
    "the margin": lambda n: of_position(margin=n),
    "what an open order may still trade": lambda n: of_order(remaining=n),
    "the worst price of an open order": lambda n: of_order(at=n),
    "the tick size": lambda n: of_listing(tick_size=n),
    "the lot size": lambda n: of_listing(lot_size=n),
    "the minimum quantity": lambda n: of_listing(min_quantity=n),
    "the minimum notional": lambda n: of_listing(min_notional=n),
    "the fee": lambda n: of_listing(taker_fee=n),
    "the maintenance margin": lambda n: of_listing(maintenance_margin=n),
    "a stream": lambda n: {"overdue_s": {"book": n, "trades": "0"}},
    "the loop lag": lambda n: {"loop_lag_s": n},
    "a price of the book": lambda n: of_book(asks=depth((n, "9"))),
    "a depth of the book": lambda n: of_book(ask_depth=n),
    "the volume": lambda n: {"bar_volume": n},
    "the volatility": lambda n: {"volatility": n},
    "the usual volatility": lambda n: {"usual_volatility": n},
    "the mean price": lambda n: {"window_price": n},
    "the jump": lambda n: {"jump": n},
    "the price elsewhere": lambda n: {"elsewhere": {"another venue": n}},
    "the funding": lambda n: {"funding_rate": n},
    "the shortfall": lambda n: {"shortfall": n},
    "the shortfall of the account": lambda n: {"portfolio_shortfall": n},
    "a peg": lambda n: {"pegs": {"USDT": "USDT/USD"}, "peg_prices": {"USDT": n}},
    "the stop": lambda n: {"stop": n},
    "a forecast": lambda n: {"expectation": expects(n)},
}


@pytest.mark.parametrize("number", ["NaN", "sNaN", "Infinity"])
@pytest.mark.parametrize("reading", READINGS)
def test_an_entry_on_a_reading_that_is_no_number_is_denied(reading: str, number: str) -> None:
    wanted = buy("0.01", at="50000", symbol=PERP.symbol)
    sound = {"funding_rate": "0.0001"}
    assert review_of(wanted, **sound).allowed
    assert not review_of(wanted, **{**sound, **READINGS[reading](number)}).allowed


@pytest.mark.parametrize("number", ["NaN", "sNaN"])
def test_an_order_that_cannot_be_compared_with_an_earlier_one_is_denied(number: str) -> None:
    assert review_of(buy("0.01"), recent=[placed(Side.BUY, number, ago_s=1)]).denials == [DenialCode.NEAR_DUPLICATE]


@pytest.mark.parametrize("price", ["0", "-1900"])
@pytest.mark.parametrize("reading", ["the last price", "the bid", "the ask", "the price of another holding"])
def test_an_entry_on_a_price_that_is_not_positive_is_denied(reading: str, price: str) -> None:
    wanted = buy("0.01", at="50000", symbol=PERP.symbol)
    assert not review_of(wanted, funding_rate="0", **READINGS[reading](price)).allowed


# Missing input.


@pytest.mark.parametrize(
    "missing",
    [
        {"mid": None},
        {"equity": None},
        {"stop": None},
        {"instruments": []},
        {"cash": "0"},
        {"bar_volume": None},
        {"volatility": None},
        {"usual_volatility": None},
        {"window_price": None},
        {"jump": None},
        {"portfolio_shortfall": None},
        {"loop_lag_s": None},
        {"views_until_ns": None},
        {"unknown_evidence": None},
    ],
    ids=lambda given: next(iter(given)),
)
def test_what_cannot_be_measured_denies_an_entry_and_breaks_no_rule(missing: dict[str, Any]) -> None:
    answered = review_of(buy("0.01"), **missing, confidence="0.9", managed_capital="9000", expectation=expects("50001"))
    assert not answered.allowed
    assert [v.code for v in answered.review.verdicts if v.alarm] == []


def test_a_market_of_which_nothing_is_known_denies_an_entry() -> None:
    wanted = buy("0.01")
    unseen = replace(facts_of(wanted), conditions={})
    assert judged(wanted, unseen).denials == [
        DenialCode.WINDOW_COLLAR,
        DenialCode.PRICE_JUMP,
        DenialCode.VOLATILITY,
        DenialCode.DEPTH,
        DenialCode.SLIPPAGE,
    ]
