"""The quarantined reader: what it may say, what is believed of it, and how often it is asked."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import TypeVar

import pytest
from pydantic import BaseModel

from agents.prompts import Prompts
from agents.reader import LONGEST, ModelTeller, Reader, Told, ToldEvent, as_read, proven
from agents.reader_rules import RulesTeller, tell
from core.ports import Abstain
from core.taint import Taint
from core.texts import EventKind, TextReading
from core.time import MINUTE_NS, SECOND_NS
from market.sources.items import TextItem
from tests.market.store.material import T0, text

A = TypeVar("A", bound=BaseModel)

HACK = "Exchange halts withdrawals in Ethereum after a hack"


def event(quote: str = HACK, **more: object) -> ToldEvent:
    fields = {
        "kind": EventKind.HACK,
        "direction": "falls",
        "magnitude_percent": 80,
        "certainty_percent": 90,
        "assets": ("ETH",),
        "quote": quote,
    }
    return ToldEvent.model_validate({**fields, **more})


class Says:
    """A model that answers whatever it is told to, and counts how often it is asked."""

    name = "model/x"

    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def fill(self, role: str, system: str, text: str, answer: type[A]) -> A | Abstain:
        self.asked.append(text)
        assert role == "reader"
        assert "hack" in system
        if isinstance(self.answer, Abstain):
            return self.answer
        return answer.model_validate(self.answer)


def reader_of(answer: object, latency_s: int = 60) -> tuple[Reader, Says]:
    says = Says(answer)
    return Reader(ModelTeller(says, Prompts.load()), latency_s), says


def item(headline: str = HACK, body: str = "", **more: object) -> TextItem:
    return text(headline, T0, body=body, **more)  # type: ignore[arg-type]


def told(*events: ToldEvent) -> dict[str, object]:
    return Told(events=events).model_dump()


async def read(reader: Reader, one: TextItem, late_ns: int = 0) -> TextReading:
    reading = await reader.read(one, one.known_at_ns + late_ns)
    assert isinstance(reading, TextReading)
    return reading


async def test_a_reading_is_fields_and_offsets_that_lead_back_to_the_words() -> None:
    reader, _ = reader_of(told(event("after a hack")))
    reading = await read(reader, item())
    (one,) = reading.events
    assert (one.kind, one.direction, one.magnitude, one.certainty) == (
        EventKind.HACK, -1, Decimal("0.8"), Decimal("0.9"),
    )  # fmt: skip
    assert one.assets == ("ETH",)
    assert as_read(HACK)[one.start : one.end] == "after a hack"
    assert (reading.reader, reading.taint) == ("model/x reader@1", Taint.DERIVED)


def test_a_quote_that_is_not_in_the_text_drops_the_event() -> None:
    assert proven(Told(events=(event("after a heist"),)), HACK) == ()
    assert proven(Told(events=(event(" "),)), HACK) == ()
    assert len(proven(Told(events=(event("Ethereum"),)), HACK)) == 1


def test_an_asset_that_the_text_does_not_name_is_no_way_out_for_words() -> None:
    assert proven(Told(events=(event(assets=("BUYNOW",)),)), HACK) == ()
    (one,) = proven(Told(events=(event(assets=("eth", "IGNORELIMITS", "BTC")),)), HACK)
    assert one.assets == ("ETH",)
    (tagged,) = proven(Told(events=(event(assets=("PEPE",)),)), HACK, ("PEPE",))
    assert tagged.assets == ("PEPE",)


def test_the_same_event_told_twice_counts_once() -> None:
    assert len(proven(Told(events=(event(), event("after a hack"))), HACK)) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "buy everything"},
        {"direction": "strong buy"},
        {"magnitude_percent": 101},
        {"certainty_percent": -1},
        {"quote": ""},
        {"quote": "x" * 301},
        {"assets": tuple("ABCDEF")},
        {"order": "buy"},
    ],
)
def test_an_answer_out_of_bounds_is_no_answer(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        event(**wrong)


async def test_known_is_the_texts_time_and_the_latency_whenever_it_was_read() -> None:
    reader, _ = reader_of(told(event()))
    at_once, late = await read(reader, item(), 60 * SECOND_NS), await read(reader, item(), 60 * SECOND_NS + 1)
    assert at_once.known_at_ns == late.known_at_ns == T0 + MINUTE_NS
    assert (at_once.hindsight, late.hindsight) == (False, True)
    assert reader.counts["hindsight"] == 1


async def test_what_rules_read_is_never_hindsight() -> None:
    reader = Reader(RulesTeller(), 60)
    reading = await read(reader, item(), 10**18)
    assert not reading.hindsight
    assert [one.kind for one in reading.events] == [EventKind.HACK]


async def test_one_content_is_read_once_whoever_tells_it_and_after_a_restart() -> None:
    reader, says = reader_of(told(event()))
    first = await read(reader, item())
    copy = await read(reader, replace(item(), item_id="another", source="echo"))
    assert copy.events == first.events
    assert copy.text_id == "another"
    again, asked_again = reader_of(told())
    again.recall([first])
    assert (await read(again, item())).events == first.events
    assert (len(says.asked), len(asked_again.asked)) == (1, 0)


class Slow(Says):
    """Answers when it is let."""

    def __init__(self, answer: object) -> None:
        super().__init__(answer)
        self.let = asyncio.Event()

    async def fill(self, role: str, system: str, text: str, answer: type[A]) -> A | Abstain:
        found = await super().fill(role, system, text, answer)
        await self.let.wait()
        return found


async def test_one_content_that_comes_twice_at_once_is_asked_for_once() -> None:
    says = Slow(told(event()))
    reader = Reader(ModelTeller(says, Prompts.load()), 60)
    ours = [asyncio.ensure_future(read(reader, replace(item(), item_id=name))) for name in ("a", "b", "c")]
    await asyncio.sleep(0)
    assert len(says.asked) == 1
    says.let.set()
    readings = await asyncio.gather(*ours)
    assert [one.text_id for one in readings] == ["a", "b", "c"]
    assert {one.events for one in readings} == {readings[0].events}
    assert (len(says.asked), reader.counts["read"], reader.counts["known"]) == (1, 1, 2)


async def test_who_is_called_off_leaves_the_content_to_the_next() -> None:
    says = Slow(told(event()))
    reader = Reader(ModelTeller(says, Prompts.load()), 60)
    first, second = (asyncio.ensure_future(read(reader, item())) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    says.let.set()
    assert len((await second).events) == 1
    assert (len(says.asked), reader.counts["read"]) == (2, 1)


async def test_an_abstention_is_everybodys_who_waited_for_it() -> None:
    says = Slow(Abstain("busy"))
    reader = Reader(ModelTeller(says, Prompts.load()), 60)
    ours = [asyncio.ensure_future(reader.read(item(), T0)) for _ in range(2)]
    await asyncio.sleep(0)
    says.let.set()
    assert await asyncio.gather(*ours) == [Abstain("busy")] * 2
    assert (len(says.asked), reader.counts["abstained"]) == (1, 2)


async def test_a_text_that_gives_orders_is_read_no_further() -> None:
    reader, says = reader_of(told(event()))
    assert (await read(reader, item(taint=Taint.HOSTILE))).events == ()
    assert (await read(reader, item(deleted=True))).events == ()
    assert says.asked == []


async def test_an_abstention_is_no_reading_and_the_text_may_come_again() -> None:
    reader, says = reader_of(Abstain("the reader's budget of the day is spent"))
    assert await reader.read(item(), T0) == Abstain("the reader's budget of the day is spent")
    assert reader.trouble == "the reader's budget of the day is spent"
    says.answer = told(event())
    assert len((await read(reader, item())).events) == 1
    assert reader.trouble == ""


async def test_a_long_text_is_read_up_to_a_bound() -> None:
    reader, says = reader_of(told())
    await read(reader, item(body="word " * 10_000))
    assert len(says.asked[0]) == LONGEST


@pytest.mark.parametrize(
    ("headline", "kind", "direction"),
    [
        ("Binance will list Chainlink next week", EventKind.LISTING, "rises"),
        ("Kraken delists Dogecoin for US customers", EventKind.DELISTING, "falls"),
        ("Bridge drained of 120,000 Ether in exploit", EventKind.HACK, "falls"),
        ("Regulator approves a new listed fund on Bitcoin", EventKind.FUND, "rises"),
        ("SEC rejects spot ETF on Solana", EventKind.FUND, "falls"),
        ("Lender files for bankruptcy", EventKind.INSOLVENCY, "falls"),
        ("Parliament passes clear rules for digital assets", EventKind.REGULATION, "rises"),
        ("Stablecoin trades below its peg", EventKind.DEPEG, "falls"),
        ("Fed signals rate cuts as inflation cools", EventKind.MACRO, "rises"),
        ("Avalanche token unlock releases 9 million coins", EventKind.UNLOCK, "falls"),
    ],
)
def test_the_rules_see_an_event_and_its_direction(headline: str, kind: EventKind, direction: str) -> None:
    (one,) = tell(headline).events
    assert (one.kind, one.direction, one.quote) == (kind, direction, headline)


def test_the_rules_are_less_sure_of_a_rumour_and_a_denial_says_nothing_of_where() -> None:
    sure, rumour, denied = (
        tell(said).events[0]
        for said in ("Exchange was hacked", "Exchange was reportedly hacked", "Exchange denies it was hacked")
    )
    assert sure.certainty_percent > rumour.certainty_percent > denied.certainty_percent
    assert denied.direction == "unclear"


def test_the_rules_find_nothing_where_nothing_happens() -> None:
    assert tell("Conference on Ethereum custody opens in Singapore").events == ()
    assert tell("").events == ()
    assert tell("...!?\n\n").events == ()


def test_the_rules_quote_only_what_stands_there() -> None:
    words = "Bitcoin was calm. Solana was hacked!\nThe fed raises rates.\nUne banque a été volée."
    answer = tell(words)
    assert len(proven(answer, words)) == len(answer.events) == 2
    assert [one.assets for one in answer.events] == [("SOL",), ("BTC", "SOL")]
