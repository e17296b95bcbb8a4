"""What readers made of texts, by reader and month in which it became known. Fields and offsets; the words stay with
the texts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from core.canonical import canonical_text
from core.quotes import NewsItem
from core.texts import EventKind, TextEvent, TextReading
from market.store.kept import Kept
from market.store.manifest import Manifest, Origin, Part
from market.store.naming import folder_name, manifests_under, month_of, months_of
from market.store.shelf import Shelf

Table = Any  # pyarrow ships no types

KIND = "readings"
_KEPT_BYTES = 20_000_000
_READING_BYTES = 600
_NAMES = ("text_id", "content_hash")
_NUMBERS = ("text_known_ns", "known_at_ns", "read_ns")


class ReadingStore:
    """Readings under one folder. The first reading of a version by a reader stands: nothing is read twice."""

    def __init__(self, root: Path) -> None:
        self.root = root / KIND
        self._shelves: dict[str, Shelf] = {}
        self._months: Kept[tuple[str, str], tuple[TextReading, ...]] = Kept(_KEPT_BYTES)

    def readers(self) -> list[str]:
        return sorted(manifest.key["reader"] for manifest in manifests_under(self.root))

    def pinned(self) -> dict[str, Manifest]:
        """Every reader as it is now: reads `at` these see what is stored now, whatever is added later."""
        return {reader: self._shelf(reader).pin() for reader in self.readers()}

    def append(self, readings: Iterable[TextReading], origin: Origin) -> int:
        """Adds what is not stored yet; how many."""
        by_reader: dict[str, list[TextReading]] = {}
        for reading in readings:
            by_reader.setdefault(reading.reader, []).append(reading)
        return sum(self._append(reader, some, origin) for reader, some in by_reader.items())

    def of(
        self, texts: Sequence[NewsItem], *, as_of_ns: int, at: Mapping[str, Manifest] | None = None
    ) -> tuple[TextReading, ...]:
        """Readings of these very versions that were known at `as_of_ns`, each text once, in the order of the texts.

        Of several readers the one that really read first counts.
        """
        if not texts:
            return ()
        since_ns = min(text.known_at_ns for text in texts)
        found: dict[tuple[str, int], TextReading] = {}
        for reading in self.between(since_ns=since_ns - 1, as_of_ns=as_of_ns, at=at):
            key = (reading.text_id, reading.text_known_ns)
            if key not in found or reading.read_ns < found[key].read_ns:
                found[key] = reading
        wanted = ((text.item_id, text.known_at_ns) for text in texts)
        return tuple(found[key] for key in wanted if key in found)

    def between(
        self, *, since_ns: int, as_of_ns: int, at: Mapping[str, Manifest] | None = None
    ) -> tuple[TextReading, ...]:
        """Every reading with `since_ns < known_at_ns <= as_of_ns`, oldest first."""
        first, last = month_of(max(0, since_ns)), month_of(max(0, as_of_ns))
        found: list[TextReading] = []
        for reader in self.readers() if at is None else at:

            def read(manifest: Manifest, reader: str = reader) -> list[TextReading]:
                parts = [part for part in manifest.parts if first <= part.name <= last]
                return [one for part in parts for one in self._month(reader, part)]

            rows = self._shelf(reader).reading(read) if at is None else read(at[reader])
            found += [one for one in rows if since_ns < one.known_at_ns <= as_of_ns]
        return tuple(sorted(found, key=_order))

    def _shelf(self, reader: str) -> Shelf:
        if reader not in self._shelves:
            self._shelves[reader] = Shelf(self.root / folder_name(reader), KIND, {"reader": reader})
        return self._shelves[reader]

    def _month(self, reader: str, part: Part) -> tuple[TextReading, ...]:
        kept = self._months.find((reader, part.name), part.sha256)
        if kept is not None:
            return kept
        readings = tuple(_readings_of(reader, self._shelf(reader).table(part)))
        return self._months.keep((reader, part.name), part.sha256, readings, _READING_BYTES * len(readings))

    def _append(self, reader: str, readings: list[TextReading], origin: Origin) -> int:
        added = 0
        readings.sort(key=_order)
        with self._shelf(reader).writing() as draft:
            stored = {part.name: part for part in draft.manifest.parts}
            for month, piece in months_of(np.array([one.known_at_ns for one in readings], dtype=np.int64)):
                old = stored.get(month)
                before = () if old is None else self._month(reader, old)
                seen = {one.reading_id for one in before}
                fresh = {one.reading_id: one for one in reversed(readings[piece]) if one.reading_id not in seen}
                if not fresh:
                    continue
                added += len(fresh)
                after = sorted([*before, *fresh.values()], key=_order)
                span = (after[0].known_at_ns, after[-1].known_at_ns)
                draft.put(month, _table_of(after), span, {}, instead_of="" if old is None else old.file)
            if draft.manifest is not draft.before:
                draft.manifest = draft.manifest.from_origin(origin)
        return added


def _order(reading: TextReading) -> tuple[int, str, str]:
    return reading.known_at_ns, reading.text_id, reading.reader


def _table_of(readings: Sequence[TextReading]) -> Table:
    import pyarrow as pa

    return pa.table(
        {
            **{name: pa.array([getattr(one, name) for one in readings], pa.string()) for name in _NAMES},
            **{name: pa.array([getattr(one, name) for one in readings], pa.int64()) for name in _NUMBERS},
            "events": pa.array([canonical_text(one.events) for one in readings], pa.string()),
        }
    )


def _readings_of(reader: str, table: Table) -> list[TextReading]:
    return [
        TextReading(**{**row, "reader": reader, "events": tuple(map(event_of, json.loads(row["events"])))})
        for row in table.to_pylist()
    ]


def event_of(fields: Mapping[str, Any]) -> TextEvent:
    """An event from its canonical form."""
    return TextEvent(
        kind=EventKind(fields["kind"]),
        direction=fields["direction"],
        magnitude=Decimal(fields["magnitude"]),
        certainty=Decimal(fields["certainty"]),
        assets=tuple(fields["assets"]),
        start=fields["start"],
        end=fields["end"],
    )
