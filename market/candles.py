"""Loads one recorded candle file in our own layout, or refuses it in one sentence.

The layout: `date` (the bar's open in UTC, with its time zone), `open, high, low, close, volume`, as Parquet or CSV.
"""

from __future__ import annotations

import gzip
import io
import zlib
from typing import TYPE_CHECKING, Any

from core.bars import Bars
from core.canonical import digest_bytes
from core.errors import DataRefused
from market.columns import Column, first_row, floats
from market.dialects import COLUMNS, LAYOUT, refuse_columns, refuse_foreign_bytes, refuse_foreign_text
from market.quality import QualityReport, inspect, refuse_bad_numbers, refuse_disorder, timeframe_in
from market.stamps import from_text, from_timestamps

if TYPE_CHECKING:
    from pathlib import Path

    from core.bars import FloatArray

Table = Any  # pyarrow ships no types


def load_candles(path: Path, symbol: str) -> tuple[Bars, QualityReport]:
    """The bars of one file and what its quality is. Gaps are reported, every other defect raises `DataRefused`."""
    name = path.name
    content = _content(path)
    table, stamps_of = _open(name, content)
    if table.num_rows == 0:
        raise DataRefused(f"{name}: found no rows, allowed is two or more")
    open_ns = stamps_of(name, table.column("date"))
    numbers = {field: _numbers(name, field, table.column(field)) for field in COLUMNS[1:]}
    refuse_bad_numbers(name, numbers)
    refuse_disorder(name, open_ns)
    timeframe = timeframe_in(name, open_ns)
    for array in (open_ns, *numbers.values()):
        array.setflags(write=False)
    report = inspect(open_ns, numbers["volume"], timeframe, digest_bytes(content))
    return Bars(symbol=symbol, timeframe=timeframe, open_ns=open_ns, **numbers), report


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataRefused(f"found no file {path}, {LAYOUT}") from None
    except OSError as error:
        raise DataRefused(f"{path} cannot be read ({error.strerror}), {LAYOUT}") from None
    if not content:
        raise DataRefused(f"{path.name}: found an empty file, {LAYOUT}")
    return content


def _open(name: str, content: bytes) -> tuple[Table, Any]:
    """The file's table, and how its dates are read."""
    refuse_foreign_bytes(name, content)
    lower = name.lower()
    if lower.endswith(".parquet"):
        return _parquet(name, content), from_timestamps
    if lower.endswith(".csv.gz"):
        return _csv(name, _unzipped(name, content)), from_text
    if lower.endswith(".csv"):
        if content.startswith(b"\x1f\x8b"):
            raise DataRefused(f"{name}: found gzip, which is allowed under a name ending in .csv.gz")
        return _csv(name, content), from_text
    raise DataRefused(f"{name}: found a name with another ending, {LAYOUT}")


def _parquet(name: str, content: bytes) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(io.BytesIO(content))
        refuse_columns(name, list(file.schema_arrow.names))
        return file.read()
    # Column names that are no text raise UnicodeDecodeError.
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataRefused(f"{name}: found no readable Parquet ({_line(error)}), {LAYOUT}") from None


def _csv(name: str, content: bytes) -> Table:
    import pyarrow as pa
    import pyarrow.csv as pa_csv

    refuse_foreign_text(name, _head(content))
    # As text first: only then can a refusal show what stood in the file, and NA or an empty field not pass as a gap.
    as_text = pa_csv.ConvertOptions(column_types=dict.fromkeys(COLUMNS, pa.string()), strings_can_be_null=False)
    try:
        return pa_csv.read_csv(io.BytesIO(content), convert_options=as_text)
    except pa.ArrowException as error:
        raise DataRefused(f"{name}: found no readable CSV ({_line(error)}), {LAYOUT}") from None


def _head(content: bytes) -> str:
    """The first two lines, which is all that tells a dialect."""
    return "\n".join(content[:4096].decode("utf-8-sig", errors="replace").splitlines()[:2])


def _unzipped(name: str, content: bytes) -> bytes:
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataRefused(f"{name}: found no readable gzip ({_line(error)}), {LAYOUT}") from None


def _numbers(name: str, field: str, column: Column) -> FloatArray:
    import pyarrow as pa

    if column.null_count:
        row = first_row(column.is_null(), True)
        raise DataRefused(f"{name} row {row}: {field} is missing, allowed is a finite number")
    kind = column.type
    text = pa.types.is_string(kind)
    # Half and single precision would turn 0.1 into 0.10000000149.
    if not (text or pa.types.is_float64(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind)):
        raise DataRefused(f"{name}: {field} is of type {kind}, allowed is a double, decimal or integer column")
    try:
        return floats(column.cast(pa.float64()))
    except pa.ArrowInvalid:
        row, found = next((i, value) for i, value in enumerate(column, 1) if not _fits_double(value))
        raise DataRefused(f"{name} row {row}: {field} is {found.as_py()!r}, allowed is a finite number") from None


def _fits_double(value: Any) -> bool:
    import pyarrow as pa

    try:
        value.cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True


def _line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
