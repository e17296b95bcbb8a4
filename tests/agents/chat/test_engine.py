"""One turn: what acts waits for a person's yes, is marked before it is sent, and carries what was opened."""

import inspect

import pytest

from agents.chat.engine import Chat
from agents.chat.events import Asks, Done, Note, Told
from agents.chat.ports import ChatDesk
from core.errors import ConfigError, DeskBusy
from core.taint import Taint
from tests.agents.chat.builders import HEADLINE, Kept, ScriptedDesk, chat_of, heard

ORDER = "buy 0.01 BTC stop 40000 because it rises"


def verbs(port: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(port, inspect.isfunction) if not name.startswith("_")}


def test_the_port_offers_readings_and_three_wishes_and_nothing_else() -> None:
    reads = {"symbols", "portfolio", "profit", "orders", "waiting", "risk", "forecasts", "events", "quote", "prompts"}
    reads |= {"decisions", "record", "instructions", "instruction", "whatif"}
    assert verbs(ChatDesk) == reads | {"propose", "decide", "instruct"}


async def test_an_order_goes_nowhere_before_a_yes() -> None:
    desk = ScriptedDesk()
    chat = chat_of(desk)
    events = await heard(chat, ORDER)
    assert [type(event) for event in events] == [Asks]
    assert desk.asked == []
    done = await heard(chat, "yes")
    assert [type(event) for event in done] == [Done]
    [(verb, said)] = desk.asked
    assert (verb, said["order"]["quantity"], said["by"], said["key"]) == ("propose", "0.01", "ada", "key1")
    assert chat.pending is None


@pytest.mark.parametrize("word", ["no", "N", "portfolio", "yes please", "buy 1 ETH"])
async def test_anything_but_a_yes_drops_what_waits(word: str) -> None:
    desk = ScriptedDesk()
    chat = chat_of(desk)
    first = await heard(chat, ORDER)
    await heard(chat, word)
    assert desk.asked == []
    assert chat.pending != first[0].action  # type: ignore[union-attr]


async def test_a_yes_to_nothing_says_so() -> None:
    [note] = await heard(chat_of(ScriptedDesk()), "yes")
    assert (type(note), note.text) == (Note, "nothing waits for a yes or a no")  # type: ignore[union-attr]


async def test_what_a_dead_chat_had_sent_is_asked_again_with_the_same_key() -> None:
    class Killed(BaseException):
        pass

    desk, kept = ScriptedDesk(), Kept()
    chat = chat_of(desk, kept)
    await heard(chat, ORDER)

    async def dies(*_: object, **said: object) -> None:
        desk.asked.append(("propose", said))
        raise Killed

    desk.propose = dies  # type: ignore[method-assign, assignment]
    with pytest.raises(Killed):
        await heard(chat, "yes")
    desk.propose = ScriptedDesk.propose.__get__(desk)  # type: ignore[method-assign]
    again = Chat(desk, kept, kept.find("thread0", "ada"))
    assert "its answer is not known here" in str(again.resumed())
    await heard(again, "yes")
    first, second = (said for _, said in desk.asked)
    assert first["key"] == second["key"] == "key1"
    assert again.pending is None


async def test_a_busy_desk_leaves_the_action_where_it_is() -> None:
    desk = ScriptedDesk(fails=DeskBusy("the desk has not answered"))
    chat = chat_of(desk)
    [_, note] = await heard(chat, ORDER, "yes")
    assert "say yes again" in note.text  # type: ignore[union-attr]
    desk.fails = None
    await heard(chat, "yes")
    assert {said["key"] for _, said in desk.asked} == {"key1"}


async def test_a_refused_action_does_not_wait_for_ever() -> None:
    desk = ScriptedDesk(fails=ConfigError("no"))
    chat = chat_of(desk)
    await heard(chat, ORDER, "yes")
    assert chat.pending is None


async def test_two_orders_have_two_keys() -> None:
    desk = ScriptedDesk()
    await heard(chat_of(desk), ORDER, "yes", ORDER, "yes")
    assert [said["key"] for _, said in desk.asked] == ["key1", "key2"]


@pytest.mark.parametrize(
    ("opens", "taint"),
    [("portfolio", Taint.TRUSTED), ("news BTC", Taint.DERIVED), ("quote t1234", Taint.UNTRUSTED), ("prompts r123", 2)],
)
async def test_what_was_opened_taints_every_later_order(opens: str, taint: Taint) -> None:
    desk = ScriptedDesk()
    chat = chat_of(desk)
    await heard(chat, opens, "portfolio", ORDER, "yes")
    assert chat.thread.taint == taint
    assert desk.asked[0][1]["taint"] == taint


async def test_the_taint_is_kept_with_the_thread() -> None:
    desk, kept = ScriptedDesk(), Kept()
    await heard(chat_of(desk, kept), "quote t1234")
    await heard(Chat(desk, kept, kept.find("thread0", "ada")), ORDER, "yes")
    assert desk.asked[0][1]["taint"] is Taint.UNTRUSTED


async def test_a_text_that_is_opened_while_an_order_waits_taints_it_too() -> None:
    desk, kept = ScriptedDesk(), Kept()
    chat = chat_of(desk, kept)
    await heard(chat, ORDER)
    kept.taint(chat.thread.thread_id, Taint.HOSTILE)
    await heard(chat, "yes")
    assert desk.asked[0][1]["taint"] is Taint.HOSTILE


async def test_no_standing_instruction_comes_of_a_tainted_conversation() -> None:
    desk = ScriptedDesk()
    chat = chat_of(desk)
    await heard(chat, "every day buy 50 USDT of BTC", "yes")
    assert [verb for verb, _ in desk.asked] == ["instruct"]
    [note] = (await heard(chat, "news BTC", "every day buy 50 USDT of BTC"))[1:]
    assert "begin a new thread" in note.text  # type: ignore[union-attr]
    assert chat.pending is None


async def test_a_text_that_is_opened_elsewhere_in_the_thread_ends_its_instructions_here() -> None:
    desk, kept = ScriptedDesk(), Kept()
    chat = chat_of(desk, kept)
    kept.taint(chat.thread.thread_id, Taint.UNTRUSTED)
    [note] = await heard(chat, "every day buy 50 USDT of BTC")
    assert "begin a new thread" in note.text  # type: ignore[union-attr]
    assert chat.pending is None
    assert chat.thread.taint is Taint.UNTRUSTED


async def test_an_instruction_that_waits_is_dropped_where_a_text_was_opened_meanwhile() -> None:
    desk, kept = ScriptedDesk(), Kept()
    chat = chat_of(desk, kept)
    await heard(chat, "every day buy 50 USDT of BTC")
    kept.taint(chat.thread.thread_id, Taint.UNTRUSTED)
    [note] = await heard(chat, "yes")
    assert "begin a new thread" in note.text  # type: ignore[union-attr]
    assert (desk.asked, chat.pending) == ([], None)


async def test_a_quote_is_fenced_and_marked_as_quoted() -> None:
    [told] = await heard(chat_of(ScriptedDesk()), "quote t1234")
    assert isinstance(told, Told)
    assert told.quoted
    assert f"│ {HEADLINE}" in told.text


@pytest.mark.parametrize(
    ("text", "verb"),
    [
        ("approve 1234", "warden approvals approve"),
        ("resume", "warden risk resume"),
        ("raise limit to 5", "warden risk policy"),
        ("close BTC", "warden close"),
        ("halt", "warden risk halt"),
    ],
)
async def test_what_it_cannot_do_names_who_can(text: str, verb: str) -> None:
    desk = ScriptedDesk()
    [note] = await heard(chat_of(desk), text)
    assert isinstance(note, Note)
    assert verb in note.text
    assert desk.asked == []


async def test_what_was_said_is_kept_before_it_is_answered() -> None:
    kept = Kept()
    chat = chat_of(ScriptedDesk(), kept)
    async for _ in chat.turn("portfolio"):
        assert kept.said[-1].said == "portfolio"
    assert kept.said[-1].answer["events"][0]["tool"] == "portfolio"


async def test_a_desk_that_never_ran_is_told_in_one_sentence() -> None:
    desk = ScriptedDesk()

    def none() -> tuple[str, ...]:
        raise ConfigError("these books hold no account yet: `warden demo` or `warden run` opens one")

    desk.symbols = none  # type: ignore[method-assign]
    [note] = await heard(chat_of(desk), "why BTC")
    assert isinstance(note, Note)
    assert note.wrong
    assert "no account yet" in note.text
