"""A decision that a model may have made from memory is labelled, and what nobody knows is never called clean."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from agents.contamination import Label, Taught, contamination, doubt, label_of, worst
from agents.cycle import Cycle
from agents.views import EventSeen, Plan, PlannedOrder, SentimentView
from core.orders import OrderType, Side
from core.taint import Taint
from core.texts import EventKind
from core.time import parse_time

LAST_DAY = Taught(date(2025, 6, 30))
EVENT = EventSeen(
    symbol="BTC/USDT",
    kind=EventKind.HACK,
    direction=-1,
    magnitude=Decimal(1),
    certainty=Decimal(1),
    texts=1,
    text_id="t",
    start=0,
    end=4,
    reader="llm vllm m",
    known_at_ns=1,
    hindsight=False,
    evidence="text:BTC/USDT:0a1b2c3d4e5f",
)


def cycle(at: str = "2026-01-01", *, hindsight: bool = False, cites: bool = False) -> Cycle:
    """One that heard of one event, and plans one order."""
    event = EVENT.model_copy(update={"hindsight": hindsight})
    order = PlannedOrder(
        index=0,
        symbol="BTC/USDT",
        side=Side.BUY,
        type=OrderType.MARKET,
        quantity=Decimal(1),
        thesis="it rises",
        evidence=("trend_view:BTC/USDT:1", *((event.evidence,) if cites else ())),
        taint=Taint.TRUSTED,
    )
    bare = Cycle("c", "a", "r", ("BTC/USDT",), parse_time(at), 0, "p")
    heard = SentimentView(moods=(), abstentions=(), events=(event,))
    return replace(bare, sentiment=heard, plans=(Plan(orders=(order,), judgements=()),))


def labels(found: Any) -> tuple[str, str, str, str]:
    return found["label"], found["research"], found["sentiment"], found["plan"]


@pytest.mark.parametrize(
    ("at", "label"),
    [
        ("2025-06-29", Label.CONTAMINATED),
        ("2025-06-30T00:00Z", Label.CONTAMINATED),
        ("2025-06-30T23:59Z", Label.CONTAMINATED),
        ("2025-07-01T00:00Z", Label.CLEAN),
    ],
)
def test_the_last_day_of_training_is_contaminated_to_its_end(at: str, label: Label) -> None:
    assert LAST_DAY.label(parse_time(at)) is label


def test_an_unknown_cut_off_is_unknown_whatever_the_time() -> None:
    assert {Taught().label(parse_time(at)) for at in ("1999-01-01", "2026-01-01")} == {Label.UNKNOWN}
    assert labels(contamination(cycle(), Taught(), traced=False)) == ("unknown", "unknown", "clean", "unknown")


def test_code_was_taught_nothing() -> None:
    found = contamination(cycle("2009-01-03"), None, traced=True)
    assert labels(found) == ("clean",) * 4
    assert found["cutoff"] is None


def test_a_model_within_its_training_data_contaminates_research_and_plan() -> None:
    found = contamination(cycle("2025-01-01"), LAST_DAY, traced=False)
    assert labels(found) == ("contaminated", "contaminated", "clean", "contaminated")
    assert found["cutoff"] == "2025-06-30"


def test_an_event_read_in_hindsight_contaminates_the_plan_of_a_model_that_was_shown_it() -> None:
    found = contamination(cycle(hindsight=True), LAST_DAY, traced=False)
    assert labels(found) == ("contaminated", "clean", "contaminated", "contaminated")
    assert found["hindsight"] == [EVENT.evidence]


def test_an_event_read_in_hindsight_is_worse_than_an_unknown_cut_off() -> None:
    assert contamination(cycle(hindsight=True), Taught(), traced=False)["label"] == "contaminated"


def test_code_that_cites_no_event_was_moved_by_none() -> None:
    assert labels(contamination(cycle(hindsight=True), None, traced=True)) == (
        "clean",
        "clean",
        "contaminated",
        "clean",
    )
    assert contamination(cycle(hindsight=True, cites=True), None, traced=True)["plan"] == "contaminated"


def test_the_worst_of_nothing_is_clean() -> None:
    assert worst([]) is Label.CLEAN
    assert worst([Label.UNKNOWN, Label.CLEAN]) is Label.UNKNOWN


def test_a_record_without_a_label_is_unknown_unless_rules_decided() -> None:
    assert label_of({"reasoner": "rules/2"}) is Label.CLEAN
    assert doubt({"reasoner": "rules/2"}) is None
    assert label_of({"reasoner": "llm/1 vllm m"}) is Label.UNKNOWN
    assert "does not say" in str(doubt({"reasoner": "llm/1 vllm m"}))


def test_a_person_is_told_every_reason() -> None:
    found = contamination(cycle("2025-01-01", hindsight=True), LAST_DAY, traced=False)
    told = doubt({"reasoner": "m", "contamination": found})
    assert told == (
        "contaminated: decided within the training data of its model, which ends on 2025-06-30; "
        "1 event was read in hindsight"
    )
    unknown = doubt({"reasoner": "m", "contamination": contamination(cycle(), Taught(), traced=False)})
    assert str(unknown).startswith("unknown: nobody says")
