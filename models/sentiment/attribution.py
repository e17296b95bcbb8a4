"""Which words of a text are about an asset: of 'Bitcoin falls while Ether soars', each gets its own clause."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from core.ports import Abstain

# Where one statement ends and another begins: sentences, semicolons, and the words that set two assets apart.
_BORDERS: Final = re.compile(
    r"(?<=[.!?;])\s+|\n+|,?\s+(?:while|whereas|whilst|but|as|although|despite)\s+", re.IGNORECASE
)

Names = Callable[[str], Iterable[str]]


def about(text: str, asset: str, assets_in: Names) -> str | Abstain:
    """The clauses of a text that speak of an asset, joined.

    A text that names no asset, or this one alone, is about it as a whole. Of one that names several, a clause that
    names none goes on about those named last. `assets_in` says which assets a text names.

    A text that names other assets only is an abstention.
    """
    named = set(assets_in(text))
    if named <= {asset}:
        return text
    if asset not in named:
        return Abstain(f"the text speaks of {', '.join(sorted(named))}, not of {asset}")
    kept: list[str] = []
    speaking: set[str] = set()
    for clause in _BORDERS.split(text):
        speaking = set(assets_in(clause)) or speaking
        if asset in speaking:
            kept.append(clause.strip())
    return " ".join(kept)
