"""What a data set on disk holds: its parts with their hashes, what was asked for, and where it came from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from core.canonical import JSON, digest, digest_bytes
from core.errors import DataRefused

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = 1
_MAX_ORIGINS = 200


class Span(NamedTuple):
    """Times with `start_ns <= t < end_ns`."""

    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Part:
    """One file: a month or a day, `rows` of them, from `first_ns` to `last_ns` in event time. `stats` is the kind's."""

    name: str
    file: str
    rows: int
    first_ns: int
    last_ns: int
    sha256: str
    bytes: int
    stats: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where rows came from: a file or a venue, seen when, known how long after their event, made by which tools.

    `sha256` is of the imported file, empty for what was fetched.
    """

    source: str
    seen_ns: int
    lag_ns: int = 0
    tools: Mapping[str, str] = field(default_factory=dict)
    sha256: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """One data set. `key` names it, `covered` is what was once asked of the venue, whether or not it had rows."""

    kind: str
    key: Mapping[str, str]
    parts: tuple[Part, ...] = ()
    covered: tuple[Span, ...] = ()
    origins: tuple[Origin, ...] = ()

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts)

    @property
    def content_hash(self) -> str:
        """Of every row of every part: part of a run's identity."""
        return digest([self.kind, dict(self.key), [[part.name, part.sha256] for part in self.parts]])

    def with_part(self, part: Part, *, instead_of: str) -> Manifest:
        """With one part more, or another in the place of the file `instead_of`; in order of their names."""
        kept = [p for p in self.parts if p.file not in (instead_of, part.file)]
        return replace(self, parts=tuple(sorted([*kept, part], key=lambda p: (p.name, p.first_ns))))

    def covering(self, span: Span) -> Manifest:
        return replace(self, covered=merged([*self.covered, span]))

    def from_origin(self, origin: Origin) -> Manifest:
        """With one origin more; what was fetched again with the same tools is one origin, last seen later."""
        kept = [o for o in self.origins if replace(o, seen_ns=origin.seen_ns) != origin]
        return replace(self, origins=(*kept, origin)[-_MAX_ORIGINS:])


def merged(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Sorted, and joined where they touch."""
    result: list[Span] = []
    for span in sorted(spans):
        if result and span.start_ns <= result[-1].end_ns:
            result[-1] = Span(result[-1].start_ns, max(result[-1].end_ns, span.end_ns))
        else:
            result.append(span)
    return tuple(result)


def to_bytes(manifest: Manifest) -> bytes:
    """JSON with a hash of itself, so that an edit by hand shows."""
    body = {"format": FORMAT, **asdict(manifest)}
    return json.dumps({**body, "sha256": _own_hash(body)}, indent=1, sort_keys=True).encode() + b"\n"


def from_bytes(content: bytes, path: Path) -> Manifest:
    """The manifest that the file at `path` holds, or DataRefused."""
    try:
        body = json.loads(content)
        claimed, found = body.pop("sha256"), body["format"]
    except (ValueError, KeyError, AttributeError, TypeError):
        raise DataRefused(f"{path}: found no manifest, allowed is one that this store wrote") from None
    if found != FORMAT:
        raise DataRefused(f"{path}: found a manifest of format {found}, allowed is {FORMAT}")
    if _own_hash(body) != claimed:
        raise DataRefused(f"{path}: the manifest was changed by hand; restore it, or import its data again")
    return Manifest(
        kind=body["kind"],
        key=body["key"],
        parts=tuple(Part(**part) for part in body["parts"]),
        covered=tuple(Span(*span) for span in body["covered"]),
        origins=tuple(Origin(**{**o, "notes": tuple(o["notes"])}) for o in body["origins"]),
    )


def _own_hash(body: JSON) -> str:
    return digest_bytes(json.dumps(body, sort_keys=True, separators=(",", ":")).encode())
