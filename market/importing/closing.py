"""Whether the last bar of a file had closed when the file was made: a dump taken in the middle of a bar has half of it.

A bar with a later one behind it has closed. The last one is proved by the operator's word or by the times of the file
itself: none of them is before it was made. Where no time can be believed, the last bar is left out, and counted.
"""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from core.errors import DataRefused
from core.time import HOUR_NS, SECOND_NS, show_time

if TYPE_CHECKING:
    from core.bars import IntArray
    from market.importing.opening import SourceFile
    from market.importing.shape import Asked

_BEHIND_UTC_NS = 12 * HOUR_NS  # zip archives write local time and no zone; none is further behind
_ZIP_EPOCH_YEAR = 1980  # what a tool writes that does not know the time


@dataclass(frozen=True, slots=True)
class Closed:
    """How many of the rows are closed bars, and what a report says of the others."""

    rows: int
    counts: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def closed_rows(file: SourceFile, open_ns: IntArray, close_ns: IntArray, asked: Asked) -> Closed:
    """Of bars, oldest first, those that had closed when the file was made. DataRefused where none is left, and for bars
    that open after the time at which the operator says that it was made."""
    first, last = int(open_ns[-1]), int(close_ns[-1])
    if asked.made_ns is not None:
        if first > asked.made_ns:
            raise DataRefused(
                f"{file.name}: it has a bar that opens at {show_time(first)}, after it was made at"
                f" {show_time(asked.made_ns)}; allowed is the time at which it was made, or a later one"
            )
        made, why = asked.made_ns, f"and the file was made at {show_time(asked.made_ns)}"
    else:
        times = [time for time in _times(file) if time >= first]
        made = min(times, default=first)
        why = f"and the file is of {show_time(made)}" if times else "and the file's own time is before it"
    if last <= made:
        return Closed(len(open_ns))
    if len(open_ns) == 1:
        raise DataRefused(
            f"{file.name}: its only bar closes at {show_time(last)}, {why}; say when it was made with --made-at"
        )
    said = "" if asked.made_ns is not None else "; if it had closed, say when the file was made with --made-at"
    note = f"the bar of {show_time(first)} was left out: it closes at {show_time(last)}, {why}{said}"
    return Closed(len(open_ns) - 1, {"not closed, left out": 1}, (note,))


def _times(file: SourceFile) -> Iterator[int]:
    """Times (ns) none of which, if it can be believed, is before the file was made."""
    yield file.modified_ns
    if file.path.name.lower().endswith(".gz"):
        with gzip.GzipFile(fileobj=io.BytesIO(file.packed)) as archive:
            archive.peek(1)
            yield (archive.mtime or 0) * SECOND_NS
    if file.ending == ".zip":
        with zipfile.ZipFile(io.BytesIO(file.content)) as archive_of_one:
            written = max(entry.date_time for entry in archive_of_one.infolist())
        if written[0] > _ZIP_EPOCH_YEAR:
            yield _ns(written) + _BEHIND_UTC_NS


def _ns(written: tuple[int, int, int, int, int, int]) -> int:
    try:
        return int(datetime(*written, tzinfo=UTC).timestamp()) * SECOND_NS
    except ValueError:  # such as a month 0
        return 0
