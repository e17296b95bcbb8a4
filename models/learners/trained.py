"""A trained model as the desk asks it: bars in, a forecast or an abstention out, nothing read that was not known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import numpy as np

from core.bars import Bars
from core.errors import DataRefused
from core.money import significant
from core.ports import Abstain, Forecast
from core.time import show_time
from models.features.frames import Frame, frame, needed_series, warmup_of
from models.features.inputs import Inputs
from models.features.preparing import Preparation
from models.learners.calibration import Calibration, calibrated
from models.learners.dissimilarity import Dissimilarity
from models.learners.port import Fitted, Predicted
from models.scores import newest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.bars import FloatArray
    from core.canonical import JSON

# What a forecast of the desk is about: the log return over the horizon.
DIRECTION: Final = "direction"
# The series from elsewhere beside some bars, each known by its bar's close.
Series = Callable[[Bars], Mapping[str, "FloatArray"]]


@dataclass(frozen=True, slots=True)
class Card:
    """What a model is and what it was taught on.

    `horizon` counts bars of `timeframe`; `label` says what was forecast; the rows learnt from run from
    `trained_from_ns` to `trained_until_ns`, at which the newest outcome was known that anything of it, its validation
    and its calibration too, has seen; `as_of_ns` is when it was made by the clock of whoever made it. `notes` is JSON:
    scores, the preset, trials. `symbol` is what it was taught on and is asked about; empty where that is any.
    `population` says how its features were distributed then (`Population.state`), None where rows were too few to tell.

    Raises DataRefused where the model would have seen what came after `as_of_ns`.
    """

    name: str
    features: tuple[str, ...]
    timeframe: str
    horizon: int
    label: str
    rows: int
    seed: int
    trained_from_ns: int
    trained_until_ns: int
    as_of_ns: int
    notes: JSON = field(default_factory=dict)
    symbol: str = ""
    population: JSON = None

    def __post_init__(self) -> None:
        if self.horizon < 1:
            raise DataRefused(f"{self.name}: a horizon is 1 bar or more, found {self.horizon}")
        if not self.trained_from_ns <= self.trained_until_ns:
            raise DataRefused(f"{self.name}: its training ends before it begins")
        self.check_known(self.as_of_ns)

    def check_known(self, as_of_ns: int) -> None:
        """Refuses a model that learnt from what came after `as_of_ns`."""
        if self.trained_until_ns > as_of_ns:
            learnt, now = show_time(self.trained_until_ns), show_time(as_of_ns)
            raise DataRefused(f"{self.name} learnt from data until {learnt}, after {now}: it would know the future")


def no_series(bars: Bars) -> Mapping[str, FloatArray]:
    return {}


@dataclass(frozen=True, slots=True)
class Trained:
    """Features, their preparation, what was fitted, its calibration, and how far it may go from what it was taught on.

    A `Forecaster` (`core.ports`). `most_dissimilar` is in mean distances between training rows (`Dissimilarity`).
    """

    card: Card
    preparation: Preparation
    fitted: Fitted
    calibration: Calibration | None = None
    dissimilarity: Dissimilarity | None = None
    most_dissimilar: float = 1.0
    series: Series = no_series

    def __post_init__(self) -> None:
        if self.preparation.names != self.card.features:
            found, listed = ", ".join(self.preparation.names), ", ".join(self.card.features)
            raise DataRefused(f"{self.card.name} is prepared for the features {found}; its card lists {listed}")

    @property
    def name(self) -> str:
        return self.card.name

    @property
    def needs(self) -> tuple[str, ...]:
        """The series from elsewhere that it reads."""
        return needed_series(self.card.features)

    @property
    def least_bars(self) -> int:
        """How many bars a forecast reads; more change nothing."""
        return warmup_of(self.card.features) + self.fitted.context + 1

    def predict(self, bars: Bars, *, horizon: int) -> Forecast | Abstain:
        """Whatever is wrong with the bars, or with asking this model about them, is the reason of an abstention."""
        try:
            self._check(bars, horizon)
            least = self.least_bars
            seen = newest(bars, least)
            features = frame(Inputs(seen, self.series(seen)), self.card.features)
            return self._forecast(features)
        except DataRefused as refused:
            return Abstain(f"{self.name}: {refused}")

    def predicted(self, features: Frame) -> Predicted:
        """Of every row of a frame, for scoring: NaN where a feature is missing, or the row is too unlike training."""
        x = self.preparation.apply(features)
        found = calibrated(_where_whole(self.fitted, x), self.calibration)
        if self.dissimilarity is None:
            return found
        told = np.isfinite(found.p_up)
        told[told] = self.dissimilarity.index(x[told]) <= self.most_dissimilar
        return _silent(found, ~told)

    def _check(self, bars: Bars, horizon: int) -> None:
        if self.card.label != DIRECTION:
            raise DataRefused(f"it forecasts the {self.card.label}, which is scored and is no forecast of a return")
        if horizon != self.card.horizon:
            raise DataRefused(f"trained for a horizon of {self.card.horizon} bars, asked about {horizon}")
        if self.card.symbol not in ("", bars.symbol):
            raise DataRefused(f"trained on {self.card.symbol}, asked about {bars.symbol}")
        if bars.timeframe.value != self.card.timeframe:
            raise DataRefused(f"trained on bars of {self.card.timeframe}, asked about {bars.timeframe.value}")
        if len(bars) < self.least_bars:
            raise DataRefused(f"a forecast needs {self.least_bars} bars, found {len(bars)}")
        self.card.check_known(int(bars.open_ns[-1]) + bars.timeframe.ns)

    def _forecast(self, features: Frame) -> Forecast | Abstain:
        needed = slice(len(features.values) - self.fitted.context - 1, None)
        known = np.logical_and.reduce(np.isfinite(features.values[needed])).tolist()
        missing = [name for name, there in zip(features.names, known, strict=True) if not there]
        if missing:
            unknown = ", ".join(needed_series(missing))
            why = f": {unknown} was not known by the close of each" if unknown else ""
            raise DataRefused(f"the features {', '.join(missing)} cannot be measured on these bars{why}")
        x = self.preparation.apply(features)[needed]
        if self.dissimilarity is not None:
            far = float(self.dissimilarity.index(x[-1:])[0])
            if far > self.most_dissimilar:
                allowed = f"at most {self.most_dissimilar:g} is allowed"
                raise DataRefused(f"the market is unlike training: dissimilarity {far:.2f}, {allowed}")
        said = calibrated(self.fitted.predict(x), self.calibration)
        if not np.isfinite([said.p_up[-1], said.expected[-1], *said.quantiles[-1]]).all():
            raise DataRefused(said.silent)
        quantiles = zip(said.levels, said.quantiles[-1].tolist(), strict=True)
        return Forecast(
            _number(float(said.p_up[-1])),
            _number(float(said.expected[-1])),
            tuple((Decimal(str(level)), _number(value)) for level, value in quantiles),
        )


def _where_whole(fitted: Fitted, x: NDArray[np.float32]) -> Predicted:
    """Predictions of a table with holes: a row is told where neither it nor what it reads before it is missing."""
    whole: NDArray[np.bool_] = np.logical_and.reduce(np.isfinite(x), axis=1)
    said = fitted.predict(np.where(whole[:, None], x, np.float32(0)))
    holes = np.cumsum(~whole)
    before = np.concatenate([np.zeros(fitted.context + 1, holes.dtype), holes])[: len(holes)]
    return _silent(said, holes - before > 0)


def _silent(said: Predicted, where: NDArray[np.bool_]) -> Predicted:
    return replace(
        said,
        p_up=np.where(where, np.nan, said.p_up),
        expected=np.where(where, np.nan, said.expected),
        quantiles=np.where(where[:, None], np.nan, said.quantiles),
    )


def _number(value: float) -> Decimal:
    return Decimal(significant(value))
