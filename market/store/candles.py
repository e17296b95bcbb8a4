"""The candle store: bars by venue, symbol, timeframe and month, with every version of a revised bar.

The one reader of candles for backtests, agents and models. What it returns was closed and known at `as_of_ns`. Rows
that were filled in for missing bars are kept apart, and no read that trades returns them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from core.bars import Bars
from core.errors import DataRefused
from core.time import Timeframe
from market.aggregate import aggregate, window
from market.quality import Gap, gaps_in, refuse_bad_numbers
from market.store.kept import Kept
from market.store.manifest import Manifest, Origin, Part, Span
from market.store.naming import folder_name, manifests_under, months_of
from market.store.rows import Rows, merge, rows_of, stats_of, table_of
from market.store.shelf import Shelf
from market.store.versions import FIELDS, Versions, joined, nothing
from market.store.wide import WORTH_IT, read_months

if TYPE_CHECKING:
    from core.bars import IntArray
    from market.store.rows import BoolArray

KIND = "bars"
_KEPT_ROWS = 4_000_000  # of 56 bytes: some 220 MB


class BarsKey(NamedTuple):
    """Which bars. `symbol` as ccxt writes it: BTC/USDT, or BTC/USDT:USDT for a perpetual settled in USDT."""

    venue: str
    symbol: str
    timeframe: Timeframe

    def names(self) -> dict[str, str]:
        return {"venue": self.venue, "symbol": self.symbol, "timeframe": self.timeframe.value}


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of bars that were appended. `late` ones fill a range that was asked for before, in which they were
    missing: they are known only since they were seen. `unfinished` ones were left out."""

    new: int = 0
    revised: int = 0
    unchanged: int = 0
    late: int = 0
    unfinished: int = 0


class CandleStore:
    """Candles under one folder. Safe to read while another process writes; writers wait for each other."""

    def __init__(self, root: Path) -> None:
        self.root = root / KIND
        self._shelves: dict[BarsKey, Shelf] = {}
        self._stored: dict[tuple[str, str], tuple[int, list[Timeframe]]] = {}
        self._months: Kept[tuple[BarsKey, str], Versions] = Kept(_KEPT_ROWS)

    def held(self) -> list[BarsKey]:
        """Everything that is stored."""
        found = [manifest.key for manifest in manifests_under(self.root)]
        return sorted(BarsKey(key["venue"], key["symbol"], Timeframe(key["timeframe"])) for key in found)

    def shelf(self, key: BarsKey) -> Shelf:
        if key not in self._shelves:
            folder = self.root / folder_name(key.venue) / folder_name(key.symbol) / key.timeframe.value
            self._shelves[key] = Shelf(folder, KIND, key.names())
        return self._shelves[key]

    def manifest(self, key: BarsKey) -> Manifest:
        """Empty where nothing is stored."""
        return self.shelf(key).manifest()

    def bars(self, venue: str, symbol: str, timeframe: Timeframe, *, as_of_ns: int, n: int) -> Bars:
        """The last `n` bars closed and known by `as_of_ns`, oldest first, as they were known then.

        Bars that are not stored in this timeframe, or newer in a finer one, are made from the finer ones. DataRefused
        where nothing is stored from which they can be made.
        """
        if n <= 0:
            return nothing(symbol, timeframe)
        candidates = [t for t in self._timeframes(venue, symbol) if timeframe.ns % t.ns == 0]
        if not candidates:
            self._refuse_unknown(venue, symbol, timeframe)
        # The coarsest first: finer ones add what it does not know yet.
        best = nothing(symbol, timeframe)
        for base in sorted(candidates, key=lambda t: -t.ns):
            found = self._made(BarsKey(venue, symbol, base), timeframe, as_of_ns, n, best)
            best = _continued(best, found, n)
        return best

    def versions(self, key: BarsKey) -> Versions:
        """Every row that may be traded on, with all versions: what a recorded market is made of."""
        return self.snapshot(key)[0]

    def snapshot(self, key: BarsKey) -> tuple[Versions, str]:
        """The same, with the hash of exactly what was read."""

        def read(manifest: Manifest) -> tuple[Versions, str]:
            if not manifest.parts:
                self._refuse_unknown(*key)
            return self._all(key, manifest.parts), manifest.content_hash

        return self.shelf(key).reading(read)

    def quality(self, key: BarsKey) -> dict[str, int]:
        """Counts from the manifest alone: bars, missing, gaps, revised, synthetic, zero_volume."""
        stats = [part.stats for part in self.manifest(key).parts if part.stats["bars"]]
        names = ("bars", "missing", "gaps", "revised", "synthetic", "zero_volume")
        counts = {name: sum(month[name] for month in stats) for name in names}
        for before, after in pairwise(stats):
            missing = (after["first_open_ns"] - before["last_open_ns"]) // key.timeframe.ns - 1
            counts["missing"] += missing
            counts["gaps"] += missing > 0
        return counts

    def gaps(self, key: BarsKey) -> tuple[Gap, ...]:
        """Every run of missing bars between the first and the last; filled ones count as missing."""
        open_ns = self.versions(key).rows.open_ns
        return gaps_in(open_ns[np.diff(open_ns, prepend=-1) != 0], key.timeframe)

    def filled(self, key: BarsKey) -> IntArray:
        """Opens of synthetic bars that no real one has replaced."""

        def read(manifest: Manifest) -> IntArray:
            rows = [rows_of(self.shelf(key).table(part)) for part in manifest.parts]
            both = [np.setdiff1d(r.open_ns[r.synthetic], r.open_ns[~r.synthetic]) for r in rows]
            return np.concatenate(both) if both else np.empty(0, dtype=np.int64)

        return self.shelf(key).reading(read)

    def append(
        self,
        key: BarsKey,
        bars: Bars,
        origin: Origin,
        *,
        covered: Span | None = None,
        synthetic: BoolArray | None = None,
    ) -> Appended:
        """Adds closed bars; those that differ from what is stored become a second version, known since they were seen.

        `origin.seen_ns` is when they were seen, by the venue's clock: bars not closed then are left out. `covered` is
        what was asked of the venue; `synthetic` marks bars that were filled in and are no trades.
        """
        if bars.timeframe is not key.timeframe:
            raise DataRefused(f"{key.symbol}: found {bars.timeframe} bars for {key.timeframe}")
        name = f"{key.venue} {key.symbol}"
        refuse_bad_numbers(name, {field: getattr(bars, field) for field in FIELDS})
        if len(bars) and (bars.open_ns % key.timeframe.ns).any():
            raise DataRefused(f"{name}: a bar opens off the {key.timeframe} grid of UTC")
        if np.any(np.diff(bars.open_ns) <= 0):
            raise DataRefused(f"{name}: bars are not strictly increasing in time")
        closed = int(np.searchsorted(bars.open_ns, origin.seen_ns - key.timeframe.ns, side="right"))
        marks = np.zeros(len(bars), dtype=bool) if synthetic is None else synthetic
        done = Appended(unfinished=len(bars) - closed)
        with self.shelf(key).writing() as draft:
            before = draft.manifest.covered
            stored = {part.name: part for part in draft.manifest.parts}
            for month, piece in months_of(bars.open_ns[:closed]):
                old = stored.get(month)
                rows = None if old is None else rows_of(self.shelf(key).table(old))
                fresh = window(bars, piece.start, piece.stop)
                merged, counts = merge(rows, fresh, marks[piece], origin, before)
                done = _sum(done, counts)
                if merged is not None:
                    span = (int(merged.open_ns[0]), int(merged.open_ns[-1]))
                    stats = stats_of(merged, key.timeframe)
                    draft.put(month, table_of(merged), span, stats, instead_of="" if old is None else old.file)
            if covered is not None:
                # What had not closed was not there to be had: were it counted as asked for, it would come late.
                step = key.timeframe.ns
                asked = Span(covered.start_ns, min(covered.end_ns, origin.seen_ns // step * step))
                if asked.start_ns < asked.end_ns:
                    draft.manifest = draft.manifest.covering(asked)
            if draft.manifest is not draft.before:
                draft.manifest = draft.manifest.from_origin(origin)
        return done

    def _made(self, base: BarsKey, timeframe: Timeframe, as_of_ns: int, n: int, beat: Bars) -> Bars:
        """Bars of `timeframe` from those of `base`; nothing where `base` has none newer than `beat`."""
        ratio = timeframe.ns // base.timeframe.ns
        shelf = self.shelf(base)
        if len(beat):
            parts = shelf.manifest().parts
            newest = max((part.last_ns for part in parts), default=-1)
            if newest < beat.open_ns[-1] + timeframe.ns:
                return nothing(base.symbol, timeframe)
        if ratio == 1:
            return shelf.reading(lambda manifest: self._tail(base, manifest.parts, as_of_ns, n))
        # One bucket more than asked for: the newest bars may belong to one that has not closed.
        fine = shelf.reading(lambda manifest: self._tail(base, manifest.parts, as_of_ns, (n + 1) * ratio))
        return aggregate(fine, timeframe, as_of_ns=as_of_ns, n=n)

    def _tail(self, key: BarsKey, parts: tuple[Part, ...], as_of_ns: int, n: int) -> Bars:
        """The last `n` bars known at `as_of_ns`, month by month from there backwards."""
        last = bisect_right(parts, as_of_ns - key.timeframe.ns, key=lambda part: part.first_ns)
        self._load(key, _reaching(parts[:last], n))
        pieces: list[Bars] = []
        missing = n
        while last and missing > 0:
            last -= 1
            known = self._month(key, parts[last]).known(as_of_ns)
            if len(known):
                piece = window(known, max(0, len(known) - missing), len(known)) if len(known) > missing else known
                pieces.append(piece)
                missing -= len(piece)
        return joined(pieces[::-1]) if pieces else nothing(key.symbol, key.timeframe)

    def _all(self, key: BarsKey, parts: tuple[Part, ...]) -> Versions:
        self._load(key, parts)
        months = [self._month(key, part) for part in parts]
        return Versions.of(joined([m.rows for m in months]), np.concatenate([m.known_ns for m in months]))

    def _month(self, key: BarsKey, part: Part) -> Versions:
        """The decoded month. Parts never change, so that their hash names what they hold."""
        kept = self._months.find((key, part.name), part.sha256)
        return self._keep(key, part, rows_of(self.shelf(key).table(part))) if kept is None else kept

    def _load(self, key: BarsKey, parts: Sequence[Part]) -> None:
        """Decodes in one go what is not decoded yet, where it is much."""
        absent = [part for part in parts if self._months.find((key, part.name), part.sha256) is None]
        if len(absent) < WORTH_IT:
            return
        shelf = self.shelf(key)
        for part in absent:
            shelf.content(part)  # refuses one that was changed by hand
        months = read_months([shelf.folder / part.file for part in absent], [part.rows for part in absent])
        for part, rows in zip(absent, months, strict=True):
            self._keep(key, part, rows)

    def _keep(self, key: BarsKey, part: Part, rows: Rows) -> Versions:
        versions = rows.traded().versions(key.symbol, key.timeframe)
        return self._months.keep((key, part.name), part.sha256, versions, len(versions.known_ns))

    def _timeframes(self, venue: str, symbol: str) -> list[Timeframe]:
        """Those that are stored for a symbol; looked up again only when its folder has changed."""
        folder = self.root / folder_name(venue) / folder_name(symbol)
        try:
            changed = folder.stat().st_mtime_ns
        except FileNotFoundError:
            return []
        kept = self._stored.get((venue, symbol))
        if kept is None or kept[0] != changed:
            kept = (changed, [t for t in Timeframe if (folder / t.value).is_dir()])
            self._stored[venue, symbol] = kept
        return [t for t in kept[1] if self.shelf(BarsKey(venue, symbol, t)).manifest().parts]

    def _refuse_unknown(self, venue: str, symbol: str, timeframe: Timeframe) -> None:
        stored = [key for key in self.held() if key.venue == venue and key.symbol == symbol]
        if stored:
            found = f"{venue} {symbol} as {', '.join(key.timeframe for key in stored)}, of which no {timeframe} is made"
        else:
            symbols = sorted({f"{key.venue} {key.symbol}" for key in self.held()})
            found = f"no candles of {venue} {symbol}; there are {', '.join(symbols[:12]) or 'none'}"
        raise DataRefused(f"the store has {found}; `warden data import` and `warden data fetch` bring more")


def _continued(bars: Bars, finer: Bars, n: int) -> Bars:
    """The last `n` of `bars` and of those made from finer ones that are newer than all of them."""
    if not len(bars) or not len(finer) or finer.open_ns[-1] <= bars.open_ns[-1]:
        return bars if len(bars) else finer
    start = int(np.searchsorted(finer.open_ns, bars.open_ns[-1], side="right"))
    both = joined([bars, window(finer, start, len(finer))])
    return window(both, max(0, len(both) - n), len(both))


def _reaching(parts: Sequence[Part], n: int) -> Sequence[Part]:
    """The last parts that hold `n` rows together."""
    rows = 0
    for i in range(len(parts) - 1, -1, -1):
        rows += parts[i].rows
        if rows >= n:
            return parts[i:]
    return parts


def _sum(one: Appended, other: Appended) -> Appended:
    return Appended(
        one.new + other.new,
        one.revised + other.revised,
        one.unchanged + other.unchanged,
        one.late + other.late,
        one.unfinished + other.unfinished,
    )
