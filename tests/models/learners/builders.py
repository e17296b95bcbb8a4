"""Samples to learn from, a planted signal with memory and noise, and small learners of every kind."""

from dataclasses import replace

import numpy as np

from models.learners.naive import AlwaysUp, Drift
from models.learners.neural import Architecture, Network, Training
from models.learners.port import Learner, Predicted, Sample, rises
from models.learners.trees import Boosting
from models.learners.trees_lightgbm import LightGBM
from models.learners.trees_xgboost import XGBoost

NAMES = ("alpha", "beta", "gamma", "delta")

TREES = Boosting(trees=60, rate=0.1, patience=10, jobs=1)
SHORT = Training(epochs=15, rate=5e-3, streams=16, device="cpu")
SMALL = Architecture(layers=1, hidden=16, window=8, dropout=0.0)


def network(name: str, **changes: object) -> Network:
    return Network(name, replace(SMALL, **changes), SHORT)  # type: ignore[arg-type]


LEARNERS: list[Learner] = [
    XGBoost(boosting=TREES),
    XGBoost("forest", replace(TREES, depth=6), forest=True),
    LightGBM(boosting=TREES),
    network("lstm"),
    network("gru", cell="gru", residual=True),
    network("lstm-attentive", bidirectional=True, attention=True),
    network("transformer", cell="transformer", hidden=16, heads=2, attention=True),
]


def planted(n: int = 3000, *, seed: int = 3, strength: float = 1.0) -> Sample:
    """Returns of about 1 %, of which `strength` parts follow from the last three rows of the first two features."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(n, len(NAMES))).astype(np.float32)
    lagged = [np.roll(x, lag, axis=0) for lag in range(3)]
    told = np.tanh(lagged[0][:, 0] + 0.8 * lagged[1][:, 0] - 0.8 * lagged[2][:, 1])
    y = 0.01 * (strength * told + 0.5 * random.normal(size=n))
    return Sample(x, y.astype(np.float64), names=NAMES)


def noise(n: int = 3000, *, seed: int = 5) -> Sample:
    return planted(n, seed=seed, strength=0.0)


def brier(said: Predicted, sample: Sample) -> float:
    spoke = np.isfinite(said.p_up)
    assert spoke.mean() > 0.9
    return float(np.mean((said.p_up - rises(sample.y))[spoke] ** 2))


def naive_brier(sample: Sample) -> float:
    """Of the best answer that knows no features, the share of rises of the very rows that are judged among them."""
    naive = [one.fit(sample, None, seed=0).predict(sample.x) for one in (AlwaysUp(), Drift())]
    return min(0.25, *(brier(said, sample) for said in naive))
