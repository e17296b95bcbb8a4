"""Text from outside as a person sees it: no markup, no invisible characters, no letters in disguise. All of it counted.

What was hidden is not thrown away unseen: its words go to the tripwire, and the counts stay with the item.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from market.sources.confusables import LOOKALIKES
from market.sources.markup import visible

LONGEST: Final = 200_000  # characters that are looked at; a longer text is cut, and the cut counted
_MARKS: Final = 3  # combining marks on one letter; more are there to confuse
_LOOKALIKES: Final = frozenset(LOOKALIKES)
_WORD: Final = re.compile(r"\w+")
# Ordinary in honest texts: soft hyphens, a byte order mark, and the joiners and selectors of emoji and of some scripts.
_ORDINARY: Final = frozenset("\u00ad\ufeff\u200d\u200c\ufe0f\ufe0e")
_SHAPELESS: Final = frozenset(("Cc", "Cf", "Cn", "Co", "Cs", "Me", "Mn"))
_SPACES: Final = frozenset("\n\t\r")
# Quotes and dashes of Windows-1252 that somebody read as Latin-1, as HTML5 mends them too.
_WINDOWS: Final = {
    chr(code): meant
    for code in range(0x80, 0xA0)
    if code != 0x85 and (meant := bytes([code]).decode("cp1252", errors="ignore"))
}
_TAGS: Final = range(0xE0000, 0xE0080)  # a whole invisible alphabet


@dataclass(frozen=True, slots=True)
class Clean:
    """`text` to read; `unseen` is what was hidden, for the tripwire alone; `concealed` how much of what."""

    text: str
    unseen: str = ""
    concealed: tuple[tuple[str, int], ...] = ()


def clean(text: str, *, markup: bool) -> Clean:
    """The text that shows, and what was found beside it, by kind.

    Kinds: attribute, comment, control, cut, disguised, hidden, homoglyph, invisible, mended, script, stacked.
    Cleaning what is clean changes nothing.
    """
    found: Counter[str] = Counter()
    if len(text) > LONGEST:
        found["cut"] = 1
        text = text[:LONGEST]
    unseen = ""
    if markup and ("<" in text or "&" in text):
        seen = visible(text)
        text, unseen = seen.shown, seen.unseen
        found.update(seen.found)
    text, smuggled = _without_invisible(text, found)
    text = _undisguised(text, found)
    return Clean(_tidy(text), f"{unseen} {smuggled}".strip(), tuple(sorted(found.items())))


def _without_invisible(text: str, found: Counter[str]) -> tuple[str, str]:
    """The text without what has no shape, and the words that were spelt in tag characters."""
    # Most texts have nothing of the kind: what characters there are tells, before where they stand.
    if _SHAPELESS.isdisjoint(map(unicodedata.category, set(text) - _SPACES)):
        return text, ""
    kept: list[str] = []
    smuggled: list[str] = []
    marks = 0
    for character in text:
        category = unicodedata.category(character)
        if category in ("Mn", "Me"):
            marks += 1
            if marks > _MARKS:
                found["stacked"] += 1
            elif character not in _ORDINARY and not 0xE0100 <= ord(character) <= 0xE01EF:
                kept.append(character)
            continue
        if category == "Cf" or character in _ORDINARY:
            if ord(character) in _TAGS:
                smuggled.append(chr(max(0x20, ord(character) - 0xE0000)))
            # A joiner inside a Latin word joins nothing: it is there to split the word for a machine.
            if character not in _ORDINARY or (character in "\u200c\u200d" and kept and _script(kept[-1]) == "LATIN"):
                found["invisible"] += 1
            continue
        marks = 0
        if category in ("Cc", "Cs", "Co", "Cn"):
            if character in "\n\t\r\x0b\x0c\x85":
                kept.append("\n" if character in "\n\x85" else " ")
            elif (meant := _WINDOWS.get(character)) is not None:
                kept.append(meant)
                found["mended"] += 1
            else:
                found["control"] += 1
            continue
        kept.append(character)
    return "".join(kept), "".join(smuggled)


def _undisguised(text: str, found: Counter[str]) -> str:
    """Compatibility letters folded, and look-alikes of other scripts turned Latin where the text is Latin."""
    if text.isascii():
        return text
    folded = text
    if not unicodedata.is_normalized("NFKC", text):
        folded = unicodedata.normalize("NFKC", text)
        # Ligatures and ideographic spaces are ordinary; whole words in mathematical or full-width letters are not.
        if (disguised := _ascii_letters(folded) - _ascii_letters(text)) > _MARKS:
            found["disguised"] += disguised
    if _LOOKALIKES.isdisjoint(folded):
        return folded
    latin = False

    def unmasked(match: re.Match[str]) -> str:
        word = match[0]
        masked = sum(c in LOOKALIKES for c in word)
        scripts = {_script(c) for c in word if c.isalpha()}
        whole = masked == sum(c.isalpha() for c in word)
        mixed = "LATIN" in scripts
        betrays_itself = mixed and all(c in LOOKALIKES or _script(c) == "LATIN" for c in word if c.isalpha())
        if not masked or not (betrays_itself or (latin and (whole or mixed))):
            return word
        foreign = sum(c in LOOKALIKES and _script(c) != "LATIN" for c in word)
        if not foreign:
            return word
        found["homoglyph"] += foreign
        return "".join(LOOKALIKES.get(c, c) if _script(c) != "LATIN" else c for c in word)

    # Words of Latin and look-alikes alone first: only without them does it show what script the text is in, and so
    # what a word of look-alikes alone is meant to be.
    folded = _WORD.sub(unmasked, folded)
    latin = _mostly_latin(folded)
    return unicodedata.normalize("NFKC", _WORD.sub(unmasked, folded) if latin else folded)


def _tidy(text: str) -> str:
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def _mostly_latin(text: str) -> bool:
    letters = {c: count for c, count in Counter(text).items() if c.isalpha()}
    latin = sum(count for c, count in letters.items() if _script(c) == "LATIN")
    return latin * 2 >= sum(letters.values())


def _ascii_letters(text: str) -> int:
    return sum(count for c, count in Counter(text).items() if c.isascii() and c.isalpha())


@lru_cache(maxsize=4096)
def _script(character: str) -> str:
    """The first word of a letter's name: LATIN, CYRILLIC, GREEK, …"""
    return unicodedata.name(character, "UNKNOWN").partition(" ")[0]
