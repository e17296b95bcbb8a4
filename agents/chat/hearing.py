"""Somebody else's words in what a person says: pasted into it, or more than anybody types.

They come from outside like any text. No model of the chat reads them: it is shown the typed fields that the rules of
the quarantined reader find in them, and the conversation is tainted as by a text that was opened.
"""

import re
import unicodedata
from collections.abc import Sequence
from itertools import groupby
from typing import Final

from agents.chat.events import Heard
from agents.chat.words import cleaned
from agents.reader import as_read, proven
from agents.reader_rules import tell
from core.canonical import JSON, canonical_text, plain
from core.taint import Taint
from models.screening import gives_orders

TYPED: Final = 600  # characters: whoever says more at once did not type it
_LINES: Final = 2
# Units in a row of what was pasted that make them its own: an id, a symbol or a price is shorter. Scripts without
# spaces count by letters, and what has none for long is no word.
IN_A_ROW: Final = 3
_UNIT: Final = re.compile(r"[\x21-\x7e]{1,32}|[^\x00-\x7f\s]")

_Row = tuple[str, ...]


def hear(text: str, pasted: Sequence[str]) -> Heard | None:
    """What of `text` is somebody else's; None where it is all the person's own.

    `pasted` is what came into it by a paste. Of a paste that was edited, the words that stand as they stood count.
    """
    said = cleaned(text)
    whole = len(said) > TYPED or len(text.strip().splitlines()) > _LINES
    parts = [text] if whole else _found_in(said, pasted)
    foreign = _foreign(said, parts)
    if not foreign:
        return None
    theirs = " ".join(unit[0] for at, unit in enumerate(_UNIT.finditer(said)) if at in foreign)
    taint = Taint.HOSTILE if any(gives_orders(part) for part in [*parts, theirs]) else Taint.UNTRUSTED
    told = [] if taint is Taint.HOSTILE else _events(theirs)
    return Heard(_told(len(theirs), told, taint), _shown(said, foreign, told, taint), int(taint), told)


def holds_theirs(text: str, pasted: Sequence[str]) -> bool:
    """Whether words of what was pasted stand in it."""
    return bool(_found_in(text, pasted))


def _found_in(text: str, parts: Sequence[str]) -> list[str]:
    here = {*_rows(text)}
    return [part for part in parts if not here.isdisjoint(_rows(part))]


def _foreign(said: str, parts: Sequence[str]) -> set[int]:
    """The places of the units that stand in one of the parts too, so many in a row."""
    rows = {row for part in parts for row in _rows(part)}
    return {at + more for at, row in enumerate(_rows(said)) if row in rows for more in range(IN_A_ROW)}


def _rows(text: str) -> list[_Row]:
    units = _UNIT.findall(unicodedata.normalize("NFC", text))
    return [tuple(units[at : at + IN_A_ROW]) for at in range(len(units) - IN_A_ROW + 1)]


def _events(theirs: str) -> list[dict[str, JSON]]:
    """A text that gives orders is read no further than here."""
    words, kept = as_read(theirs), ("kind", "direction", "magnitude", "certainty", "assets")
    return [plain({name: getattr(event, name) for name in kept}) for event in proven(tell(words), words)]


def _shown(said: str, foreign: set[int], told: list[dict[str, JSON]], taint: Taint) -> str:
    """The person's own words, and a note where the others stood."""
    note = f"[pasted text, {taint.name.lower()}, not shown to you; its typed fields: {canonical_text(told)}]"
    parts: list[str] = []
    for theirs, group in groupby(enumerate(_UNIT.finditer(said)), key=lambda unit: unit[0] in foreign):
        units = [match for _, match in group]
        parts.append(note if theirs else said[units[0].start() : units[-1].end()])
        note = "[...]" if theirs else note
    return " ".join(parts)


def _told(characters: int, told: list[dict[str, JSON]], taint: Taint) -> str:
    read = "they give orders, so nobody reads them" if taint is Taint.HOSTILE else "no model here reads them"
    fields = f", but the typed fields of {len(told)} event{'s' if len(told) > 1 else ''} in them" if told else ""
    return (
        f"{characters:,} characters of that are somebody else's words: {read}{fields}. "
        f"This thread is {taint.name.lower()} from now on, as after `quote`; a new one begins without"
    )
