"""Documents: what stands in a scorecard is in the document, in bounds, and stated by its quote; the rest is open."""

from typing import TypeVar

import pytest
from pydantic import BaseModel, ValidationError

from agents.documents import (
    FORMS,
    FieldName,
    ModelCardTeller,
    Scorecard,
    ToldCard,
    ToldField,
    allowed,
    numbers_in,
    parts,
    scorecard,
)
from agents.documents_rules import RulesCardTeller, tell_card
from agents.prompts import Prompts
from agents.reader import LONGEST
from core.ports import Abstain
from core.taint import Taint

A = TypeVar("A", bound=BaseModel)

PAPER = """\
# Acme: a protocol

The maximum supply is 21 million ACME tokens. Issuance adds 2.5 % of the supply per year.
Team tokens are locked and vest over 4 years with a one year cliff. Investors and the team hold 18% of all tokens.

ACME is used for governance and to pay transaction fees. It was made by Acme Labs Inc and the Acme Foundation.
An attacker with most of the computers could rewrite history.
"""


class Says:
    """A model that fills in what it is told to, of every part."""

    name = "model/x"

    def __init__(self, *fields: tuple[str, str, str], abstains: str = "") -> None:
        told = [{"field": field, "value": value, "quote": quote} for field, value, quote in fields]
        self.answer, self.abstains, self.asked = {"fields": told}, abstains, list[str]()

    async def fill(self, role: str, system: str, text: str, answer: type[A]) -> A | Abstain:
        self.asked.append(text)
        assert role == "reader"
        assert all(name in system for name in FORMS)
        return Abstain(self.abstains) if self.abstains else answer.model_validate(self.answer)


async def by_model(*fields: tuple[str, str, str], text: str = PAPER) -> Scorecard:
    return await scorecard(text, "ACME", ModelCardTeller(Says(*fields), Prompts.load()))


def values(card: Scorecard) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for finding in card.findings:
        found.setdefault(finding.field, []).append(finding.value)
    return found


async def test_the_rules_find_what_is_plainly_written() -> None:
    card = await scorecard(PAPER, "ACME", RulesCardTeller())
    assert values(card) == {
        "supply.maximum": ["21000000"],
        "supply.capped": ["yes"],
        "supply.inflation": ["2.5"],
        "unlocks.scheduled": ["yes"],
        "unlocks.insiders": ["18"],
        "unlocks.vesting": ["48"],
        "unlocks.cliff": ["12"],
        "use.purpose": ["fees", "governance"],
        "team.kind": ["company", "foundation"],
        "risks.kind": ["attack"],
    }
    assert card.open_questions == (FORMS[FieldName.TEAM_NAMED].question,)
    assert (card.reader, card.taint, card.dropped) == ("rules/1", Taint.DERIVED, 0)
    for finding in card.findings:
        assert PAPER[finding.start : finding.end].strip() == PAPER[finding.start : finding.end] != ""


async def test_an_empty_text_leaves_every_question_open() -> None:
    card = await scorecard("", "ACME", RulesCardTeller())
    assert (card.findings, len(card.open_questions)) == ((), len(FORMS))


async def test_a_field_without_its_words_in_the_document_is_dropped() -> None:
    card = await by_model(("supply.maximum", "21000000", "The maximum supply is 21 million ACME coins."))
    assert (card.findings, card.dropped) == ((), 1)


async def test_a_number_that_its_quote_does_not_state_is_dropped() -> None:
    quote = "The maximum supply is 21 million ACME tokens."
    assert values(await by_model(("supply.maximum", "21000000", quote))) == {"supply.maximum": ["21000000"]}
    for wrong in ("42000000", "-21", "1e9", "21 million", "NaN", "9" * 31):
        card = await by_model(("supply.maximum", wrong, quote))
        assert (card.findings, card.dropped) == ((), 1), wrong


async def test_a_number_out_of_bounds_is_dropped() -> None:
    text = "The team holds 180 % of the tokens."
    card = await by_model(("unlocks.insiders", "180", text), text=text)
    assert card.findings == ()


async def test_a_word_that_is_none_of_the_fields_is_no_way_out_for_words() -> None:
    card = await by_model(("use.purpose", "BUY NOW", "ACME"), ("team.named", "trust me", "ACME"))
    assert (card.findings, card.dropped) == ((), 2)


async def test_two_answers_to_one_question_are_a_question() -> None:
    text = "The supply is capped at 100 million. The maximum supply is 200 million."
    first, second = text[:36], text[37:]
    card = await by_model(("supply.maximum", "100000000", first), ("supply.maximum", "200000000", second), text=text)
    assert len(card.findings) == 2
    assert f"{FORMS[FieldName.MAX_SUPPLY].question} It says 100000000 and 200000000." in card.open_questions


def test_an_answer_of_another_shape_is_none() -> None:
    for wrong in ({"field": "supply.vibes"}, {"value": ""}, {"quote": "x" * 301}, {"advice": "buy"}):
        with pytest.raises(ValidationError):
            ToldField.model_validate({"field": "supply.capped", "value": "yes", "quote": "x", **wrong})
    with pytest.raises(ValidationError):
        ToldCard.model_validate({"fields": [{"field": "supply.capped", "value": "yes", "quote": "x"}] * 25})


async def test_a_part_that_is_not_read_is_told_and_the_others_are() -> None:
    says = Says(abstains="the reader's budget of the day is spent")
    card = await scorecard(PAPER, "ACME", ModelCardTeller(says, Prompts.load()))
    assert card.abstained == ("the reader's budget of the day is spent",)
    assert len(card.open_questions) == len(FORMS)


async def test_a_long_document_is_read_in_parts_and_offsets_are_of_the_whole() -> None:
    text = "Nothing here.\n\n" * 2_000 + PAPER
    card = await scorecard(text, "ACME", RulesCardTeller())
    (maximum,) = [f for f in card.findings if f.field is FieldName.MAX_SUPPLY]
    assert text[maximum.start : maximum.end] == "The maximum supply is 21 million ACME tokens."


@pytest.mark.parametrize("text", ["", "a", "x" * (3 * LONGEST), "line\n" * 9_000, ("word " * 300 + "\n\n") * 60])
def test_parts_are_the_whole_text_and_none_is_too_long(text: str) -> None:
    cut = parts(text)
    assert "".join(part for _, part in cut) == text
    assert all(0 < len(part) <= LONGEST and text[start : start + len(part)] == part for start, part in cut)


@pytest.mark.parametrize(
    ("quote", "number"),
    [
        ("21,000,000 coins", "21000000"),
        ("21 million coins", "21000000"),
        ("1.5bn tokens", "1500000000"),
        ("over 4 years", "48"),
        ("one year cliff", "12"),
        ("vests within eighteen or 18 months", "18"),
    ],
)
def test_a_quote_states_its_numbers_however_they_are_written(quote: str, number: str) -> None:
    assert number in {str(found) for found in numbers_in(quote)}


def test_every_field_says_what_it_may_hold() -> None:
    assert all(allowed(form) for form in FORMS.values())
    assert tell_card("No maximum. No cap on the supply of coins.").fields[0].value == "no"
