"""A model that talks: the same tools, what acts waits for the person, and what is private stays here."""

import json

import pytest

from agents.chat.engine import Chat
from agents.chat.events import Asks, Looked, Note, Said, Told
from agents.chat.thinking import ModelThinking, Thoughtless
from agents.chat.tools import ACTIONS, READS, offered
from agents.llm.saying import Completion, Finish, Unanswered, Why
from agents.prompts import Prompts
from core.taint import Taint
from tests.agents.chat.builders import HEADLINE, Kept, ScriptedDesk, ScriptedMind, chat_of, heard, says

ORDER = json.dumps({"symbol": "BTC", "side": "buy", "quantity": "0.01", "stop": "40000", "because": "it rises"})


def talking(
    *script: Completion | Unanswered, amounts: bool = False, turns: int = 4
) -> tuple[Chat, ScriptedDesk, ScriptedMind]:
    desk, kept, mind = ScriptedDesk(), Kept(), ScriptedMind(script)
    thinks = ModelThinking(mind, desk, kept, Prompts.load(), turns=turns, amounts=amounts)
    return chat_of(desk, kept, thinks), desk, mind


def text_of(events: list[object]) -> str:
    return "".join(event.text for event in events if isinstance(event, Said))


async def test_words_come_as_they_are_said() -> None:
    chat, _, _ = talking(says("All is well."))
    events = await heard(chat, "how are we?")
    assert len(events) == 3
    assert text_of(events) == "All is well. "


async def test_it_looks_things_up_and_answers() -> None:
    chat, _, mind = talking(says("", ("portfolio", "{}")), says("You hold BTC."))
    events = await heard(chat, "what do I hold?")
    assert [type(event) for event in events[:1]] == [Looked]
    assert mind.asked[1].messages[-1]["role"] == "tool"


async def test_what_it_proposes_waits_for_the_persons_yes_and_never_for_its_own() -> None:
    chat, desk, mind = talking(says("", ("propose", ORDER)), says("yes"), says("", ("propose", ORDER)), says("yes"))
    events = await heard(chat, "buy some BTC")
    assert [event.action["order"]["symbol"] for event in events if isinstance(event, Asks)] == ["BTC/USDT"]
    assert desk.asked == []
    await heard(chat, "yes")
    assert [verb for verb, _ in desk.asked] == ["propose"]
    assert len(mind.asked) == 2


async def test_a_second_action_in_one_turn_is_refused() -> None:
    chat, _, mind = talking(says("", ("propose", ORDER), ("run", "{}")), says("done"))
    events = await heard(chat, "buy and run")
    assert sum(isinstance(event, Asks) for event in events) == 1
    assert "one action waits" in mind.asked[1].messages[-1]["content"]


def test_it_is_offered_no_raw_words_and_nothing_that_a_person_alone_may_do() -> None:
    names = {tool.value["function"]["name"] for tool in offered()}
    assert names == ({name for name, tool in READS.items() if not tool.shown} | set(ACTIONS))
    assert not names & {"quote", "prompts", "approve", "resume", "halt", "cancel", "close"}


@pytest.mark.parametrize(
    "call", [("quote", '{"text": "t1234567"}'), ("approve", "{}"), ("portfolio", "not json"), ("why", "[]")]
)
async def test_a_call_that_is_none_is_an_error_that_it_may_correct(call: tuple[str, str]) -> None:
    chat, desk, mind = talking(says("", call), says("sorry"))
    await heard(chat, "do it")
    assert mind.asked[1].messages[-1]["content"].startswith("error: ")
    assert desk.asked == []
    assert chat.thread.taint is Taint.TRUSTED


async def test_a_quote_that_a_person_opened_is_not_shown_to_it_and_taints_what_it_proposes() -> None:
    chat, desk, mind = talking(says("", ("propose", ORDER)), says("shown"))
    await heard(chat, "/quote t1234567", "buy 0.01 BTC then", "yes")
    assert HEADLINE not in json.dumps([asked.messages for asked in mind.asked])
    assert "[the person was shown: quote]" in json.dumps(mind.asked[0].messages)
    assert desk.asked[0][1]["taint"] is Taint.UNTRUSTED


async def test_news_that_it_opened_itself_taint_its_order() -> None:
    chat, desk, _ = talking(says("", ("news", '{"symbol": "BTC"}'), ("propose", ORDER)), says("shown"))
    await heard(chat, "news?", "yes")
    assert desk.asked[0][1]["taint"] is Taint.DERIVED


async def test_balances_leave_as_fractions_and_without_names() -> None:
    chat, _, mind = talking(says("", ("portfolio", "{}")), says("ok"))
    await heard(chat, "what do I hold?")
    told = mind.asked[1].messages[-1]["content"]
    assert json.loads(told)["positions"][0]["share_of_equity"] == "0.25"
    for secret in ("20000", "15000", "paper-1", '"0.1"'):
        assert secret not in told


async def test_amounts_leave_where_the_settings_say_so() -> None:
    chat, _, mind = talking(says("", ("portfolio", "{}")), says("ok"), amounts=True)
    await heard(chat, "what do I hold?")
    told = mind.asked[1].messages[-1]["content"]
    assert "20000" in told
    assert "paper-1" not in told


async def test_a_model_that_loops_is_stopped() -> None:
    chat, _, mind = talking(*[says("", ("portfolio", "{}"))] * 5, turns=3)
    events = await heard(chat, "go on")
    assert len(mind.asked) == 3
    assert mind.asked[-1].last
    assert isinstance(events[-1], Note)


async def test_without_an_answer_the_grammar_is_tried() -> None:
    chat, _, _ = talking(Unanswered(Why.BUDGET, "spent"))
    events = await heard(chat, "portfolio")
    assert [type(event) for event in events] == [Note, Told]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (Completion("m", "", "", (), Finish.STOP), "said nothing"),
        (Completion("m", "", "", (), Finish.FILTER), "content filter"),
        (Completion("m", "", "half", (), Finish.LENGTH), "cut off"),
    ],
)
async def test_an_answer_that_is_none_says_so(said: Completion, told: str) -> None:
    chat, _, _ = talking(said)
    assert told in (await heard(chat, "why?"))[-1].text  # type: ignore[union-attr]


async def test_what_steers_a_terminal_is_left_out() -> None:
    chat, _, _ = talking(says("\x1b[2Jhello"))
    assert "\x1b" not in text_of(await heard(chat, "hi"))


@pytest.mark.parametrize(
    "parts", [["<think>so", "</think>", "Yes"], ["<thi", "nk>so</think>Yes"], ["<", "think></think>Y", "es"]]
)
def test_thoughts_are_not_shown_however_they_are_cut(parts: list[str]) -> None:
    seen = Thoughtless()
    assert "".join(seen.visible(part) for part in parts) == "Yes"


def test_an_answer_that_only_begins_like_a_thought_is_shown() -> None:
    seen = Thoughtless()
    assert "".join(seen.visible(part) for part in ["<th", "ree> coins"]) == "<three> coins"
