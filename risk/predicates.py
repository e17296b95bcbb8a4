"""What ends a thesis, in a small closed language: parsed by code, evaluated by code, never executed.

    predicate  := all {"or" all}                 "and" binds tighter
    all        := term {"and" term}
    term       := comparison | "(" predicate ")"
    comparison := reading ("<" | "<=" | ">" | ">=") (number | reading)
    number     := ["-"] digits ["." digits] ["%"]

Such as `last <= 28500 or (age_h >= 6 and gain < 0.5%)`. Readings of different units are never compared, and a percent
sign belongs to fractions only: `spread_bps > 1%` would hold at once. What is not known leaves a predicate open, unless
the rest decides it.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias

from core.money import text_of

# Long enough for the canonical text of whatever passes them, so that what was parsed can always be parsed again.
MAX_LENGTH: Final = 1000  # characters of a predicate
MAX_COMPARISONS: Final = 12
MAX_DEPTH: Final = 8  # of parentheses
MAX_NUMBER: Final = 32  # characters of a number written out as a fraction


class Unit(StrEnum):
    PRICE = "quote currency"
    FRACTION = "fractions"
    HOURS = "hours"
    BPS = "basis points"


class Term(StrEnum):
    """What a predicate can read. A closed set: a name outside it is refused, never looked up."""

    LAST = "last"
    BID = "bid"
    ASK = "ask"
    MID = "mid"
    HIGH = "high"  # highest high since entry
    LOW = "low"  # lowest low since entry
    ENTRY = "entry"
    GAIN = "gain"  # since entry; positive is profit, whichever the side
    AGE_H = "age_h"  # since entry
    SPREAD_BPS = "spread_bps"
    VOLATILITY_RATIO = "volatility_ratio"  # to its own history
    FUNDING_RATE = "funding_rate"

    @property
    def unit(self) -> Unit:
        return _UNITS.get(self, Unit.PRICE)


_UNITS: Final = {
    Term.GAIN: Unit.FRACTION,
    Term.VOLATILITY_RATIO: Unit.FRACTION,
    Term.FUNDING_RATE: Unit.FRACTION,
    Term.AGE_H: Unit.HOURS,
    Term.SPREAD_BPS: Unit.BPS,
}

_OPERATORS: Final[Mapping[str, Callable[[Decimal, Decimal], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

Known: TypeAlias = Mapping[Term, Decimal | None]


class PredicateError(ValueError):
    """A text that is no predicate: what was found, where, and what is allowed there."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """`reading operator bound`, the bound being a number or another reading of the same unit."""

    reading: Term
    operator: str
    bound: Decimal | Term

    def holds(self, readings: Known) -> bool | None:
        left = readings.get(self.reading)
        right = readings.get(self.bound) if isinstance(self.bound, Term) else self.bound
        # Every comparison with NaN lies, and an infinite price was never quoted.
        if left is None or right is None or not (left.is_finite() and right.is_finite()):
            return None
        return _OPERATORS[self.operator](left, right)

    def mapped(self, change: "Change") -> "Comparison":
        return change(self)

    def __str__(self) -> str:
        bound = self.bound.value if isinstance(self.bound, Term) else text_of(self.bound)
        return f"{self.reading.value} {self.operator} {bound}"


@dataclass(frozen=True, slots=True)
class Every:
    """Holds where all parts do; fails as soon as one does, whatever the unknown ones would say."""

    parts: tuple["Comparison | Either", ...]

    def holds(self, readings: Known) -> bool | None:
        answers = {part.holds(readings) for part in self.parts}
        if False in answers:
            return False
        return None if None in answers else True

    def mapped(self, change: "Change") -> "Every":
        """The same with every comparison changed."""
        return Every(tuple(part.mapped(change) for part in self.parts))

    def __str__(self) -> str:
        return " and ".join(f"({part})" if isinstance(part, Either) else str(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Either:
    """Holds as soon as one part does, whatever the unknown ones would say; fails where all do."""

    parts: tuple[Comparison | Every, ...]

    def holds(self, readings: Known) -> bool | None:
        answers = {part.holds(readings) for part in self.parts}
        if True in answers:
            return True
        return None if None in answers else False

    def mapped(self, change: "Change") -> "Either":
        """The same with every comparison changed."""
        return Either(tuple(part.mapped(change) for part in self.parts))

    def __str__(self) -> str:
        return " or ".join(map(str, self.parts))


# `holds(readings)` is None where what is missing decides; `str` is the canonical text, which parses to the same again.
Predicate: TypeAlias = Comparison | Every | Either
Change: TypeAlias = Callable[[Comparison], Comparison]


def parse(text: str) -> Predicate:
    """The predicate that a text says. Raises PredicateError, and nothing else."""
    if len(text) > MAX_LENGTH:
        raise PredicateError(f"expected at most {MAX_LENGTH} characters, found {len(text)}")
    parser = _Parser(text)
    predicate = parser.predicate(depth=0)
    parser.expect("", "'and', 'or' or the end")
    return predicate


class _Token(NamedTuple):
    text: str  # empty at the end
    at: int


_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?%?")
# The last ones are in no rule of the grammar, and are cut out whole only to be shown to whoever wrote them.
_TOKEN: Final = re.compile(rf"\s*({_NUMBER.pattern}|[<>]=?|[()]|[^\W\d]\w*|[=!]+|\S|\Z)")


class _Parser:
    """One token of foresight, one method a line of the grammar."""

    def __init__(self, text: str) -> None:
        self._tokens = iter([_Token(match[1], match.start(1) + 1) for match in _TOKEN.finditer(text)])
        self._next = next(self._tokens)
        self._comparisons = 0

    def predicate(self, depth: int) -> Predicate:
        parts = [self._all(depth)]
        while self._took("or"):
            parts.append(self._all(depth))
        flat = [inner for part in parts for inner in (part.parts if isinstance(part, Either) else (part,))]
        return flat[0] if len(flat) == 1 else Either(tuple(flat))

    def _all(self, depth: int) -> Predicate:
        parts = [self._term(depth)]
        while self._took("and"):
            parts.append(self._term(depth))
        flat = [inner for part in parts for inner in (part.parts if isinstance(part, Every) else (part,))]
        return flat[0] if len(flat) == 1 else Every(tuple(flat))

    def _term(self, depth: int) -> Predicate:
        if not self._took("("):
            return self._comparison()
        if depth == MAX_DEPTH:
            raise PredicateError(f"expected parentheses at most {MAX_DEPTH} deep, found more {self._where()}")
        inner = self.predicate(depth + 1)
        self.expect(")", "'and', 'or' or ')'")
        return inner

    def _comparison(self) -> Comparison:
        self._comparisons += 1
        if self._comparisons > MAX_COMPARISONS:
            raise PredicateError(f"expected at most {MAX_COMPARISONS} comparisons, found more {self._where()}")
        if self._next.text not in set(Term):
            raise self._unexpected(f"a reading ({', '.join(Term)}) or '('")
        reading = Term(self._taken())
        if self._next.text not in _OPERATORS:
            raise self._unexpected(f"one of {' '.join(_OPERATORS)}")
        return Comparison(reading, self._taken(), self._bound(reading.unit))

    def _bound(self, unit: Unit) -> Decimal | Term:
        found = self._next.text
        alike = [reading for reading in Term if reading.unit is unit]
        if found in alike:
            return Term(self._taken())
        if not _NUMBER.fullmatch(found):
            raise self._unexpected(f"a number in decimal digits, or one of {', '.join(alike)}")
        if found.endswith("%") and unit is not Unit.FRACTION:
            raise self._unexpected(f"a number in {unit.value}, without a percent sign")
        # Through text, as arithmetic would round what has too many digits.
        value = Decimal(f"{found[:-1]}e-2" if found.endswith("%") else found)
        if len(format(value, "f")) > MAX_NUMBER:
            raise self._unexpected(f"a number of at most {MAX_NUMBER} characters")
        self._taken()
        return value

    def expect(self, text: str, allowed: str) -> None:
        if self._next.text != text:
            raise self._unexpected(allowed)
        self._taken()

    def _took(self, text: str) -> bool:
        if self._next.text != text:
            return False
        self._taken()
        return True

    def _taken(self) -> str:
        text, self._next = self._next.text, next(self._tokens, self._next)
        return text

    def _unexpected(self, allowed: str) -> PredicateError:
        found = repr(self._next.text[:40]) if self._next.text else "the end"
        return PredicateError(f"expected {allowed}, found {found} {self._where()}")

    def _where(self) -> str:
        return f"at character {self._next.at}"
