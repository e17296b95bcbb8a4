"""One folder of Parquet parts under one manifest: written all or not at all, by one writer at a time, read by many.

Parts are named by their content and never changed in place. A write puts its parts beside the old ones and then swaps
the manifest, which is the commit: a process killed before that has changed nothing, and what it left behind is swept
by the next write. Readers of the old manifest find its parts until then, and look again if they are gone.
"""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from core.canonical import JSON, digest_bytes
from core.errors import DataRefused
from market.store.locking import locked
from market.store.manifest import Manifest, Part, Span, from_bytes, to_bytes

Table = Any  # pyarrow ships no types
Answer = TypeVar("Answer")

MANIFEST = "manifest.json"
LOCK = ".lock"
_TEMPORARY = ".tmp"
_PART = re.compile(r"^[0-9-]+\.([0-9a-f]{12})\.parquet$")


class Fault(NamedTuple):
    """One thing that is not as the manifest says. `harmless` is what an interrupted write left, never read."""

    path: Path
    what: str
    harmless: bool = False


@dataclass(frozen=True, slots=True)
class _Stamp:
    inode: int
    mtime_ns: int
    size: int


class Shelf:
    """A data set on disk: `kind` and `key` name it. Reading one that does not exist gives an empty manifest."""

    def __init__(self, folder: Path, kind: str, key: Mapping[str, str]) -> None:
        self.folder = folder
        self._empty = Manifest(kind, dict(key))
        self._manifest = self._empty
        self._stamp: _Stamp | None = None
        self._pinned: dict[str, bytes] = {}

    @property
    def path(self) -> Path:
        return self.folder / MANIFEST

    def manifest(self) -> Manifest:
        """As it is now: read again only when the file is another one. Costs one stat."""
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            self._stamp, self._manifest = None, self._empty
            return self._empty
        stamp = _Stamp(found.st_ino, found.st_mtime_ns, found.st_size)
        if stamp != self._stamp:
            manifest = from_bytes(_read(self.path), self.path)
            if (manifest.kind, dict(manifest.key)) != (self._empty.kind, dict(self._empty.key)):
                raise DataRefused(f"{self.path}: it is the manifest of {manifest.kind} {dict(manifest.key)}")
            self._stamp, self._manifest = stamp, manifest
        return self._manifest

    def content(self, part: Part) -> bytes:
        """The part's bytes as they were written. One that was changed by hand is never read."""
        if part.sha256 in self._pinned:
            return self._pinned[part.sha256]
        content = _read(self.folder / part.file)
        if digest_bytes(content) != part.sha256:
            raise DataRefused(
                f"{self.folder / part.file} is not what was written: its SHA-256 differs from the manifest's;"
                " `warden data verify` names every such file"
            )
        return content

    def pin(self) -> Manifest:
        """The manifest of now, whose parts can be read from here on whatever a writer replaces: they stay in memory,
        packed as they lie on disk."""

        def read(manifest: Manifest) -> Manifest:
            self._pinned.update({part.sha256: self.content(part) for part in manifest.parts})
            return manifest

        return self.reading(read)

    def table(self, part: Part) -> Table:
        """The part's rows as a pyarrow table."""
        return read_parquet(self.content(part))

    def reading(self, read: Callable[[Manifest], Answer]) -> Answer:
        """`read` on the manifest of now, again where a writer swept a part in the meantime."""
        for _ in range(3):
            try:
                return read(self.manifest())
            except FileNotFoundError:
                self._stamp = None
        try:
            return read(self.manifest())
        except FileNotFoundError as missing:
            raise DataRefused(
                f"{missing.filename} is in the manifest and not on disk; `warden data verify` names every such file"
            ) from None

    @contextmanager
    def writing(self) -> Iterator[Draft]:
        """Alone until it ends: what the draft was given is then committed at once. An exception commits nothing."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with locked(self.folder / LOCK):
                self._sweep(self.manifest())
                draft = Draft(self, self.manifest())
                yield draft
                if draft.manifest is not draft.before:
                    _settle(self.folder)
                    _write(self.path, to_bytes(draft.manifest))
                    _settle(self.folder)
                    self._sweep(self.manifest())
        except OSError as error:
            where = error.filename or self.folder
            raise DataRefused(f"{where} cannot be written: {error.strerror or error}; nothing was changed") from None

    def cover(self, span: Span) -> None:
        """Remembers that a range was asked for, once there is something to read."""
        with self.writing() as draft:
            if draft.manifest.parts:
                draft.manifest = draft.manifest.covering(span)

    def faults(self) -> list[Fault]:
        """Every difference of folder and manifest: changed, missing and unlisted files."""
        try:
            self._stamp = None
            manifest = self.manifest()
        except DataRefused as refused:
            return [Fault(self.path, str(refused).removeprefix(f"{self.path}: "))]
        found = [fault for part in manifest.parts if (fault := self._fault(part)) is not None]
        listed = {MANIFEST, LOCK, *(part.file for part in manifest.parts)}
        others = sorted(path for path in self.folder.iterdir() if path.name not in listed)
        return found + [
            Fault(path, "left by an interrupted write; the next write removes it", harmless=True)
            if _is_leftover(path)
            else Fault(path, "not in the manifest")
            for path in others
        ]

    def _fault(self, part: Part) -> Fault | None:
        path = self.folder / part.file
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return Fault(path, f"missing: it held {part.rows} rows")
        except OSError as error:
            return Fault(path, f"cannot be read ({error.strerror})")
        if len(content) != part.bytes or digest_bytes(content) != part.sha256:
            return Fault(path, f"changed: {len(content)} bytes where {part.bytes} were written, or other ones")
        return None

    def _sweep(self, manifest: Manifest) -> None:
        """Removes what no manifest names and provably was ours: temporary files, and parts that hold what they say."""
        listed = {part.file for part in manifest.parts}
        for path in list(self.folder.iterdir()):
            if path.name not in listed and _is_leftover(path):
                path.unlink(missing_ok=True)


class Draft:
    """What a write is about to commit."""

    def __init__(self, shelf: Shelf, manifest: Manifest) -> None:
        self._shelf = shelf
        self.before = manifest
        self.manifest = manifest

    def put(
        self, name: str, table: Table, span: tuple[int, int], stats: Mapping[str, JSON], *, instead_of: str
    ) -> Part:
        """Writes one part (`span` is its first and last event time) and takes it up in place of the file named."""
        content = to_parquet(table)
        sha = digest_bytes(content)
        part = Part(
            name=name,
            file=f"{name}.{sha[:12]}.parquet",
            rows=table.num_rows,
            first_ns=span[0],
            last_ns=span[1],
            sha256=sha,
            bytes=len(content),
            stats=stats,
        )
        if part.file not in {p.file for p in self.before.parts}:
            _write(self._shelf.folder / part.file, content)
        self.manifest = self.manifest.with_part(part, instead_of=instead_of)
        return part

    def drop(self, parts: Sequence[Part]) -> None:
        """Leaves parts out: their rows must have been put into another one."""
        gone = {part.file for part in parts}
        self.manifest = replace(self.manifest, parts=tuple(p for p in self.manifest.parts if p.file not in gone))


def to_parquet(table: Table) -> bytes:
    """The same rows give the same bytes, under one version of pyarrow."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    # Times as differences, and numbers without a dictionary, which they fill and leave again: a month of minutes takes
    # less than half the room, in a third of the time.
    pq.write_table(
        table,
        sink,
        compression="zstd",
        write_statistics=True,
        store_schema=False,
        use_dictionary=[
            f.name for f in table.schema if not (pa.types.is_int64(f.type) or pa.types.is_floating(f.type))
        ],
        column_encoding={f.name: "DELTA_BINARY_PACKED" for f in table.schema if pa.types.is_int64(f.type)},
    )
    return sink.getvalue()


def read_parquet(content: bytes) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    return pq.ParquetFile(pa.BufferReader(content)).read(use_threads=False)


def _read(path: Path) -> bytes:
    """A missing file is for the caller to look for again; one that may not be read is refused."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DataRefused(f"{path} cannot be read: {error.strerror or error}") from None


def _write(path: Path, content: bytes) -> None:
    """On disk whole, or not there: a temporary file, fsync, rename."""
    temporary = path.with_name(path.name + _TEMPORARY)
    with open(temporary, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def _settle(folder: Path) -> None:
    """Renames in a folder are on disk when it is."""
    if sys.platform != "win32":  # where a folder cannot be opened
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _is_leftover(path: Path) -> bool:
    if not path.is_file():
        return False
    if path.name.endswith(_TEMPORARY):
        return True
    named = _PART.match(path.name)
    return named is not None and digest_bytes(path.read_bytes()).startswith(named[1])
