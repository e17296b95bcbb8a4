"""Texts from outside with every version: news, statements, posts. Untrusted data, stored and returned, never obeyed.

By source and month in which they were known. An edit is a later version of the same item, a deletion its tombstone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from sys import getsizeof
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import DataRefused
from core.taint import Taint
from core.time import show_time
from market.sources.items import WHOLE_MARKET, TextItem
from market.store.kept import Kept
from market.store.manifest import Manifest, Origin, Part
from market.store.naming import folder_name, manifests_under, month_of, months_of
from market.store.shelf import Shelf

if TYPE_CHECKING:
    from numpy.typing import NDArray

    IdArray = NDArray[np.uint64]

Table = Any  # pyarrow ships no types

KIND = "texts"
_KEPT_BYTES = 100_000_000
_ITEM_BYTES = 1_000  # of an item without its words
_TEXTS = ("item_id", "content_hash", "headline", "body", "url", "language", "story_id")


class TextStore:
    """Texts under one folder, read by the time at which they were known."""

    def __init__(self, root: Path) -> None:
        self.root = root / KIND
        self._shelves: dict[str, Shelf] = {}
        self._months: Kept[tuple[str, str], tuple[TextItem, ...]] = Kept(_KEPT_BYTES)
        self._versions: dict[tuple[str, str], tuple[str, IdArray]] = {}

    def sources(self) -> list[str]:
        """Everything that is stored."""
        return sorted(manifest.key["source"] for manifest in manifests_under(self.root))

    def shelf(self, source: str) -> Shelf:
        if source not in self._shelves:
            self._shelves[source] = Shelf(self.root / folder_name(source), KIND, {"source": source})
        return self._shelves[source]

    def manifest(self, source: str) -> Manifest:
        """Empty where nothing is stored."""
        return self.shelf(source).manifest()

    def append(self, items: Iterable[TextItem], origin: Origin) -> int:
        """Adds versions that are not stored yet; how many. DataRefused for one that is known before its event."""
        by_source: dict[str, list[TextItem]] = {}
        for item in items:
            if item.known_at_ns < item.event_ns:
                raise DataRefused(
                    f"{item.source}: a text of {show_time(item.event_ns)} is known at {show_time(item.known_at_ns)};"
                    " allowed is at its event or later"
                )
            by_source.setdefault(item.source, []).append(item)
        return sum(self._append(source, some, origin) for source, some in by_source.items())

    def pinned(self) -> dict[str, Manifest]:
        """Every source as it is now: reads `at` these see what is stored now, whatever is added later."""
        return {source: self.shelf(source).pin() for source in self.sources()}

    def texts(
        self,
        symbol: str,
        *,
        since_ns: int,
        as_of_ns: int,
        copies: bool = False,
        at: Mapping[str, Manifest] | None = None,
    ) -> tuple[TextItem, ...]:
        """Texts about a symbol or the whole market with `since_ns < known_at_ns <= as_of_ns`, oldest first.

        Each in the version known at `as_of_ns`, deleted ones not at all. A story counts once: its copies come only
        with `copies`, or where the first to tell it was deleted.
        """
        asset = symbol.partition("/")[0]
        every = self.every(since_ns=since_ns, as_of_ns=as_of_ns, at=at)
        found = [item for item in every if _about(item, asset)]
        return tuple(found if copies else _once(found, self._tombstones(found, as_of_ns, at)))

    def every(
        self, *, since_ns: int, as_of_ns: int, deleted: bool = False, at: Mapping[str, Manifest] | None = None
    ) -> tuple[TextItem, ...]:
        """Items of every source whose last version known at `as_of_ns` is newer than `since_ns`, oldest first."""
        last: dict[tuple[str, str], TextItem] = {}
        for source in self.sources() if at is None else at:
            for item in self._between(source, since_ns, as_of_ns, at):
                last[source, item.item_id] = item
        items = [item for item in last.values() if deleted or not item.deleted]
        return tuple(sorted(items, key=lambda item: (item.known_at_ns, item.source, item.item_id)))

    def _tombstones(self, items: Sequence[TextItem], as_of_ns: int, at: Mapping[str, Manifest] | None) -> set[str]:
        """Of the stories that copies tell: those whose first telling was deleted by then."""
        wanted = {item.story_id for item in items if item.is_copy}
        if not wanted:
            return set()
        every = self.every(since_ns=-1, as_of_ns=as_of_ns, deleted=True, at=at)
        return {item.item_id for item in every if item.deleted} & wanted

    def _between(self, source: str, since_ns: int, as_of_ns: int, at: Mapping[str, Manifest] | None) -> list[TextItem]:
        """Versions by the time at which they were known, oldest first."""
        first, last = month_of(max(0, since_ns)), month_of(max(0, as_of_ns))

        def read(manifest: Manifest) -> list[TextItem]:
            parts = [part for part in manifest.parts if first <= part.name <= last]
            items = [item for part in parts for item in self._month(source, part)]
            return [item for item in items if since_ns < item.known_at_ns <= as_of_ns]

        return self.shelf(source).reading(read) if at is None else read(at[source])

    def _month(self, source: str, part: Part) -> tuple[TextItem, ...]:
        kept = self._months.find((source, part.name), part.sha256)
        if kept is not None:
            return kept
        items = tuple(_items_of(source, self.shelf(source).table(part)))
        size = sum(_ITEM_BYTES + getsizeof(item.headline) + getsizeof(item.body) for item in items)
        return self._months.keep((source, part.name), part.sha256, items, size)

    def _stored_versions(self, source: str, part: Part) -> IdArray:
        """Version ids of a month, eight bytes each: they stay, so that what comes in is held against every month."""
        kept = self._versions.get((source, part.name))
        if kept is None or kept[0] != part.sha256:
            kept = (part.sha256, np.array(sorted(map(_number, self._month(source, part))), dtype=np.uint64))
            self._versions[source, part.name] = kept
        return kept[1]

    def _append(self, source: str, items: list[TextItem], origin: Origin) -> int:
        added = 0
        items.sort(key=_order)
        with self.shelf(source).writing() as draft:
            parts = draft.manifest.parts
            stored = {part.name: part for part in parts}
            asked = np.array([_number(item) for item in items], dtype=np.uint64)
            seen = {number for part in parts for number in np.intersect1d(asked, self._stored_versions(source, part))}
            for month, piece in months_of(np.array([item.known_at_ns for item in items], dtype=np.int64)):
                fresh = list({_number(item): item for item in items[piece] if _number(item) not in seen}.values())
                if not fresh:
                    continue
                seen.update(map(_number, fresh))
                added += len(fresh)
                old = stored.get(month)
                before = () if old is None else self._month(source, old)
                after = sorted([*before, *fresh], key=_order)
                span = (after[0].known_at_ns, after[-1].known_at_ns)
                draft.put(month, _table_of(after), span, {}, instead_of="" if old is None else old.file)
            if draft.manifest is not draft.before:
                draft.manifest = draft.manifest.from_origin(origin)
        return added


def _number(item: TextItem) -> int:
    """The version id as the number that its sixteen digits write."""
    return int(item.version_id, 16)


def _about(item: TextItem, asset: str) -> bool:
    return asset in item.assets or WHOLE_MARKET in item.assets


def _once(items: Sequence[TextItem], deleted: set[str]) -> list[TextItem]:
    """One telling of each story: the first. Of one that began before these items nothing is told again."""
    told: set[str] = set()
    kept = []
    for item in items:
        if item.is_copy and item.story_id not in deleted:
            continue
        if item.story_id not in told:
            told.add(item.story_id)
            kept.append(item)
    return kept


def _order(item: TextItem) -> tuple[int, str, int]:
    return item.known_at_ns, item.item_id, item.revision


def _table_of(items: Sequence[TextItem]) -> Table:
    import pyarrow as pa

    texts = {name: pa.array([getattr(item, name) for item in items], pa.string()) for name in _TEXTS}
    return pa.table(
        {
            **texts,
            "event_ns": pa.array([item.event_ns for item in items], pa.int64()),
            "known_at_ns": pa.array([item.known_at_ns for item in items], pa.int64()),
            "assets": pa.array([json.dumps(item.assets) for item in items], pa.string()),
            "concealed": pa.array([json.dumps(item.concealed) for item in items], pa.string()),
            "taint": pa.array([int(item.taint) for item in items], pa.int8()),
            "revision": pa.array([item.revision for item in items], pa.int64()),
            "deleted": pa.array([item.deleted for item in items], pa.bool_()),
        }
    )


def _items_of(source: str, table: Table) -> list[TextItem]:
    return [
        TextItem(
            **{
                **row,
                "source": source,
                "assets": tuple(json.loads(row["assets"])),
                "concealed": tuple((kind, count) for kind, count in json.loads(row["concealed"])),
                "taint": Taint(row["taint"]),
            }
        )
        for row in table.to_pylist()
    ]
