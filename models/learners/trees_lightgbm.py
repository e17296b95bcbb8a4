"""LightGBM: one booster for the odds of a rise and one for each quantile. Saved in its own text format.

Ke et al., *LightGBM: A Highly Efficient Gradient Boosting Decision Tree* (2017).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from core.errors import ConfigError
from models.learners.port import LEVELS, Parts, Predicted, Sample, check_features, rises
from models.learners.trees import Boosting, check, told

if TYPE_CHECKING:
    from core.bars import FloatArray
    from models.learners.port import Float32Array

KIND: Final = "lightgbm"
_FILES: Final = ("odds.txt", *(f"quantile-{level:g}.txt" for level in LEVELS))


@dataclass(frozen=True, slots=True)
class LightGBM:
    """Trees of at most 2^depth leaves. The same seed gives the same trees with any number of threads."""

    name: str = "lightgbm"
    boosting: Boosting = field(default_factory=Boosting)

    def fit(self, train: Sample, valid: Sample | None, *, seed: int) -> FittedLightGBM:
        check(train, valid)
        if self.boosting.device not in ("auto", "cpu"):
            raise ConfigError(f"lightgbm is built for the processor, device {self.boosting.device} was asked for")
        # The log loss that takes outcomes between 0 and 1: a price that did not move is half a rise.
        objectives: list[dict[str, Any]] = [
            {"objective": "cross_entropy"},
            *({"objective": "quantile", "alpha": a} for a in LEVELS),
        ]
        outcomes = [rises, *[_itself] * len(LEVELS)]
        boosters = tuple(
            self._train({**self._parameters(seed), **objective}, train, valid, outcome)
            for objective, outcome in zip(objectives, outcomes, strict=True)
        )
        return FittedLightGBM(boosters, train.x.shape[1])

    def _parameters(self, seed: int) -> dict[str, Any]:
        how = self.boosting
        return {
            "max_depth": how.depth,
            "num_leaves": 2**how.depth,
            "learning_rate": how.rate,
            "bagging_fraction": how.subsample,
            "bagging_freq": 1,
            "feature_fraction": how.columns,
            "lambda_l1": how.alpha,
            "lambda_l2": how.ridge,
            "num_threads": how.threads,
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }

    def _train(self, parameters: dict[str, Any], train: Sample, valid: Sample | None, outcome: Any) -> Any:
        import lightgbm

        table = lightgbm.Dataset(train.x, label=outcome(train.y), weight=train.weights)
        patience = self.boosting.patience
        if valid is None or patience is None:
            return lightgbm.train(parameters, table, self.boosting.trees)
        held = lightgbm.Dataset(valid.x, label=outcome(valid.y), weight=valid.weights, reference=table)
        stop = lightgbm.early_stopping(patience, verbose=False)
        return lightgbm.train(parameters, table, self.boosting.trees, valid_sets=[held], callbacks=[stop])


@dataclass(frozen=True, slots=True)
class FittedLightGBM:
    """`boosters` are in the order of `_FILES`."""

    boosters: tuple[Any, ...]
    features: int

    @property
    def context(self) -> int:
        return 0

    def predict(self, x: Float32Array) -> Predicted:
        check_features(x, self.features)
        odds, *quantiles = (booster.predict(x) for booster in self.boosters)
        return told(odds, np.column_stack(quantiles))

    def parts(self) -> Parts:
        texts = (booster.model_to_string(num_iteration=booster.best_iteration) for booster in self.boosters)
        files = {name: text.encode() for name, text in zip(_FILES, texts, strict=True)}
        return Parts(KIND, {"features": self.features}, files=files)


def read(parts: Parts) -> FittedLightGBM:
    import lightgbm

    boosters = tuple(lightgbm.Booster(model_str=parts.files[name].decode()) for name in _FILES)
    return FittedLightGBM(boosters, parts.settings["features"])


def _itself(y: FloatArray) -> FloatArray:
    return y
