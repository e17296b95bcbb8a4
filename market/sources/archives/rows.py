"""Rows of a text archive, and what all archive readers report."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final

from core.errors import ConfigError, DataRefused
from core.time import parse_time
from market.importing.shape import Asked, Imported, Report
from market.sources.items import Reading, TextItem

if TYPE_CHECKING:
    from market.importing.opening import SourceFile

_LONGEST_FIELD: Final = 4_000_000
_DAY: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
Row = dict[str, str]


def rows_of(file: SourceFile, *, names: Sequence[str] | None = None) -> list[Row]:
    """Every row by its columns; DataRefused for a row with more or fewer fields than the header."""
    csv.field_size_limit(_LONGEST_FIELD)
    try:
        lines = list(csv.reader(io.StringIO(file.content.decode("utf-8-sig")), strict=True))
    except (UnicodeDecodeError, csv.Error) as broken:
        raise DataRefused(f"{file.name}: found no readable CSV ({broken})") from None
    header = list(names) if names is not None else lines.pop(0)
    for number, line in enumerate(lines, 1):
        if line and len(line) != len(header):
            raise DataRefused(f"{file.name} row {number}: found {len(line)} fields, allowed are {len(header)}")
    return [dict(zip(header, line, strict=True)) for line in lines if line]


def day_ns(file: SourceFile, row: int, text: str) -> int:
    """Midnight UTC of '2021-05-19', also where a midnight stands behind it; DataRefused for anything else."""
    stripped = re.sub(r"[T ]0{1,2}:00(:00(\.0+)?)?Z?$", "", text.strip())
    match = _DAY.fullmatch(stripped)
    try:
        if match is not None:
            return parse_time(date(int(match[1]), int(match[2]), int(match[3])).isoformat())
    except ValueError:
        pass
    raise DataRefused(f"{file.name} row {row}: the date is {text[:40]!r}, allowed is one such as 2021-05-19")


def time_ns(file: SourceFile, row: int, text: str) -> int:
    """UTC of a date and time; DataRefused for anything else."""
    try:
        return parse_time(text)
    except ConfigError:
        raise DataRefused(f"{file.name} row {row}: the time is {text[:40]!r}, allowed is ISO 8601") from None


def value_of(file: SourceFile, row: int, field: str, text: str) -> Decimal:
    """A number exactly as it is written; DataRefused for what is none."""
    try:
        found = Decimal(text.strip())
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise DataRefused(f"{file.name} row {row}: {field} is {text[:40]!r}, allowed is a finite number")
    return found


def asset_of(file: SourceFile, found: str | None, asked: Asked) -> str:
    """The operator's word, or the file's; DataRefused where there is neither, or they contradict."""
    said = None if asked.symbol is None else asked.symbol.partition("/")[0].upper()
    named = None if found is None else found.upper()
    if said and named and said != named:
        raise DataRefused(f"{file.name}: it says {named}, asked for was {said}")
    if asset := said or named:
        return asset
    raise DataRefused(f"{file.name}: of which asset it is stands nowhere; say it with --symbol, such as BTC/USD")


def numbers(
    file: SourceFile, dialect: str, rows: int, readings: Sequence[Reading], counts: Counter[str], *notes: str
) -> Imported:
    """Readings with their report; rows that repeat a key are folded where they agree, and refused where they do not."""
    if not readings:
        raise DataRefused(f"{file.name}: found no row with a number")
    kept: dict[tuple[str, str, int], Reading] = {}
    for reading in readings:
        key = (reading.series, reading.asset, reading.event_ns)
        before = kept.setdefault(key, reading)
        if before is not reading:
            if before.value != reading.value:
                raise DataRefused(
                    f"{file.name}: {reading.series} has two values of one time, {before.value} and another"
                )
            counts["duplicates"] += 1
    found = sorted(kept.values(), key=lambda reading: (reading.event_ns, reading.series))
    span = (found[0].event_ns, found[-1].event_ns)
    report = Report(dialect, file.name, file.sha256, rows, *span, +counts, notes)
    return Imported(report, readings=tuple(found))


def texts(
    file: SourceFile, dialect: str, rows: int, items: Sequence[TextItem], counts: Counter[str], *notes: str
) -> Imported:
    """Items with their report: languages, copies, undated, hidden."""
    if not items:
        raise DataRefused(f"{file.name}: found no text")
    counts = counts + Counter(f"language {item.language}" for item in items)
    span = (min(item.event_ns for item in items), max(item.event_ns for item in items))
    report = Report(dialect, file.name, file.sha256, rows, *span, dict(sorted(counts.items())), notes)
    return Imported(report, texts=tuple(items))


def numbered(rows: Sequence[Row]) -> Iterator[tuple[int, Row]]:
    """Rows counted from 1, as a person counts them below the header."""
    return enumerate(rows, 1)
