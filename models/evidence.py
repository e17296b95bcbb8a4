"""How good a trained model was after its training, beside the naive answers, and what speaks against its vote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from core.canonical import plain
from core.errors import DataRefused
from core.ports import Abstain, Forecast, Forecaster
from core.time import show_time
from models.features.frames import frame
from models.features.inputs import Inputs
from models.labels import forward_return
from models.learners.naive import Drift, LastSign
from models.learners.trained import DIRECTION, Trained
from models.scores import Scorecard, newest, score, until
from models.validation.alarms import alarms
from models.validation.metrics import scores
from models.validation.trading import Costs, Result, sides, traded

if TYPE_CHECKING:
    from core.bars import Bars, FloatArray, IntArray
    from core.canonical import JSON

LEAST_OUTCOMES: Final = 100
# Of whoever says up whatever happens: a probability that is only just on that side.
_UP: Final = 0.51


@dataclass(frozen=True, slots=True)
class Said:
    """What a model said out of sample, on bars closed after all that it has seen.

    `every` are the places of the bars on which it had an opinion and whose outcome is known, `p_up` and `y` its
    probabilities and the log returns that came there; `apart` marks those that lie a horizon apart, so that no outcome
    counts twice. Shapes (n,).
    """

    every: IntArray
    p_up: FloatArray
    y: FloatArray
    apart: IntArray


@dataclass(frozen=True, slots=True)
class Evidence:
    """Of one model, out of sample, between two moments: its scorecard beside the naive ones, and the alarms.

    `digest` is that of the card that was judged, so that evidence of one model is never shown for another.
    """

    version: str
    digest: str
    from_ns: int
    until_ns: int
    card: Scorecard
    naive: tuple[Scorecard, ...]
    alarms: tuple[str, ...]

    @property
    def against(self) -> tuple[str, ...]:
        """Each reason why it earns no vote yet; none where it does."""
        found = []
        if self.card.n < LEAST_OUTCOMES:
            found.append(f"{self.card.n} outcomes after its training, {LEAST_OUTCOMES} are needed")
        skill, best = self.card.lesser_skill, max(self.naive, key=lambda one: one.lesser_skill)
        told = f"skill {skill}, the lesser of Brier score's and log loss's"
        if skill <= 0:
            found.append(f"{told}: above 0, its baseline's, is needed")
        if skill <= best.lesser_skill:
            found.append(f"{told}: above the {best.lesser_skill} of {best.name} is needed")
        return (*found, *self.alarms)

    def told(self) -> JSON:
        between = {"from": show_time(self.from_ns), "until": show_time(self.until_ns), "until_ns": self.until_ns}
        cards = {"card": plain(self.card), "naive": plain(self.naive)}
        return {**between, **cards, "alarms": list(self.alarms), "digest": self.digest}


def said(model: Trained, bars: Bars) -> Said:
    """Asks a model about every bar after its training whose outcome is known.

    Raises DataRefused for a model of something else than a return, bars of another symbol or timeframe, and where it
    had no opinion on any.
    """
    card = model.card
    if card.label != DIRECTION:
        raise DataRefused(f"{card.name} forecasts the {card.label}, which is no forecast of a return: it earns no vote")
    if (bars.symbol, bars.timeframe.value) != (card.symbol or bars.symbol, card.timeframe):
        asked = f"asked about {bars.symbol} {bars.timeframe.value}"
        raise DataRefused(f"{card.name} was trained on {card.symbol} {card.timeframe}, {asked}")
    features = frame(Inputs(bars, model.series(bars)), card.features)
    told = model.predicted(features).p_up
    y = forward_return(bars, horizon=card.horizon)
    after = bars.open_ns + bars.timeframe.ns >= card.trained_until_ns
    every = np.flatnonzero(after & np.isfinite(told) & np.isfinite(y)).astype(np.int64)
    if not len(every):
        found = f"{int(after.sum())} of {len(bars)} bars close after {show_time(card.trained_until_ns)}"
        raise DataRefused(f"{card.name} said nothing whose outcome is known: {found}")
    return Said(every, told[every], y[every], _apart(every, card.horizon))


def gather(model: Trained, digest: str, bars: Bars, *, history: int, costs: Costs) -> tuple[Evidence, Said, Result]:
    """The evidence on a model, what it rests on, and what following the model on every bar came to after `costs`.

    The naive forecasters see `history` bars at each place, as in the desk. Raises DataRefused as `said` does, and where
    there are too few outcomes for a scorecard.
    """
    spoken, horizon = said(model, bars), model.card.horizon
    places, p_up = spoken.every[spoken.apart], spoken.p_up[spoken.apart]
    card = _scored(model.name, bars, places, p_up, horizon)
    naive = [
        *(_scored(one.name, bars, places, _asked(one, bars, places, history, horizon), horizon) for one in _NAIVE),
        _scored("always_up", bars, places, np.full(len(places), _UP), horizon),
    ]
    result = traded(bars, spoken.every, sides(spoken.p_up), horizon=horizon, costs=costs)
    rung = alarms(scores(p_up, spoken.y[spoken.apart]), result)
    return (
        Evidence(
            version=model.name,
            digest=digest,
            from_ns=int(bars.open_ns[places[0]]) + bars.timeframe.ns,
            until_ns=int(bars.open_ns[-1]) + bars.timeframe.ns,
            card=card,
            naive=tuple(naive),
            alarms=tuple(alarm.message for alarm in rung),
        ),
        spoken,
        result,
    )


_NAIVE: Final[tuple[Forecaster, ...]] = (LastSign(), Drift())


def _asked(one: Forecaster, bars: Bars, places: IntArray, history: int, horizon: int) -> FloatArray:
    """p_up at each place; one half where it abstained."""
    told = np.full(len(places), 0.5)
    for number, at in enumerate(places.tolist()):
        answer = one.predict(newest(until(bars, at + 1), history), horizon=horizon)
        if isinstance(answer, Forecast):
            told[number] = float(answer.p_up)
    return told


def _scored(name: str, bars: Bars, places: IntArray, p_up: FloatArray, horizon: int) -> Scorecard:
    found = score(name, bars, places, p_up, np.sign(p_up - 0.5), horizon=horizon)
    if isinstance(found, Abstain):
        raise DataRefused(found.reason)
    return found


def _apart(every: IntArray, horizon: int) -> IntArray:
    """Of places in order, the numbers of those that are a horizon or more apart, counted from the newest."""
    kept, next_one = [], int(every[-1])
    for number in range(len(every) - 1, -1, -1):
        if every[number] <= next_one:
            kept.append(number)
            next_one = int(every[number]) - horizon
    return np.array(kept[::-1], dtype=np.int64)
