"""The one canonical form that is hashed: sorted keys, no floats, decimals as canonical text, times as integers."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, Final
from uuid import UUID

from core.money import text_of

JSON = Any

# Metadata of a dataclass field that is left out while it has its default: what was hashed before there was such a field
# keeps its hash.
QUIET: Final = {"quiet": True}


def plain(value: object) -> JSON:
    """`value` as JSON data in canonical form. Sets are sorted; a float anywhere is refused."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str | int):
        return value
    if isinstance(value, Decimal):
        return text_of(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((plain(item) for item in value), key=canonical_text)
    if is_dataclass(value) and not isinstance(value, type):
        said = ((name, getattr(value, name), quiet) for name, quiet in _fields(type(value)))
        return {name: plain(item) for name, item, quiet in said if quiet is MISSING or item != quiet}
    if hasattr(value, "model_dump"):
        return plain(value.model_dump())
    raise TypeError(f"{type(value).__name__} has no canonical form (floats are cut to text at the edge): {value!r}")


@cache
def _fields(kind: type) -> tuple[tuple[str, object], ...]:
    """The names of a dataclass's fields, each with the default that leaves it out, if one does."""
    return tuple((f.name, f.default if f.metadata.get("quiet") else MISSING) for f in fields(kind))


def canonical_text(value: object) -> str:
    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(value: object) -> str:
    """SHA-256 of the canonical form, in hexadecimal."""
    # A lone surrogate is no text, and still must not stop a review from answering.
    return digest_bytes(canonical_text(value).encode(errors="surrogatepass"))


def digest_bytes(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
