"""The one canonical form that is hashed: sorted keys, no floats, decimals as canonical text, times as integers."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from types import NoneType
from typing import Any, Final, Self
from uuid import UUID

from core.money import text_of

JSON = Any

# Metadata of a dataclass field that is left out while it has its default: what was hashed before there was such a field
# keeps its hash.
QUIET: Final = {"quiet": True}


def plain(value: object) -> JSON:
    """`value` as JSON data in canonical form. Sets are sorted; a float anywhere is refused."""
    return _WAYS[type(value)](value)


@dataclass(frozen=True, slots=True)
class Canonical:
    """A value in its canonical form, with the text of it: for what is stored, named and hashed in several places.

    It stands for the value wherever one is made plain, hashed or stored. `value` is shared and not to be changed.
    """

    value: JSON
    text: str

    @classmethod
    def of(cls, value: object) -> Self:
        made = plain(value)
        return cls(made, _text(made))

    @classmethod
    def listing(cls, parts: Sequence["Canonical"]) -> Self:
        """The list of values that are in their form already: none is written again."""
        return cls([part.value for part in parts], f"[{','.join(part.text for part in parts)}]")

    @classmethod
    def mapping(cls, parts: Mapping[str, "Canonical"]) -> Self:
        """The mapping of such values."""
        names = sorted(parts)
        text = ",".join(f"{_text(name)}:{parts[name].text}" for name in names)
        return cls({name: parts[name].value for name in names}, f"{{{text}}}")

    @property
    def digest(self) -> str:
        """`digest` of the value."""
        return digest_bytes(self.text.encode(errors="surrogatepass"))


def canonical_text(value: object) -> str:
    return value.text if isinstance(value, Canonical) else _text(plain(value))


# A form is worked out thousands of times an order: one way for each type, chosen once.


class _Ways(dict[type, Callable[[Any], JSON]]):
    def __missing__(self, kind: type) -> Callable[[Any], JSON]:
        return self.setdefault(kind, _way(kind))


def _way(kind: type) -> Callable[[Any], JSON]:
    if issubclass(kind, Enum):
        return lambda value: value.value
    if issubclass(kind, str | int | NoneType):
        return lambda value: value
    if issubclass(kind, Decimal):
        return text_of
    if issubclass(kind, UUID) or kind is date:  # and no datetime: times are nanoseconds
        return str
    if issubclass(kind, Mapping):
        return lambda value: {
            key if type(key) is str else str(plain(key)): _WAYS[type(item)](item) for key, item in value.items()
        }
    if issubclass(kind, list | tuple):
        return lambda value: [_WAYS[type(item)](item) for item in value]
    if issubclass(kind, set | frozenset):
        return lambda value: sorted((plain(item) for item in value), key=canonical_text)
    if issubclass(kind, Canonical):
        return lambda value: value.value
    if is_dataclass(kind):
        return _of_fields(kind)
    if hasattr(kind, "model_dump"):
        return lambda value: plain(value.model_dump())
    return _none


def _of_fields(kind: type) -> Callable[[Any], JSON]:
    """Every field by its name, but for those that are left out while they have their default."""
    names = tuple(field.name for field in fields(kind))
    quiet = {field.name: field.default for field in fields(kind) if field.metadata.get("quiet")}

    def whole(value: object) -> JSON:
        return {name: _WAYS[type(item := getattr(value, name))](item) for name in names}

    def spoken(value: object) -> JSON:
        told = (name for name in names if name not in quiet or getattr(value, name) != quiet[name])
        return {name: plain(getattr(value, name)) for name in told}

    return spoken if quiet else whole


def _none(value: object) -> JSON:
    raise TypeError(f"{type(value).__name__} has no canonical form (floats are cut to text at the edge): {value!r}")


_WAYS: Final = _Ways()
_text: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


def digest(value: object) -> str:
    """SHA-256 of the canonical form, in hexadecimal."""
    # A lone surrogate is no text, and still must not stop a review from answering.
    return digest_bytes(canonical_text(value).encode(errors="surrogatepass"))


def digest_bytes(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
