"""Which trained models there are: a folder each, and one index of what became of them.

A model begins in the shadow: it is asked and scored, and has no vote. It is active once a person says so over evidence,
and retired once another one takes its place. Each change holds from a moment of the market on, so that whoever looks
back sees every model as it stood then.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from core.errors import ConfigError, DataRefused
from core.time import show_time
from models.artefacts import load, save

if TYPE_CHECKING:
    from core.canonical import JSON
    from models.evidence import Evidence
    from models.learners.trained import Trained

SCHEMA: Final = 1
_INDEX: Final = "index.json"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")
_VERSION: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,40}-[1-9][0-9]{0,6}")


class State(StrEnum):
    SHADOW = "shadow"
    ACTIVE = "active"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Change:
    """The state that a version has from `at_ns` on, a moment of the market. A vote was given `by` a person."""

    state: State
    at_ns: int
    by: str = ""
    reason: str = ""
    evidence: JSON = None


@dataclass(frozen=True, slots=True)
class Version:
    """One trained model, written once: `version` names it and its folder, `digest` is the SHA-256 of its card."""

    version: str
    name: str
    symbol: str
    timeframe: str
    digest: str
    changes: tuple[Change, ...]

    @property
    def state(self) -> State:
        return self.changes[-1].state

    @property
    def place(self) -> tuple[str, str, str]:
        """Of the versions of one place one alone is active."""
        return self.name, self.symbol, self.timeframe

    @property
    def made_ns(self) -> int:
        """Since when it is there."""
        return self.changes[0].at_ns

    def state_at(self, as_of_ns: int) -> State | None:
        """None before it was there."""
        known = [change.state for change in self.changes if change.at_ns <= as_of_ns]
        return known[-1] if known else None


class Registry:
    """The models under one folder. Who writes holds a lock around it: two writers would lose each other's entries."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def versions(self) -> tuple[Version, ...]:
        """Every version, in the order in which they were added. DataRefused where the index cannot be read."""
        path = self.folder / _INDEX
        try:
            told = json.loads(path.read_bytes())
            if told["schema"] != SCHEMA:
                raise DataRefused(f"{path} is of schema {told['schema']!r}, this program reads {SCHEMA}")
            return tuple(_version_of(one) for one in told["versions"])
        except FileNotFoundError:
            return ()
        except (OSError, ValueError, KeyError, TypeError, IndexError) as wrong:
            raise DataRefused(f"{path} is no index of models: {wrong!r}") from wrong

    def version(self, wanted: str) -> Version:
        """By its own name, or by the name of a model that has one version. ConfigError where that names none or many.

        Many versions of one model are told apart by their own names alone.
        """
        versions = self.versions()
        named = [one for one in versions if one.version == wanted] or [one for one in versions if one.name == wanted]
        if len(named) == 1:
            return named[0]
        known = ", ".join(one.version for one in named or versions) or "no model yet"
        raise ConfigError(f"found {len(named) or 'no'} models called {wanted!r}; there are {known}")

    def load(self, version: Version, *, as_of_ns: int | None = None) -> Trained:
        """The model, checked against the hash that was registered and against what may be known at `as_of_ns`.

        Raises DataRefused as `models.artefacts.load` does, and where the card is of another model than the index says.
        """
        model = load(self.folder / version.version, as_of_ns=as_of_ns, digest=version.digest)
        found = model.card.name, model.card.symbol, model.card.timeframe
        if found != (version.version, version.symbol, version.timeframe):
            raise DataRefused(f"{version.version} holds the model {' '.join(found)}")
        return model

    def add(self, name: str, model: Trained) -> Version:
        """Writes a model as the next version of `name`, in the shadow, known from when it was made.

        Raises ConfigError for a name that is no folder's, and for a model that is of no one symbol.
        """
        if not _NAME.fullmatch(name):
            raise ConfigError(f"a model's name is small letters, digits and -, 41 at most, found {name!r}")
        if not model.card.symbol:
            raise ConfigError(f"{name} was taught on no one symbol: there is nothing that it may be asked about")
        versions = self.versions()
        self.folder.mkdir(parents=True, exist_ok=True)
        number = 1
        while (self.folder / f"{name}-{number}").exists() or any(v.version == f"{name}-{number}" for v in versions):
            number += 1
        version = f"{name}-{number}"
        named = replace(model, card=replace(model.card, name=version))
        # Written beside and moved there whole: a folder of this name is a model, whenever the process ended.
        made = Path(tempfile.mkdtemp(dir=self.folder, prefix=".new-"))
        digest = save(named, made)
        made.rename(self.folder / version)
        card = named.card
        added = Version(version, name, card.symbol, card.timeframe, digest, (Change(State.SHADOW, card.as_of_ns),))
        self._write((*versions, added))
        return added

    def promote(self, version: Version, evidence: Evidence, *, by: str, reason: str) -> Version:
        """Gives a version the vote of its place, and retires the one that had it, as of when the evidence ends.

        Raises ConfigError without a person or a reason, over evidence that does not bear it or is of another model,
        for a version that is not in the shadow, and for evidence older than the last change of its place.
        """
        if not (by.strip() and reason.strip()):
            raise ConfigError("a model is given a vote by a person and for a reason: say both")
        if version.state is not State.SHADOW:
            raise ConfigError(f"{version.version} is {version.state}: only a model in the shadow can be promoted")
        if (evidence.version, evidence.digest) != (version.version, version.digest):
            raise ConfigError(f"the evidence is of {evidence.version}, not of {version.version} as it is registered")
        if against := evidence.against:
            raise ConfigError(f"{version.version} has not earned a vote: {'; '.join(against)}")
        at_ns = evidence.until_ns
        champions = [v for v in self.versions() if v.place == version.place and v.state is State.ACTIVE]
        for one in (version, *champions):
            if at_ns < (last_ns := one.changes[-1].at_ns):
                told = f"{one.version} is {one.state} since {show_time(last_ns)}"
                raise ConfigError(f"the evidence ends at {show_time(at_ns)} and {told}: judge on what came after")
        promoted = _changed(version, Change(State.ACTIVE, at_ns, by, reason, evidence.told()))
        retired = {one.version: _changed(one, Change(State.RETIRED, at_ns, by, reason)) for one in champions}
        changed = {version.version: promoted, **retired}
        self._write([changed.get(one.version, one) for one in self.versions()])
        return promoted

    def _write(self, versions: Sequence[Version]) -> None:
        """In one step: the index is the old one or the new one, never half of either."""
        told = {"schema": SCHEMA, "versions": [_told(one) for one in versions]}
        handle, name = tempfile.mkstemp(dir=self.folder, prefix=".index-")
        with os.fdopen(handle, "wb") as file:
            file.write(json.dumps(told, indent=1, sort_keys=True, allow_nan=False).encode())
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(self.folder / _INDEX)


def _changed(version: Version, change: Change) -> Version:
    return replace(version, changes=(*version.changes, change))


def _told(version: Version) -> JSON:
    changes = [
        {"state": c.state.value, "at_ns": c.at_ns, "by": c.by, "reason": c.reason, "evidence": c.evidence}
        for c in version.changes
    ]
    names = ("version", "name", "symbol", "timeframe", "digest")
    return {**{name: getattr(version, name) for name in names}, "changes": changes}


def _version_of(told: JSON) -> Version:
    changes = tuple(
        Change(State(c["state"]), int(c["at_ns"]), str(c["by"]), str(c["reason"]), c["evidence"])
        for c in told["changes"]
    )
    # A name is a folder of ours: one that leads elsewhere is no name.
    if not changes or not _VERSION.fullmatch(told["version"]):
        raise ValueError(f"no version: {told['version']!r}")
    return Version(
        str(told["version"]),
        str(told["name"]),
        str(told["symbol"]),
        str(told["timeframe"]),
        str(told["digest"]),
        changes,
    )
