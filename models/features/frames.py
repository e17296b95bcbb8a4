"""A table of features: block by block, each with the bars before it that its features look back on.

Only a block's own numbers are in use beside the inputs and the result, and a row has the same value, to the last bit,
whether bars come after it or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from core.errors import ConfigError
from models.features.catalogue import CATALOGUE, Feature
from models.features.inputs import Inputs, Stretch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float32Array = NDArray[np.float32]
    BoolArray = NDArray[np.bool_]

# Small enough for what a feature needs to stay in the processor's cache.
BLOCK: Final = 16_384


@dataclass(frozen=True, slots=True)
class Frame:
    """Features by bar: `values` is float32, shape (n, f), its columns `names`.

    Row i was known by the close of bar i. NaN while a feature warms up, where a series that it needs is unknown, and
    where it cannot be measured. `warmup` is the longest look-back: no row before it is complete.
    """

    names: tuple[str, ...]
    values: Float32Array
    warmup: int

    def complete(self) -> BoolArray:
        """Of every row whether all its features are known, shape (n,)."""
        known: BoolArray = np.all(np.isfinite(self.values), axis=1)
        return known


def frame(inputs: Inputs, names: Sequence[str]) -> Frame:
    """The features `names` of every bar, in that order.

    Shorter inputs than a feature looks back on give NaN, and are no error.

    Raises
    ------
    ConfigError
        No name at all, one that is not in the catalogue, or one given twice.
    """
    features = named(names)
    warmup = warmup_of(names)
    values = np.full((len(inputs), len(features)), np.nan, dtype=np.float32)
    for first in range(0, len(inputs), BLOCK):
        start, last = max(first - warmup, 0), min(first + BLOCK, len(inputs))
        stretch = Stretch(inputs, start, last)
        for column, feature in enumerate(features):
            # Of the first bars of all there is nothing to look back on.
            ready = max(first, start + feature.lookback)
            if ready < last:
                values[ready:last, column] = feature.measure(stretch)[ready - start :]
    return Frame(tuple(names), values, warmup)


def named(names: Sequence[str]) -> tuple[Feature, ...]:
    """The features of these names; ConfigError as in `frame`."""
    if not names:
        raise ConfigError("expected at least one feature, found none")
    if unknown := [name for name in names if name not in CATALOGUE]:
        raise ConfigError(f"found the features {', '.join(unknown)}, allowed are {', '.join(CATALOGUE)}")
    if twice := sorted({name for name in names if list(names).count(name) > 1}):
        raise ConfigError(f"found the features {', '.join(twice)} twice or more, allowed is once")
    return tuple(CATALOGUE[name] for name in names)


def warmup_of(names: Sequence[str]) -> int:
    """The longest look-back of these features, in bars."""
    return max(feature.lookback for feature in named(names))


def needed_series(names: Sequence[str]) -> tuple[str, ...]:
    """The series from elsewhere that these features read, each once."""
    return tuple(dict.fromkeys(series for feature in named(names) for series in feature.needs))
