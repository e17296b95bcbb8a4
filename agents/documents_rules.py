"""The keyless reader of documents: fields by tables of words, sentence by sentence. It reads English."""

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Final

from agents.documents import MOST_FIELDS, FieldName, ToldCard, ToldField, numbers_in
from agents.reader import LONGEST_QUOTE
from core.money import text_of
from core.ports import Abstain

_SENTENCE: Final = re.compile(r"[^.!?\n]+(?:[.!?](?=\S)[^.!?\n]*)*[.!?]?")


def _say(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE)


_COINS: Final = _say(r"supply|coins?|tokens?")
_CAP: Final = _say(r"max(?:imum)?|capped|cap|never exceed|fixed supply|total supply|limited to|hard[- ]capped")
_UNCAPPED: Final = _say(r"no (?:maximum|hard cap|cap|limit)|uncapped|unlimited supply|without a cap|not capped")
_GROWTH: Final = _say(r"inflation|issuance|annual(?:ly)?|per year|a year|each year")
_INSIDERS: Final = _say(r"team|founders?|insiders?|investors?|advis[eo]rs?|early contributors?|employees")
_VEST: Final = _say(r"vest(?:s|ed|ing)?|unlock(?:s|ed|ing)?|lock(?:ed|-up| up)|release schedule|cliff")
_SPAN: Final = r"(\d{1,3}|one|two|three|four|five|six|seven|eight|nine|ten|twelve)[- ](months?|years?)"
_VESTING: Final = re.compile(
    rf"\b(?:vest|unlock|releas)\w*\b[^.]{{0,60}}?\b(?:over|for|period of|within)\D{{0,12}}{_SPAN}", re.I
)
_CLIFF: Final = re.compile(rf"\b{_SPAN}\s+cliff|\bcliff (?:of|after)\D{{0,12}}{_SPAN}", re.I)
_NOT: Final = _say(r"no|not|never|without|cannot")

_WORDS: Final[Mapping[FieldName, Mapping[str, re.Pattern[str]]]] = {
    FieldName.PURPOSE: {
        "payment": _say(r"payments?|electronic cash|medium of exchange|means of payment"),
        "fees": _say(r"transaction fees?|gas|network fees?"),
        "governance": _say(r"governance|voting rights?|token holders (?:may |can )?vote"),
        "staking": _say(r"stak(?:e|ed|es|ing)|validators?"),
        "collateral": _say(r"collateral\w*"),
        "access": _say(r"access to (?:the |our )?(?:service|platform|network|feature)\w*"),
        "rewards": _say(r"rewards?|incentives?|incentivi[sz]e\w*"),
        "store of value": _say(r"store of value"),
    },
    FieldName.TEAM_KIND: {
        "company": _say(r"Inc|Ltd|LLC|GmbH|Corporation|Labs"),
        "foundation": _say(r"foundation"),
        "community": _say(r"DAO|decentrali[sz]ed autonomous organi[sz]ation|community[- ](?:led|run|governed)"),
        "pseudonymous": _say(r"pseudonym\w*|anonymous team|anonymous developers?"),
    },
    FieldName.RISK: {
        "attack": _say(r"attack(?:s|er|ers)?|double[- ]spend\w*|exploit(?:s|ed)?|hack(?:s|ed|ers?)?"),
        "bug": _say(r"bugs?|software defects?|coding errors?|vulnerabilit(?:y|ies)"),
        "regulation": _say(r"regulatory|regulators?|securities laws?|legal risks?"),
        "centralisation": _say(r"centrali[sz](?:ation|ed)|admin keys?|single point of failure|multisig"),
        "volatility": _say(r"volatil(?:e|ity)|loss of value|lose value"),
        "dilution": _say(r"dilut(?:e|ed|ion|ive)"),
        "custody": _say(r"lost keys?|loss of (?:private )?keys?|private keys? (?:is |are )?lost"),
        "competition": _say(r"competit(?:ion|ors?)|competing (?:networks?|protocols?|projects?)"),
    },
}
_LARGE: Final = Decimal(1000)  # fewer coins than this are no supply


class RulesCardTeller:
    name = "rules/1"

    async def tell(self, text: str, token: str) -> ToldCard | Abstain:
        return await asyncio.to_thread(tell_card, text)


def tell_card(text: str) -> ToldCard:
    """The first sentence that shows each field, or each word of one."""
    found: dict[tuple[FieldName, str], ToldField] = {}
    for match in _SENTENCE.finditer(text):
        sentence = match[0].strip()[:LONGEST_QUOTE]
        for look in _LOOKS:
            for field, value in look(sentence):
                found.setdefault((field, value), ToldField(field=field, value=value, quote=sentence))
    return ToldCard(fields=tuple(found.values())[:MOST_FIELDS])


_Looked = Iterator[tuple[FieldName, str]]


def _supply(sentence: str) -> _Looked:
    if not _COINS.search(sentence):
        return
    if _UNCAPPED.search(sentence):
        yield FieldName.CAPPED, "no"
    elif _CAP.search(sentence):
        large = [number for number in numbers_in(sentence) if number >= _LARGE and number == number.to_integral_value()]
        if large:
            yield FieldName.MAX_SUPPLY, text_of(max(large))
            yield FieldName.CAPPED, "yes"


def _growth(sentence: str) -> _Looked:
    share = _percent(sentence)
    if share is not None and _GROWTH.search(sentence) and (_COINS.search(sentence) or "inflation" in sentence.lower()):
        yield FieldName.INFLATION, share


def _unlocks(sentence: str) -> _Looked:
    if _VEST.search(sentence) and _COINS.search(sentence):
        yield FieldName.SCHEDULED, "no" if _NOT.search(sentence) else "yes"
    share = _percent(sentence)
    if share is not None and _INSIDERS.search(sentence):
        yield FieldName.INSIDERS, share
    for field, pattern in ((FieldName.VESTING, _VESTING), (FieldName.CLIFF, _CLIFF)):
        if match := pattern.search(sentence):
            count, unit = next((a, b) for a, b in zip(match.groups()[::2], match.groups()[1::2], strict=True) if a)
            (number,) = numbers_in(count)
            yield field, text_of(number * (12 if unit.lower().startswith("year") else 1))


def _words(sentence: str) -> _Looked:
    for field, words in _WORDS.items():
        yield from ((field, word) for word, pattern in words.items() if pattern.search(sentence))


def _percent(sentence: str) -> str | None:
    match = re.search(r"(\d{1,3}(?:\.\d{1,4})?)\s?(?:%|per ?cent)", sentence)
    return None if match is None or Decimal(match[1]) > 100 else text_of(Decimal(match[1]))


_LOOKS: Final[tuple[Callable[[str], _Looked], ...]] = (_supply, _growth, _unlocks, _words)
