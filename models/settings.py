"""What the models room may be told: horizons, half-lives and how little evidence is too little."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from core.time import duration_ns

NEVER: Final = "never"


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """`horizon_bars` and `history_bars` count decision-timeframe bars; `score_origins` the forecasts that are scored.

    `half_life_s` is the age at which a text counts half; below `least_effective_texts` (in fresh texts) the rolling
    sentiment is no opinion; texts older than `text_window_s` are not read at all. `source_weights` says what a text of
    a source counts, 1 where it is not named; `reading_latency_s` how long after a text its events count as known.
    `retrain_every` is how long after a model its challenger is trained, a duration or `never`, and `train_window` on
    how many of the newest rows, 0 for as many as the model itself was.
    """

    horizon_bars: int = 12
    history_bars: int = 780
    score_origins: int = 60
    half_life_s: int = 6 * 3600
    text_window_s: int = 48 * 3600
    reading_latency_s: int = 60
    least_effective_texts: Decimal = Decimal("0.5")
    source_weights: Mapping[str, Decimal] = field(default_factory=dict)
    retrain_every: str = "30d"
    train_window: int = 0

    @property
    def retrain_every_ns(self) -> int | None:
        """None for never."""
        return None if self.retrain_every == NEVER else duration_ns(self.retrain_every)
