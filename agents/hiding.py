"""Whatever names an asset in a text, swapped for its alias: tickers in any case, pairs in any spelling, and names.

A ticker that is also a word of our own prompts and tools ('one', 'any') counts in capitals alone: to swap the word
would tell what the asset is called.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache
from typing import Final

from agents.prompts import Prompts
from market.sources import assets
from tools.registry import TOOLS
from tools.spec import openai_schema

ALIAS: Final = "ASSET-"
OTHER: Final = f"{ALIAS}OTHER"  # one that the cycle is not about: who is told of it knows the years by it
_JOINTS: Final = ("", "-", "_", "/")


def hider(aliases: Mapping[str, str]) -> Callable[[str], str]:
    """Swaps what names an asset. `aliases` are of symbols (BASE/QUOTE or BASE/QUOTE:SETTLE) and of assets."""
    return _hider(tuple(aliases.items()))


@lru_cache(maxsize=64)
def _hider(pairs: tuple[tuple[str, str], ...]) -> Callable[[str], str]:
    aliases = dict(pairs)
    own = {asset: alias for asset, alias in aliases.items() if "/" not in asset}
    names = {name: own.get(asset, OTHER) for name, asset in assets.names().items() if asset}
    loose = {**names, **{asset.lower(): alias for asset, alias in own.items() if asset.lower() not in _words()}}
    for symbol in (symbol for symbol in aliases if symbol not in own):
        base, quote = symbol.partition(":")[0].split("/")
        pair = f"{own[base]}/{own[quote]}"
        loose |= {f"{base}{joint}{quote}".lower(): pair for joint in _JOINTS} | {symbol.lower(): aliases[symbol]}
    exact = {**dict.fromkeys(assets.tickers(), OTHER), **own}
    # What is an alias already comes first: the A in it may be a ticker too.
    pattern = re.compile(
        rf"(?<![A-Za-z0-9])(?:(?P<hidden>{ALIAS}(?:[A-Z]{{1,2}}|OTHER))|(?P<loose>(?ai:{_any(loose)}))|{_any(exact)})"
        r"(?![A-Za-z0-9])"
    )

    def swap(match: re.Match[str]) -> str:
        found = match[0]
        return found if match["hidden"] else loose[found.lower()] if match["loose"] else exact[found]

    return lambda text: pattern.sub(swap, text)


def _any(words: Iterable[str]) -> str:
    """One of these, the longest first; nothing matches where there are none."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)) or r"(?!)"


@cache
def _words() -> frozenset[str]:
    """Every word that we ourselves say to a model."""
    schemas = (openai_schema(spec).text for spec in TOOLS.values())
    return frozenset(re.findall(r"\b[a-z]+\b", " ".join([Prompts.load().words, *schemas])))
