"""Prompts are data: a version, a hash, and every value that they ask for."""

from dataclasses import replace

import pytest

from agents.ports import A, Brief
from agents.prompts import Prompts
from agents.rules import RulesReasoner
from core.errors import ConfigError
from core.ports import Abstain
from desk.home import Home
from tests.desk.desks import BUYS_BOTH, decide, desk_at, simulated
from tools.toolbox import Toolbox

# A page of instructions; with the facts filled in, what a small context holds beside its answer.
MAX_WORDS = 1_500
LETTERS_A_TOKEN = 4
MAX_FILLED_TOKENS = 4_000

GREETING = "version: 3\n\nHello $who, you are $age.\n"


def test_a_prompt_without_a_version_line_is_refused() -> None:
    with pytest.raises(ConfigError, match="'greeting' must begin with 'version: N', found 'Hello'"):
        Prompts({"greeting": "Hello\n"})


@pytest.mark.parametrize("head", ["", "version:1", "version: one", "version: ", "Version: 1", " version: 1"])
def test_a_version_line_of_another_form_is_refused(head: str) -> None:
    with pytest.raises(ConfigError, match="must begin with 'version: N'"):
        Prompts({"greeting": f"{head}\nHello\n"})


def test_the_record_names_a_prompt_with_its_version() -> None:
    assert list(Prompts({"greeting": GREETING}).hashes) == ["greeting@3"]


@pytest.mark.parametrize("changed", [GREETING.replace("3", "4"), GREETING.replace("Hello", "hello"), GREETING + " "])
def test_any_changed_letter_changes_the_hash(changed: str) -> None:
    before, after = Prompts({"greeting": GREETING}).hashes, Prompts({"greeting": changed}).hashes
    assert set(before.values()).isdisjoint(after.values())


def test_a_prompt_is_filled_without_its_version_line() -> None:
    assert Prompts({"greeting": GREETING}).render("greeting", who="Ada", age=36) == "Hello Ada, you are 36.\n"


def test_a_missing_value_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"takes \['age', 'who'\], found \['who'\]"):
        Prompts({"greeting": GREETING}).render("greeting", who="Ada")


def test_a_value_that_is_not_asked_for_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"found \['age', 'title', 'who'\]"):
        Prompts({"greeting": GREETING}).render("greeting", who="Ada", age=36, title="Countess")


def test_an_unknown_prompt_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="no prompt is named 'farewell'; there are greeting"):
        Prompts({"greeting": GREETING}).render("farewell")


def test_a_value_that_looks_like_a_placeholder_is_not_filled_again() -> None:
    assert "Hello $age" in Prompts({"greeting": GREETING}).render("greeting", who="$age", age=36)


def test_a_prompt_may_ask_for_any_word() -> None:
    assert Prompts({"badge": "version: 1\n$name"}).render("badge", **{"name": "Ada"}) == "Ada"


def test_every_role_has_its_prompt() -> None:
    assert {"desk@1", "plan@4", "research@2", "review@1"} <= set(Prompts.load().hashes)


class _Listening(RulesReasoner):
    """Answers by the rules and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Brief] = []

    async def structured(self, brief: Brief, answer: type[A], toolbox: Toolbox) -> A | Abstain:
        self.asked.append(brief)
        return await super().structured(brief, answer, toolbox)


async def test_every_prompt_of_a_cycle_is_filled_and_short(home: Home) -> None:
    seed, as_of_ns = BUYS_BOTH
    listening = _Listening()
    async with desk_at(home, simulated(seed), as_of_ns) as desk:
        await decide(replace(desk, analysts=replace(desk.analysts, reasoner=listening)), as_of_ns)
    assert [brief.lane for brief in listening.asked] == ["BTC/USDT", "ETH/USDT", "plan"]
    for brief in listening.asked:
        assert "$" not in brief.prompt
        assert len(brief.prompt.split()) < MAX_WORDS
        assert len(brief.system + brief.prompt) / LETTERS_A_TOKEN < MAX_FILLED_TOKENS
        # The stable part stands first, and is at least half: a server reads it once.
        assert len(brief.system) >= len(brief.prompt)
        assert "2026" not in brief.prompt, "ages, not dates"


@pytest.mark.parametrize("name", ["research", "plan", "review"])
def test_the_stable_part_of_a_prompt_begins_as_that_of_every_role(name: str) -> None:
    prompts = Prompts.load()
    begin = prompts.system("desk")
    assert begin.startswith("You work at a crypto trading desk.")
    assert prompts.system("desk", name).startswith(begin)
    assert "$" not in prompts.system("desk", name)


def test_what_stands_above_the_line_is_the_same_for_every_question() -> None:
    parted = Prompts({"greeting": "version: 1\n\nBe kind.\n\n---\nHello $who\n"})
    assert (parted.system("greeting"), parted.render("greeting", who="Ada")) == ("Be kind.", "Hello Ada\n")
