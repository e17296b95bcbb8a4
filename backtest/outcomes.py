"""Outcomes on disk: one file, an archive of JSON and NumPy arrays, named by its hash. Never pickle.

`outcome.json` holds what is words and the SHA-256 of every array beside it; `numpy.load` and any unzip can open it.
What is saved twice is the same file. Candles may be kept with it, so that a report can draw trades on them, and every
set of parameters that it was picked from.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from core.bars import Bars
from core.errors import DataRefused
from core.time import Timeframe
from tools.simulation.outcome import ExitReason, Outcome, Trade, Tried

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from core.canonical import JSON

SCHEMA: Final = 1
SUFFIX: Final = ".outcome.npz"
_WORDS: Final = "outcome.json"
_LINES: Final = ("close_ns", "equity", "exposure", "held")
_CANDLES: Final = ("open_ns", "open", "high", "low", "close", "volume")
_NUMBERS: Final = ("opened_ns", "closed_ns", "quantity", "entry", "exit", "fees", "slippage", "funding", "profit")
_NAMED: Final = ("symbol", "reason", "strategy", "agent")  # kept as places in a list of words
_MOST_BYTES: Final = 4 * 2**30  # of what an archive may hold once it is opened
# What opening something else raises; an archive that is locked is a RuntimeError.
_STRANGE: Final = (zipfile.BadZipFile, zlib.error, KeyError, ValueError, TypeError, IndexError, EOFError, RuntimeError)
_HASHED: Final = re.compile(r"-([0-9a-f]{12})" + re.escape(SUFFIX) + "$")


@dataclass(frozen=True, slots=True)
class Kept:
    """An outcome as it was read back, what was kept with it, and the SHA-256 of the file."""

    outcome: Outcome
    candles: tuple[Bars, ...]
    digest: str
    tried: Tried | None = None


def save(outcome: Outcome, folder: Path, *, candles: Sequence[Bars] = (), tried: Tried | None = None) -> Path:
    """Writes the file into `folder` and returns its path; one that is there already is the same.

    Raises DataRefused where a parameter or cost is not a finite number: JSON has none for it.
    """
    content = _content(outcome, candles, tried)
    slug = re.sub(r"[^a-z0-9]+", "-", outcome.name.lower()).strip("-")[:40] or "outcome"
    path = folder / f"{slug}-{hashlib.sha256(content).hexdigest()[:12]}{SUFFIX}"
    folder.mkdir(parents=True, exist_ok=True)
    written = path.with_name(path.name + ".part")
    written.write_bytes(content)
    written.replace(path)
    return path


def read(path: Path) -> Kept:
    """Raises DataRefused for what is no outcome, was changed, or is not what its name says."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataRefused(f"{path} cannot be read: {error.strerror or error}") from error
    digest = hashlib.sha256(content).hexdigest()
    if (named := _HASHED.search(path.name)) and not digest.startswith(named[1]):
        raise DataRefused(f"{path.name} has the hash {digest[:12]}: it was changed, or was cut off")
    try:
        outcome, candles, tried = _opened(content)
    except _STRANGE as wrong:
        raise DataRefused(f"{path.name} is no outcome of a backtest: {wrong}") from wrong
    return Kept(outcome, candles, digest, tried)


def _content(outcome: Outcome, candles: Sequence[Bars], tried: Tried | None) -> bytes:
    words = _Words()
    arrays = {name: getattr(outcome, name) for name in _LINES}
    arrays |= {f"trades.{name}": array for name, array in _columns(outcome.trades, words).items()}
    for at, bars in enumerate(candles):
        arrays |= {f"candles.{at}.{name}": getattr(bars, name) for name in _CANDLES}
    if tried is not None:
        arrays["tried.sharpe"] = tried.sharpe
    files = {f"{name}.npy": _bytes_of(array) for name, array in arrays.items()}
    told = {
        "schema": SCHEMA,
        "name": outcome.name,
        "symbols": list(outcome.symbols),
        "interval_ns": outcome.interval_ns,
        "parameters": dict(outcome.parameters),
        "costs": dict(outcome.costs),
        "data": dict(outcome.data),
        "vetoes": dict(outcome.vetoes),
        "trials": outcome.trials,
        "luck": outcome.luck,
        "words": words.known,
        "candles": [{"symbol": bars.symbol, "timeframe": bars.timeframe.value} for bars in candles],
        **({} if tried is None else {"tried": _tried_told(tried)}),
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    try:
        text = json.dumps(told, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
    except ValueError as wrong:
        raise DataRefused(f"a parameter or cost of {outcome.name!r} is not a finite number") from wrong
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in ((_WORDS, text.encode()), *files.items()):
            # Stamped 1980, so that the same bytes come again; prices hardly shrink, however long one tries.
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED, compresslevel=1)
    return made.getvalue()


def _bytes_of(array: NDArray[Any]) -> bytes:
    made = io.BytesIO()
    np.lib.format.write_array(made, np.ascontiguousarray(array), allow_pickle=False)
    return made.getvalue()


class _Words:
    """Words by the place at which they were first seen."""

    def __init__(self) -> None:
        self.known: list[str] = []
        self._places: dict[str, int] = {}

    def place(self, word: str) -> int:
        if word not in self._places:
            self._places[word] = len(self.known)
            self.known.append(word)
        return self._places[word]


def _columns(trades: Sequence[Trade], words: _Words) -> dict[str, NDArray[Any]]:
    """Times as int64, money as float64, words as places; a trade without a stop has NaN there."""
    found: dict[str, NDArray[Any]] = {
        "direction": np.array([one.direction for one in trades], np.int8),
        "stop": np.array([math.nan if one.stop is None else one.stop for one in trades], np.float64),
    }
    for name in _NUMBERS:
        kind = np.int64 if name.endswith("_ns") else np.float64
        found[name] = np.array([getattr(one, name) for one in trades], kind)
    for name in _NAMED:
        found[name] = np.array([words.place(str(getattr(one, name))) for one in trades], np.int64)
    return found


def _tried_told(tried: Tried) -> JSON:
    values = {name: list(column) for name, column in tried.values.items()}
    return {"first_ns": tried.first_ns, "last_ns": tried.last_ns, "values": values}


def _tried(told: JSON, arrays: Mapping[str, NDArray[Any]]) -> Tried | None:
    if told is None:
        return None
    sharpe = arrays["tried.sharpe"].astype(np.float64)
    values = {str(name): tuple(column) for name, column in told["values"].items()}
    if any(len(column) != len(sharpe) for column in values.values()):
        raise ValueError(f"a parameter of {len(sharpe)} sets has not as many values")
    return Tried(int(told["first_ns"]), int(told["last_ns"]), values, sharpe)


def _opened(content: bytes) -> tuple[Outcome, tuple[Bars, ...], Tried | None]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
        if size > _MOST_BYTES:
            raise ValueError(f"it would take {size:,} bytes, allowed are {_MOST_BYTES:,}")
        told = json.loads(archive.read(_WORDS))
        if told["schema"] != SCHEMA:
            raise ValueError(f"it is of schema {told['schema']!r}, this program reads {SCHEMA}")
        arrays = {name.removesuffix(".npy"): _array(archive, name, told["sha256"]) for name in told["sha256"]}
    candles = tuple(
        Bars(one["symbol"], Timeframe(one["timeframe"]), *(arrays[f"candles.{at}.{name}"] for name in _CANDLES))
        for at, one in enumerate(told["candles"])
    )
    return _outcome(told, arrays), candles, _tried(told.get("tried"), arrays)


def _array(archive: zipfile.ZipFile, name: str, hashes: Mapping[str, str]) -> NDArray[Any]:
    content = archive.read(name)
    if hashlib.sha256(content).hexdigest() != hashes[name]:
        raise ValueError(f"{name} has another hash than it was saved with")
    array: NDArray[Any] = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    if array.ndim != 1:
        raise ValueError(f"{name} has the shape {array.shape}, allowed is one row")
    return array


def _outcome(told: JSON, arrays: Mapping[str, NDArray[Any]]) -> Outcome:
    return Outcome(
        name=str(told["name"]),
        symbols=tuple(told["symbols"]),
        interval_ns=int(told["interval_ns"]),
        close_ns=arrays["close_ns"].astype(np.int64),
        equity=arrays["equity"].astype(np.float64),
        exposure=arrays["exposure"].astype(np.float64),
        held=arrays["held"].astype(np.float64),
        trades=_trades(told["words"], arrays),
        parameters=dict(told["parameters"]),
        costs=dict(told["costs"]),
        data=dict(told["data"]),
        vetoes=dict(told["vetoes"]),
        trials=int(told["trials"]),
        luck=None if told.get("luck") is None else float(told["luck"]),
    )


def _trades(words: Sequence[str], arrays: Mapping[str, NDArray[Any]]) -> tuple[Trade, ...]:
    columns: dict[str, list[Any]] = {
        name: arrays[f"trades.{name}"].tolist() for name in ("direction", "stop", *_NUMBERS, *_NAMED)
    }
    columns |= {name: [words[place] for place in columns[name]] for name in _NAMED}
    columns["reason"] = [ExitReason(word) for word in columns["reason"]]
    columns["stop"] = [None if math.isnan(stop) else stop for stop in columns["stop"]]
    rows = zip(*columns.values(), strict=True)
    return tuple(Trade(**dict(zip(columns, row, strict=True))) for row in rows)
