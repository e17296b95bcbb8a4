"""Events reach the views as fields and ids: no word of a text, nothing before it is known, nothing of hostile texts."""

import json
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from agents.events import told_events
from agents.pipeline import run
from core.canonical import JSON, canonical_text
from core.quotes import NewsItem
from core.taint import Taint
from core.texts import EventKind, TextEvent, TextReading
from core.time import MINUTE_NS
from tests.desk.desks import BUYS_ETH, decide_once, simulated
from tests.market.store.material import T0

AS_OF = T0 + 10 * MINUTE_NS


class Stored:
    """A market of which nothing but readings is asked."""

    def __init__(self, *readings: TextReading) -> None:
        self._readings = readings

    def readings(self, texts: Sequence[NewsItem], *, as_of_ns: int) -> tuple[TextReading, ...]:
        return tuple(one for one in self._readings if one.known_at_ns <= as_of_ns)


def news(headline: str, at_ns: int = T0, text_id: str = "a", taint: Taint = Taint.UNTRUSTED) -> NewsItem:
    return NewsItem(text_id, ("ETH/USDT",), "wire", headline, at_ns, at_ns, taint)


def told(*texts: NewsItem, market: Any = None, as_of_ns: int = AS_OF) -> JSON:
    return told_events(market or Stored(), "ETH/USDT", texts, as_of_ns=as_of_ns, latency_s=60)


def test_an_unread_text_is_read_by_the_rules_and_named_so() -> None:
    answer = told(news("Ethereum bridge hacked"))
    (event,) = answer["events"]
    assert (event["kind"], event["direction"], event["reader"], event["texts"]) == ("hack", -1, "rules/1", 1)
    assert answer["evidence"] == [event["evidence"]]
    assert answer["taint"] == Taint.DERIVED
    assert event["evidence"].startswith("text:ETH/USDT:")


def test_no_word_of_the_text_is_in_the_answer() -> None:
    answer = told(news("Ethereum hacked by XYZZY PLUGH, says everybody"))
    assert answer["events"]
    assert "XYZZY" not in canonical_text(answer)


def test_an_event_is_not_seen_before_the_readers_latency_is_over() -> None:
    text = news("Ethereum bridge hacked", T0)
    assert told(text, as_of_ns=T0 + MINUTE_NS - 1)["events"] == []
    assert len(told(text, as_of_ns=T0 + MINUTE_NS)["events"]) == 1


def test_a_text_that_gave_orders_tells_nothing() -> None:
    assert told(news("Ethereum bridge hacked", taint=Taint.HOSTILE)) == {
        "symbol": "ETH/USDT", "events": [], "evidence": [], "taint": 0,
    }  # fmt: skip


def test_what_was_read_at_ingestion_goes_before_the_rules() -> None:
    event = TextEvent(EventKind.LISTING, 1, Decimal("0.5"), Decimal(1), ("ETH",), 0, 8)
    reading = TextReading("a", T0, "c0ffee", "model/x", T0 + MINUTE_NS, AS_OF, (event,))
    (seen,) = told(news("Ethereum bridge hacked"), market=Stored(reading))["events"]
    assert (seen["kind"], seen["reader"], seen["hindsight"]) == ("listing", "model/x", True)


def test_a_story_told_twice_is_one_event_with_two_texts() -> None:
    texts = news("Ethereum bridge hacked"), news("Ethereum bridge hacked", T0 + 1, "b")
    (event,) = told(*texts)["events"]
    assert (event["texts"], event["text_id"]) == (2, "a")


def test_an_event_of_another_asset_is_not_this_symbols() -> None:
    assert told(news("Solana hacked"))["events"] == []
    assert len(told(news("Fed raises interest rates"))["events"]) == 1


async def test_planner_and_research_see_no_headline() -> None:
    asked: list[str] = []

    async def listening(cycle: Any, ports: Any) -> Any:
        class Heard:
            name = ports.reasoner.name
            traces = ports.reasoner.traces
            taught = ports.reasoner.taught

            async def structured(self, brief: Any, answer: Any, toolbox: Any) -> Any:
                asked.append(brief.prompt)
                return await ports.reasoner.structured(brief, answer, toolbox)

        return await run(cycle, replace(ports, reasoner=Heard()))

    cycle = await decide_once(simulated(BUYS_ETH[0]), BUYS_ETH[1], engine=listening)
    headlines = [text.headline for seen in cycle.seen.markets.values() for text in seen.texts]
    assert len(headlines) > 5
    assert cycle.sentiment is not None
    assert {e.kind for e in cycle.sentiment.events} >= {EventKind.FUND, EventKind.HACK}
    assert all(e.taint is Taint.DERIVED for e in cycle.sentiment.events)
    assert any("event: hack" in prompt for prompt in asked)
    for headline in headlines:
        assert not any(headline in prompt or json.dumps(headline) in prompt for prompt in asked)
