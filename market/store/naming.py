"""How venues, symbols and series are called on disk, and how times are cut into months and days."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np

from core.errors import ConfigError
from market.store.manifest import Manifest, from_bytes
from market.store.shelf import MANIFEST

if TYPE_CHECKING:
    from core.bars import IntArray

_LONGEST = 120


def folder_name(name: str) -> str:
    """A folder for any name, another for another: BTC/USDT:USDT is BTC_USDT+USDT. The manifest holds the true name."""
    if len(name) > _LONGEST:
        raise ConfigError(f"the name {name[:40]}… has {len(name)} characters, allowed are {_LONGEST}")
    if not name:
        return "%"
    safe = quote(name, safe="").replace("_", "%5F").replace("%2F", "_").replace("%3A", "+")
    # Neither hidden nor the folder above.
    return safe.replace(".", "%2E") if safe.startswith(".") else safe


def months_of(times_ns: IntArray) -> Iterator[tuple[str, slice]]:
    """'2021-05' and which of the sorted times lie in it."""
    yield from _runs(times_ns, "M")


def days_of(times_ns: IntArray) -> Iterator[tuple[str, slice]]:
    """'2021-05-19' and which of the sorted times lie in it."""
    yield from _runs(times_ns, "D")


def month_of(time_ns: int) -> str:
    return str(np.datetime64(time_ns, "ns").astype("datetime64[M]"))


def manifests_under(root: Path) -> Iterator[Manifest]:
    """Of every data set below a folder, in the order of their paths."""
    for path in sorted(root.rglob(MANIFEST)):
        yield from_bytes(path.read_bytes(), path)


def _runs(times_ns: IntArray, unit: str) -> Iterator[tuple[str, slice]]:
    if not len(times_ns):
        return
    starts: list[int]
    units = times_ns.astype("datetime64[ns]").astype(f"datetime64[{unit}]")
    starts = [0, *(np.flatnonzero(units[1:] != units[:-1]) + 1).tolist()] if len(units) else []
    for start, end in zip(starts, [*starts[1:], len(units)], strict=True):
        yield str(units[start]), slice(start, end)
