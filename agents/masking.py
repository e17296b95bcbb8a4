"""What stands between a masked cycle and its language models: no symbol, no date and no price scale passes it.

Assets have aliases, and every price of a symbol is shown on a scale on which the first that the cycle looks back on is
100. What a model answers is translated back before any code believes it: views, plans, sizes and records are of the
real market. `agents.masked` masks what prompts are filled from, `agents.llm.masked` tools and answers.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from string import ascii_uppercase
from typing import Final

from agents.cycle import Cycle
from agents.hiding import ALIAS, hider
from agents.views import Observation
from core.canonical import JSON, Canonical
from core.errors import ToolInputError
from core.money import ONE, significant
from risk.predicates import Comparison, PredicateError, Unit, parse

CASH: Final = "CASH"
# More digits than any price has, and more on the way out, so that there and back is the same price.
SHOWN, READ = 11, 9
_FIRST: Final = Decimal(100)
_PARTS: Final = re.compile(r"[^/:\-]+")
_DATE: Final = re.compile(r"\b(?:19|20)\d\d-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?Z?")
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")
_HIDDEN: Final = "…"


@dataclass(frozen=True, slots=True)
class Mask:
    """`aliases` of symbols and assets, and by symbol what its prices are multiplied by: None hides them.

    Without aliases everything is shown as it is.
    """

    aliases: Mapping[str, str]
    factors: Mapping[str, Decimal | None]

    @classmethod
    def of(cls, cycle: Cycle) -> "Mask":
        """A cycle's own, the same in a replay: it is made of what the record holds."""
        account, markets = cycle.seen.account, cycle.seen.markets
        symbols = tuple(
            dict.fromkeys(
                [*cycle.symbols, *(p.symbol for p in account.positions), *(i.symbol for i in account.instructed)]
            )
        )
        names, assets = _names(), {account.numeraire: CASH}
        for part in (part for symbol in symbols for part in _PARTS.findall(symbol)):
            if part not in assets:
                assets[part] = f"{ALIAS}{next(names)}"
        whole = {symbol: _PARTS.sub(lambda part: assets[part[0]], symbol) for symbol in symbols}
        return cls({**assets, **whole}, {symbol: _factor(markets.get(symbol)) for symbol in symbols})

    @property
    def on(self) -> bool:
        return bool(self.aliases)

    def hide(self, text: str) -> str:
        """Text without a symbol, an asset or a date, in whatever spelling."""
        return _DATE.sub("a date", hider(self.aliases)(text)) if self.on else text

    def prose(self, text: str) -> str:
        """Words of code in which a number may be a price: without their numbers."""
        return _NUMBER.sub(_HIDDEN, self.hide(text)) if self.on else text

    def data(self, value: JSON) -> JSON:
        """JSON data with every text in it hidden; what is in its canonical form stays so."""
        if not self.on:
            return value
        if isinstance(value, str):
            return self.hide(value)
        if isinstance(value, Canonical):
            return Canonical.of(self.data(value.value))
        if isinstance(value, Mapping):
            return {key: self.data(inner) for key, inner in value.items()}
        return [self.data(inner) for inner in value] if isinstance(value, list | tuple) else value

    def shown_price(self, symbol: str, price: Decimal | None) -> Decimal | None:
        """A price on the scale of its symbol."""
        factor = self.factors.get(symbol)
        return None if price is None or factor is None else cut(price * factor, SHOWN)

    def shown_amount(self, symbol: str, amount: Decimal | None) -> Decimal | None:
        """Base units that are worth at the shown price what they are worth."""
        factor = self.factors.get(symbol)
        return None if amount is None or factor is None else cut(amount / factor, SHOWN)

    def shown_predicate(self, symbol: str, text: str) -> str:
        factor = self.factors.get(symbol)
        return "" if factor is None else _rescaled(text, factor, SHOWN)

    def real(self, text: str) -> str:
        """A model's text with the assets' own names. Its numbers stay on the scale that the model saw."""
        return _swapped(text, {alias: name for name, alias in self.aliases.items()}) if self.on else text

    def real_symbol(self, alias: str) -> str:
        """The symbol behind an alias.

        Raises ToolInputError for whatever is none, the real name included: a guess that is answered is confirmed.
        """
        known = {self.aliases[symbol]: symbol for symbol in self.factors}
        if alias not in known:
            raise ToolInputError(f"symbol: found {alias[:40]!r}, allowed are {', '.join(known)}")
        return known[alias]

    def real_price(self, symbol: str, price: Decimal | None) -> Decimal | None:
        """A price of the real market; as it was said where the symbol has no scale."""
        factor = self.factors.get(symbol)
        return price if price is None or factor is None else cut(price / factor, READ)

    def real_predicate(self, symbol: str, text: str) -> str:
        factor = self.factors.get(symbol)
        return text if factor is None else _rescaled(text, ONE / factor, READ)


OPEN: Final = Mask({}, {})  # hides nothing


def cut(value: Decimal, digits: int) -> Decimal:
    return Decimal(significant(float(value), digits))


def _factor(seen: Observation | None) -> Decimal | None:
    first = None if seen is None else seen.first
    return None if first is None or first <= 0 else _FIRST / first


def _names() -> Iterator[str]:
    """A to Z, then AA."""
    yield from ascii_uppercase
    yield from (one + other for one in ascii_uppercase for other in ascii_uppercase)


def _swapped(text: str, names: Mapping[str, str]) -> str:
    return _words(tuple(names)).sub(lambda match: names[match[0]], text)


@lru_cache(maxsize=64)
def _words(names: tuple[str, ...]) -> re.Pattern[str]:
    """Whole words only, the longest first. What follows a hyphen is part of an alias."""
    listed = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.compile(rf"(?<![A-Za-z0-9\-])(?:{listed})(?![A-Za-z0-9])")


def _rescaled(text: str, factor: Decimal, digits: int) -> str:
    """A predicate with its prices on another scale; one that does not read stays, for whoever reads it to refuse."""

    def scaled(one: Comparison) -> Comparison:
        if isinstance(one.bound, Decimal) and one.reading.unit is Unit.PRICE:
            return replace(one, bound=cut(one.bound * factor, digits))
        return one

    try:
        return str(parse(text).mapped(scaled))
    except PredicateError:
        return text
