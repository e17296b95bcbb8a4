"""What all bar dialects have in common once their rows are read: checks, corrections that are counted, a report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from core.bars import Bars
from core.errors import DataRefused
from core.time import Timeframe, show_time
from market.importing.closing import closed_rows
from market.importing.names import check_symbol, perpetual, same_pair, says_perpetual, symbol_in, venue_in
from market.importing.shape import ANY_VENUE, Asked, Imported, Report
from market.quality import broken_rows, inspect, refuse_bad_numbers, refuse_disorder, timeframe_in
from market.sources.lags import lag_of
from market.store.candles import BarsKey

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.bars import FloatArray, IntArray
    from market.importing.opening import SourceFile

FIELDS = ("open", "high", "low", "close", "volume")
# A venue's archive has a broken bar now and then; a file with more of them than one in a thousand is another file.
_BROKEN_IN = 1000
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class RawBars:
    """Rows as they stand in the file: any order, perhaps twice, perhaps broken. `rows` counts them before folding.

    `close_ns` is the end of each bar, `symbol`, `venue` and `timeframe` are given, where the file says them itself.
    """

    open_ns: IntArray
    numbers: Mapping[str, FloatArray]
    rows: int
    close_ns: IntArray | None = None
    symbol: str | None = None
    venue: str | None = None
    timeframe: Timeframe | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def finish(file: SourceFile, dialect: str, raw: RawBars, asked: Asked, *, lag: str = "candles") -> Imported:
    """Bars with their key, known a documented lag after their close; DataRefused for what cannot be told."""
    symbol, venue = symbol_of(file, raw.symbol, asked), venue_of(file, raw.venue, asked)
    bars, report = checked(file, dialect, raw, symbol, asked)
    return Imported(report, candles=(BarsKey(venue, symbol, bars.timeframe), bars), lag_ns=lag_of(lag).lag_ns)


def symbol_of(file: SourceFile, said: str | None, asked: Asked) -> str:
    """The operator's word, else the file's, else its name's; DataRefused where they contradict or none says it."""
    if asked.symbol is not None and said is not None and not same_pair(asked.symbol, said):
        raise DataRefused(f"{file.name}: it says {said}, asked for was {asked.symbol}")
    if said is not None and ":" not in said and says_perpetual(file.name):
        said = perpetual(said)
    symbol = asked.symbol or said or symbol_in(file.name)
    if symbol is None:
        raise DataRefused(f"{file.name}: neither the file nor its name says one symbol; say it with --symbol BTC/USDT")
    return check_symbol(symbol)


def venue_of(file: SourceFile, said: str | None, asked: Asked) -> str:
    """The operator's word, else the file's, else its name's."""
    if asked.venue == ANY_VENUE:
        return said or ANY_VENUE
    if asked.venue is not None and said is not None and asked.venue != said:
        raise DataRefused(f"{file.name}: it is of {said}, asked for was {asked.venue}")
    venue = asked.venue or said or venue_in(file.name)
    if venue is None:
        raise DataRefused(f"{file.name}: neither the file nor its name says the venue; say it with --venue binance")
    return venue


def checked(file: SourceFile, dialect: str, raw: RawBars, symbol: str, asked: Asked) -> tuple[Bars, Report]:
    """Oldest first, each bar once, on the grid, every number sane; what was corrected is in the report."""
    name = file.name
    if len(raw.open_ns) == 0:
        raise DataRefused(f"{name}: found no rows, allowed is one or more")
    counts, notes = dict(raw.counts), list(raw.notes)
    rows = _Rows(raw.open_ns, dict(raw.numbers), raw.close_ns, np.arange(1, len(raw.open_ns) + 1))
    sane, said = _sane(name, rows)
    if said:
        counts["broken"], notes = int((~sane).sum()), notes + said
        rows = rows.at(sane)
    if len(rows.open_ns) > 1 and (np.diff(rows.open_ns) <= 0).all() and (np.diff(rows.open_ns) < 0).any():
        counts["newest first, turned round"] = len(rows.open_ns)
        rows = rows.at(slice(None, None, -1))
    once = _once(rows)
    if not once.all():
        counts["duplicate"] = int((~once).sum())
        rows = rows.at(once)
    refuse_disorder(name, rows.open_ns, rows.row)
    timeframe = _timeframe(name, rows, raw.timeframe, asked.timeframe)
    open_ns, moved = _on_grid(name, rows, timeframe)
    if moved:
        counts["stamp moved"] = moved
    closed = closed_rows(file, open_ns, open_ns + timeframe.ns, asked)
    counts, notes = counts | dict(closed.counts), [*notes, *closed.notes]
    numbers = {key: np.ascontiguousarray(values[: closed.rows]) for key, values in rows.numbers.items()}
    open_ns = np.ascontiguousarray(open_ns[: closed.rows])
    for array in (open_ns, *numbers.values()):
        array.setflags(write=False)
    quality = replace(inspect(open_ns, numbers["volume"], timeframe, file.sha256), corrected=counts)
    span = (quality.first_ns, quality.last_ns)
    report = Report(dialect, name, file.sha256, raw.rows, *span, counts, tuple(notes), quality)
    return Bars(symbol=symbol, timeframe=timeframe, open_ns=open_ns, **numbers), report


def in_base(numbers: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """With a volume in quote currency turned into base by the bar's typical price, (high + low + close) / 3."""
    typical = (numbers["high"] + numbers["low"] + numbers["close"]) / 3
    with np.errstate(divide="ignore", invalid="ignore"):
        return {**numbers, "volume": numbers["volume"] / typical}


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows under correction; `row` is where each stood in the file, counted from 1."""

    open_ns: IntArray
    numbers: Mapping[str, FloatArray]
    close_ns: IntArray | None
    row: NDArray[np.intp]

    def at(self, chosen: NDArray[np.bool_] | slice) -> _Rows:
        kept = {key: values[chosen] for key, values in self.numbers.items()}
        close_ns = None if self.close_ns is None else self.close_ns[chosen]
        return _Rows(self.open_ns[chosen], kept, close_ns, self.row[chosen])


def _sane(name: str, rows: _Rows) -> tuple[NDArray[np.bool_], list[str]]:
    """Which rows are bars at all. A few broken ones are set aside and named, many refuse the file."""
    broken = broken_rows(rows.numbers)
    if not broken.any():
        return ~broken, []
    if broken.sum() * _BROKEN_IN > len(broken):
        refuse_bad_numbers(name, rows.numbers)
    said = []
    for i in np.flatnonzero(broken)[:_SHOWN].tolist():
        shown = ", ".join(f"{key} {rows.numbers[key][i]:.12g}" for key in FIELDS)
        said.append(f"row {i + 1} of {show_time(int(rows.open_ns[i]))} is no bar and was left out: {shown}")
    return ~broken, said


def _once(rows: _Rows) -> NDArray[np.bool_]:
    """Without rows that repeat the one before number for number; a bar with two contents is refused elsewhere."""
    same = np.diff(rows.open_ns) == 0
    for values in rows.numbers.values():
        same &= np.diff(values) == 0
    return np.append(True, ~same)


def _timeframe(name: str, rows: _Rows, said: Timeframe | None, asked: Timeframe | None) -> Timeframe:
    """What the file or the operator says, else the distance of the bars."""
    if asked is not None and said is not None and asked is not said:
        raise DataRefused(f"{name}: it has {said} bars, asked for were {asked}")
    steps = np.diff(rows.open_ns)
    # Rows may be missing, but hardly everywhere: four-hour bars are no hourly ones with three of four missing.
    if asked is not None and said is None and len(steps) and not (steps == asked.ns).any():
        raise DataRefused(f"{name}: no two bars are {asked} apart, the nearest {steps.min() / 1e9:g} seconds")
    return asked or said or timeframe_in(name, rows.open_ns)


def _on_grid(name: str, rows: _Rows, timeframe: Timeframe) -> tuple[IntArray, int]:
    """Opens on the grid of UTC. One that is off it moves there only if the file says that the bar ends on the grid.

    On the day of a listing a daily bar opens in the middle of the day.
    """
    off = rows.open_ns % timeframe.ns != 0
    if not off.any():
        return rows.open_ns, 0
    moved = rows.open_ns // timeframe.ns * timeframe.ns
    ends = rows.close_ns is not None and (rows.close_ns[off] == moved[off] + timeframe.ns).all()
    if ends and np.all(np.diff(moved) > 0):
        return moved, int(off.sum())
    i = int(np.argmax(off))
    raise DataRefused(
        f"{name} row {rows.row[i]}: {show_time(int(rows.open_ns[i]))} does not open a {timeframe} bar,"
        f" allowed are whole multiples of {timeframe} in UTC"
    )
