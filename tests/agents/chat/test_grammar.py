"""The keyless grammar: what is a sentence, and what each that is none is told."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.chat.grammar import BEYOND, Beyond, Call, Help, No, Sentence, Yes, parse
from agents.chat.tools import ACTIONS, READS, checked
from agents.chat.words import LONGEST, Unclear, cleaned
from core.errors import DeskError

SYMBOLS = ("BTC/USDT", "ETH/USDT", "ETH/BTC")


def said(text: str) -> Sentence:
    return parse(text, lambda: SYMBOLS)


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("portfolio", Call("portfolio")),
        ("/PNL", Call("pnl")),
        ("orders", Call("orders", {"ended": False})),
        ("orders all", Call("orders", {"ended": True})),
        ("forecast", Call("forecasts", {"symbol": None})),
        ("forecast btc", Call("forecasts", {"symbol": "BTC/USDT"})),
        ("news btc/usdt", Call("news", {"symbol": "BTC/USDT"})),
        ("why BTC?", Call("why", {"symbol": "BTC/USDT", "about": "any"})),
        ("why did you buy BTC", Call("why", {"symbol": "BTC/USDT", "about": "buy"})),
        ("why did you not buy BTC?", Call("why", {"symbol": "BTC/USDT", "about": "passed"})),
        ("why was BTC denied", Call("why", {"symbol": "BTC/USDT", "about": "denied"})),
        ("run", Call("run")),
    ],
)
def test_a_sentence_is_the_call_of_a_tool(text: str, call: Call) -> None:
    assert said(text) == call


def test_an_order_is_read_with_all_its_prices_and_its_reason() -> None:
    assert said("what if buy 0.1 BTC at 60000 stop 58000 target 70000.5 because the range BROKE, twice") == Call(
        "whatif",
        {
            "side": "buy",
            "quantity": "0.1",
            "symbol": "BTC/USDT",
            "limit": "60000",
            "stop": "58000",
            "target": "70000.5",
            "because": "the range BROKE, twice",
        },
    )


def test_money_and_coins_are_told_apart() -> None:
    assert said("buy 50 usdt of BTC") == Call("propose", {"side": "buy", "worth": "50", "symbol": "BTC/USDT"})
    assert said("buy 0.1 BTC") == Call("propose", {"side": "buy", "quantity": "0.1", "symbol": "BTC/USDT"})
    assert said("sell BTC") == Call("propose", {"side": "sell", "symbol": "BTC/USDT"})


def test_plain_words_become_a_typed_instruction() -> None:
    call = said("every day buy 50 USDT of BTC 10 times")
    assert isinstance(call, Call)
    assert json.loads(call.arguments["body"]) == {
        "strategy": {"kind": "dca", "symbol": "BTC/USDT", "quote": "50", "every": "1d"},
        "budget": {"max_orders": 10, "max_spend": "500"},
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("buy 0,1 BTC", "expected how much as a number such as 0.1"),
        ("buy 0.1 BTC stop", "the sentence ends too early"),
        ("buy 0.1 BTC stop 1 stop 2", "stop is said twice"),
        ("buy 0.1 BTC tomorrow", "expected at, stop, target or because, found 'tomorrow'"),
        ("buy 0.1 BTC because", "The reason is missing"),
        ("buy -1 BTC", "does not trade '-1'"),
        ("buy 50 EUR of BTC", "BTC/USDT is bought for USDT, found 'EUR'"),
        ("buy 0.1 ETH", "may be ETH/USDT or ETH/BTC: name one"),
        ("news BTV", "near it are BTC/USDT"),
        ("news PUMPCOIN", "it trades BTC/USDT, ETH/USDT, ETH/BTC"),
        ("portfolio now", "did not expect 'now' there"),
        ("portfoio", "did you mean `portfolio`?"),
        ("¿Cuánto dinero tengo?", "speaks a small language"),
        ("why", "say of which symbol"),
        ("every fortnight buy 50 USDT of BTC", "expected a duration"),
        ("every day buy 50 BTC", "say for how much money"),
    ],
)
def test_what_is_no_sentence_says_what_was_expected(text: str, told: str) -> None:
    with pytest.raises(DeskError, match=told.replace("?", r"\?").replace("`", "`")):
        said(text)


@pytest.mark.parametrize("word", sorted(BEYOND))
def test_what_a_person_alone_may_do_names_the_verb_of_warden(word: str) -> None:
    found = said(f"{word} everything now")
    assert isinstance(found, Beyond)
    assert found.verb.startswith("warden ")


def test_a_word_to_what_waits_is_read_in_any_case() -> None:
    assert (said("YES"), said("n"), said("/help")) == (Yes(), No(), Help())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "nothing was said"),
        (" \t\n ", "nothing was said"),
        ("x" * (LONGEST + 1), "at most 4,000"),
        ("x" * 1_000_000, "1,000,000 characters"),
        ("port\x1b[2Jfolio", r"U\+001B"),
        ("portfolio\x00", r"U\+0000"),
        ("buy \u202e0.1 BTC", r"U\+202E"),
        ("zero\u200bwidth", r"U\+200B"),
    ],
)
def test_what_cannot_be_seen_or_is_too_much_is_refused(text: str, told: str) -> None:
    with pytest.raises(Unclear, match=told):
        cleaned(text)


def test_lines_and_blanks_part_words() -> None:
    assert cleaned("  buy\n0.1\tBTC ") == "buy 0.1 BTC"


@given(st.text(max_size=200))
def test_any_text_is_a_sentence_or_a_clear_refusal(text: str) -> None:
    with suppress(DeskError):
        assert isinstance(said(cleaned(text)), Call | Yes | No | Help | Beyond)


def test_every_sentence_calls_a_tool_that_takes_its_arguments() -> None:
    texts = ["orders all", "forecast", "news BTC", "quote abcd", "record abcd", "prompts abcd", "why BTC"]
    for text in [*texts, "what if buy BTC", "buy 1 BTC", "run", "every day buy 5 USDT of BTC", "risk", "waiting"]:
        call = said(text)
        assert isinstance(call, Call)
        tool = READS.get(call.tool) or ACTIONS[call.tool]
        checked(call.tool, tool.input, call.arguments)
