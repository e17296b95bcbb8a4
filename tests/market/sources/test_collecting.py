import asyncio
import logging
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from core.errors import DataRefused
from core.taint import Taint
from core.time import HOUR_NS, MINUTE_NS, SECOND_NS
from market.sources.collecting import Collector
from market.sources.intake import Intake
from market.sources.items import Abstention, Batch, RawText, Reading
from market.sources.registry import sources_of
from market.sources.settings import BUILT_IN
from market.web import Unavailable
from tests.market.sources.desk import KEYS, NOON, Patience, Server, context_of, secrets, web_of
from tests.market.web.server import json

BODY = "The country is moving to greenlight international trade in coins within the next month, a report says today."


class Told:
    """A source that says what a test scripts."""

    cadence_s = 60

    def __init__(self, name: str, *answers: Any) -> None:
        self.name, self.answers, self.since = name, list(answers), list[int]()

    async def poll(self, since_ns: int) -> Batch | Abstention:
        self.since.append(since_ns)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return await answer() if isinstance(answer, Callable) else answer  # type: ignore[arg-type, no-any-return]


def reading(**more: Any) -> Reading:
    fields: dict[str, Any] = {
        "series": "s", "asset": "BTC", "source": "a", "event_ns": NOON - HOUR_NS, "known_at_ns": 0, "value": Decimal(1),
        "unit": "1", **more,
    }  # fmt: skip
    return Reading(**fields)


def text(name: str = "1", headline: str = "Bitcoin rises above it all", body: str = "") -> RawText:
    return RawText(name, headline, NOON - HOUR_NS, body)


def collector(patience: Patience, *sources: Told, patience_s: float = 5.0) -> Collector:
    return Collector(sources, Intake(lambda _: False), patience.clock, secrets(), patience_s=patience_s)


async def test_what_is_known_is_known_when_it_was_read_whatever_a_source_says() -> None:
    patience = Patience()
    back_dated = reading(known_at_ns=NOON - 24 * HOUR_NS, taint=Taint.TRUSTED)
    gathering = await collector(patience, Told("a", Batch((text(),), (back_dated,)))).round(0)
    assert [item.known_at_ns for item in gathering.texts] == [NOON]
    (found,) = gathering.readings
    assert (found.known_at_ns, found.event_ns, found.taint) == (NOON, NOON - HOUR_NS, Taint.DERIVED)


async def test_a_reading_from_the_future_or_of_no_time_is_left_out_and_counted() -> None:
    patience = Patience()
    ahead, slightly = reading(event_ns=NOON + HOUR_NS), reading(event_ns=NOON + MINUTE_NS)
    collecting = collector(patience, Told("a", Batch((), (ahead, slightly, reading(event_ns=-1)))))
    assert [found.event_ns for found in (await collecting.round(0)).readings] == [NOON]
    assert collecting.states["a"].counts == {"from the future": 1, "of no time": 1}


async def test_a_source_cannot_speak_in_anothers_name() -> None:
    patience = Patience()
    told = Told(
        "a", Batch((), (reading(source="fear-greed"), reading(source="a:v2", event_ns=NOON - 1), reading(source="ab")))
    )
    assert [found.source for found in (await collector(patience, told).round(0)).readings] == ["a", "a:v2", "a"]


async def test_a_failing_source_abstains_and_the_others_are_heard() -> None:
    patience = Patience()
    gathering = await collector(
        patience,
        Told("late", Unavailable("busy", NOON + 2 * HOUR_NS)),
        Told("wrong", DataRefused("no table")),
        Told("broken", ZeroDivisionError(f"key {KEYS['NEWSAPI_KEY']}")),
        Told("odd", "neutral"),
        Told("odder", Abstention("fear-greed", None, 0, "soon")),  # type: ignore[arg-type]
        Told("good", Batch((text(),))),
    ).round(0)
    assert {(a.source, a.reason) for a in gathering.abstentions} == {
        ("late", "busy"),
        ("wrong", "no table"),
        ("broken", "it failed with ZeroDivisionError: a mistake in the source"),
        ("odder", "None"),
        ("odd", "it handed over a str: a mistake in the source"),
    }
    assert [item.source for item in gathering.texts] == ["good"]


async def test_a_source_is_asked_at_its_own_pace_and_not_before_it_wants_to_be() -> None:
    patience = Patience()
    fast, closed = Told("fast", Batch()), Told("closed", Unavailable("quota", NOON + HOUR_NS))
    collecting = collector(patience, fast, closed)
    for seconds in (0, 30, 60, 3_599, 3_600):
        patience.clock.advance_to(NOON + seconds * SECOND_NS)
        await collecting.round(0)
    assert (len(fast.since), len(closed.since)) == (3, 2)
    assert collecting.states["closed"].abstentions == 2


async def test_a_source_is_asked_for_what_is_new_with_an_hour_of_overlap() -> None:
    patience = Patience()
    told = Told("a", Batch())
    collecting = collector(patience, told)
    await collecting.round(NOON - 48 * HOUR_NS)
    patience.clock.advance_to(NOON + MINUTE_NS)
    await collecting.round(NOON - 48 * HOUR_NS)
    assert told.since == [NOON - 48 * HOUR_NS, NOON - HOUR_NS]


async def test_a_hanging_source_is_not_waited_for_and_its_answer_comes_later() -> None:
    patience, release = Patience(), asyncio.Event()

    async def slowly() -> Batch:
        await release.wait()
        return Batch((text("2", "Ether falls below it all"),))

    slow = Told("slow", slowly)
    collecting = collector(patience, slow, Told("good", Batch((text(),))), patience_s=0.02)
    assert [item.source for item in (await collecting.round(0)).texts] == ["good"]
    patience.clock.advance_to(NOON + MINUTE_NS)
    await collecting.round(0)
    assert len(slow.since) == 1
    release.set()
    assert [item.source for item in (await collecting.round(0)).texts] == ["slow"]
    await collecting.aclose()


async def test_closing_ends_what_still_hangs() -> None:
    async def forever() -> Batch:
        await asyncio.Event().wait()
        return Batch()

    collecting = collector(Patience(), Told("slow", forever), patience_s=0.01)
    await collecting.round(0)
    await collecting.aclose()
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_closing_closes_what_a_source_holds_open() -> None:
    class Open(Told):
        closed = False

        async def aclose(self) -> None:
            self.closed = True

    held = Open("a", Batch())
    await collector(Patience(), held, Told("b", Batch())).aclose()
    assert held.closed


async def test_a_story_told_by_two_sources_counts_once_and_a_lost_text_is_taken_back() -> None:
    patience = Patience()
    one = Told("one", Batch((text("1", "Moscow says yes", BODY),)), Batch(gone=("1", "never seen")))
    two = Told("two", Batch((text("9", "Kremlin warms to it", BODY),)))
    collecting = collector(patience, one, two)
    first, copy = (await collecting.round(0)).texts
    assert (first.is_copy, copy.story_id) == (False, first.item_id)
    patience.clock.advance_to(NOON + MINUTE_NS)
    (gone,) = (await collecting.round(0)).texts
    assert (gone.item_id, gone.deleted, gone.known_at_ns) == (first.item_id, True, NOON + MINUTE_NS)


async def test_silence_is_told_from_nothing_new() -> None:
    patience = Patience()
    collecting = collector(patience, Told("a", Batch()))
    state = collecting.states["a"]
    assert state.stale(NOON, 60)
    await collecting.round(0)
    assert not state.stale(NOON + 180 * SECOND_NS, 60)
    assert state.stale(NOON + 181 * SECOND_NS, 60)


@pytest.mark.parametrize(
    ("batch", "says"),
    [
        (Batch(None), "texts that are no tuple"),  # type: ignore[arg-type]
        (Batch(("news",)), "texts with a str among them"),  # type: ignore[arg-type]
        (Batch((RawText("1", None, None),)), "texts whose headline is a NoneType"),  # type: ignore[arg-type]
        (Batch((RawText("1", "x", 1.5),)), "texts whose event_ns is a float"),  # type: ignore[arg-type]
        (Batch((RawText("1", "x", True),)), "texts whose event_ns is a bool"),
        (Batch((RawText("1", "x", None, assets=(7,)),)), "names that are no texts"),  # type: ignore[arg-type]
        (Batch((), (reading(event_ns="now"),)), "readings whose event_ns is a str"),
        (Batch((), (reading(taint=0),)), "readings whose taint is a int"),
        (Batch(counts={"x": "many"}), "counts that are no numbers"),  # type: ignore[dict-item]
    ],
)
async def test_a_batch_that_is_not_what_it_must_be_is_an_abstention(batch: Batch, says: str) -> None:
    patience = Patience()
    gathering = await collector(patience, Told("a", batch), Told("good", Batch((text(),)))).round(0)
    assert [a.reason for a in gathering.abstentions] == [f"it handed over {says}: a mistake in the source"]
    assert [item.source for item in gathering.texts] == ["good"]


@pytest.mark.parametrize("status", [401, 403, 429, 500, 200])
async def test_no_key_of_any_source_stands_in_an_abstention_or_a_log(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    patience = Patience()
    keys = {**KEYS, "COINGECKO_KEY": "cg-s3cr3t-4711", "ETHEREUM_RPC": ""}

    async def echo(request: Any) -> Any:
        # A vendor that repeats what it was sent: the worst place for a key to come back from.
        sent = f"{request.url} {dict(request.headers)} {(await request.read()).decode(errors='replace')}"
        said = {
            "info": sent,
            "message": sent,
            "detail": sent,
            "status": {"error_message": sent},
            "error": {"message": sent},
        }
        return json(said, status=status)()

    async with Server(fallback=echo) as server, web_of(patience, attempts=1, per_minute=6_000) as web:
        keys["ETHEREUM_RPC"] = f"{server.base}/v2/rpc-s3cr3t-4711"
        signal = {"name": "guru", "asset": "BTC", "url": f"{server.base}/guru"}
        enabled = [name for name in BUILT_IN if name not in ("rss", "pages")]
        context = context_of(server, web, patience, keys, enabled=enabled, signals=[signal])
        collecting = Collector(sources_of(context), Intake(lambda _: False), patience.clock, context.secrets)
        gathering = await collecting.round(0)
        said = [f"{abstention!r}" for abstention in gathering.abstentions]
    assert len(said) == len(enabled)
    assert not [line for line in [*said, caplog.text, repr(context)] if "s3cr3t-4711" in line or "cmc-" in line]
