"""Numbers over time: funding, open interest, gas price, exchange inflow, dominance, Fear & Greed and the like.

Rows are `Reading`s by series, asset, source and month of the event. A later version of the same key replaces an earlier
one from its `known_at_ns` on; a retracted one takes it back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from core.errors import DataRefused
from core.taint import Taint
from core.time import show_time
from market.columns import integers
from market.sources.items import Reading
from market.store.kept import Kept
from market.store.manifest import Manifest, Origin, Part
from market.store.naming import folder_name, manifests_under, months_of
from market.store.shelf import Shelf
from market.store.versions import latest

if TYPE_CHECKING:
    from core.bars import FloatArray, IntArray

Table = Any  # pyarrow ships no types

KIND = "series"
_KEPT_READINGS = 300_000  # of some 350 bytes: some 100 MB


class SeriesKey(NamedTuple):
    series: str
    asset: str
    source: str

    def names(self) -> dict[str, str]:
        return {"series": self.series, "asset": self.asset, "source": self.source}


@dataclass(frozen=True, slots=True)
class _Month:
    """Sorted by event and reference (`group` counts them), then by `known_ns`."""

    readings: tuple[Reading, ...]
    group: IntArray
    known_ns: IntArray

    def known(self, as_of_ns: int) -> list[Reading]:
        found = (self.readings[i] for i in latest(self.group, self.known_ns, as_of_ns).tolist())
        return [reading for reading in found if not reading.retracted]


class SeriesStore:
    """Numeric series under one folder, read as of a moment."""

    def __init__(self, root: Path) -> None:
        self.root = root / KIND
        self._shelves: dict[SeriesKey, Shelf] = {}
        self._months: Kept[tuple[SeriesKey, str], _Month] = Kept(_KEPT_READINGS)

    def held(self) -> list[SeriesKey]:
        """Everything that is stored."""
        found = [manifest.key for manifest in manifests_under(self.root)]
        return sorted(SeriesKey(key["series"], key["asset"], key["source"]) for key in found)

    def shelf(self, key: SeriesKey) -> Shelf:
        if key not in self._shelves:
            folder = self.root / folder_name(key.series) / folder_name(key.asset) / folder_name(key.source)
            self._shelves[key] = Shelf(folder, KIND, key.names())
        return self._shelves[key]

    def manifest(self, key: SeriesKey) -> Manifest:
        """Empty where nothing is stored."""
        return self.shelf(key).manifest()

    def append(self, readings: Iterable[Reading], origin: Origin) -> int:
        """Adds versions that are not stored yet; how many. DataRefused for one that is known before its event."""
        by_key: dict[SeriesKey, list[Reading]] = {}
        for reading in readings:
            if reading.known_at_ns < reading.event_ns:
                raise DataRefused(
                    f"{reading.series} of {reading.source} is about {show_time(reading.event_ns)} and known at"
                    f" {show_time(reading.known_at_ns)}; allowed is at its event or later"
                )
            by_key.setdefault(SeriesKey(reading.series, reading.asset, reading.source), []).append(reading)
        return sum(self._append(key, some, origin) for key, some in by_key.items())

    def pinned(self) -> dict[SeriesKey, Manifest]:
        """Everything as it is now: reads `at` these see what is stored now, whatever is added later."""
        return {key: self.shelf(key).pin() for key in self.held()}

    def series(
        self,
        name: str,
        asset: str,
        *,
        as_of_ns: int,
        n: int,
        source: str | None = None,
        at: Mapping[SeriesKey, Manifest] | None = None,
    ) -> tuple[Reading, ...]:
        """The last `n` readings known by `as_of_ns`, oldest event first, each in the version known then.

        Of one source where several are stored: name it, or DataRefused says which there are. Empty where none is.
        """
        keys = [key for key in (self._sources(name, asset) if at is None else at) if key[:2] == (name, asset)]
        sources = [key.source for key in keys]
        if source is None and len(sources) > 1:
            raise DataRefused(f"{name} of {asset or 'the market'} is stored from {', '.join(sources)}: name the source")
        if not sources or (source is not None and source not in sources):
            return ()
        key = SeriesKey(name, asset, source or sources[0])
        if at is not None:
            return self._tail(key, at[key].parts, as_of_ns, n)
        return self.shelf(key).reading(lambda manifest: self._tail(key, manifest.parts, as_of_ns, n))

    def versions(
        self,
        name: str,
        asset: str,
        *,
        since_ns: int,
        as_of_ns: int,
        at: Mapping[SeriesKey, Manifest] | None = None,
    ) -> tuple[Reading, ...]:
        """Every version of every source about events after `since_ns` that was known by `as_of_ns`, in that order.

        What was later replaced or taken back is in it: whoever judges a source must see what it said at the time.
        """
        found: list[Reading] = []
        for key in self._sources(name, asset) if at is None else at:
            if key[:2] == (name, asset):
                said = partial(self._said, key, since_ns)
                found += self.shelf(key).reading(said) if at is None else said(at[key])
        known = (reading for reading in found if reading.known_at_ns <= as_of_ns)
        return tuple(sorted(known, key=lambda reading: (reading.known_at_ns, reading.source, reading.event_ns)))

    def _said(self, key: SeriesKey, since_ns: int, manifest: Manifest) -> list[Reading]:
        read = (self._month(key, part) for part in manifest.parts if part.last_ns > since_ns)
        return [reading for month in read for reading in month.readings if reading.event_ns > since_ns]

    def _tail(self, key: SeriesKey, parts: tuple[Part, ...], as_of_ns: int, n: int) -> tuple[Reading, ...]:
        found: list[Reading] = []
        for part in reversed(parts):
            if len(found) >= n:
                break
            if part.first_ns <= as_of_ns:
                found = self._month(key, part).known(as_of_ns) + found
        return tuple(found[-n:]) if n > 0 else ()

    def _month(self, key: SeriesKey, part: Part) -> _Month:
        kept = self._months.find((key, part.name), part.sha256)
        if kept is not None:
            return kept
        month = _month_of(_readings_of(key, self.shelf(key).table(part)))
        return self._months.keep((key, part.name), part.sha256, month, len(month.readings))

    def _sources(self, name: str, asset: str) -> list[SeriesKey]:
        folder = self.root / folder_name(name) / folder_name(asset)
        if not folder.is_dir():
            return []
        return [SeriesKey(name, asset, manifest.key["source"]) for manifest in manifests_under(folder)]

    def _append(self, key: SeriesKey, readings: list[Reading], origin: Origin) -> int:
        added = 0
        readings.sort(key=_order)
        with self.shelf(key).writing() as draft:
            stored = {part.name: part for part in draft.manifest.parts}
            events = np.array([reading.event_ns for reading in readings], dtype=np.int64)
            for month, piece in months_of(events):
                old = stored.get(month)
                before = [] if old is None else _readings_of(key, self.shelf(key).table(old))
                fresh = _fresh(before, readings[piece])
                if not fresh:
                    continue
                added += len(fresh)
                after = sorted([*before, *fresh], key=_order)
                span = (after[0].event_ns, after[-1].event_ns)
                draft.put(month, _table_of(after), span, {}, instead_of="" if old is None else old.file)
            if draft.manifest is not draft.before:
                draft.manifest = draft.manifest.from_origin(origin)
        return added


def values(readings: Sequence[Reading]) -> tuple[IntArray, FloatArray]:
    """Event times and values as arrays, for research."""
    events = np.array([reading.event_ns for reading in readings], dtype=np.int64)
    return events, np.array([float(reading.value) for reading in readings], dtype=np.float64)


def _fresh(before: Sequence[Reading], readings: Sequence[Reading]) -> list[Reading]:
    """Those that say something new at their time: not stored, and not what was last known already."""
    versions: dict[tuple[int, str], list[Reading]] = {}
    for reading in before:
        versions.setdefault((reading.event_ns, reading.reference), []).append(reading)
    fresh = []
    for reading in readings:
        known = versions.setdefault((reading.event_ns, reading.reference), [])
        earlier = [version for version in known if version.known_at_ns <= reading.known_at_ns]
        last = max(earlier, key=lambda version: version.known_at_ns, default=None)
        if last is not None and (last.value, last.retracted, last.unit) == (
            reading.value,
            reading.retracted,
            reading.unit,
        ):
            continue
        known.append(reading)
        fresh.append(reading)
    return fresh


def _order(reading: Reading) -> tuple[int, str, int]:
    return reading.event_ns, reading.reference, reading.known_at_ns


def _month_of(readings: Sequence[Reading]) -> _Month:
    keys = [(reading.event_ns, reading.reference) for reading in readings]
    new = [i > 0 and keys[i] != keys[i - 1] for i in range(len(keys))]
    return _Month(
        tuple(readings),
        np.cumsum(np.array(new, dtype=np.int64)),
        np.array([reading.known_at_ns for reading in readings], dtype=np.int64),
    )


def _table_of(readings: Sequence[Reading]) -> Table:
    import pyarrow as pa

    return pa.table(
        {
            "event_ns": pa.array([r.event_ns for r in readings], pa.int64()),
            "known_at_ns": pa.array([r.known_at_ns for r in readings], pa.int64()),
            # As text: a Decimal keeps every digit that its source gave.
            "value": pa.array([str(r.value) for r in readings], pa.string()),
            "unit": pa.array([r.unit for r in readings], pa.string()),
            "reference": pa.array([r.reference for r in readings], pa.string()),
            "retracted": pa.array([r.retracted for r in readings], pa.bool_()),
            "taint": pa.array([int(r.taint) for r in readings], pa.int8()),
        }
    )


def _readings_of(key: SeriesKey, table: Table) -> list[Reading]:
    events, known = integers(table.column("event_ns")).tolist(), integers(table.column("known_at_ns")).tolist()
    rest = [table.column(name).to_pylist() for name in ("value", "unit", "reference", "retracted", "taint")]
    return [
        Reading(*key, event, known_at, Decimal(value), unit, reference, retracted, Taint(taint))
        for event, known_at, value, unit, reference, retracted, taint in zip(events, known, *rest, strict=True)
    ]
