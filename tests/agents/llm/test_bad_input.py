"""Whatever a server or a model does, it ends in a typed answer or an abstention that says why."""

import asyncio
import json
from collections.abc import Iterator
from decimal import Decimal

import pytest

from agents.bill import Bill
from agents.llm.drafts import OpinionDraft
from bench.chat_server import Reply, answer, completion, failure
from core.canonical import JSON
from core.ports import Abstain
from tests.agents.llm.desks import llm, served
from tests.agents.llm.talks import FILLED, MemoryLedger, talk_to, talker


async def said(told: Reply, **more: object) -> str:
    async with served(lambda _: told) as server:
        found = await talk_to(server.url, **more)
    assert isinstance(found, Abstain)
    return found.reason


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (failure(401, "bad key sk-planted-key-123456"), "key refused: the server answered 401"),
        (failure(403, "no"), "key refused"),
        (failure(404, "no such model"), "no such model: no such model"),
        (failure(429, "slow down"), "rate limited"),
        (failure(429, "pay", "insufficient_quota"), "quota used up"),
        (failure(500, "oops"), "server failed: oops"),
        (failure(400, "too long", "context_length_exceeded"), "prompt too long"),
        (failure(400, "filtered", "content_filter"), "content filter"),
        (failure(400, "no tools here"), "request refused: no tools here"),
        (failure(302, "elsewhere"), "request refused"),
        (Reply(b"<html>"), "malformed"),
        (Reply(b"\xff\xfe"), "malformed"),
        (Reply(b"[" * 100_000), "malformed"),
        (Reply(b"7"), "malformed"),
        (Reply({"choices": []}), "malformed"),
        (Reply({"choices": [{}]}), "malformed"),
        (Reply({"choices": [7]}), "malformed"),
        (Reply({"error": {"message": "overloaded", "code": 502}}), "server failed: overloaded"),
        (Reply(b" " * (3 * 1024 * 1024)), "too large"),
        (completion(None, refusal="I cannot give financial advice"), "refused: I cannot"),
        (completion("half an", finish="length"), "cut off"),
        (completion("", finish="length", reasoning_content="hm, " * 99), "on thinking"),
        (completion("<think>for ever", finish="length"), "on thinking"),
        (completion("", finish="content_filter"), "content filter"),
        (completion(""), "was empty"),
        (completion(None), "was empty"),
        (completion("Soll ich kaufen oder verkaufen?"), "not one JSON object"),
        (completion('{"stance": NaN}'), "not one JSON object"),
        (completion("買え"), "not one JSON object"),
        (completion('{"stance": "up"}'), "is missing"),
        (completion("[]"), "does not fit"),
        (completion(json.dumps({**FILLED, "stance": 7})), "stance"),
        (completion(json.dumps({**FILLED, "stance": "1e99999"})), "stance"),
        (completion(calls=[("web_search", '{"q": "btc"}')]), "still called 'web_search'"),
        (completion(calls=[("look", "{not json")]), "still called 'look'"),
        (completion(calls=[("look", "[1]")]), "still called 'look'"),
        (completion(calls=[("look", '{"range": 9}')]), "still called 'look'"),
        (completion(calls=[("look", "{}")] * 40), "still called 'look'"),
        (completion(calls=[("answer", "{}")]), "is missing"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_is_no_answer_is_an_abstention_with_its_reason(told: Reply, reason: str) -> None:
    assert reason in await said(told)


async def test_a_key_that_a_server_repeats_is_not_repeated() -> None:
    assert "planted" not in await said(failure(400, "you sent sk-planted-key-123456"))


@pytest.mark.parametrize(
    "told",
    [
        Reply({"error": {"message": "you sent sk-planted-key-123456", "code": "invalid_api_key"}}),
        Reply({"choices": [{"error": {"message": "you sent sk-planted-key-123456"}, "message": {"content": ""}}]}),
        failure(400, "x" * 190 + " sk-planted-key-123456"),
    ],
    ids=["in place of an answer", "in a choice", "cut in the middle of it"],
)
async def test_a_key_is_repeated_nowhere_in_an_error(told: Reply) -> None:
    assert "sk-plant" not in await said(told, attempts=1)


async def test_a_lone_surrogate_does_not_break_the_answer() -> None:
    told = {**FILLED, "risks": ["\ud800 broken"]}
    async with served(lambda asked: answer(asked, told)) as server:
        assert isinstance(await talk_to(server.url), OpinionDraft)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(FILLED),
        f"```json\n{json.dumps(FILLED)}\n```",
        f"<think>it rises</think>\n{json.dumps(FILLED)}",
        json.dumps({**FILLED, "stance": "0.5", "more": "than asked"}),
    ],
)
async def test_a_whole_answer_is_read_in_any_dress(text: str) -> None:
    async with served(lambda _: completion(text)) as server:
        found = await talk_to(server.url)
    assert isinstance(found, OpinionDraft)
    assert found.stance == Decimal("0.5")


async def test_content_in_parts_is_one_text() -> None:
    parts = [{"type": "text", "text": json.dumps(FILLED)[:20]}, {"type": "text", "text": json.dumps(FILLED)[20:]}]
    told = completion("")
    told.body["choices"][0]["message"]["content"] = parts
    async with served(lambda _: told) as server:
        assert isinstance(await talk_to(server.url), OpinionDraft)


def after(*replies: Reply) -> Iterator[Reply]:
    yield from replies
    while True:
        yield replies[-1]


async def test_an_unfit_answer_is_repaired_once_with_what_was_wrong() -> None:
    replies = after(completion('{"stance": 0.5}'), completion(json.dumps(FILLED)))
    async with served(lambda _: next(replies)) as server:
        assert isinstance(await talk_to(server.url), OpinionDraft)
        assert "conviction is missing" in server.asked[1]["messages"][-1]["content"]
        assert len(server.asked) == 2


async def test_a_repair_is_not_asked_for_twice() -> None:
    async with served(lambda _: completion("no")) as server:
        await talk_to(server.url)
        assert len(server.asked) == 2


async def test_an_infinite_loop_of_tools_ends_at_the_turns() -> None:
    async with served(lambda _: completion(calls=[("look", "{}")])) as server:
        await talk_to(server.url, turns=3)
        assert len(server.asked) == 3
        assert [asked["tool_choice"] for asked in server.asked[:2]] == ["auto", "auto"]
        assert server.asked[2]["tool_choice"]["function"]["name"] == "answer"


async def test_parallel_calls_are_answered_in_their_order() -> None:
    replies = after(
        completion(calls=[("look", "{}"), ("look", '{"x": 1}'), ("fly", "{}")]), completion(json.dumps(FILLED))
    )
    async with served(lambda _: next(replies)) as server:
        assert isinstance(await talk_to(server.url), OpinionDraft)
    told = [message for message in server.asked[1]["messages"] if message["role"] == "tool"]
    assert [message["tool_call_id"] for message in told] == ["call-0", "call-1", "call-2"]
    assert [message["content"][:20] for message in told] == ["{}", "error: look takes no", "error: there is no t"]


async def test_calls_beyond_the_cap_are_not_run() -> None:
    replies = after(completion(calls=[("look", "{}")] * 5), completion(json.dumps(FILLED)))
    async with served(lambda _: next(replies)) as server:
        await talk_to(server.url, calls=2)
    told = [message["content"] for message in server.asked[1]["messages"] if message["role"] == "tool"]
    assert told == ["{}", "{}", *["no call is left: answer now"] * 3]


async def test_a_prompt_that_grows_beyond_its_cap_is_an_abstention() -> None:
    async with served(lambda _: completion(calls=[("look", json.dumps({"x": "y" * 9000}))])) as server:
        found = await talk_to(server.url, prompt_tokens=1000)
    assert isinstance(found, Abstain)
    assert "1000 are allowed" in found.reason


# Servers that come back


async def test_a_limited_server_is_asked_again_after_its_own_wish() -> None:
    replies = after(failure(429, retry_after_ms="10"), failure(503), completion(json.dumps(FILLED)))
    async with served(lambda _: next(replies)) as server:
        assert isinstance(await talk_to(server.url), OpinionDraft)
        assert len(server.asked) == 3


async def test_a_wish_beyond_the_time_that_is_left_is_not_waited_for() -> None:
    async with served(lambda _: failure(429, retry_after="80000")) as server:
        assert "rate limited" in str(await talk_to(server.url))
        assert len(server.asked) == 1


async def test_what_asking_again_cannot_mend_is_asked_once() -> None:
    async with served(lambda _: failure(401)) as server:
        await talk_to(server.url, fallbacks=["other"])
        assert len(server.asked) == 1


async def test_the_next_model_is_asked_where_one_fails() -> None:
    def model(asked: JSON) -> Reply:
        return failure(404) if asked["model"] == "m" else answer(asked, FILLED)

    async with served(model) as server:
        assert isinstance(await talk_to(server.url, fallbacks=["other"]), OpinionDraft)
        assert [asked["model"] for asked in server.asked] == ["m", "other"]


async def test_a_server_that_lacks_a_form_is_asked_in_the_next_one_and_remembered() -> None:
    def model(asked: JSON) -> Reply:
        named = [tool["function"]["name"] for tool in asked.get("tools", [])]
        return failure(400, "unsupported") if "answer" in named else completion(json.dumps(FILLED))

    async with served(model) as server:
        own = talker(llm(server.url))
        assert isinstance(await talk_to(server.url, own=own), OpinionDraft)
        assert isinstance(await talk_to(server.url, own=own), OpinionDraft)
        assert len(server.asked) == 3
        assert "one JSON object of this schema" in server.asked[1]["messages"][0]["content"]


async def test_a_model_that_keeps_failing_is_left_alone_until_it_is_well() -> None:
    ill = True
    now = [0.0]
    async with served(lambda asked: failure(500) if ill else answer(asked, FILLED)) as server:
        own = talker(llm(server.url, attempts=1, failures=2, rest_s=60))
        own._breaker._monotonic = lambda: now[0]
        for _ in range(2):
            assert "server failed" in str(await talk_to(server.url, own=own))
        assert "left alone after failures" in str(await talk_to(server.url, own=own))
        assert len(server.asked) == 2
        ill, now[0] = False, 61.0
        assert isinstance(await talk_to(server.url, own=own), OpinionDraft)


async def test_a_cancelled_question_leaves_nothing_running_and_counts_what_it_may_cost() -> None:
    bill, ledger = Bill(), MemoryLedger()
    async with served(lambda asked: answer(asked, FILLED), latency_s=60) as server:
        own = talker(llm(server.url), ledger)
        asking = asyncio.create_task(talk_to(server.url, bill, own=own))
        while not server.asked:
            await asyncio.sleep(0.01)
        before = asyncio.all_tasks()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert not {task for task in asyncio.all_tasks() - before if "server" not in repr(task)}
        assert own._client._sdk is None
    assert bill.reserved == 0
    assert bill.lost > 0
    assert ledger.spent("2026-01-01")["research"] == bill.lost
