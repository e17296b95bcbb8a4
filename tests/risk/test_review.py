"""The review is total: whatever it is asked, it answers, and what it cannot measure it denies. Exits get through."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.errors import ConfigError
from core.money import Quantity, round_quantity
from core.orders import Order, OrderState, OrderType, Side
from core.taint import Taint
from core.time import HOUR_NS
from core.verdicts import Outcome
from risk.codes import DenialCode
from risk.facts import Facts, OpenOrder
from risk.review import review
from risk.rules import RULES
from risk.rules.base import Rule
from risk.rules.form import Finite
from risk.settings import RiskSettings
from risk.states import TradingState
from tests.risk.builders import (
    BTC,
    NOW,
    STATES,
    buy,
    facts_of,
    held,
    judged,
    order,
    placed,
    policy_of,
    quoted,
    resting,
    review_of,
    sell,
)

FORM = {
    DenialCode.FINITE,
    DenialCode.POSITIVE,
    DenialCode.FIELDS,
    DenialCode.INSTRUMENT,
    DenialCode.CURRENCY,
    DenialCode.INCREMENT,
    DenialCode.MIN_QUANTITY,
    DenialCode.MIN_NOTIONAL,
    DenialCode.PRICE_COLLAR,
    DenialCode.PROPOSAL_ID,
}
BIND_EXITS = FORM | {DenialCode.TRADABLE, DenialCode.SELF_TRADE}
MINIMUMS = {DenialCode.MIN_QUANTITY, DenialCode.MIN_NOTIONAL}

states = st.sampled_from(STATES)
sides = st.sampled_from(Side)


def test_a_desk_without_rules_does_not_start() -> None:
    order_ = buy("0.01")
    with pytest.raises(ConfigError, match="rule list is empty"):
        review(order_, facts_of(order_), TradingState.ACTIVE, RiskSettings(), ())


def test_every_rule_answers_for_an_order_that_passes_too() -> None:
    answered = review_of(buy("0.01"))
    assert [v.code for v in answered.review.verdicts] == [rule.code for rule in RULES]
    assert {v.outcome for v in answered.review.verdicts} == {Outcome.PASSED}


def test_what_was_measured_stands_beside_what_is_allowed() -> None:
    verdict = review_of(buy("0.05", at="50000")).of(DenialCode.ASSET_EXPOSURE)
    assert (verdict.measured, verdict.limit, verdict.largest) == (Decimal("0.25"), Decimal("0.20"), Decimal("0.04"))


def test_the_largest_allowed_is_what_every_rule_would_pass() -> None:
    denied = review_of(buy("0.05", at="50000"), cash="1000")
    assert round_quantity(denied.review.largest_allowed, BTC.lot_size) == Decimal("0.01998")


def test_nothing_is_allowed_where_a_denial_does_not_depend_on_the_quantity() -> None:
    assert review_of(buy("0.05", at="50000"), stop=None).review.largest_allowed == 0


# What an order may be: anything at all.

digits = st.integers(0, 10**75)
exponents = st.one_of(
    st.integers(-40, 40),
    st.sampled_from([-(10**17), -2_000_000, -1_000_050, -999_999, 999_999, 1_000_001, 2_000_000, 10**17]),
)
odd = st.sampled_from([Decimal(x) for x in ("NaN", "-NaN", "sNaN", "-sNaN", "NaN123", "Infinity", "-Infinity", "-0")])
anything = st.one_of(
    odd,
    st.builds(
        lambda sign, n, e: Decimal((sign, Decimal(n).as_tuple().digits, e)), st.sampled_from([0, 1]), digits, exponents
    ),
    st.decimals(min_value=0, max_value=10, places=18),
)
maybe_anything = st.none() | anything


@st.composite
def orders(draw: st.DrawFn) -> Order:
    """An order of any type with any decimals in it."""
    fields: dict[str, Any] = {
        "type": draw(st.sampled_from(OrderType)),
        "limit_price": draw(maybe_anything),
        "trigger_price": draw(maybe_anything),
        "reduce_only": draw(st.booleans()),
    }
    wanted = order(draw(sides), "1")
    return replace(wanted, **fields, quantity=Quantity(draw(anything)))


def fit_for_a_venue(number: Decimal) -> bool:
    return number.is_finite() and number > 0 and abs(number.adjusted()) <= 30


@given(orders(), states, st.booleans())
def test_any_decimals_get_an_answer_and_malformed_ones_a_denial(wanted: Order, state: TradingState, long: bool) -> None:
    answered = review_of(wanted, state=state, positions=[held("0.02")] if long else [], orders=[RESTING_BUY])
    numbers = [n for n in (wanted.quantity, wanted.limit_price, wanted.trigger_price) if n is not None]
    if not all(fit_for_a_venue(n) for n in numbers):
        assert {DenialCode.FINITE, DenialCode.POSITIVE, DenialCode.INCREMENT} & {*answered.denials}


@given(orders(), states)
def test_an_answer_can_always_be_written_down(wanted: Order, state: TradingState) -> None:
    from core.canonical import canonical_text

    assert canonical_text(review_of(wanted, state=state).review)


@pytest.mark.parametrize("quantity", ["1E+1000001", "1E+100000000000000000", "1E-1000100"])
def test_an_absurd_exponent_is_denied_and_no_accident(quantity: str) -> None:
    assert review_of(buy(quantity, at="50000")).denied_by(DenialCode.INCREMENT)


@given(
    mid=maybe_anything,
    equity=maybe_anything,
    cash=anything,
    quantity=anything,
    stop=maybe_anything,
    state=states,
)
def test_any_facts_get_an_answer(
    mid: Decimal | None,
    equity: Decimal | None,
    cash: Decimal,
    quantity: Decimal,
    stop: Decimal | None,
    state: TradingState,
) -> None:
    wanted = buy(quantity)
    seen = None if mid is None else quoted(str(mid))
    facts = facts_of(wanted, mid=None, quote=seen, cash=str(cash), stop=None if stop is None else str(stop))
    judged(wanted, replace(facts, equity=equity), state=state)


@given(mid=odd, equity=st.just("10000"))
def test_an_entry_on_a_price_that_is_no_number_is_denied(mid: Decimal, equity: str) -> None:
    assert not review_of(buy("0.01"), quote=quoted(str(mid)), equity=equity).allowed


# Missing input.


@pytest.mark.parametrize(
    "missing",
    [{"mid": None}, {"equity": None}, {"stop": None}, {"instruments": []}, {"cash": "0"}],
    ids=lambda given: next(iter(given)),
)
def test_what_cannot_be_measured_denies_an_entry(missing: dict[str, Any]) -> None:
    assert not review_of(buy("0.01"), **missing).allowed


# Exits.

RESTING_BUY = resting(Side.BUY, "0.001", at="40000", proposal_id="entry")


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


@given(st.integers(1, 1000), desperate(), states, st.booleans())
def test_a_proven_exit_is_denied_by_the_closed_list_alone(
    lots: int, condition: dict[str, Any], state: TradingState, reduce_only: bool
) -> None:
    wanted = sell(lots * BTC.lot_size, reduce_only=reduce_only)
    answered = review_of(wanted, state=state, **condition)
    assert answered.reducing  # 0.02 held, at most 0.01 being sold already, at most 0.01 wanted
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


def test_what_is_being_sold_at_an_unknown_venue_state_is_not_proven_again() -> None:
    selling = [resting(Side.SELL, "0.01", at="0", state=OrderState.UNKNOWN)]
    position = {"positions": [held("0.02")], "orders": selling, "reserved": {"BTC": "0.01"}}
    assert review_of(sell("0.01"), state=TradingState.HALTED, **position).allowed
    assert not review_of(sell("0.01001"), state=TradingState.HALTED, **position).allowed


def test_a_sale_of_coins_beyond_the_position_is_denied_in_an_active_desk() -> None:
    assert not review_of(sell("0.03"), positions=[held("0.02")]).allowed


def test_a_short_is_closed_by_a_buy() -> None:
    short = [held("0.02", side=Side.SELL)]
    assert review_of(buy("0.02"), positions=short, state=TradingState.HALTED, equity=None, stop=None).allowed
    assert not review_of(buy("0.02001"), positions=short, state=TradingState.HALTED).allowed


def test_an_exempt_rule_shows_what_it_measured() -> None:
    verdict = review_of(sell("0.02"), state=TradingState.HALTED, positions=[held("0.02")]).of(DenialCode.TRADING_STATE)
    assert (verdict.outcome, verdict.measured) == (Outcome.EXEMPT, Decimal(2))


# Quantities.

accounts = st.fixed_dictionaries(
    {
        "equity": st.decimals("100", "100000", places=2).map(str),
        "cash": st.decimals("100", "100000", places=2).map(str),
        "mid": st.decimals("1000", "90000", places=2).map(str),
        "reserved": st.fixed_dictionaries({"USDT": st.decimals("0", "1000", places=2).map(str)}),
        "positions": st.sampled_from([[], [held("0.01")], [held("0.00123", at="1")]]),
        "orders": st.lists(
            st.builds(
                lambda lots, at: resting(Side.BUY, str(lots * BTC.lot_size), at=str(at)),
                st.integers(1, 5000),
                st.decimals("900", "1000", places=2),
            ),
            max_size=3,
        ),
        "max_asset_exposure": st.decimals("0.01", "0.2", places=4).map(str),
        "max_gross_exposure": st.decimals("0.01", "1", places=4).map(str),
        "max_order_size": st.decimals("0.01", "1", places=4).map(str),
    }
)


SIZED = [
    r for r in RULES if r.code in {"ORDER_SIZE", "FREE_BALANCE", "ASSET_EXPOSURE", "GROSS_EXPOSURE", "REDUCE_ONLY"}
]


@given(accounts, st.sampled_from(SIZED), st.integers(1, 10**6), sides, st.booleans(), st.booleans())
def test_the_largest_passes_and_one_lot_more_does_not(
    account: dict[str, Any], rule: Rule, lots: int, side: Side, limited: bool, reduce_only: bool
) -> None:
    only = reduce_only or rule.code == "REDUCE_ONLY"
    wanted = order(side, lots * BTC.lot_size, at=account["mid"] if limited else None, reduce_only=only)
    facts, policy = _read(wanted, account)
    verdict = judged(wanted, facts, policy=policy, rules=[rule]).review.verdicts[0]
    assume(verdict.largest is not None)
    assert verdict.largest is not None
    most = round_quantity(verdict.largest, BTC.lot_size)
    if most > 0:
        assert _passes(rule, replace(wanted, quantity=most), facts, policy)
    assert not _passes(rule, replace(wanted, quantity=Quantity(most + BTC.lot_size)), facts, policy)


@given(accounts, st.integers(1, 10**6), st.integers(1, 10**6), sides, st.booleans(), states)
def test_a_larger_quantity_never_turns_a_denial_into_an_approval(
    account: dict[str, Any], lots: int, more: int, side: Side, limited: bool, state: TradingState
) -> None:
    smaller = order(side, lots * BTC.lot_size, at=account["mid"] if limited else None)
    larger = replace(smaller, quantity=Quantity(smaller.quantity + more * BTC.lot_size))
    facts, policy = _read(smaller, {**account, "recent": [placed(Side.BUY, "0.01", ago_s=1)]})
    denied = {*judged(smaller, facts, state=state, policy=policy).denials} - MINIMUMS
    still = {*judged(larger, facts, state=state, policy=policy).denials}
    assert denied <= still


def _read(wanted: Order, account: dict[str, Any]) -> tuple[Facts, RiskSettings]:
    limits = {name: value for name, value in account.items() if name.startswith("max_")}
    facts = facts_of(wanted, **{name: value for name, value in account.items() if name not in limits})
    return facts, policy_of(**limits)


def _passes(rule: Rule, wanted: Order, facts: Facts, policy: RiskSettings) -> bool:
    return judged(wanted, facts, policy=policy, rules=[rule]).review.verdicts[0].outcome is Outcome.PASSED


# Together.


@given(st.lists(st.integers(1, 6000), min_size=1, max_size=8), st.integers(0, 5000))
def test_orders_reviewed_one_after_another_never_exceed_the_cap_together(sizes: Sequence[int], lots_held: int) -> None:
    live: list[OpenOrder] = []
    positions = [held(str(lots_held * BTC.lot_size))] if lots_held else []
    for number, lots in enumerate(sizes):
        quantity = lots * BTC.lot_size
        given_: dict[str, Any] = {"positions": positions, "orders": live}
        if review_of(buy(quantity, at="50000"), **given_).allowed:
            live.append(resting(Side.BUY, str(quantity), at="50050", proposal_id=str(number)))
    held_now = lots_held * BTC.lot_size * 50_000
    added = sum((o.remaining * 50_000 for o in live), Decimal(0))
    assert not added or held_now + added <= 2_000


# A rule that breaks.


class Broken(Finite):
    """A rule with a mistake in it."""

    code: ClassVar[str] = "BROKEN"
    binds_exits: ClassVar[bool] = False

    def measure(self, order: Order, facts: Facts, state: TradingState, policy: RiskSettings) -> Decimal | None:
        raise KeyError("a mistake")


def test_a_rule_that_breaks_denies_and_says_so() -> None:
    wanted = buy("0.01", at="50000")
    answered = judged(wanted, facts_of(wanted), rules=[*RULES, Broken()]).review
    assert [(v.code, v.measured, v.largest, v.alarm) for v in answered.denials] == [("BROKEN", None, None, "KeyError")]


def test_a_rule_that_breaks_takes_no_other_with_it() -> None:
    wanted = buy("0.01", at="50000")
    answered = judged(wanted, facts_of(wanted), rules=[Broken(), *RULES]).review
    assert [v.code for v in answered.verdicts] == ["BROKEN", *(rule.code for rule in RULES)]
    assert all(v.alarm is None for v in answered.verdicts[1:])


def test_a_rule_that_breaks_holds_no_exit_up() -> None:
    wanted = sell("0.01", at="50000")
    answered = judged(wanted, facts_of(wanted, positions=[held("1")]), rules=[*RULES, Broken()]).review
    assert answered.allowed
    assert answered.verdicts[-1].alarm == "KeyError"
