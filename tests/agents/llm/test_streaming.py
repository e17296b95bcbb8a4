"""A model that talks: its words as they come, under the cap of its own role."""

import json
from decimal import Decimal

import pytest

from agents.bill import Bill
from agents.llm.budget import Budget
from agents.llm.client import Client, Endpoint
from agents.llm.question import Asked
from agents.llm.saying import Completion, Unanswered, Why
from agents.llm.streaming import Streamer
from bench.chat_server import Reply, failure
from core.canonical import JSON
from core.secret import Secret
from tests.agents.llm.desks import llm, served
from tests.agents.llm.talks import MemoryLedger

QUESTION = Asked(({"role": "user", "content": "how are we?"},))
USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}


def streamed(*deltas: JSON, finish: str = "stop", ends: bool = True) -> Reply:
    """Server-sent events as OpenAI writes them: a chunk a delta, the usage, and the end."""
    chunks = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    chunks += [{"index": 0, "delta": {}, "finish_reason": finish}] if ends else []
    about = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "fake-1"}
    lines = [{**about, "choices": [chunk]} for chunk in chunks]
    lines += [{**about, "choices": [], "usage": USAGE}] if ends else []
    told = "".join(f"data: {json.dumps(line)}\n\n" for line in lines)
    return Reply((told + ("data: [DONE]\n\n" if ends else "")).encode())


def streamer(url: str, ledger: MemoryLedger | None = None, **more: object) -> Streamer:
    settings = llm(url, **more)
    client = Client(Endpoint(settings.address, None), max_tokens=settings.max_tokens)
    return Streamer(settings, client, Budget(settings, ledger or MemoryLedger(), lambda: "2026-01-01"))


async def said(streaming: Streamer, bill: Bill) -> list[str | Completion]:
    return [part async for part in streaming.stream(QUESTION, bill)]


async def test_words_come_in_parts_and_the_whole_last() -> None:
    ledger, bill = MemoryLedger(), Bill()
    async with served(lambda asked: streamed({"content": "All "}, {"content": "is well."})) as server:
        *words, whole = await said(streamer(server.url, ledger), bill)
        assert server.asked[0]["stream"] is True
    assert words == ["All ", "is well."]
    assert isinstance(whole, Completion)
    assert whole.text == "All is well."
    # A dollar for a million tokens of the prompt, and two of the answer: on an account of its own.
    assert ledger.spent("2026-01-01") == {"chat": Decimal("0.0012")}
    assert [(charge.role, charge.prompt_tokens) for charge in bill.charges] == [("chat", 1000)]
    assert bill.reserved == 0


async def test_calls_of_tools_are_put_together() -> None:
    call = {"index": 0, "id": "c1", "function": {"name": "why", "arguments": '{"sym'}}
    rest = {"index": 0, "function": {"arguments": 'bol": "BTC"}'}}
    async with served(lambda asked: streamed({"tool_calls": [call]}, {"tool_calls": [rest]}, finish="tool_calls")) as s:
        [whole] = await said(streamer(s.url), Bill())
    assert isinstance(whole, Completion)
    assert [(c.id, c.name, c.arguments) for c in whole.calls] == [("c1", "why", '{"symbol": "BTC"}')]


async def test_the_next_model_is_asked_where_the_first_does_not_begin() -> None:
    async with served(
        lambda asked: failure(503) if asked["model"] == "m" else streamed({"content": "hello"})
    ) as server:
        words = await said(streamer(server.url, fallbacks=["other"]), Bill())
    assert words[0] == "hello"
    assert [asked["model"] for asked in server.asked] == ["m", "other"]


async def test_a_refused_key_is_final() -> None:
    async with served(lambda asked: failure(401)) as server:
        with pytest.raises(Unanswered) as unanswered:
            await said(streamer(server.url, fallbacks=["other"]), Bill())
    assert unanswered.value.why is Why.BAD_KEY
    assert len(server.asked) == 1


async def test_a_budget_that_is_spent_asks_nobody() -> None:
    ledger = MemoryLedger()
    ledger.add("2026-01-01", ("chat",), Decimal(5))
    async with served(lambda asked: streamed({"content": "hello"})) as server:
        with pytest.raises(Unanswered, match="chat a day"):
            await said(streamer(server.url, ledger), Bill())
    assert server.asked == []


async def test_a_talk_that_is_left_stays_spent_and_leaves_nothing_reserved() -> None:
    ledger, bill = MemoryLedger(), Bill()
    async with served(lambda asked: streamed({"content": "one"}, {"content": "two"})) as server:
        parts = streamer(server.url, ledger).stream(QUESTION, bill)
        assert await anext(parts) == "one"
        await parts.aclose()
    assert bill.reserved == 0
    assert ledger.spent("2026-01-01")["chat"] > 0


async def test_words_that_came_before_an_error_stay_paid() -> None:
    """A server bills what it wrote, whatever became of the rest."""
    begun = streamed({"content": "one "}, {"content": "two"}, ends=False)
    broken = Reply(begun.body + b'data: {"error": {"message": "overloaded", "code": 502}}\n\n')
    ledger, bill = MemoryLedger(), Bill()
    async with served(lambda asked: broken) as server:
        with pytest.raises(Unanswered, match="overloaded"):
            await said(streamer(server.url, ledger), bill)
    assert ledger.spent("2026-01-01")["chat"] > 0
    assert (bill.reserved, bill.lost) == (0, ledger.spent("2026-01-01")["chat"])


async def test_a_key_in_the_middle_of_a_stream_is_not_repeated() -> None:
    told = Reply(b'data: {"error": {"message": "you sent sk-planted-key-123456"}}\n\n')
    settings = llm("http://127.0.0.1:1/v1")
    async with served(lambda asked: told) as server:
        client = Client(Endpoint(server.url, Secret("sk-planted-key-123456")), max_tokens=settings.max_tokens)
        own = Streamer(settings, client, Budget(settings, MemoryLedger(), lambda: "2026-01-01"))
        with pytest.raises(Unanswered) as unanswered:
            await said(own, Bill())
    assert "sk-plant" not in str(unanswered.value)
