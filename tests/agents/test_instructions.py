"""Standing instructions, pure: typed from JSON, stepped within their budget, and never beyond it."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.instructions import Instruction, Stepped, begun, parsed, proposal, read, step, told, worst_of
from core.canonical import plain
from core.errors import ConfigError
from core.money import ZERO
from core.orders import Side
from core.time import DAY_NS, HOUR_NS
from tests.tools.strategies.seeing import T0, child, instrument, seen
from tools.strategies.shapes import Child, ChildState, Seen

DCA = {"kind": "dca", "symbol": "BTC/USDT", "quote": "50", "every": "1d"}
GRID = {
    "kind": "grid",
    "symbol": "BTC/USDT",
    "lower": "80",
    "upper": "120",
    "stop": "70",
    "quote": "60",
    "reach": "0.5",
}
SMART = {"kind": "smart", "symbol": "BTC/USDT", "quote": "500", "stop": "60"}


def instruction(what: dict[str, Any] = DCA, **budget: Any) -> Instruction:
    return parsed({"strategy": what, "budget": {"max_orders": 10, "max_spend": "500", **budget}})


def stepped(one: Instruction, event: Seen) -> Stepped:
    return step(one, begun(one, None), event)


# The budget


def test_the_last_order_is_placed_and_one_more_is_not() -> None:
    two = instruction(max_orders=2)
    assert stepped(two, seen("100", child("0"), after_ns=DAY_NS)).places
    over = stepped(two, seen("100", child("0"), child("1"), after_ns=2 * DAY_NS))
    assert (over.places, over.finished) == ((), "all of its 2 orders were placed")


def test_what_is_open_may_still_come_to_less_so_that_it_ends_when_that_is_over() -> None:
    two = instruction(max_orders=2)
    event = seen("100", child("0"), child("1", ChildState.OPEN), after_ns=2 * DAY_NS)
    assert stepped(two, event) == Stepped(two.working.begin())


def test_an_order_that_fits_exactly_is_placed_and_one_that_does_not_ends_it() -> None:
    spent = child("0", cost=Decimal(450), filled=Decimal(1))
    assert stepped(instruction(), seen("100", spent, after_ns=DAY_NS)).places
    more = child("0", cost=Decimal("450.5"), filled=Decimal(1))
    over = stepped(instruction(), seen("100", more, after_ns=DAY_NS))
    assert over.finished == "49.5 of its budget is left, too little for its next order"


def test_at_exactly_its_end_it_places_nothing() -> None:
    until = instruction(until="2021-05-20T13:00Z")
    assert stepped(until, seen("100", child("0"), after_ns=DAY_NS - 1)).finished is None
    assert (
        stepped(until, seen("100", child("0"), after_ns=DAY_NS)).finished == "its time was over at 2021-05-20 13:00:00Z"
    )


def test_a_slot_is_placed_in_once() -> None:
    assert stepped(instruction(), seen("100", child("0", ChildState.DENIED))).places == ()


def test_a_coin_that_somebody_bought_a_moment_ago_is_wanted_again_at_the_next_step() -> None:
    assert stepped(instruction(), seen("100", crowded=frozenset({"BTC/USDT"}))).places == ()
    assert stepped(instruction(), seen("100", crowded=frozenset({"ETH/USDT"}))).places


def test_after_a_denial_it_waits_an_hour_and_twice_as_long_after_another() -> None:
    smart, denied = instruction(SMART), ChildState.DENIED
    once, again = child("entry.0", denied), child("entry.1", denied)
    assert stepped(smart, seen("100", once, after_ns=HOUR_NS - 1)).places == ()
    assert stepped(smart, seen("100", once, after_ns=HOUR_NS)).places
    assert stepped(smart, seen("100", once, again, after_ns=2 * HOUR_NS - 1)).places == ()
    assert stepped(smart, seen("100", once, again, after_ns=2 * HOUR_NS)).places


# What must never happen


moves = st.lists(
    st.tuples(st.integers(60, 140), st.sampled_from(["fill", "part", "miss", "deny", "wait"]), st.integers(1, 48)),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(what=st.sampled_from([DCA, GRID, SMART]), said=moves, cap=st.integers(1, 700), most=st.integers(1, 12))
def test_it_never_spends_over_its_cap_nor_places_twice_in_a_slot(
    what: dict[str, Any], said: list[tuple[int, str, int]], cap: int, most: int
) -> None:
    one, now_ns = instruction(what, max_spend=str(cap), max_orders=most), 0
    state, orders = begun(one, None), list[Child]()
    for price, fate, hours in said:
        now_ns += hours * HOUR_NS
        orders = [_fated(order, fate) for order in orders]
        event = seen(str(price), *orders, after_ns=now_ns)
        found = step(one, state, event)
        # Through the books and back: the state survives a restart at every step.
        state = begun(one, plain(found.state))
        assert state == found.state
        for place in found.places:
            wanted = proposal(
                place, instrument(), instruction_id="i" * 8, account_id="a", term=1, confirmed=most, now_ns=T0 + now_ns
            )
            worst = worst_of(wanted, instrument())
            more = {"quantity": wanted.order.quantity, "cost": worst, "placed_ns": T0 + now_ns}
            orders.append(child(place.slot, ChildState.OPEN, **more))
        if found.finished is not None:
            break
    assert sum((order.cost for order in orders), ZERO) <= cap
    assert len(orders) <= most
    assert len({order.slot for order in orders}) == len(orders)


def _fated(order: Child, fate: str) -> Child:
    if not order.open or fate == "wait":
        return order
    share = {"fill": Decimal(1), "part": Decimal("0.5")}.get(fate, ZERO)
    state = ChildState.DENIED if fate == "deny" else ChildState.OVER
    return child(
        order.slot,
        state,
        quantity=order.quantity,
        filled=order.quantity * share,
        cost=order.cost * share,
        placed_ns=order.placed_ns,
    )


# Its proposals


def test_an_order_rests_on_the_persons_confirmation_and_counts_within_its_term() -> None:
    (place,) = stepped(instruction(), seen("100")).places
    known = {"instruction_id": "abc", "account_id": "paper", "confirmed": 10, "now_ns": T0}
    first, again = (proposal(place, instrument(), term=term, **known) for term in (1, 2))  # type: ignore[arg-type]
    assert first.evidence == (first.source,) == ("instruction:abc",)
    assert (first.plan_id, again.plan_id) == ("instruction:abc/1", "instruction:abc/2")
    assert first.proposal_id == again.proposal_id  # one order a slot, whoever confirmed what since
    assert first.order.side is Side.BUY
    assert first.stop_price is not None
    assert first.invalidation


# From JSON


def test_what_is_saved_is_read_back_alike() -> None:
    for what in (DCA, GRID, SMART, {"kind": "rebalance", "weights": {"BTC/USDT": "0.2"}, "every": "7d"}):
        one = instruction(what)
        assert read(json.dumps([one.body()]), "a file") == (one,)
        assert told(one)


def test_numbers_that_are_written_as_such_are_read_exactly() -> None:
    (one,) = read(
        '{"strategy": {"kind": "dca", "symbol": "BTC/USDT", "quote": 0.1, "every": "1d"}, '
        '"budget": {"max_orders": 1, "max_spend": 0.1}}',
        "a file",
    )
    assert one.budget.max_spend == Decimal("0.1")


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"strategy": {"kind": "hodl"}, "budget": {}}, "hodl"),
        ({"strategy": {**DCA, "quote": "-1"}, "budget": {"max_orders": 1, "max_spend": "1"}}, "dca.quote"),
        ({"strategy": DCA, "budget": {"max_orders": 0, "max_spend": "1"}}, "budget.max_orders"),
        ({"strategy": DCA, "budget": {"max_orders": 1, "max_spend": "1", "until": "soon"}}, "budget.until"),
        ({"strategy": {**DCA, "leverage": "100"}, "budget": {"max_orders": 1, "max_spend": "1"}}, "dca.leverage"),
        ("buy", "instruction"),
    ],
)
def test_what_is_no_instruction_is_refused_by_name(said: object, found: str) -> None:
    with pytest.raises(ConfigError, match=found):
        parsed(said)


def test_a_file_that_is_no_json_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"plan\.json is not JSON"):
        read("{", "plan.json")
