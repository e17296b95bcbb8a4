"""Which language a text is in, as a source says it or as its letters tell."""

from __future__ import annotations

import re
from functools import cache
from typing import Final, Protocol

UNDETERMINED: Final = "und"  # ISO 639-2
_FEWEST_LETTERS: Final = 20
_ENOUGH: Final = 400  # characters that the detector reads
_LETTER: Final = re.compile(r"[^\W\d_]")
_CODE: Final = re.compile(r"^([a-z]{2})(?:[-_][A-Za-z0-9]+)*$")


class _Detector(Protocol):
    def classify(self, text: str) -> tuple[str, float]: ...


def language_of(text: str, stated: str = "") -> str:
    """ISO 639-1: what was stated, if it is a code, else what the text tells; 'und' for a text too short to tell."""
    if match := _CODE.match(stated.strip()):
        return match[1]
    if len(_LETTER.findall(text[:_ENOUGH])) < _FEWEST_LETTERS:
        return UNDETERMINED
    # A headline in capitals, or one in lower case, is still in its language.
    return str(_detector().classify(text[:_ENOUGH].lower())[0])


@cache
def _detector() -> _Detector:
    # The model takes a second to load, and most commands never need it.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    detector: _Detector = LanguageIdentifier.from_model_file(MODEL_FILE)
    return detector
