"""Between cycles: models with a vote are judged once a week, and challengers are taught at their time, into the shadow.

Every moment is one of the desk's own clock: what is found and taught at one rests on what was known then alone, so that
a run over the past does what a desk at work did. What was done is in the registry and the books, and not done again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
from sqlalchemy import Connection

from core.errors import DataRefused, DeskBusy
from core.time import Timeframe, show_time
from desk import beside, drifting, modelling
from desk.build import Desk
from desk.forecasters import Forecasters
from execution import incidents
from market.beside import Beside
from memory.books import journal
from memory.books.words import IncidentKind
from models.features.catalogue import CATALOGUE
from models.learners.named import named
from models.registry import State, Version
from models.validation.drift import monday_of

if TYPE_CHECKING:
    from core.bars import Bars
    from models.learners.trained import Trained

KIND: Final = "challenger"  # of the journal's entry
_ALL: Final = 2**40


@dataclass(frozen=True, slots=True)
class Due:
    """A challenger that is missing: of which model, as of which moment, and why."""

    version: Version
    model: Trained
    at_ns: int
    why: str

    @property
    def subject(self) -> str:
        return f"{self.version.name} {self.version.symbol} {self.version.timeframe} as of {show_time(self.at_ns)}"


def scheduled(found: Forecasters, now_ns: int, every_ns: int | None) -> Iterator[Due]:
    """One for each place whose newest version is `every_ns` old or more.

    It is made as of whole periods after that one, whenever somebody looks, of the model with the vote there, else of
    the newest in the shadow.
    """
    if every_ns is None:
        return
    places: dict[tuple[str, str, str], list[tuple[Version, Trained]]] = {}
    for version, model in found.trained:
        if version.made_ns <= now_ns:
            places.setdefault(version.place, []).append((version, model))
    for there in places.values():
        standing = [one for one in there if one[0].state_at(now_ns) in (State.ACTIVE, State.SHADOW)]
        newest_ns = max(version.made_ns for version, _ in there)
        periods = (now_ns - newest_ns) // every_ns
        if standing and periods:
            version, model = max(standing, key=lambda one: (one[0].state_at(now_ns) is State.ACTIVE, one[0].made_ns))
            yield Due(version, model, newest_ns + periods * every_ns, "its time has come")


class Retraining:
    """Of one desk. Only models that this desk asks are looked after: of its symbols, and of its decision timeframe."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._judged: set[tuple[str, int]] = set()

    async def tend(self) -> None:
        """Whatever is due by the desk's clock. What cannot be done is told in an incident, and stops nothing."""
        now_ns = self._desk.clock.now_ns()
        found = self._desk.analysts.forecasters
        for version, model in found.trained:
            if version.state_at(now_ns) is State.ACTIVE and self._asks(version):
                await self._judge(version, model, now_ns)
        for one in scheduled(found, now_ns, self._desk.settings.models.settings().retrain_every_ns):
            if self._asks(one.version):
                await self._teach(one, now_ns)

    def _asks(self, version: Version) -> bool:
        market = self._desk.market
        return version.symbol in market.symbols() and version.timeframe == market.decision_timeframe

    # Drift.

    async def _judge(self, version: Version, model: Trained, now_ns: int) -> None:
        """Once a week, as of its Monday. Drift closes the desk by an incident, and has a challenger taught."""
        monday_ns = int(monday_of(np.array([now_ns]))[0])
        if (version.version, monday_ns) in self._judged:
            return
        told = self._known(IncidentKind.MODEL_DRIFT, version.version, monday_ns)
        if not told:
            told = await self._drifted(version, model, monday_ns, now_ns)
        wanted = told and all(one.made_ns < monday_ns for one in self._rivals(version, now_ns))
        due = Due(version, model, monday_ns, "the market has left what it learnt")
        if not wanted or await self._teach(due, now_ns):
            self._judged.add((version.version, monday_ns))

    async def _drifted(self, version: Version, model: Trained, monday_ns: int, now_ns: int) -> bool:
        """Whether a new incident says so. One that is open since an earlier week has had its challenger."""
        desk = self._desk

        def look(bars: Bars) -> tuple[str, ...]:
            said = desk.books.read(lambda conn: drifting.spoken(conn, desk.account_id, model, monday_ns))
            return drifting.verdict(model, said, bars, monday_ns).reasons

        try:
            needed = drifting.bars_needed(model, Timeframe(version.timeframe).ns)
            # Read here: a market belongs to the event loop.
            bars = self._bars(version, monday_ns, needed)
            reasons = await asyncio.to_thread(look, bars)
        except DataRefused as refused:
            self._tell(
                f"{version.version} in the week of {show_time(monday_ns)[:10]}", f"not judged: {refused}", now_ns
            )
            return False
        return bool(reasons) and desk.books.write(
            lambda conn: incidents.add(
                conn, desk.account_id, IncidentKind.MODEL_DRIFT, version.version, "; ".join(reasons), now_ns
            )
        )

    def _rivals(self, version: Version, now_ns: int) -> list[Version]:
        known = [one for one, _ in self._desk.analysts.forecasters.trained if one.made_ns <= now_ns]
        return [one for one in known if one.place == version.place]

    # Challengers.

    async def _teach(self, due: Due, now_ns: int) -> bool:
        """Into the shadow, off the event loop. One that failed is not tried again as of the same moment.

        False where the registry was busy, and the next look is to try again.
        """
        desk = self._desk
        if self._known(IncidentKind.MODEL_UPKEEP, due.subject):
            return True
        try:
            bars = self._bars(due.version, due.at_ns, _ALL)
            version = await asyncio.to_thread(partial(_taught, desk, due, bars))
            model = beside.loaded(desk.home, version)
        except DeskBusy:
            return False
        except Exception as broken:  # noqa: BLE001  # a library's own error too: the desk works on with what it has
            self._tell(due.subject, f"no challenger: {type(broken).__name__}: {broken}"[:500], now_ns)
            return True
        desk.analysts.forecasters.joins(version, model)
        desk.books.write(lambda conn: self._note(conn, due, version, now_ns))
        return True

    def _note(self, conn: Connection, due: Due, version: Version, now_ns: int) -> None:
        """Journals the challenger, and closes what had failed in its place."""
        account_id, kind = self._desk.account_id, IncidentKind.MODEL_UPKEEP
        told = {"version": version.version, "digest": version.digest, "of": due.version.version, "why": due.why}
        journal.append(conn, account_id, KIND, {**told, "as_of_ns": due.at_ns}, ts_ns=now_ns)
        place = due.subject.partition(" as of ")[0]
        for subject in incidents.subjects(conn, account_id, kind):
            if subject.startswith(f"{place} as of "):
                incidents.close(conn, account_id, kind, subject, reason=f"{version.version} was taught", now_ns=now_ns)

    # The desk's own.

    def _bars(self, version: Version, as_of_ns: int, n: int) -> Bars:
        return self._desk.market.bars(version.symbol, Timeframe(version.timeframe), as_of_ns=as_of_ns, n=n)

    def _known(self, kind: IncidentKind, subject: str, since_ns: int = 0) -> bool:
        account_id = self._desk.account_id
        return self._desk.books.read(lambda conn: incidents.known(conn, account_id, kind, subject, since_ns=since_ns))

    def _tell(self, subject: str, what: str, now_ns: int) -> None:
        account_id, kind = self._desk.account_id, IncidentKind.MODEL_UPKEEP
        self._desk.books.write(lambda conn: incidents.add(conn, account_id, kind, subject, what, now_ns))


def _taught(desk: Desk, due: Due, bars: Bars) -> Version:
    """As its model was made, on as many rows as the settings say. DataRefused where its card does not say how."""
    card, settings = due.model.card, desk.settings
    try:
        learner, changes, window = (card.notes[key] for key in ("learner", "changes", "window"))
    except (KeyError, TypeError):
        raise DataRefused(f"the card of {due.version.version} does not say how it was made") from None
    return modelling.train(
        desk.home,
        bars,
        named(learner, changes, timeframe=card.timeframe, costs=modelling.costs_of(settings)),
        horizon=card.horizon,
        as_of_ns=due.at_ns,
        changes=changes,
        seed=card.seed,
        window=settings.models.train_window or window,
        unique=card.notes.get("unique"),
        half_life=card.notes.get("half_life"),
        given=_given(due.model),
        name=due.version.name,
        once=True,
    )


def _given(model: Trained) -> beside.Chosen | None:
    """The same series as it reads."""
    if not isinstance(model.series, Beside):
        return None
    return beside.Chosen(model.series, tuple(f for f in model.card.features if CATALOGUE[f].needs), ())
