"""Which stored series lie beside a model's bars: chosen when it is taught, kept in its card, read alike ever after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from core.errors import ConfigError, DataRefused
from desk.home import Home
from market.beside import HABITS, Beside, stored
from market.store.series import SeriesKey
from market.store.store import MarketStore
from models.features.catalogue import CATALOGUE
from models.registry import Registry, Version

if TYPE_CHECKING:
    from core.bars import Bars
    from core.canonical import JSON
    from models.learners.trained import Trained

ALL: Final = "all"
_SELDOM: Final = 0.9  # known at a smaller share of the bars, a series costs rows, and a person is told


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a model is given beside its bars, the features that read it, and what a person should know of it."""

    beside: Beside
    features: tuple[str, ...]
    told: tuple[str, ...]


def choose(home: Home, bars: Bars, venue: str | None, words: Sequence[str]) -> Chosen:
    """The series of `words`, each NAME or NAME=SOURCE, or `all`, as far as the store has them for these bars.

    One that it has nothing of is left out and told. Of several sources the one that is called as the `venue` is taken.
    Raises ConfigError for a name that is no series, or a source that the store does not have.
    """
    store = MarketStore(home.candles)
    there = stored(store, bars.symbol)
    chosen: dict[str, SeriesKey] = {}
    told: list[str] = []
    nothing: list[str] = []
    for name, source in _wanted(words).items():
        keys = there.get(name, ())
        sources = ", ".join(key.source for key in keys)
        named = [key for key in keys if key.source == source]
        if source is not None and keys and not named:
            raise ConfigError(f"{name} is stored from {sources}, found {source!r}")
        fitting = named or [key for key in keys if len(keys) == 1 or key.source == venue]
        if not keys:
            nothing.append(name)
        elif not fitting:
            told.append(f"left out: {name}, which is stored from {sources}: say which with --with {name}=SOURCE")
        else:
            chosen[name] = fitting[0]
    if nothing:
        told.append(f"left out: {', '.join(nothing)}, of which the store has nothing for {bars.symbol}")
    for name, values in Beside(store, chosen)(bars).items():
        share = float(np.isfinite(values).mean())
        if not share:
            told.append(f"left out: {name}, of which nothing was known by the close of any of these bars")
            del chosen[name]
        elif share < _SELDOM:
            told.append(f"{name} was known at {share:.0%} of the bars: no row without it is learnt from")
    reads = (one for one in CATALOGUE.values() if one.needs and chosen.keys() >= set(one.needs))
    return Chosen(Beside(store, chosen), tuple(one.name for one in reads), tuple(told))


def noted(beside: Beside) -> JSON:
    """For a card: of each series its asset and its source."""
    return {name: [key.asset, key.source] for name, key in beside.chosen.items()}


def loaded(home: Home, version: Version, *, as_of_ns: int | None = None) -> Trained:
    """A registered model with the series that its card names. DataRefused as `Registry.load`, and for another card."""
    model = Registry(home.models).load(version, as_of_ns=as_of_ns)
    if not model.needs:
        return model
    notes = model.card.notes
    try:
        chosen = {name: SeriesKey(name, *map(str, notes["series"][name])) for name in model.needs}
    except (KeyError, TypeError) as wrong:
        raise DataRefused(f"{version.version} does not say where its series are from: {wrong!r}") from wrong
    return replace(model, series=Beside(MarketStore(home.candles), chosen))


def _wanted(words: Sequence[str]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for word in words:
        name, _, source = word.partition("=")
        if name != ALL and name not in HABITS:
            raise ConfigError(f"a series is one of {', '.join(HABITS)}, or {ALL}, found {name!r}")
        for one in HABITS if name == ALL else (name,):
            found[one] = source or found.get(one)
    return found
