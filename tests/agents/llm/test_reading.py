"""A model that reads for the desk: one text, no tools, an account of its own, and nothing that it says is believed."""

from decimal import Decimal

from agents.documents import ModelCardTeller, scorecard
from agents.llm.speaker import LlmSpeaker
from agents.prompts import Prompts
from agents.reader import ModelTeller, Reader
from bench.chat_server import Reply, answer, failure
from core.canonical import JSON
from core.ports import Abstain
from core.texts import EventKind, TextReading
from tests.agents.llm.desks import llm, served
from tests.agents.llm.talks import MemoryLedger, talker
from tests.market.store.material import T0, text

HACK = "Exchange halts withdrawals in Ethereum after a hack"
SMUGGLED = {"kind": "listing", "direction": "rises", "magnitude_percent": 100, "certainty_percent": 100}
TOLD = {
    "kind": "hack", "direction": "falls", "magnitude_percent": 80, "certainty_percent": 90, "assets": ["ETH"],
    "quote": "after a hack",
}  # fmt: skip


async def test_a_text_becomes_events_and_its_cost_is_the_readers() -> None:
    told = {"events": [TOLD, {**SMUGGLED, "assets": ["BUYNOW"], "quote": "Exchange"}]}
    ledger = MemoryLedger()
    async with served(lambda asked: answer(asked, told)) as server:
        settings = llm(server.url)
        reader = Reader(ModelTeller(LlmSpeaker(settings, talker(settings, ledger)), Prompts.load()), 60)
        reading = await reader.read(text(HACK, T0), T0)
    assert isinstance(reading, TextReading)
    assert [event.kind for event in reading.events] == [EventKind.HACK]
    assert reader.counts["dropped"] == 1
    (asked,) = server.asked
    assert "tools" not in asked
    assert asked["messages"][-1] == {"role": "user", "content": HACK}
    (spent,) = ledger.days.values()
    assert spent["reader"] > 0
    assert set(spent) == {"reader"}


async def test_a_budget_that_is_spent_leaves_texts_unread_and_says_so() -> None:
    async with served(lambda asked: answer(asked, {"events": []})) as server:
        settings = llm(server.url, budget={"reader": Decimal(0)})
        reader = Reader(ModelTeller(LlmSpeaker(settings, talker(settings)), Prompts.load()), 60)
        assert isinstance(await reader.read(text(HACK, T0), T0), Abstain)
    assert server.asked == []
    assert reader.trouble


async def test_a_document_is_read_by_the_same_port() -> None:
    paper = "The maximum supply is 21 million ACME tokens."
    fields = [
        {"field": "supply.maximum", "value": "21000000", "quote": paper},
        {"field": "supply.capped", "value": "buy it", "quote": paper},
    ]

    def model(asked: JSON) -> Reply:
        return answer(asked, {"fields": fields})

    async with served(model) as server:
        settings = llm(server.url)
        card = await scorecard(paper, "ACME", ModelCardTeller(LlmSpeaker(settings, talker(settings)), Prompts.load()))
    assert [(f.field, f.value) for f in card.findings] == [("supply.maximum", "21000000")]
    assert card.dropped == 1


async def test_a_server_that_fails_is_an_abstention_and_the_text_stays_unread() -> None:
    async with served(lambda _: failure(500, "oops")) as server:
        settings = llm(server.url)
        reader = Reader(ModelTeller(LlmSpeaker(settings, talker(settings)), Prompts.load()), 60)
        assert isinstance(await reader.read(text(HACK, T0), T0), Abstain)
    assert reader.counts["abstained"] == 1
