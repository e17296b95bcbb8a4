"""What was kept of completions, on the shelf and in the record: broken, it is never half an answer."""

from pathlib import Path
from typing import Any

import pytest

from agents.bill import Bill
from agents.llm.budget import Budget
from agents.llm.client import Client, Endpoint
from agents.llm.question import Asked
from agents.llm.recorded import answered
from agents.llm.shelf import Shelf
from agents.llm.silent import SilentTalker
from agents.llm.talking import Account, Talker
from bench.chat_server import completion
from core.canonical import JSON
from core.errors import LedgerBroken
from tests.agents.llm.desks import llm, served
from tests.agents.llm.talks import MemoryLedger

QUESTION = Asked(({"role": "user", "content": "how are we?"},))
SAID = {
    "form": "schema",
    "model": "m",
    "fingerprint": "",
    "text": "well",
    "calls": [],
    "finish": "stop",
    "refusal": "",
    "thought": False,
}


def account(speaking: Any) -> Account:
    return Account("research", "BTC/USDT", Bill(), speaking.until())


def shelved(url: str, folder: Path) -> Talker:
    settings = llm(url)
    client = Client(Endpoint(settings.address, None), max_tokens=settings.max_tokens)
    budget = Budget(settings, MemoryLedger(), lambda: "2026-01-01")
    return Talker(settings, settings.preset, client, budget, Shelf(folder))


@pytest.mark.parametrize("kept", ["{}", "[]", "7", '{"form": "prose"}', "{broken"])
async def test_what_does_not_read_on_the_shelf_is_asked_again(tmp_path: Path, kept: str) -> None:
    async with served(lambda _: completion("well")) as server:
        first = shelved(server.url, tmp_path)
        await first.answer(QUESTION, account(first))
        (file,) = tmp_path.rglob("*.json")
        file.write_text(kept)
        speaking = shelved(server.url, tmp_path)
        _, said = await speaking.answer(QUESTION, account(speaking))
        assert said.text == "well"
        assert len(server.asked) == 2


async def test_an_answer_that_the_shelf_cannot_take_is_given_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    async with served(lambda _: completion("well")) as server:
        speaking = shelved(server.url, tmp_path / "file")
        _, said = await speaking.answer(QUESTION, account(speaking))
    assert said.text == "well"


class Stored:
    """A record that answers every effect with the same."""

    def __init__(self, answer: JSON) -> None:
        self._answer = answer

    async def perform(self, *_: object) -> JSON:
        return self._answer


async def test_a_stored_completion_is_answered_without_asking_anybody() -> None:
    _, said = await answered(SilentTalker(), Stored({"said": SAID}), "model:plan", QUESTION, account(SilentTalker()))  # type: ignore[arg-type]
    assert said.text == "well"


@pytest.mark.parametrize(
    "broken",
    [
        {},
        [],
        {"said": None},
        {"said": {**SAID, "form": "prose"}},
        {"said": {**SAID, "finish": "never"}},
        {"said": {**SAID, "calls": [{}]}},
        {"unanswered": "no such reason", "message": ""},
        {"unanswered": "timed out"},
    ],
)
async def test_a_stored_completion_that_is_none_breaks_the_record(broken: JSON) -> None:
    with pytest.raises(LedgerBroken, match="stored answer of model:plan"):
        await answered(SilentTalker(), Stored(broken), "model:plan", QUESTION, account(SilentTalker()))  # type: ignore[arg-type]
