"""Plain tables of candles: a column of times and open, high, low, close, volume, as Parquet, Feather or CSV.

Our own layout and freqtrade's call the time `date`; others `timestamp`, `time` or `datetime`. It is the bar's open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import DataRefused
from market.importing.finishing import FIELDS, RawBars, finish, in_base
from market.importing.numbers import read_numbers
from market.importing.times import read_times

if TYPE_CHECKING:
    from market.importing.opening import SourceFile
    from market.importing.shape import Asked, Imported

NAME = "candle table"
TIMES = ("date", "timestamp", "time", "datetime")
LAYOUT = f"allowed is exactly one of {', '.join(TIMES)}, with {', '.join(FIELDS)}"


def knows(file: SourceFile) -> bool:
    """By its columns, in any order and case. That nothing may be missing or foreign is for `read` to say."""
    if file.ending not in (".parquet", ".feather", ".csv"):
        return False
    lower = [column.strip().lower() for column in file.columns]
    return any(time in lower for time in TIMES) and len(set(FIELDS) & set(lower)) >= 3


def read(file: SourceFile, asked: Asked) -> Imported:
    """Bars of one table."""
    return finish(file, NAME, raw_bars(file, asked), asked)


def raw_bars(file: SourceFile, asked: Asked) -> RawBars:
    time = _refuse_columns(file)
    table = file.csv() if file.ending == ".csv" else file.table()
    if table.num_rows == 0:
        raise DataRefused(f"{file.name}: found no rows, allowed is two or more")
    table = table.rename_columns([column.strip().lower() for column in table.column_names])
    times = read_times(file.name, time, table.column(time), asked.timezone)
    numbers = {field: read_numbers(file.name, field, table.column(field)) for field in FIELDS}
    notes = [f"times: {times.shown()}"]
    if asked.volume == "quote":
        numbers = in_base(numbers)
        notes.append("volume in quote currency as told, turned into base by the typical price of each bar")
    return RawBars(times.ns, numbers, len(times.ns), notes=tuple(notes))


def _refuse_columns(file: SourceFile) -> str:
    """The name of the time column; DataRefused unless the columns are exactly those of this layout."""
    found = [column.strip().lower() for column in file.columns]
    times = [column for column in found if column in TIMES]
    missing = [column for column in FIELDS if column not in found]
    foreign = [column for column in found if column not in (*TIMES, *FIELDS)]
    twice = sorted({column for column in found if found.count(column) > 1})
    parts = []
    if len(set(times)) > 1:
        parts.append(f"several columns of times, {', '.join(times)}")
    if missing:
        parts.append(f"no column {', '.join(missing)}")
    if foreign:
        parts.append(f"the foreign column {', '.join(map(repr, foreign))}")
    if twice:
        parts.append(f"twice the column {', '.join(twice)}")
    if parts:
        raise DataRefused(f"{file.name}: found {'; '.join(parts)}; {LAYOUT}")
    return times[0]
