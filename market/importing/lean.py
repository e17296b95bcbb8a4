"""Zip archives of QuantConnect LEAN: crypto and crypto futures, trade and quote bars. Times are UTC.

Minutes and seconds have one archive a day, named by it, and count milliseconds since midnight; hours and days have one
archive a symbol and write the time out. https://github.com/QuantConnect/Lean/tree/master/Data/crypto. Equities are in
New York time and ten-thousandths of a dollar, and are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import DataRefused
from core.taint import Taint
from core.time import DAY_NS, MINUTE_NS, SECOND_NS, Timeframe, parse_time
from market.importing.closing import closed_rows
from market.importing.finishing import FIELDS, RawBars, finish, symbol_of, venue_of
from market.importing.names import parted, perpetual
from market.importing.numbers import read_numbers
from market.importing.opening import parse_csv, unpack_one
from market.importing.shape import Asked, Imported, Report
from market.importing.times import read_times
from market.sources.items import Reading
from market.sources.lags import lag_of

if TYPE_CHECKING:
    from core.bars import FloatArray, IntArray
    from market.importing.opening import SourceFile

Table = Any  # pyarrow ships no types

TRADES, QUOTES = "LEAN trade bars", "LEAN quote bars"
_NAME = re.compile(r"(?:(\d{8})_)?([a-z0-9]+)(?:_(minute|second))?(?:_(trade|quote))?(_perp)?(?:_\d+)?\.csv")
_QUOTE_FIELDS = tuple(
    f"{side}_{field}" for side in ("bid", "ask") for field in ("open", "high", "low", "close", "size")
)
_SERIES = (("bid", "bid_close"), ("ask", "ask_close"), ("bid_size", "bid_size"), ("ask_size", "ask_size"))
_KINDS = {"crypto", "cryptofuture"}


@dataclass(frozen=True, slots=True)
class _Archive:
    """What path and inner name say, and the rows."""

    table: Table
    open_ns: IntArray
    step_ns: int
    symbol: str | None
    venue: str | None
    notes: tuple[str, ...]


def knows_trades(file: SourceFile) -> bool:
    return file.ending == ".zip" and not _is_quotes(file)


def knows_quotes(file: SourceFile) -> bool:
    return file.ending == ".zip" and _is_quotes(file)


def read_trades(file: SourceFile, asked: Asked) -> Imported:
    """Bars of one archive; seconds become minutes, since no shorter bar is stored."""
    archive = _open(file, ("time", *FIELDS))
    numbers = {field: read_numbers(file.name, field, archive.table.column(field)) for field in FIELDS}
    rows, notes, open_ns = len(archive.open_ns), archive.notes, archive.open_ns
    timeframe = {MINUTE_NS: Timeframe.M1, SECOND_NS: Timeframe.M1}.get(archive.step_ns)
    counts = {}
    if archive.step_ns == SECOND_NS:
        if (np.diff(open_ns) <= 0).any():
            raise DataRefused(f"{file.name}: seconds are not in order, allowed is oldest first, each once")
        open_ns, numbers = _minutes(open_ns, numbers)
        counts = {"second folded into its minute": rows}
    raw = RawBars(
        open_ns,
        numbers,
        rows,
        symbol=archive.symbol,
        venue=archive.venue,
        timeframe=timeframe,
        counts=counts,
        notes=notes,
    )
    return finish(file, TRADES, raw, asked)


def read_quotes(file: SourceFile, asked: Asked) -> Imported:
    """The best prices at the end of each bar, as series `bid`, `ask`, `bid_size`, `ask_size`."""
    archive = _open(file, ("time", *_QUOTE_FIELDS))
    if (np.diff(archive.open_ns) <= 0).any():
        raise DataRefused(f"{file.name}: rows are not in order, allowed is oldest first, each once")
    symbol, venue = symbol_of(file, archive.symbol, asked), venue_of(file, archive.venue, asked)
    closed = closed_rows(file, archive.open_ns, archive.open_ns + archive.step_ns, asked)
    readings, empty = _quotes(archive, closed.rows, symbol, venue)
    first, last = int(archive.open_ns[0]), int(archive.open_ns[closed.rows - 1])
    counts = {**({"side without a price": empty} if empty else {}), **closed.counts}
    notes = (*archive.notes, *closed.notes)
    report = Report(QUOTES, file.name, file.sha256, len(archive.open_ns), first, last, counts, notes)
    return Imported(report, readings=tuple(readings), lag_ns=lag_of("quote_bars").lag_ns)


def _quotes(archive: _Archive, rows: int, symbol: str, venue: str) -> tuple[list[Reading], int]:
    lag_ns, quote = lag_of("quote_bars").lag_ns, symbol.partition(":")[0].partition("/")[2]
    readings, empty = [], 0
    for name, field in _SERIES:
        unit = "contracts or base" if name.endswith("size") else quote
        texts = archive.table.column(field).to_pylist()[:rows]
        for open_ns, text in zip(archive.open_ns[:rows].tolist(), texts, strict=True):
            if not text.strip():
                empty += 1
                continue
            end_ns = open_ns + archive.step_ns
            value = _decimal(field, text)
            readings.append(Reading(name, symbol, venue, end_ns, end_ns + lag_ns, value, unit, taint=Taint.TRUSTED))
    return readings, empty


def _decimal(field: str, text: str) -> Decimal:
    try:
        value = Decimal(text)
    except ArithmeticError:
        value = Decimal("NaN")
    if not value.is_finite() or value < 0:
        raise DataRefused(f"{field} is {text!r}, allowed is a number not below zero")
    return value


def _open(file: SourceFile, columns: tuple[str, ...]) -> _Archive:
    parts = [part.lower() for part in file.path.absolute().parts]
    kind = next(
        (part for part in reversed(parts[:-1]) if part in _KINDS | {"equity", "forex", "option", "future", "cfd"}), None
    )
    if kind is not None and kind not in _KINDS:
        raise DataRefused(f"{file.name}: found LEAN {kind} data, allowed are crypto and cryptofuture")
    inner, content = unpack_one(file)
    named = _NAME.fullmatch(inner.lower())
    if named is None:
        raise DataRefused(
            f"{file.name}: found {inner!r} in the archive, allowed are names such as 20161007_btcusd_minute_trade.csv"
        )
    day, pair, resolution, _, future = named.groups()
    fields = content.split(b"\n", 1)[0].count(b",") + 1
    if fields != len(columns):
        raise DataRefused(f"{file.name}: found {fields} fields a row, allowed are {len(columns)}: {', '.join(columns)}")
    table = parse_csv(file.name, content, columns)
    open_ns, step_ns = _times(file.name, table.column("time"), day, resolution)
    symbol = parted(pair.upper())
    notes: tuple[str, ...] = ("times: milliseconds since midnight UTC" if day else "times: UTC, written out",)
    if symbol is not None and (kind == "cryptofuture" or future):
        symbol = perpetual(symbol)
        if not symbol.endswith(("USDT", "USDC", "BUSD")):
            notes = (*notes, "volume in contracts: the perpetual is settled in its coin")
    venue = parts[parts.index(kind) + 1] if kind is not None else None
    return _Archive(table, open_ns, step_ns, symbol, venue, notes)


def _times(name: str, column: Any, day: str | None, resolution: str | None) -> tuple[IntArray, int]:
    """Opens, and how long a bar is."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if day is not None and resolution is not None:
        since = read_numbers(name, "time", column)
        if (since < 0).any() or (since >= DAY_NS // 10**6).any():
            raise DataRefused(f"{name}: time is outside its day, allowed are milliseconds since midnight")
        midnight = parse_time(f"{day[:4]}-{day[4:6]}-{day[6:]}")
        return midnight + since.astype(np.int64) * 10**6, MINUTE_NS if resolution == "minute" else SECOND_NS
    if not pc.all(pc.match_substring_regex(column, pattern=r"^\d{8} \d\d:\d\d$")).as_py():
        raise DataRefused(f"{name}: time is {column[0].as_py()!r}, allowed is YYYYMMDD HH:MM")
    iso = pc.replace_substring_regex(column, r"^(\d{4})(\d\d)(\d\d) ", r"\1-\2-\3 ")
    open_ns = read_times(name, "time", iso.cast(pa.string()), "UTC").ns
    steps = np.diff(open_ns)
    hourly = len(steps) > 0 and bool((open_ns % DAY_NS != 0).any())
    return open_ns, 3_600 * SECOND_NS if hourly else DAY_NS


def _minutes(open_ns: IntArray, numbers: dict[str, FloatArray]) -> tuple[IntArray, dict[str, FloatArray]]:
    """Minutes of seconds; one without a trade is absent."""
    minutes = open_ns // MINUTE_NS * MINUTE_NS
    starts = np.flatnonzero(np.diff(minutes, prepend=-1))
    ends = np.append(starts[1:], len(minutes)) - 1
    return minutes[starts], {
        "open": numbers["open"][starts],
        "high": np.maximum.reduceat(numbers["high"], starts),
        "low": np.minimum.reduceat(numbers["low"], starts),
        "close": numbers["close"][ends],
        "volume": np.add.reduceat(numbers["volume"], starts),
    }


def _is_quotes(file: SourceFile) -> bool:
    return "_quote" in file.name.lower()
