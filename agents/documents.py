"""A document about a token as a scorecard: enumerated and bounded fields, each beside the words that say so.

It is read like any text from outside: without tools, and its answer is not believed. A field without a quote that
stands in the document, or a number that its quote does not state, is dropped. What nobody states is an open question.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final, Protocol

from pydantic import BaseModel, ConfigDict, Field

from agents.ports import Speaker
from agents.prompts import Prompts
from agents.reader import LONGEST, LONGEST_QUOTE, asked_as
from core.money import ONE, text_of
from core.ports import Abstain
from core.taint import Taint

ROLE: Final = "reader"
PROMPT: Final = "scorecard"
MOST_FIELDS: Final = 24  # of one part of a document
YES_NO: Final = ("yes", "no")


class FieldName(StrEnum):
    MAX_SUPPLY = "supply.maximum"
    CAPPED = "supply.capped"
    INFLATION = "supply.inflation"
    SCHEDULED = "unlocks.scheduled"
    INSIDERS = "unlocks.insiders"
    VESTING = "unlocks.vesting"
    CLIFF = "unlocks.cliff"
    PURPOSE = "use.purpose"
    TEAM_KIND = "team.kind"
    TEAM_NAMED = "team.named"
    RISK = "risks.kind"

    @property
    def section(self) -> str:
        return self.value.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Form:
    """What a field may hold: one of `words`, or a number from 0 to `most` in `unit`. `many`: several may be true."""

    question: str
    words: tuple[str, ...] = ()
    most: Decimal | None = None
    unit: str = ""
    many: bool = False


FORMS: Final[Mapping[FieldName, Form]] = {
    FieldName.MAX_SUPPLY: Form("How many can there ever be?", most=Decimal(10) ** 18, unit="coins"),
    FieldName.CAPPED: Form("Is the supply capped?", YES_NO),
    FieldName.INFLATION: Form("How fast does the supply grow?", most=Decimal(1000), unit="% a year"),
    FieldName.SCHEDULED: Form("Are coins locked and released by a schedule?", YES_NO),
    FieldName.INSIDERS: Form("What share do team, founders and investors hold?", most=Decimal(100), unit="%"),
    FieldName.VESTING: Form("Over how long do insiders' coins vest?", most=Decimal(600), unit="months"),
    FieldName.CLIFF: Form("After how long does the first of them unlock?", most=Decimal(600), unit="months"),
    FieldName.PURPOSE: Form(
        "What is it used for?",
        ("payment", "fees", "governance", "staking", "collateral", "access", "rewards", "store of value"),
        many=True,
    ),
    FieldName.TEAM_KIND: Form("Who is behind it?", ("company", "foundation", "community", "pseudonymous"), many=True),
    FieldName.TEAM_NAMED: Form("Are the people behind it named?", YES_NO),
    FieldName.RISK: Form(
        "Which risks does it name?",
        ("attack", "bug", "regulation", "centralisation", "volatility", "dilution", "custody", "competition"),
        many=True,
    ),
}
SECTIONS: Final = tuple(dict.fromkeys(name.section for name in FORMS))


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ToldField(_Answer):
    """One field as a reader tells it: `value` is one of the field's words, or a number in its unit as digits."""

    field: FieldName
    value: str = Field(min_length=1, max_length=40)
    quote: str = Field(min_length=1, max_length=LONGEST_QUOTE)


class ToldCard(_Answer):
    fields: tuple[ToldField, ...] = Field(max_length=MOST_FIELDS)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a document says of one field, and where: `start` to `end` in its text."""

    field: FieldName
    value: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Scorecard:
    """`findings` in the order of the fields; `open_questions` are those of the fields that nobody states, or that the
    document answers in two ways. `abstained` says why parts were not read; `dropped` counts what did not stand."""

    reader: str
    findings: tuple[Finding, ...]
    open_questions: tuple[str, ...]
    dropped: int
    abstained: tuple[str, ...]
    taint: Taint = Taint.DERIVED


class CardTeller(Protocol):
    """Tells the fields of one part of a document, or abstains."""

    @property
    def name(self) -> str: ...
    async def tell(self, text: str, token: str) -> ToldCard | Abstain: ...


class ModelCardTeller:
    """A language model behind the port that has no tools."""

    def __init__(self, speaker: Speaker, prompts: Prompts) -> None:
        self._speaker, self._prompts = speaker, prompts
        self.name = asked_as(speaker, prompts, PROMPT)

    async def tell(self, text: str, token: str) -> ToldCard | Abstain:
        fields = "\n".join(f"- {name}: {form.question} {allowed(form)}" for name, form in FORMS.items())
        system = self._prompts.render(PROMPT, token=token, fields=fields)
        return await self._speaker.fill(ROLE, system, text, ToldCard)


async def scorecard(text: str, token: str, teller: CardTeller) -> Scorecard:
    """Reads a document part by part, and keeps what stands."""
    found: dict[tuple[FieldName, str], Finding] = {}
    abstained: list[str] = []
    dropped = 0
    for start, part in parts(text):
        told = await teller.tell(part, token)
        if isinstance(told, Abstain):
            abstained.append(told.reason)
            continue
        for one in told.fields:
            finding = _proven(one, part, start)
            if finding is None:
                dropped += 1
            else:
                found.setdefault((finding.field, finding.value), finding)
    order = list(FORMS)
    findings = sorted(found.values(), key=lambda f: (order.index(f.field), f.start))
    return Scorecard(teller.name, tuple(findings), _open(findings), dropped, tuple(dict.fromkeys(abstained)))


def parts(text: str) -> list[tuple[int, str]]:
    """Pieces that a reader takes at once, each with its offset, cut where a paragraph or a line ends."""
    found: list[tuple[int, str]] = []
    start = 0
    while start < len(text):
        end = min(start + LONGEST, len(text))
        if end < len(text):
            near = max(text.rfind("\n\n", start, end), text.rfind("\n", start + LONGEST // 2, end))
            end = near if near > start else end
        found.append((start, text[start:end]))
        start = end
    return found


def allowed(form: Form) -> str:
    """What may stand in a field, for people and for models."""
    return (
        f"one of {', '.join(form.words)}"
        if form.words
        else f"a number from 0 to {text_of(form.most or ONE)}, {form.unit}"
    )


def _proven(told: ToldField, part: str, offset: int) -> Finding | None:
    form, at = FORMS[told.field], part.find(told.quote)
    if at < 0 or not told.quote.strip():
        return None
    value = told.value.strip().lower()
    if form.words:
        if value not in form.words:
            return None
    else:
        number = _number(value)
        if number is None or form.most is None or not 0 <= number <= form.most:
            return None
        if number not in numbers_in(told.quote):
            return None
        value = text_of(number)
    return Finding(told.field, value, offset + at, offset + at + len(told.quote))


def _open(findings: Sequence[Finding]) -> tuple[str, ...]:
    questions: list[str] = []
    for name, form in FORMS.items():
        values = [f.value for f in findings if f.field is name]
        if not values:
            questions.append(form.question)
        elif len(values) > 1 and not form.many:
            questions.append(f"{form.question} It says {' and '.join(values)}.")
    return tuple(questions)


_NUMBER: Final = re.compile(
    r"(\d[\d,' ]*(?:\.\d+)?)\s*(thousand|million|billion|trillion|bn|[kmb])?(?![\w])", re.IGNORECASE
)
_SPELT: Final = re.compile(r"\b(one|two|three|four|five|six|seven|eight|nine|ten|twelve)\b", re.IGNORECASE)
_SPELT_NUMBERS: Final = dict(
    zip(("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"), range(1, 11), strict=True)
) | {"twelve": 12}
_TIMES: Final = {"k": 3, "thousand": 3, "m": 6, "million": 6, "b": 9, "bn": 9, "billion": 9, "trillion": 12}
_MONTHS_A_YEAR: Final = 12


def numbers_in(quote: str) -> set[Decimal]:
    """Every number that a quote states, with those of years also in months: '21 million', '4 years', 'one year'."""
    found: set[Decimal] = set()
    for match in _NUMBER.finditer(quote):
        number = _number(re.sub(r"[,' ]", "", match[1]))
        if number is not None:
            found |= {number, number.scaleb(_TIMES.get((match[2] or "").lower(), 0))}
    found |= {Decimal(_SPELT_NUMBERS[match[1].lower()]) for match in _SPELT.finditer(quote)}
    if re.search(r"\byears?\b", quote, re.IGNORECASE):
        found |= {number * _MONTHS_A_YEAR for number in found if number <= 50}
    # One that was worked out is written as it would be typed.
    return {Decimal(text_of(number)) for number in found}


def _number(text: str) -> Decimal | None:
    text = text.replace(",", "").rstrip("%").strip()
    return Decimal(text) if re.fullmatch(r"\d{1,30}(?:\.\d{1,18})?", text, re.ASCII) else None
