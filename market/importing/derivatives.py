"""Funding, mark price, open interest and basis: numbers over time that come in the layouts of candles.

freqtrade saves a funding rate as the `open` of a candle whose other fields are zero, and a mark price as a candle
without volume; research frameworks save Parquet with a `time` in seconds. Funding stamps jitter by milliseconds around
the hour: the event is the hour, and known is what the stamp says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import DataRefused
from core.taint import Taint
from core.time import HOUR_NS, SECOND_NS
from market.importing.closing import closed_rows
from market.importing.finishing import FIELDS, symbol_of, venue_of
from market.importing.names import perpetual, symbol_in
from market.importing.numbers import read_numbers
from market.importing.shape import Asked, Imported, Report
from market.importing.times import read_times
from market.sources.items import Reading
from market.sources.lags import lag_of

if TYPE_CHECKING:
    from core.bars import FloatArray, IntArray
    from market.importing.opening import SourceFile

Table = Any  # pyarrow ships no types

FUNDING, MARK, INTEREST, BASIS = "funding rate", "mark price", "open interest", "basis"
_JITTER_NS = 2 * SECOND_NS
_CANDLE = ("date", *FIELDS)


def knows_funding(file: SourceFile) -> bool:
    """freqtrade names it `-funding_rate`; or a table of `time` and `rate`."""
    candle = "funding" in file.name.lower() and sorted(file.columns) == sorted(_CANDLE)
    return file.ending in (".feather", ".parquet") and (candle or sorted(file.columns) == ["rate", "time"])


def knows_mark(file: SourceFile) -> bool:
    """freqtrade names it `-mark`."""
    return (
        file.ending in (".feather", ".parquet")
        and "mark" in file.name.lower()
        and sorted(file.columns) == sorted(_CANDLE)
    )


def knows_interest(file: SourceFile) -> bool:
    return file.ending == ".parquet" and {"time", "open_interest"} <= set(file.columns)


def knows_basis(file: SourceFile) -> bool:
    return file.ending == ".parquet" and {"time", "close_spot", "close_perp"} <= set(file.columns)


def read_funding(file: SourceFile, asked: Asked) -> Imported:
    """The rate as a fraction, at the hour at which it was settled."""
    table = file.table()
    if "rate" in file.columns:
        stamps, rates, found = _stamps(file, table, "time", asked), _numbers(file, table, "rate"), "seconds"
    else:
        stamps, rates, found = _stamps(file, table, "date", asked), _numbers(file, table, "open"), "UTC"
        if any(np.any(_numbers(file, table, field) != 0) for field in ("high", "low", "close")):
            raise DataRefused(f"{file.name}: it is called funding and holds candles; rename it if it is one")
    hours = (stamps + HOUR_NS // 2) // HOUR_NS * HOUR_NS
    jitter = stamps - hours
    if (np.abs(jitter) > _JITTER_NS).any():
        row = int(np.argmax(np.abs(jitter) > _JITTER_NS)) + 1
        raise DataRefused(f"{file.name} row {row}: the stamp is off the hour, allowed are two seconds")
    known = np.maximum(stamps, hours) + lag_of("funding_rate").lag_ns
    readings = _readings(file, asked, "funding_rate", hours, known, rates, "fraction")
    counts = {"stamp moved to the hour": int(np.count_nonzero(jitter))} if jitter.any() else {}
    return _imported(file, FUNDING, stamps, readings, counts, (f"times: {found}",))


def read_mark(file: SourceFile, asked: Asked) -> Imported:
    """The mark price at the end of each candle: candles of a mark price are no trades, and have no volume."""
    table = file.table()
    opens, closes = _stamps(file, table, "date", asked), _numbers(file, table, "close")
    ends = opens + _step(file.name, opens)
    closed = closed_rows(file, opens, ends, asked)
    ends = ends[: closed.rows]
    known = ends + lag_of("mark_price").lag_ns
    quote = _perpetual(file, asked).partition(":")[0].partition("/")[2]
    readings = _readings(file, asked, "mark_price", ends, known, closes[: closed.rows], quote)
    return _imported(file, MARK, opens, readings, closed.counts, ("times: opens of candles, in UTC", *closed.notes))


def read_interest(file: SourceFile, asked: Asked) -> Imported:
    """Open interest in base, and in dollars where the file has it."""
    table, base = file.table(), _perpetual(file, asked).partition("/")[0]
    stamps = _stamps(file, table, "time", asked)
    known = stamps + lag_of("open_interest").lag_ns
    readings = _readings(file, asked, "open_interest", stamps, known, _numbers(file, table, "open_interest"), base)
    if "open_interest_usd" in file.columns:
        worth = _numbers(file, table, "open_interest_usd")
        readings += _readings(file, asked, "open_interest_value", stamps, known, worth, "USD")
    return _imported(file, INTEREST, stamps, readings, {}, ("times: seconds",))


def read_basis(file: SourceFile, asked: Asked) -> Imported:
    """Perpetual over spot in basis points, of the closes at the end of each bar."""
    table = file.table()
    opens = _stamps(file, table, "time", asked)
    ends = opens + _step(file.name, opens)
    closed = closed_rows(file, opens, ends, asked)
    ends = ends[: closed.rows]
    known = ends + lag_of("basis").lag_ns
    spot, perp = _numbers(file, table, "close_spot"), _numbers(file, table, "close_perp")
    if (spot <= 0).any() or (perp <= 0).any():
        raise DataRefused(f"{file.name}: a close is not above zero, allowed are prices above zero")
    basis = (perp / spot - 1) * 10_000
    if "basis_bp" in file.columns and np.abs(basis - _numbers(file, table, "basis_bp")).max() > 0.01:
        raise DataRefused(f"{file.name}: basis_bp is not the basis of its closes, allowed is a hundredth apart")
    readings = _readings(file, asked, "basis", ends, known, np.round(basis[: closed.rows], 6), "bps")
    return _imported(file, BASIS, opens, readings, closed.counts, ("times: seconds, opens of bars", *closed.notes))


def _readings(
    file: SourceFile, asked: Asked, series: str, events: IntArray, known: IntArray, values: FloatArray, unit: str
) -> list[Reading]:
    symbol, venue = _perpetual(file, asked), venue_of(file, None, asked)
    rows = zip(events.tolist(), known.tolist(), values.tolist(), strict=True)
    return [
        Reading(series, symbol, venue, event, at, Decimal(repr(value)), unit, taint=Taint.TRUSTED)
        for event, at, value in rows
    ]


def _perpetual(file: SourceFile, asked: Asked) -> str:
    """These numbers are about perpetuals alone, so that a name such as BTCUSDT says which."""
    said = symbol_in(file.name)
    symbol = symbol_of(file, None if said is None else said.partition(":")[0], asked)
    return symbol if ":" in symbol else perpetual(symbol)


def _stamps(file: SourceFile, table: Table, column: str, asked: Asked) -> IntArray:
    stamps = read_times(file.name, column, table.column(column), asked.timezone).ns
    if len(stamps) == 0:
        raise DataRefused(f"{file.name}: found no rows, allowed is one or more")
    if (np.diff(stamps) <= 0).any():
        row = int(np.argmax(np.diff(stamps) <= 0)) + 2
        raise DataRefused(f"{file.name} row {row}: times do not increase, allowed is oldest first, each once")
    return stamps


def _numbers(file: SourceFile, table: Table, column: str) -> FloatArray:
    values = read_numbers(file.name, column, table.column(column))
    if not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values))) + 1
        raise DataRefused(f"{file.name} row {row}: {column} is {values[row - 1]}, allowed is a finite number")
    return values


def _step(name: str, opens: IntArray) -> int:
    if len(opens) < 2:
        raise DataRefused(f"{name}: found one row, allowed is two or more, since one does not show how long its bar is")
    steps, counts = np.unique(np.diff(opens), return_counts=True)
    return int(steps[np.argmax(counts)])


def _imported(
    file: SourceFile,
    dialect: str,
    stamps: IntArray,
    readings: Sequence[Reading],
    counts: Mapping[str, int],
    notes: tuple[str, ...],
) -> Imported:
    span = (int(stamps[0]), int(stamps[-1]))
    report = Report(dialect, file.name, file.sha256, len(stamps), *span, counts, notes)
    return Imported(report, readings=tuple(readings))
