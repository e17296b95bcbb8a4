"""Set-ups as others published them, under their names, to be scored beside ours.

What was not published is ours, and `chosen` says which that is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from core.errors import ConfigError
from models.learners.neural import Architecture, Network, Training
from models.learners.port import Learner
from models.learners.trees import Boosting
from models.learners.trees_xgboost import XGBoost


@dataclass(frozen=True, slots=True)
class Preset:
    """A learner and how it is to be judged, on the features of the same name in `models.features.catalogue.SETS`.

    `label` is what it forecasts: `direction`, whether the price is higher, or `composite`, the sign of the composite
    score. `splits` is the number of time-series splits, None where that is not part of it; p_up from `buy_above` on is
    a buy, down to `sell_below` a sell, and between them it has no opinion.
    """

    name: str
    learner: Learner
    label: str
    timeframe: str
    seed: int
    splits: int | None = None
    buy_above: float = 0.5
    sell_below: float = 0.5
    chosen: tuple[str, ...] = ()


XGB_4H: Final = Preset(
    "xgb-4h",
    XGBoost(
        "xgb-4h",
        Boosting(trees=300, depth=4, rate=0.05, subsample=0.8, columns=0.8, alpha=0.1, ridge=1.0, patience=None),
    ),
    label="direction",
    timeframe="4h",
    seed=42,
    splits=5,
    buy_above=0.65,
    sell_below=0.35,
    chosen=("quantiles of the return beside the odds",),
)

LSTM_SCORE: Final = Preset(
    "lstm-score",
    Network(
        "lstm-score",
        Architecture(cell="lstm", layers=3, hidden=64, window=24, dropout=0.3),
        Training(
            epochs=100, batch=32, rate=0.001, weight_decay=0.0, plateau=100, patience=None, streams=0, precision="fp32"
        ),
    ),
    label="composite",
    timeframe="1h",
    seed=42,
    chosen=(
        "64 units a layer",
        "hourly bars",
        "the seed",
        "quantiles beside the odds",
    ),
)

PRESETS: Final[Mapping[str, Preset]] = {preset.name: preset for preset in (XGB_4H, LSTM_SCORE)}


def preset(name: str) -> Preset:
    """Raises ConfigError for a name that is none of them."""
    if name not in PRESETS:
        raise ConfigError(f"a preset is one of {', '.join(sorted(PRESETS))}, found {name!r}")
    return PRESETS[name]
