"""Files of CryptoDataDownload: a line with its address, then a header; newest first, times in UTC by its own word.

Stamps change from seconds to milliseconds in the middle of a file. The `date` text beside them is the proof of which is
which: the two must agree in every row. https://www.cryptodatadownload.com/faq/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import DataRefused
from core.time import show_time
from market.columns import Column, first_row, floats
from market.importing.finishing import FIELDS, RawBars, finish
from market.importing.names import parted
from market.importing.numbers import read_numbers
from market.importing.times import Times, epochs, read_times

if TYPE_CHECKING:
    from core.bars import IntArray
    from market.importing.opening import SourceFile
    from market.importing.shape import Asked, Imported

Table = Any  # pyarrow ships no types

NAME = "CryptoDataDownload"


def knows(file: SourceFile) -> bool:
    """By its address in the first line."""
    return file.ending == ".csv" and bool(file.head) and "cryptodatadownload" in file.head[0].lower()


def read(file: SourceFile, asked: Asked) -> Imported:
    """Bars of one file."""
    return finish(file, NAME, raw_bars(file, asked), asked)


def raw_bars(file: SourceFile, asked: Asked) -> RawBars:
    table = file.csv(skip=1)
    lower = [column.strip().lower() for column in table.column_names]
    symbol = _symbol(file.name, table.column(lower.index("symbol"))) if "symbol" in lower and table.num_rows else ""
    table = table.rename_columns(_named(lower, symbol.partition("/")[0]))
    missing = [column for column in ("date", "symbol", *FIELDS) if column not in table.column_names]
    if missing or table.num_rows == 0:
        found = f"no column {', '.join(missing)}" if missing else "no rows"
        raise DataRefused(f"{file.name}: found {found}; allowed is a file as CryptoDataDownload ships it")
    times, moved = _times(file.name, table)
    numbers = {field: read_numbers(file.name, field, table.column(field)) for field in FIELDS}
    return RawBars(times.ns, numbers, len(times.ns), symbol=symbol, counts=moved, notes=(f"times: {times.shown()}",))


def _times(name: str, table: Table) -> tuple[Times, dict[str, int]]:
    import pyarrow as pa

    dates = _dates(name, table.column("date"))
    if "unix" not in table.column_names:
        return Times(dates, {"dates alone, in UTC": len(dates)}), {}
    column = table.column("unix")
    stamps = epochs(name, "unix", read_numbers(name, "unix", column), column.cast(pa.string()))
    apart = stamps.ns != dates
    if apart.any():
        row = int(np.argmax(apart)) + 1
        raise DataRefused(
            f"{name} row {row}: the stamp says {show_time(int(stamps.ns[row - 1]))} and the date"
            f" {show_time(int(dates[row - 1]))}; allowed is that they agree"
        )
    mixed = dict(stamps.found) if len(stamps.found) > 1 else {}
    return stamps, {f"stamp in {unit}": rows for unit, rows in mixed.items()}


def _dates(name: str, column: Column) -> IntArray:
    """Texts such as 2020-12-30 00:00:00, 2019-10-17, or 2019-10-17 11-PM in older files."""
    import pyarrow as pa
    import pyarrow.compute as pc

    noon = r"^\d{4}-\d\d-\d\d (0[1-9]|1[0-2])-[AP]M$"
    if not first_row(pc.match_substring_regex(column, pattern=noon), False):
        hour = floats(pc.utf8_slice_codeunits(column, 11, 13).cast(pa.float64())).astype(np.int64) % 12
        after = floats(pc.match_substring(column, pattern="-PM").cast(pa.int8()).cast(pa.float64())).astype(np.int64)
        days = read_times(name, "date", pc.utf8_slice_codeunits(column, 0, 10), "UTC").ns
        return days + (hour + 12 * after) * 3_600 * 10**9
    return read_times(name, "date", column, "UTC").ns


def _symbol(name: str, column: Column) -> str:
    import pyarrow.compute as pc

    found = pc.unique(column).to_pylist()
    if len(found) != 1:
        raise DataRefused(f"{name}: found the symbols {', '.join(map(repr, found[:5]))}, allowed is one a file")
    symbol = str(found[0]).upper()
    return symbol if "/" in symbol else parted(symbol) or symbol


def _named(columns: list[str], base: str) -> list[str]:
    """'unix' for 'unix timestamp', and 'volume' for the one in the base currency, or that says no currency."""
    volume = next((name for name in (f"volume {base.lower()}", "volume") if name in columns), None)
    told = {volume: "volume"}
    return ["unix" if name.startswith("unix") else told.get(name, name) for name in columns]
