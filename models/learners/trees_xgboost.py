"""XGBoost: one booster for the odds of a rise, one for the quantiles of the return. Saved in its own binary JSON.

Chen and Guestrin, *XGBoost: A Scalable Tree Boosting System* (2016); random forests by `num_parallel_tree` as its
manual describes them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from models.learners.devices import xgboost_device
from models.learners.port import LEVELS, Parts, Predicted, Sample, check_features, rises
from models.learners.trees import Boosting, check, told

if TYPE_CHECKING:
    from core.bars import FloatArray
    from models.learners.port import Float32Array

KIND: Final = "xgboost"
_ODDS, _QUANTILES = "odds.ubj", "quantiles.ubj"


@dataclass(frozen=True, slots=True)
class XGBoost:
    """With `forest` the trees are grown side by side, each on its own draw of rows and, at every node, of columns.

    A forest has neither rate nor patience. The same seed, processor and number of threads give the same trees.
    """

    name: str = "xgboost"
    boosting: Boosting = field(default_factory=Boosting)
    forest: bool = False

    def fit(self, train: Sample, valid: Sample | None, *, seed: int) -> FittedXGBoost:
        check(train, valid)
        shared = {**self._parameters(), "seed": seed, "device": xgboost_device(self.boosting.device)}
        odds = {**shared, "objective": "binary:logistic"}
        quantiles = {**shared, "objective": "reg:quantileerror", "quantile_alpha": list(LEVELS)}
        return FittedXGBoost(
            self._train(odds, train, rises(train.y), valid, None if valid is None else rises(valid.y)),
            self._train(quantiles, train, train.y, valid, None if valid is None else valid.y),
            train.x.shape[1],
        )

    def _parameters(self) -> dict[str, Any]:
        how = self.boosting
        shared = {
            "tree_method": "hist",
            "max_depth": how.depth,
            "subsample": how.subsample,
            "alpha": how.alpha,
            "lambda": how.ridge,
            "nthread": how.threads,
            "verbosity": 1,
        }
        if self.forest:
            return {**shared, "eta": 1.0, "num_parallel_tree": how.trees, "colsample_bynode": how.columns}
        return {**shared, "eta": how.rate, "colsample_bytree": how.columns}

    def _train(
        self, parameters: dict[str, Any], train: Sample, y: FloatArray, valid: Sample | None, later: FloatArray | None
    ) -> Any:
        import xgboost

        rounds = 1 if self.forest else self.boosting.trees
        table = xgboost.QuantileDMatrix(train.x, label=y, weight=train.weights)
        if valid is None or self.forest or self.boosting.patience is None:
            return xgboost.train(parameters, table, rounds)
        held = xgboost.QuantileDMatrix(valid.x, label=later, weight=valid.weights, ref=table)
        patience = self.boosting.patience
        found = xgboost.train(
            parameters, table, rounds, evals=[(held, "valid")], early_stopping_rounds=patience, verbose_eval=False
        )
        return found[: found.best_iteration + 1]


@dataclass(frozen=True, slots=True)
class FittedXGBoost:
    odds: Any
    quantiles: Any
    features: int

    @property
    def context(self) -> int:
        return 0

    def predict(self, x: Float32Array) -> Predicted:
        import xgboost

        check_features(x, self.features)
        table = xgboost.DMatrix(x)
        return told(self.odds.predict(table), self.quantiles.predict(table))

    def parts(self) -> Parts:
        files = {_ODDS: bytes(self.odds.save_raw("ubj")), _QUANTILES: bytes(self.quantiles.save_raw("ubj"))}
        return Parts(KIND, {"features": self.features}, files=files)


def read(parts: Parts) -> FittedXGBoost:
    """On the processor, with one thread: a forecast of one row is not worth more."""
    import xgboost

    odds, quantiles = (
        xgboost.Booster({"nthread": 1, "device": "cpu"}, model_file=bytearray(parts.files[name]))
        for name in (_ODDS, _QUANTILES)
    )
    return FittedXGBoost(odds, quantiles, parts.settings["features"])
