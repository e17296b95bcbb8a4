"""Opens one file as far as it takes to tell what it is: its ending, its columns, its first lines."""

from __future__ import annotations

import csv
import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from core.canonical import digest_bytes
from core.errors import DataRefused

Table = Any  # pyarrow ships no types

ENDINGS = (".parquet", ".csv", ".feather", ".zip", ".json", ".jsonl", ".txt")
LAYOUTS = "allowed are the files that `warden data import --help` names"
# What the zip library raises on a damaged archive: it has no one error for it.
_BROKEN_ZIP = (
    zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, RuntimeError, EOFError, ValueError, OSError,
)  # fmt: skip
_LARGEST = 4 * 1024**3  # unpacked: a small archive can hold more than any memory


@dataclass(frozen=True)
class SourceFile:
    """A file in memory. `content` is unpacked where the name ends in .gz; `packed` is as it lies on disk.

    `modified_ns` is when it was last written, as far as the disk knows.
    """

    path: Path
    packed: bytes
    content: bytes
    ending: str
    modified_ns: int

    @property
    def name(self) -> str:
        return self.path.name

    @cached_property
    def sha256(self) -> str:
        """Of the file as it lies on disk."""
        return digest_bytes(self.packed)

    @cached_property
    def head(self) -> tuple[str, ...]:
        """The first three lines of a text."""
        return tuple(self.content[:8192].decode("utf-8-sig", errors="replace").splitlines()[:3])

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Names of a table's columns, or the fields of a text's first line."""
        if self.ending in (".parquet", ".feather"):
            return tuple(self._names())
        return split(self.head[0]) if self.head else ()

    def table(self) -> Table:
        """All of a Parquet or Feather file."""
        import pyarrow as pa
        import pyarrow.feather as feather
        import pyarrow.parquet as pq

        try:
            if self.ending == ".parquet":
                return pq.ParquetFile(pa.BufferReader(self.content)).read()
            return feather.read_table(pa.BufferReader(self.content))
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise DataRefused(f"{self.name}: found no readable {self.kind} ({line_of(error)}), {LAYOUTS}") from None

    def csv(self, names: Sequence[str] | None = None, *, skip: int = 0) -> Table:
        """A CSV with every field as text, so that a refusal can show what stood there. `names` where it has no header.

        `skip` is how many lines stand before the header or the first row.
        """
        return parse_csv(self.name, self.content, names, skip=skip, header=self._header(skip))

    @property
    def kind(self) -> str:
        return {".parquet": "Parquet", ".feather": "Feather"}.get(self.ending, self.ending[1:].upper())

    def _header(self, skip: int) -> tuple[str, ...]:
        return split(self.head[skip]) if len(self.head) > skip else ()

    def _names(self) -> Sequence[str]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            if self.ending == ".parquet":
                return list(pq.ParquetFile(pa.BufferReader(self.content)).schema_arrow.names)
            return list(self.table().column_names)
        # Column names that are no text raise UnicodeDecodeError.
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise DataRefused(f"{self.name}: found no readable {self.kind} ({line_of(error)}), {LAYOUTS}") from None


def open_file(path: Path) -> SourceFile:
    """The file, or DataRefused in one sentence."""
    try:
        packed, modified_ns = path.read_bytes(), path.stat().st_mtime_ns
    except FileNotFoundError:
        raise DataRefused(f"found no file {path}, {LAYOUTS}") from None
    except OSError as error:
        raise DataRefused(f"{path} cannot be read ({error.strerror}), {LAYOUTS}") from None
    if not packed:
        raise DataRefused(f"{path.name}: found an empty file, {LAYOUTS}")
    lower = path.name.lower()
    plain = lower.removesuffix(".gz")
    ending = next((e for e in ENDINGS if plain.endswith(e)), None)
    if ending is None:
        raise DataRefused(f"{path.name}: found a name with another ending, allowed are {', '.join(ENDINGS)} and .gz")
    content = _unzipped(path.name, packed) if lower.endswith(".gz") else packed
    _refuse_disguise(path.name, ending, content)
    return SourceFile(path, packed, content, ending, modified_ns)


def unpack_one(file: SourceFile) -> tuple[str, bytes]:
    """Name and content of the only file in a zip archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) != 1:
                raise DataRefused(f"{file.name}: found {len(entries)} files in the archive, allowed is one")
            if entries[0].file_size > _LARGEST:
                raise DataRefused(f"{file.name}: unpacked it has {entries[0].file_size} bytes, allowed are {_LARGEST}")
            return entries[0].filename, archive.read(entries[0])
    except _BROKEN_ZIP as error:
        raise DataRefused(f"{file.name}: found no readable zip archive ({line_of(error)})") from None


def parse_csv(
    name: str, content: bytes, names: Sequence[str] | None = None, *, skip: int = 0, header: Sequence[str] = ()
) -> Table:
    """Bytes as a table of texts: `names` where there is no header, else those of `header`."""
    import pyarrow as pa
    import pyarrow.csv as pa_csv

    columns = list(names) if names is not None else list(header)
    first = content[:8192].split(b"\n", skip + 1)[skip : skip + 1]
    delimiter = ";" if first and first[0].count(b";") > first[0].count(b",") else ","
    # As text first: only then can a refusal show what stood in the file, and NA or an empty field not pass as a gap.
    as_text = pa_csv.ConvertOptions(column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=False)
    reading = pa_csv.ReadOptions(skip_rows=skip, column_names=list(names) if names is not None else None)
    parsing = pa_csv.ParseOptions(delimiter=delimiter)
    try:
        table = pa_csv.read_csv(io.BytesIO(content), reading, parsing, as_text)
        found = list(table.column_names)
    # Column names that are no text raise UnicodeDecodeError.
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise DataRefused(f"{name}: found no readable CSV ({line_of(error)}), {LAYOUTS}") from None
    if found != columns:  # an empty line before the header, whose columns would then be guessed
        raise DataRefused(f"{name}: found no header in line {skip + 1}, {LAYOUTS}")
    return table


def split(line: str) -> tuple[str, ...]:
    """The fields of a line, parted by commas or, where there are more of them, by semicolons."""
    delimiter = ";" if line.count(";") > line.count(",") else ","
    return tuple(next(csv.reader([line], delimiter=delimiter), []))


def line_of(error: Exception) -> str:
    """The first line of what a library says."""
    return str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__


def _unzipped(name: str, packed: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
            content = file.read(_LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataRefused(f"{name}: found no readable gzip ({line_of(error)}), {LAYOUTS}") from None
    if len(content) > _LARGEST:
        raise DataRefused(f"{name}: unpacked it has more than {_LARGEST} bytes, which is the most allowed")
    if not content:
        raise DataRefused(f"{name}: found an empty file, {LAYOUTS}")
    return content


def _refuse_disguise(name: str, ending: str, content: bytes) -> None:
    """A container under the name of something else."""
    shows = (
        (b"\x1f\x8b", "gzip", "a name ending in .gz", ()),
        (b"PK\x03\x04", "a zip archive", "a name ending in .zip", (".zip",)),
        (b"ARROW1", "a Feather file", "a name ending in .feather", (".feather",)),
        (b"FEA1", "a Feather file of version 1", "version 2 of Feather", ()),
        (b"PAR1", "a Parquet file", "a name ending in .parquet", (".parquet",)),
    )
    for magic, found, allowed, endings in shows:
        if content.startswith(magic) and ending not in endings:
            raise DataRefused(f"{name}: found {found}, which is allowed under {allowed}")
