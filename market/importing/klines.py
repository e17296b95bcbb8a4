"""Kline dumps as Binance publishes them and tools save them: with the end of every bar, with and without a header.

https://github.com/binance/binance-public-data/#klines. Times are milliseconds, since 2025 microseconds; tools also
write them as texts. A bar's end, less one unit, stands beside its open, so the timeframe is said and not guessed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import DataRefused
from core.time import DAY_NS, SECOND_NS, Timeframe, timeframe_of
from market.importing.finishing import FIELDS, RawBars, finish
from market.importing.numbers import read_numbers
from market.importing.times import Times, read_times

if TYPE_CHECKING:
    from core.bars import IntArray
    from market.importing.opening import SourceFile
    from market.importing.shape import Asked, Imported

Table = Any  # pyarrow ships no types

NAME = "kline dump"
_COLUMNS = (
    "open_time", *FIELDS, "close_time", "quote_asset_volume", "number_of_trades", "taker_buy_base_asset_volume",
    "taker_buy_quote_asset_volume", "ignore",
)  # fmt: skip


def knows(file: SourceFile) -> bool:
    """Twelve numbers a row, or a header with open time and close time."""
    if file.ending not in (".csv", ".parquet", ".feather"):
        return False
    return {"open_time", "close_time", *FIELDS} <= set(map(_plain, file.columns)) or _is_bare(file)


def read(file: SourceFile, asked: Asked) -> Imported:
    """Bars of one dump."""
    return finish(file, NAME, raw_bars(file, asked), asked)


def raw_bars(file: SourceFile, asked: Asked) -> RawBars:
    table = _table(file)
    if table.num_rows == 0:
        raise DataRefused(f"{file.name}: found no rows, allowed is one or more")
    zone = asked.timezone or _daily_zone(table)
    opens = read_times(file.name, "open_time", table.column("open_time"), zone)
    ends = read_times(file.name, "close_time", table.column("close_time"), zone)
    close_ns = _ends(file.name, opens.ns, ends)
    timeframe = _timeframe(file.name, close_ns - opens.ns)
    numbers = {field: read_numbers(file.name, field, table.column(field)) for field in FIELDS}
    early = (close_ns - opens.ns < timeframe.ns) & (close_ns % timeframe.ns != 0)
    counts = {"ended early": int(early.sum())} if early.any() else {}
    unused = [column for column in table.column_names if column not in _COLUMNS]
    notes = [f"times: {opens.shown()}"]
    if zone is not None and asked.timezone is None:
        notes.append("times without an offset are UTC: the daily bars open at its midnight")
    if unused:
        notes.append(f"not read: {', '.join(unused)}")
    rows = len(opens.ns)
    return RawBars(opens.ns, numbers, rows, close_ns=close_ns, timeframe=timeframe, counts=counts, notes=tuple(notes))


def _table(file: SourceFile) -> Table:
    if _is_bare(file):
        return file.csv(_COLUMNS)
    table = file.csv() if file.ending == ".csv" else file.table()
    names = [_plain(column) for column in table.column_names]
    if len(set(names)) < len(names):
        raise DataRefused(f"{file.name}: found twice a column of {', '.join(names)}, allowed is each once")
    return table.rename_columns(names)


def _ends(name: str, open_ns: IntArray, ends: Times) -> IntArray:
    """The end of each bar: venues write the last millisecond or microsecond in it. In an outage a bar ends early."""
    close_ns = max((ends.ns + unit for unit in (10**6, 10**3, 0)), key=lambda ns: np.count_nonzero(ns % SECOND_NS == 0))
    wrong = close_ns <= open_ns
    if wrong.any():
        row = int(np.argmax(wrong)) + 1
        raise DataRefused(f"{name} row {row}: close_time is before open_time, allowed is the end of the bar")
    return close_ns


def _timeframe(name: str, lengths: IntArray) -> Timeframe:
    found, counts = np.unique(lengths, return_counts=True)
    length = int(found[np.argmax(counts)])
    timeframe = timeframe_of(length)
    if timeframe is None:
        raise DataRefused(f"{name}: bars are {length / 1e9:g} seconds long, allowed are {', '.join(Timeframe)}")
    if (lengths > length).any():
        raise DataRefused(f"{name} row {int(np.argmax(lengths > length)) + 1}: the bar is longer than {timeframe}")
    return timeframe


def _daily_zone(table: Table) -> str | None:
    """'UTC' where naive times can be in no other zone: Binance's daily bars end at midnight UTC."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = table.column("close_time")
    if not pa.types.is_string(column.type):
        return None
    if not pc.all(pc.match_substring_regex(column, pattern=r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?$")).as_py():
        return None
    ends = read_times("", "close_time", column, "UTC").ns + 10**6
    # Of another zone not one would; a few days ended early in an outage.
    return "UTC" if len(ends) > 1 and np.mean(ends % DAY_NS == 0) > 0.9 else None


def _is_bare(file: SourceFile) -> bool:
    return file.ending == ".csv" and len(file.columns) == len(_COLUMNS) and all(map(_is_number, file.columns))


def _plain(column: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", column.strip().lower()).strip("_")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
