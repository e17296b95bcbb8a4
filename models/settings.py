"""What the models room may be told: horizons, half-lives and how little evidence is too little."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """`horizon_bars` and `history_bars` count decision-timeframe bars; `score_origins` the forecasts that are scored.

    `half_life_s` is the age at which a text counts half; below `least_effective_texts` (in fresh texts) the rolling
    sentiment is no opinion; texts older than `text_window_s` are not read at all.
    """

    horizon_bars: int = 12
    history_bars: int = 780
    score_origins: int = 60
    half_life_s: int = 6 * 3600
    text_window_s: int = 48 * 3600
    least_effective_texts: Decimal = Decimal("0.5")
