"""Ranges of parameters as a person writes them, and the sets that they make."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Final

from core.errors import ConfigError
from tools.strategies.targets import Value

MOST_SETS: Final = 100_000


def ranges(words: Sequence[str]) -> dict[str, tuple[Value, ...]]:
    """Of 'fast=5:50:5' the numbers from 5 to 50 by 5, both ends included; 'x=3' and 'x=a,b' are those values."""
    found: dict[str, tuple[Value, ...]] = {}
    for word in words:
        name, equals, text = word.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not name or not text.strip():
            raise ConfigError(f"--param is NAME=FIRST:LAST:STEP, NAME=VALUE or NAME=ONE,OTHER, found {word!r}")
        if name in found:
            raise ConfigError(f"the parameter {name} is there twice, once is allowed")
        found[name] = _values(name, text.strip())
    return found


def sets(over: Mapping[str, Sequence[Value]]) -> list[dict[str, Value]]:
    """Every combination, the last parameter changing fastest. ConfigError beyond MOST_SETS."""
    count = math.prod(len(values) for values in over.values())
    if count > MOST_SETS:
        raise ConfigError(f"the ranges make {count} sets, allowed are {MOST_SETS}")
    return [dict(zip(over, values, strict=True)) for values in product(*over.values())]


def corners(over: Mapping[str, Sequence[Value]]) -> list[dict[str, Value]]:
    """Every combination of the ends of number ranges and of all words: the bounds of ranges too many to go through."""
    ends = {
        name: tuple(dict.fromkeys((values[0], values[-1]))) if isinstance(values[0], float) else tuple(values)
        for name, values in over.items()
    }
    return sets(ends)


def _values(name: str, text: str) -> tuple[Value, ...]:
    if ":" not in text:
        values = tuple(_value(part.strip()) for part in text.split(","))
    else:
        parts = [_value(part) for part in text.split(":")]
        numbers = [part for part in parts if isinstance(part, float)]
        if len(numbers) != len(parts) or len(parts) not in (2, 3):
            raise ConfigError(f"{name}: a range is FIRST:LAST or FIRST:LAST:STEP in numbers, found {text!r}")
        first, last, step = (*numbers, 1.0)[:3]
        if not step > 0 or last < first:
            raise ConfigError(f"{name}: a range rises by a step above 0, found {text!r}")
        steps = (last - first) / step
        if steps > MOST_SETS:
            raise ConfigError(f"{name}: {text!r} makes {steps:.0f} values, allowed are {MOST_SETS}")
        # Multiples, cut to what a person would write: sums of tenths would drift.
        values = tuple(float(f"{first + k * step:.12g}") for k in range(math.floor(steps + 1e-9) + 1))
    if len(set(values)) < len(values):
        raise ConfigError(f"{name}: each value once, found {text!r}")
    return values


def _value(text: str) -> Value:
    try:
        number = float(text)
    except ValueError:
        if not text:
            raise ConfigError("a parameter has no value") from None
        return text
    if not math.isfinite(number):
        raise ConfigError(f"a parameter is finite, found {text!r}")
    return number
