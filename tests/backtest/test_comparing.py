"""A period beside its replay: what is alike is no difference, and every other kind is found with what explains it."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from backtest.comparing import Compared, Difference, Kind, compare
from core.canonical import JSON
from core.errors import DataRefused
from core.orders import Side
from core.time import HOUR_NS, MINUTE_NS, SECOND_NS
from desk.lived import Decided, Filled, Lived, Wanted

D = Decimal
BTC = "BTC/USDT"
START_NS = 1_771_372_800_000_000_000
SAID = {"opinions": [{"symbol": BTC, "stance": "0.8"}]}
VIEWS = {"research": SAID, "sentiment": SAID, "forecast": SAID}
SILENT = {**VIEWS, "forecast": {"abstentions": [{"symbol": BTC, "reason": "no model"}]}}


def wanted(side: Side = Side.BUY, quantity: str = "0.5", **others: Any) -> Wanted:
    filled = Filled(D(quantity), D("100.1"), D(quantity) * D("0.1001"), START_NS + SECOND_NS)
    made = Wanted(START_NS, BTC, side, D(quantity), "working", (), D("100"), "it rises", filled)
    return replace(made, **others)


def market(**others: JSON) -> JSON:
    return {"last": "100", "bars_digest": "ab", "bars": 300, "texts": [], "unfit": None, **others}


def decided(*orders: Wanted, at_ns: int = START_NS, **others: Any) -> Decided:
    account = {"equity": "10000", "state": "active", "positions": []}
    made = Decided(at_ns, {BTC: market()}, account, VIEWS, "rules/2", orders)
    return replace(made, **others)


def lived(*cycles: Decided, run: str = "a", others: tuple[Wanted, ...] = (), policy: str = "p") -> Lived:
    return Lived(run * 64, f"paper-{run}", policy, cycles, others)


def beside(live: Lived, *cycles: Decided, **others: Any) -> Compared:
    return compare(live, lived(*cycles, run="b", **others), within_ns=15 * MINUTE_NS)


def only(found: Compared) -> Difference:
    assert len(found.differences) == 1, found.differences
    return found.differences[0]


LIVE = lived(decided(wanted()))


def test_what_is_alike_is_no_difference() -> None:
    found = beside(LIVE, decided(wanted()))
    assert (found.decisions, found.alike, found.outside, found.differences) == (1, 1, 0, ())


def test_a_decision_may_come_some_minutes_later() -> None:
    found = beside(LIVE, decided(wanted(), at_ns=START_NS + 14 * MINUTE_NS))
    assert (found.alike, found.differences) == (1, ())


def test_the_nearest_decisions_belong_to_each_other() -> None:
    ours = lived(*(decided(at_ns=START_NS + k * 10 * MINUTE_NS) for k in range(3)))
    theirs = [decided(at_ns=START_NS + k * 10 * MINUTE_NS + 4 * MINUTE_NS) for k in range(3)]
    assert beside(ours, *theirs).alike == 3


def test_a_decision_of_one_alone_is_a_matter_of_timing() -> None:
    live = lived(decided(), decided(wanted(), at_ns=START_NS + HOUR_NS), decided(at_ns=START_NS + 2 * HOUR_NS))
    found = only(beside(live, decided(), decided(at_ns=START_NS + 2 * HOUR_NS)))
    assert (found.kind, found.live, found.replay) == (Kind.TIMING, "1 order", "none")
    assert "no decision in the replay within 900.0 s" in found.why
    other = only(compare(lived(decided(), decided(at_ns=START_NS + 2 * HOUR_NS), run="b"), live, within_ns=MINUTE_NS))
    assert (other.live, other.replay) == ("none", "1 order")


def test_what_lies_outside_the_common_time_is_counted_and_not_compared() -> None:
    live = lived(decided(), decided(wanted(), at_ns=START_NS + 9 * HOUR_NS))
    found = beside(live, decided(), decided(at_ns=START_NS + HOUR_NS))
    assert found.outside == 1
    assert {one.kind for one in found.differences} == {Kind.TIMING}


@pytest.mark.parametrize(
    ("others", "why"),
    [
        ({"markets": {BTC: market(last="99")}}, "the last price was 100, 99 in the replay"),
        ({"markets": {BTC: market(bars_digest="cd")}}, "other bars were known"),
        ({"markets": {BTC: market(texts=[{}])}}, "0 texts were known, 1 in the replay"),
        ({"markets": {BTC: market(unfit="stale")}}, "it was fit, stale in the replay"),
        ({"markets": {}}, "was not seen in the replay"),
        ({"reasoner": "model"}, "the reasoner was rules/2, model in the replay"),
        ({"account": {"equity": "9000", "state": "active", "positions": []}}, "equity was 10,000.00, 9,000.00"),
        ({"account": {"equity": "10000", "state": "reducing", "positions": []}}, "the desk was active, reducing"),
        (
            {"account": {"equity": "10000", "state": "active", "positions": [{"symbol": BTC, "quantity": "2"}]}},
            "0 was held, 2 in the replay",
        ),
        (
            {"views": SILENT},
            "forecast said otherwise (stance 0.8, reason no model in the replay)",
        ),
        ({}, "nothing that the records name"),
    ],
)
def test_a_signal_of_one_alone_is_explained_by_what_the_two_saw(others: dict[str, Any], why: str) -> None:
    found = only(beside(LIVE, decided(**others)))
    assert (found.kind, found.live, found.replay) == (Kind.SIGNAL, "buy 0.5", "none")
    assert why in found.why


def test_another_size_is_another_signal_and_rounding_is_none() -> None:
    other = wanted(quantity="0.25")
    found = beside(LIVE, decided(other))
    assert [one.kind for one in found.differences] == [Kind.SIGNAL]
    assert not beside(LIVE, decided(wanted(quantity="0.5002"))).differences


def test_other_settings_are_said() -> None:
    found = only(beside(LIVE, decided(), policy="q"))
    assert found.why.startswith("the settings of the two differ")


def test_the_other_side_is_two_signals() -> None:
    found = beside(LIVE, decided(wanted(Side.SELL)))
    assert [(one.live, one.replay) for one in found.differences] == [("buy 0.5", "none"), ("none", "sell 0.5")]


def test_what_one_gate_denied_names_the_rules() -> None:
    denied = wanted(answer="denied", codes=("SPREAD",), filled=None)
    found = only(beside(LIVE, decided(denied)))
    assert (found.kind, found.live, found.replay) == (Kind.GATE, "working", "denied")
    assert "denied by SPREAD" in found.why


def test_a_fill_of_one_alone_or_in_part_is_missed() -> None:
    found = only(beside(lived(decided(wanted(filled=None, answer="done"))), decided(wanted())))
    assert (found.kind, found.live) == (Kind.MISSED, "none")
    assert "live it was done and never filled" in found.why
    half = replace(wanted().filled, quantity=D("0.25"), fee=D("0.025025"))  # type: ignore[type-var]
    part = only(beside(LIVE, decided(wanted(filled=half))))
    assert "filled 100.0% of it and 50.0% of it" in part.why


def test_another_price_costs_and_is_split_into_what_was_asked_for_and_slippage() -> None:
    filled = Filled(D("0.5"), D("101"), D("0.0505"), START_NS + HOUR_NS)
    dear = wanted(asked=D("100.5"), filled=filled)
    live = lived(decided(dear))
    found = next(one for one in beside(live, decided(wanted())).differences if one.kind is Kind.PRICE)
    assert found.cost == D("0.45")
    assert "the price asked for was 100.5, 100 in the replay (50.0 bps)" in found.why
    assert "slippage of 49.8 bps, 10.0 bps in the replay" in found.why
    assert "filled 3,600.0 s after it was wanted, 1.0 s in the replay" in found.why


def test_a_sale_at_a_lower_price_costs_too() -> None:
    cheap = replace(wanted().filled, price=D("99"), fee=D("0.0495"))  # type: ignore[type-var]
    found = only(beside(lived(decided(wanted(Side.SELL, filled=cheap))), decided(wanted(Side.SELL))))
    assert found.cost == D("0.55")


def test_another_fee_is_told_by_its_rate() -> None:
    filled = replace(wanted().filled, fee=D("0.10010"))  # type: ignore[type-var]
    found = only(beside(lived(decided(wanted(filled=filled))), decided(wanted())))
    assert (found.kind, found.live, found.replay) == (Kind.FEE, "0.2000%", "0.1000%")
    assert found.cost == D("0.05005")


def test_a_fill_much_later_is_a_matter_of_timing_too() -> None:
    late = replace(wanted().filled, first_ns=START_NS + 2 * HOUR_NS)  # type: ignore[type-var]
    found = only(beside(LIVE, decided(wanted(filled=late))))
    assert found.kind is Kind.TIMING
    assert "7,200.0 s in the replay" in found.why


def test_a_stop_that_fired_in_one_alone_is_a_missed_fill() -> None:
    stop = wanted(Side.SELL, why="protective stop")
    live = lived(decided(wanted()), others=(stop,))
    found = only(beside(live, decided(wanted())))
    assert (found.kind, found.replay) == (Kind.MISSED, "none")
    assert "no such order in the replay: protective stop" in found.why
    resting = replace(stop, filled=None)
    assert only(beside(live, decided(wanted()), others=(resting,))).kind is Kind.MISSED
    assert not beside(live, decided(wanted()), others=(stop,)).differences


def test_a_run_beside_itself_or_without_a_common_time_is_refused() -> None:
    with pytest.raises(DataRefused, match="a run has no difference to itself"):
        compare(LIVE, LIVE, within_ns=MINUTE_NS)
    with pytest.raises(DataRefused, match="no time in common: paper-a from"):
        beside(LIVE, decided(at_ns=START_NS + 9 * HOUR_NS))
