"""Trained models on disk: JSON, safetensors and the libraries' own formats, never pickle.

A folder is one model and is written once. `card.json` says what it is and holds the SHA-256 of every other file; the
digest of the card itself is what a registry remembers. Nothing read here is run, and nothing is read before its hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, cast

from core.errors import ConfigError, DataRefused
from models.features.preparing import preparation_of
from models.learners import calibration as calibrations
from models.learners.dissimilarity import Dissimilarity
from models.learners.port import Fitted, Parts
from models.learners.trained import Card, Trained

if TYPE_CHECKING:
    from pathlib import Path

    from core.canonical import JSON
    from models.learners.port import Array

SCHEMA: Final = 1
_CARD, _ARRAYS = "card.json", "arrays.safetensors"
# Of each kind of fitted model, the module whose `read` makes it of its parts.
_READERS: Final = {
    "naive": "models.learners.naive",
    "xgboost": "models.learners.trees_xgboost",
    "lightgbm": "models.learners.trees_lightgbm",
    "network": "models.learners.neural",
    "policy": "models.reinforcement.policies",
}


def save(model: Trained, folder: Path) -> str:
    """Writes a model into a new or empty folder and returns the SHA-256 of its card.

    Raises ConfigError where the folder holds something already: an artefact is never changed.
    """
    from safetensors.numpy import save as to_bytes

    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ConfigError(f"{folder} is not empty: a model is written once")
    parts = model.fitted.parts()
    arrays = {f"model.{name}": array for name, array in parts.arrays.items()}
    if model.calibration is not None:
        arrays |= {f"calibration.{name}": array for name, array in model.calibration.arrays().items()}
    if model.dissimilarity is not None:
        arrays["dissimilarity.rows"] = model.dissimilarity.rows
    files = {**parts.files, _ARRAYS: to_bytes(dict(arrays))}
    card = {
        "schema": SCHEMA,
        "card": asdict(model.card),
        "preparation": model.preparation.state(),
        "kind": parts.kind,
        "settings": parts.settings,
        "calibration": None if model.calibration is None else model.calibration.kind,
        "mean_distance": None if model.dissimilarity is None else model.dissimilarity.mean_distance,
        "most_dissimilar": model.most_dissimilar,
        "sha256": {name: _digest(content) for name, content in sorted(files.items())},
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    # Last: a folder without a card is no model.
    text = json.dumps(card, indent=1, sort_keys=True, allow_nan=False).encode()
    (folder / _CARD).write_bytes(text)
    return _digest(text)


def load(
    folder: Path, *, as_of_ns: int | None = None, features: Sequence[str] | None = None, digest: str | None = None
) -> Trained:
    """The model of a folder.

    Raises
    ------
    DataRefused
        The card is missing, broken, of another schema, or not the one of `digest`; a file is missing, is named by no
        card, or has another hash than its card says; the features are not `features`, in that order; or the model
        learnt from data after `as_of_ns`. The message says which, what was found, and what was expected.
    """
    told, files = _checked(folder, digest)
    try:
        return _model(folder, told, files, as_of_ns, features)
    except (KeyError, TypeError, ValueError, AttributeError) as wrong:
        raise DataRefused(f"{folder / _CARD} cannot be read as a model: {wrong!r}") from wrong


def _checked(folder: Path, digest: str | None) -> tuple[JSON, Mapping[str, bytes]]:
    """The card as JSON and every file that it names, each with the hash that it says."""
    text = _read(folder, _CARD)
    if digest is not None and _digest(text) != digest:
        raise DataRefused(f"{folder / _CARD} has the hash {_digest(text)[:12]}, {digest[:12]} was registered")
    try:
        told = json.loads(text)
        schema, hashes = told["schema"], dict(told["sha256"])
    except (ValueError, KeyError, TypeError) as wrong:
        raise DataRefused(f"{folder / _CARD} is no card of a model: {wrong!r}") from wrong
    if schema != SCHEMA:
        raise DataRefused(f"{folder / _CARD} is of schema {schema!r}, this program reads {SCHEMA}")
    there = {path.name for path in folder.iterdir()} - {_CARD}
    # A name is compared and never followed out of the folder.
    if unnamed := sorted(there - hashes.keys()):
        raise DataRefused(f"{folder} holds files that its card does not name: {', '.join(unnamed)}")
    if missing := sorted(hashes.keys() - there):
        raise DataRefused(f"{folder} lacks files that its card names: {', '.join(missing)}")
    files = {name: _read(folder, name) for name in sorted(hashes)}
    for name, content in files.items():
        if _digest(content) != hashes[name]:
            found, wanted = _digest(content)[:12], str(hashes[name])[:12]
            raise DataRefused(f"{folder / name} has the hash {found}, its card says {wanted}: it was changed or cut")
    return told, files


def _model(
    folder: Path, told: JSON, files: Mapping[str, bytes], as_of_ns: int | None, features: Sequence[str] | None
) -> Trained:
    card = Card(**{**told["card"], "features": tuple(told["card"]["features"])})
    if as_of_ns is not None:
        card.check_known(as_of_ns)
    if features is not None and tuple(features) != card.features:
        wanted, found = ", ".join(features), ", ".join(card.features)
        raise DataRefused(f"{folder} was trained on the features {found}; asked for were {wanted}")
    arrays = _arrays(folder, files[_ARRAYS])
    settings, kind = told["settings"], told["kind"]
    own = {name: content for name, content in files.items() if name != _ARRAYS}
    calibration, mean_distance = told["calibration"], told["mean_distance"]
    return Trained(
        card,
        preparation_of(told["preparation"]),
        _fitted(Parts(kind, settings, _under("model.", arrays), own)),
        None if calibration is None else calibrations.read(calibration, _under("calibration.", arrays)),
        None if mean_distance is None else Dissimilarity(arrays["dissimilarity.rows"], mean_distance),
        told["most_dissimilar"],
    )


def _fitted(parts: Parts) -> Fitted:
    if parts.kind not in _READERS:
        raise DataRefused(f"a model is one of {', '.join(sorted(_READERS))}, found {parts.kind!r}")
    read = cast("Callable[[Parts], Fitted]", import_module(_READERS[parts.kind]).read)
    try:
        return read(parts)
    # Torch and XGBoost say with these that their own file does not hold what its settings promise.
    except (RuntimeError, ConfigError) as wrong:
        raise DataRefused(f"the {parts.kind} model cannot be read: {str(wrong)[:200]}") from wrong


def _arrays(folder: Path, content: bytes) -> Mapping[str, Array]:
    from safetensors import SafetensorError
    from safetensors.numpy import load as from_bytes

    try:
        return cast("dict[str, Any]", from_bytes(content))
    except SafetensorError as wrong:
        raise DataRefused(f"{folder / _ARRAYS} is no safetensors file: {wrong}") from wrong


def _under(prefix: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as wrong:
        raise DataRefused(f"{folder / name} cannot be read: {wrong.strerror}") from wrong


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
