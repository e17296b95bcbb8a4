"""What of a text a scorer reads: links out, cashtags as tickers, emoji and slang as the words they stand for.

A text that cannot be read as English is named and abstained on, never scored as neutral.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from core.ports import Abstain
from models.sentiment.words import ENGLISH, FOREIGN

LINKS: Final = re.compile(r"https?://\S+|\bwww\.\S+", re.IGNORECASE)
LONGEST: Final = 100_000  # characters; ingestion keeps no longer body
_EXAMINED: Final = 2_000  # characters from which the language is told
_FEWEST_FOREIGN: Final = 2

_CASHTAGS: Final = re.compile(r"[$#](?=[A-Za-z])")
_MENTIONS: Final = re.compile(r"(?<!\w)@\w{2,30}")
_WORDS: Final = re.compile(r"[^\W\d_]+")

_EMOJI: Final = {
    "\N{ROCKET}": "soaring",
    "\N{FIRST QUARTER MOON WITH FACE}": "soaring",
    "\N{FULL MOON WITH FACE}": "soaring",
    "\N{CHART WITH UPWARDS TREND}": "rising",
    "\N{CHART WITH DOWNWARDS TREND}": "falling",
    "\N{OX}": "bullish",
    "\N{BEAR FACE}": "bearish",
    "\N{LARGE GREEN CIRCLE}": "gains",
    "\N{LARGE RED CIRCLE}": "losses",
    "\N{GEM STONE}": "hold strong",
    "\N{FIRE}": "strong",
    "\N{SKULL}": "ruined",
    "\N{SKULL AND CROSSBONES}": "ruined",
    "\N{THUMBS UP SIGN}": "positive",
    "\N{THUMBS DOWN SIGN}": "negative",
    "\N{POLICE CARS REVOLVING LIGHT}": "warning",
    "\N{WARNING SIGN}": "warning",
    "\N{LOUDLY CRYING FACE}": "losses",
    "\N{MONEY WITH WINGS}": "losses",
}
_SLANG: Final = {
    "to the moon": "soaring",
    "mooning": "soaring",
    "hodl": "hold",
    "hodling": "holding",
    "rekt": "ruined losses",
    "wagmi": "optimistic",
    "ngmi": "pessimistic",
    "btfd": "buy the dip",
    "ath": "all-time high",
    "atl": "record low",
    "rugpull": "rug pull",
    "rugpulled": "rug pull",
    "shitcoin": "worthless coin",
    "shitcoins": "worthless coins",
    "scammy": "scam",
    "lfg": "bullish",
}
_EMOJI_PATTERN: Final = re.compile("|".join(map(re.escape, _EMOJI)))
_SLANG_PATTERN: Final = re.compile(
    rf"\b(?:{'|'.join(re.escape(s) for s in sorted(_SLANG, key=len, reverse=True))})\b", re.IGNORECASE
)


def prepared(text: str) -> str:
    """The words of a text in Unicode's NFKC form, on one line.

    Links and mentions go; '$BTC' and '#BTC' become 'BTC'; emoji and slang become words, by the tables above; other
    signs stay as they are.
    """
    text = LINKS.sub(" ", unicodedata.normalize("NFKC", text).replace("\u2019", "'"))
    text = _CASHTAGS.sub("", _MENTIONS.sub(" ", text))
    text = _EMOJI_PATTERN.sub(lambda found: f" {_EMOJI[found[0]]} ", text)
    text = _SLANG_PATTERN.sub(lambda found: _SLANG[found[0].lower()], text)
    return " ".join(text.split())


def readable(text: str) -> str | Abstain:
    """A prepared text, or why it cannot be scored: empty, above `LONGEST` characters, or not English."""
    if len(text) > LONGEST:
        return Abstain(f"the text has {len(text)} characters, at most {LONGEST} are read")
    words = prepared(text)
    if not any(letter.isalpha() for letter in words):
        return Abstain("the text has no words")
    foreign = _foreign(words[:_EXAMINED])
    return words if foreign is None else Abstain(foreign)


def _foreign(text: str) -> str | None:
    """Why a text is not English, told by its letters and its function words; None where it may be."""
    letters = [letter for letter in text if letter.isalpha()]
    latin = sum(letter < "\u0250" for letter in letters)
    if 2 * latin < len(letters):
        return f"the text is not English: {len(letters) - latin} of {len(letters)} letters are of other scripts"
    words = _WORDS.findall(text)
    english = sum(word.lower() in ENGLISH for word in words)
    # 'CE' and 'LA' are tickers and places.
    foreign = sum(word.lower() in FOREIGN for word in words if len(word) == 1 or not word.isupper())
    if foreign >= _FEWEST_FOREIGN and foreign > english:
        return f"the text is not English: {foreign} function words of other languages, {english} of English"
    return None
