"""Who forecasts in a desk: the naive ones, the operator's own, and the trained models that were known at the time.

Plug-ins come from the entry point `tradewarden.forecasters` and are code that the operator trusts. A forecaster only
has an opinion, so what cannot be loaded is left out with its reason, journaled where a run begins, and the desk works.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from sqlalchemy import Connection

from core.bars import Bars
from core.canonical import plain
from core.errors import ConfigError, DataRefused
from core.ports import Abstain, Forecast, Forecaster
from core.time import show_time
from desk import beside
from desk.home import Home
from memory.books import journal
from models.learners.naive import Drift, LastSign
from models.learners.trained import Trained
from models.registry import Registry, State, Version
from risk.plugins import source_hash

GROUP: Final = "tradewarden.forecasters"
KIND: Final = "forecasters"  # of the journal's entry
NAIVE: Final[tuple[Forecaster, ...]] = (LastSign(), Drift())


@dataclass(frozen=True, slots=True)
class LeftOut:
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Speaking:
    """Who is asked at one moment: those that may vote, and those in the shadow, who may not."""

    voting: tuple[Forecaster, ...]
    shadows: tuple[Forecaster, ...] = ()


@dataclass(slots=True)
class Forecasters:
    """Everybody that a desk could load when it was built, and who joined since; `left_out` says who is missing, why."""

    own: tuple[Forecaster, ...] = NAIVE
    trained: tuple[tuple[Version, Trained], ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    def at(self, as_of_ns: int) -> Speaking:
        """Each model stands as it stood then: who judges the past asks nobody that was trained or chosen after it."""
        standing = [(v.state_at(as_of_ns), model) for v, model in self.trained if model.card.as_of_ns <= as_of_ns]
        active = tuple(model for state, model in standing if state is State.ACTIVE)
        return Speaking((*self.own, *active), tuple(model for state, model in standing if state is State.SHADOW))

    def joins(self, version: Version, model: Trained) -> None:
        """One that was taught while the desk was at work."""
        self.trained = (*self.trained, (version, model))

    def told(self, as_of_ns: int) -> str:
        """For a person: who speaks, in one line."""
        speaking = self.at(as_of_ns)
        shown = [one.name for one in speaking.voting] + [f"{one.name} (shadow)" for one in speaking.shadows]
        return "; ".join([", ".join(shown), *(f"left out: {one.name}, {one.reason}" for one in self.left_out)])


@dataclass(frozen=True, slots=True)
class PlugIn:
    """The operator's forecaster behind a wall: what it raises, or answers that is no forecast, is an abstention."""

    name: str
    inner: Forecaster

    def predict(self, bars: Bars, *, horizon: int) -> Forecast | Abstain:
        try:
            answer = self.inner.predict(bars, horizon=horizon)
            if isinstance(answer, Forecast):
                numbers = [answer.p_up, answer.expected_return, *(n for pair in answer.quantiles for n in pair)]
                if not (all(n.is_finite() for n in numbers) and 0 <= answer.p_up <= 1):
                    return Abstain(f"answered p_up {answer.p_up} and a return of {answer.expected_return}")
                return answer
        except Exception as broken:  # noqa: BLE001  # another's code: whatever it is, the desk goes on without it
            return Abstain(f"failed: {broken!r}"[:200])
        return answer if isinstance(answer, Abstain) else Abstain(f"answered {type(answer).__name__}, no forecast")


def find(home: Home) -> Forecasters:
    """The naive ones, the installed plug-ins, and every registered model that is whole."""
    plugged, left_out = _plugged()
    trained: list[tuple[Version, Trained]] = []
    registry = Registry(home.models)
    try:
        versions = registry.versions()
    except DataRefused as broken:
        return Forecasters((*NAIVE, *plugged), (), (*left_out, LeftOut("every trained model", str(broken))))
    for version in versions:
        try:
            # Not at a moment: whether it may speak at one is asked at each.
            trained.append((version, beside.loaded(home, version)))
        except (DataRefused, ConfigError) as refused:
            left_out.append(LeftOut(version.version, str(refused)))
    return Forecasters((*NAIVE, *plugged), tuple(trained), tuple(left_out))


def note(conn: Connection, account_id: str, found: Forecasters, now_ns: int) -> None:
    """Journals who is missing. Called whenever a run begins."""
    late = [
        LeftOut(version.version, f"made at {show_time(model.card.as_of_ns)}, which is not yet")
        for version, model in found.trained
        if model.card.as_of_ns > now_ns
    ]
    missing = [*found.left_out, *late]
    if missing:
        speaking = found.at(now_ns)
        entry = {
            "voting": [one.name for one in speaking.voting],
            "shadows": [one.name for one in speaking.shadows],
            "left_out": plain(missing),
        }
        journal.append(conn, account_id, KIND, entry, ts_ns=now_ns)


def identities(home: Home) -> Mapping[str, str]:
    """What each forecaster is that can have a vote, beside our own: of a plug-in its origin and the hash of its source,
    of a model that was ever promoted the hash of its card. One in the shadow decides nothing."""
    found = {}
    for entry in entry_points(group=GROUP):
        try:
            found[entry.name] = f"{_origin(entry)} {source_hash(entry.module)}"
        except Exception:  # noqa: BLE001  # it will be left out, and the reason told, where it is loaded
            continue
    try:
        versions = Registry(home.models).versions()
    except DataRefused:
        return found
    chosen = [v for v in versions if any(change.state is State.ACTIVE for change in v.changes)]
    return {**found, **{v.version: v.digest for v in chosen}}


def _plugged() -> tuple[list[Forecaster], list[LeftOut]]:
    found: dict[str, Forecaster] = {}
    left_out: list[LeftOut] = []
    for entry in sorted(entry_points(group=GROUP), key=lambda one: (one.name, one.value)):
        try:
            one = entry.load()()
        except Exception as broken:  # noqa: BLE001  # another's code: whatever it is, the desk goes on without it
            left_out.append(LeftOut(entry.name, f"{_origin(entry)} cannot be loaded: {broken!r}"[:300]))
            continue
        if not isinstance(one, Forecaster) or one.name != entry.name:
            told = f"calls itself {getattr(one, 'name', None)!r}, allowed is an object with that name and `predict`"
            left_out.append(LeftOut(entry.name, f"{_origin(entry)} {told}"))
        elif one.name in found or one.name in {naive.name for naive in NAIVE}:
            left_out.append(LeftOut(entry.name, f"{_origin(entry)}: a forecaster of this name is there already"))
        else:
            found[one.name] = PlugIn(one.name, one)
    return list(found.values()), left_out


def _origin(entry: EntryPoint) -> str:
    place = f"{entry.module}:{entry.attr}"
    return place if entry.dist is None else f"{entry.dist.name} {entry.dist.version} {place}"
