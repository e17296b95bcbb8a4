"""Public trades, tickers and imbalances by venue, symbol and day: appended, never changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, TypeVar

import numpy as np

from core.errors import DataRefused
from core.orders import Side
from core.time import show_time
from market.columns import integers
from market.store.manifest import Manifest, Origin, Part
from market.store.naming import days_of, folder_name, manifests_under
from market.store.shelf import Shelf, read_parquet

if TYPE_CHECKING:
    from core.money import Price, Quantity

Table = Any  # pyarrow ships no types

# A file is made one with what is appended unless it is more than so many times as large: a day has few files, the
# largest first, and each row is written again as often as a day has files.
_MUCH_LARGER = 2


@dataclass(frozen=True, slots=True)
class Trade:
    """One public trade; `trade_id` is the venue's, empty where it gives none. `side` is the taker's."""

    KIND: ClassVar = "trades"

    ts_event_ns: int
    known_at_ns: int
    trade_id: str
    side: Side
    price: Price
    quantity: Quantity


@dataclass(frozen=True, slots=True)
class Ticker:
    """Best prices and last trade of one moment; None for what the venue did not say.

    `ts_event_ns` is when it came to us where the venue says no time: then it is `known_at_ns`.
    """

    KIND: ClassVar = "tickers"

    ts_event_ns: int
    known_at_ns: int
    bid: Price | None
    ask: Price | None
    last: Price | None


@dataclass(frozen=True, slots=True)
class Imbalance:
    """How much more rests to buy than to sell in a proven book of one moment, from -1 to 1 (`Book.imbalance`)."""

    KIND: ClassVar = "imbalances"

    ts_event_ns: int
    known_at_ns: int
    value: Decimal


Entry = TypeVar("Entry", Trade, Ticker, Imbalance)


class LogKey(NamedTuple):
    venue: str
    symbol: str

    def names(self) -> dict[str, str]:
        return {"venue": self.venue, "symbol": self.symbol}


class LogStore(Generic[Entry]):
    """One kind of entry under one folder. An append reads what is of the same time, and writes small files anew."""

    def __init__(self, root: Path, entry: type[Entry]) -> None:
        self._entry: type[Entry] = entry
        self.root = root / entry.KIND
        self._shelves: dict[LogKey, Shelf] = {}

    def held(self) -> list[LogKey]:
        """Everything that is stored."""
        return sorted(LogKey(m.key["venue"], m.key["symbol"]) for m in manifests_under(self.root))

    def shelf(self, key: LogKey) -> Shelf:
        if key not in self._shelves:
            folder = self.root / folder_name(key.venue) / folder_name(key.symbol)
            self._shelves[key] = Shelf(folder, self._entry.KIND, key.names())
        return self._shelves[key]

    def manifest(self, key: LogKey) -> Manifest:
        """Empty where nothing is stored."""
        return self.shelf(key).manifest()

    def append(self, venue: str, symbol: str, entries: Sequence[Entry], origin: Origin) -> int:
        """Adds entries that are not stored yet; how many. DataRefused for one known before its event."""
        for entry in entries:
            if entry.known_at_ns < entry.ts_event_ns:
                raise DataRefused(
                    f"{venue} {symbol}: an entry of {show_time(entry.ts_event_ns)} is known at"
                    f" {show_time(entry.known_at_ns)}; allowed is at its event or later"
                )
        key, added = LogKey(venue, symbol), 0
        ordered = sorted(entries, key=lambda entry: entry.ts_event_ns)
        with self.shelf(key).writing() as draft:
            for day, piece in days_of(np.array([entry.ts_event_ns for entry in ordered], dtype=np.int64)):
                first_ns, last_ns = ordered[piece][0].ts_event_ns, ordered[piece][-1].ts_event_ns
                files = [part for part in draft.manifest.parts if part.name == day]
                # What comes again is of the same time, so that nothing else has to be read.
                same = [part for part in files if part.first_ns <= last_ns and part.last_ns >= first_ns]
                known = {_identity(entry) for part in same for entry in self._entries(key, part)}
                fresh: list[Entry] = [entry for entry in ordered[piece] if _identity(entry) not in known]
                fresh = list({_identity(entry): entry for entry in fresh}.values())
                if not fresh:
                    continue
                added += len(fresh)
                small = _folded(files, len(fresh))
                draft.drop(small)
                stored = [entry for part in files if part in small for entry in self._entries(key, part)]
                fresh = sorted(stored + fresh, key=lambda entry: entry.ts_event_ns)
                span = (fresh[0].ts_event_ns, fresh[-1].ts_event_ns)
                draft.put(day, _table_of(fresh), span, {}, instead_of="")
            if draft.manifest is not draft.before:
                draft.manifest = draft.manifest.from_origin(origin)
        return added

    def read(self, venue: str, symbol: str, *, since_ns: int, as_of_ns: int) -> tuple[Entry, ...]:
        """Entries with `since_ns < ts_event_ns` that were known by `as_of_ns`, oldest first."""
        key = LogKey(venue, symbol)

        def read(manifest: Manifest) -> tuple[Entry, ...]:
            parts = [p for p in manifest.parts if p.last_ns > since_ns and p.first_ns <= as_of_ns]
            entries = [entry for part in parts for entry in self._entries(key, part)]
            found = [e for e in entries if e.ts_event_ns > since_ns and e.known_at_ns <= as_of_ns]
            return tuple(sorted(found, key=lambda entry: entry.ts_event_ns))

        return self.shelf(key).reading(read)

    def _entries(self, key: LogKey, part: Part) -> list[Entry]:
        table = read_parquet(self.shelf(key).content(part))
        columns = [_column(table, field.name) for field in fields(self._entry)]
        return [self._entry(*row) for row in zip(*columns, strict=True)]


def _folded(files: Sequence[Part], rows: int) -> list[Part]:
    """Those that are made one with `rows` fresh ones: from the smallest on, while none is much larger than the sum."""
    small: list[Part] = []
    for part in sorted(files, key=lambda part: part.rows):
        if part.rows > _MUCH_LARGER * rows:
            break
        small.append(part)
        rows += part.rows
    return small


def _identity(entry: Trade | Ticker | Imbalance) -> object:
    """A trade by the venue's id; what has none, by all that it says except when it came to us."""
    if isinstance(entry, Imbalance):
        return entry.ts_event_ns, entry.value
    if isinstance(entry, Trade):
        return entry.trade_id or (entry.ts_event_ns, entry.side, entry.price, entry.quantity)
    return entry.ts_event_ns, entry.bid, entry.ask, entry.last


def _table_of(entries: Sequence[Trade | Ticker | Imbalance]) -> Table:
    import pyarrow as pa

    columns = {}
    for field in fields(entries[0]):
        values = [getattr(entry, field.name) for entry in entries]
        if field.name.endswith("_ns"):
            columns[field.name] = pa.array(values, pa.int64())
        else:
            # Prices as text, so that they stay exact.
            texts = [None if v is None else v.value if isinstance(v, Side) else str(v) for v in values]
            columns[field.name] = pa.array(texts, pa.string())
    return pa.table(columns)


def _column(table: Table, name: str) -> list[Any]:
    if name.endswith("_ns"):
        return list(integers(table.column(name)).tolist())
    texts: list[Any] = table.column(name).to_pylist()
    if name == "trade_id":
        return texts
    if name == "side":
        return [Side(text) for text in texts]
    return [None if text is None else Decimal(text) for text in texts]
