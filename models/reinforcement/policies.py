"""A policy as one more forecaster: taught by trading, asked what it would do with a new account, silent where nothing.

It needs numpy and torch alone: what taught it is not loaded, and nothing of it was ever a pickle.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from core.errors import DataRefused
from models.learners.port import (
    LEVELS,
    Parts,
    Predicted,
    Sample,
    check_features,
    check_training,
    logistic,
)
from models.reinforcement.actions import Action
from models.reinforcement.rules import ACCOUNT_COLUMNS, Rules, flat
from models.reinforcement.schools import School
from models.reinforcement.tape import Tape, tape_of_returns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.bars import FloatArray
    from core.canonical import JSON
    from models.learners.port import Float32Array
    from models.reinforcement.network import PolicyNet

KIND: Final = "policy"
LEAST_ROWS: Final = 100


@dataclass(frozen=True, slots=True)
class Policy:
    """What was learnt of `features` features: `hidden` are the widths of its layers.

    `values` float64, shape (2, 1 + len(LEVELS)), are the mean and the quantiles of the log return that came in training
    where it would have bought, and where it would have sold. `temperature` divides its preferences before they become
    a probability. `lesson` is JSON: the school and the rules that it was taught by.
    """

    algorithm: str
    net: PolicyNet
    features: int
    hidden: tuple[int, ...]
    values: FloatArray
    temperature: float = 1.0
    lesson: JSON = field(default_factory=dict)

    @property
    def context(self) -> int:
        return 0

    def preferences(self, seen: Float32Array) -> FloatArray:
        """Of each observation one number an action: shape (n, f + 3) to (n, actions)."""
        import torch

        with torch.inference_mode():
            told = self.net(torch.tensor(seen))
        return np.asarray(told.numpy(), np.float64)

    def act(self, seen: Float32Array) -> int:
        """The action that it prefers, of one observation, shape (f + 3,)."""
        return int(self.preferences(seen[None])[0].argmax())

    def predict(self, x: Float32Array) -> Predicted:
        """Asked with an account without a position: p_up is how much rather it buys than sells.

        A row at which it would rather stay flat is NaN: that is no opinion.
        """
        check_features(x, self.features)
        preferred = self.preferences(flat(x))
        side = sides_of(preferred)
        told = logistic((preferred[:, Action.ADD_LONG] - preferred[:, Action.ADD_SHORT]) / self.temperature)
        values = np.where(side[:, None] > 0, self.values[0], self.values[1])
        values[side == 0] = np.nan
        p_up = np.where(side == 0, np.nan, told)
        return Predicted(p_up, values[:, 0], values[:, 1:], silent="a flat account would rather stay flat here")

    def parts(self) -> Parts:
        arrays = {}
        for number, layer in enumerate(self.net.linear):
            arrays[f"{number}.weight"] = layer.weight.detach().cpu().numpy()
            arrays[f"{number}.bias"] = layer.bias.detach().cpu().numpy()
        settings = {
            "algorithm": self.algorithm,
            "features": self.features,
            "hidden": list(self.hidden),
            "actions": [action.name for action in Action],
            "temperature": self.temperature,
            "lesson": self.lesson,
        }
        return Parts(KIND, settings, {**arrays, "values": self.values})


@dataclass(frozen=True, slots=True)
class PolicyLearner:
    """Learns to trade the returns that it is given, under `rules`, as `school` teaches. A `Learner`.

    `horizon` is over how many rows the `y` of its samples are returns: it acts on every such row and is marked at the
    next, so that no return counts twice. The fills are then at the closes that were seen; on a `Tape` of bars
    (`taught`) they are at the next open.
    """

    name: str = "ppo"
    school: School = field(default_factory=School)
    rules: Rules = field(default_factory=Rules)
    horizon: int = 1

    def fit(self, train: Sample, valid: Sample | None, *, seed: int) -> Policy:
        check_training(train, LEAST_ROWS * self.horizon)
        if valid is not None:
            check_features(valid.x, train.x.shape[1])
        held = None if valid is None else self._tape(valid)
        policy = taught(self._tape(train), self.school, self.rules, seed=seed, valid=held)
        return informed(policy, train)

    def _tape(self, sample: Sample) -> Tape:
        return tape_of_returns(sample.x[:: self.horizon], sample.y[:: self.horizon])


def taught(tape: Tape, school: School, rules: Rules, *, seed: int, valid: Tape | None = None) -> Policy:
    """A policy that learnt on a tape; with `valid`, which lies after it, what earned most there is kept.

    Its expected returns are not known yet: `informed` tells them.
    """
    from models.reinforcement.network import PolicyNet
    from models.reinforcement.teaching import teach

    features, hidden = tape.x.shape[1], school.hidden
    net = PolicyNet(features + ACCOUNT_COLUMNS, hidden, len(Action), school.algorithm)
    _fill(net, teach(tape, school, rules, seed=seed, valid=valid))
    unknown = np.full((2, 1 + len(LEVELS)), np.nan)
    lesson = {"school": {**asdict(school), "hidden": list(hidden)}, "rules": rules.told(), "seed": seed}
    return Policy(school.algorithm, net, features, hidden, unknown, lesson=lesson)


def informed(policy: Policy, train: Sample) -> Policy:
    """With what came in training where it would have bought or sold; where it never would, what came at all.

    What DQN prefers is measured in rewards: the deviation of its preference over the training rows is its unit.
    """
    preferred = policy.preferences(flat(train.x))
    side = sides_of(preferred)
    values = []
    for sign in (1, -1):
        came = train.y[side == sign] if (side == sign).any() else train.y
        values.append([float(came.mean()), *np.quantile(came, LEVELS).tolist()])
    rather = preferred[:, Action.ADD_LONG] - preferred[:, Action.ADD_SHORT]
    temperature = 1.0 if policy.algorithm == "ppo" else float(rather.std()) or 1.0
    return replace(policy, values=np.array(values), temperature=temperature)


def sides_of(preferred: FloatArray) -> NDArray[np.int64]:
    """1 where to buy is preferred to all else, -1 where to sell is, else 0; `preferred` has shape (n, actions)."""
    best = preferred.argmax(axis=1)
    side: NDArray[np.int64] = (best == Action.ADD_LONG).astype(np.int64) - (best == Action.ADD_SHORT)
    return side


def read(parts: Parts) -> Policy:
    """Raises DataRefused for weights that do not fit the settings, or actions that are not ours."""
    from models.reinforcement.network import ACTIVATIONS, PolicyNet

    told = parts.settings
    if told["actions"] != [action.name for action in Action] or told["algorithm"] not in ACTIVATIONS:
        raise DataRefused(f"a policy of {told['algorithm']!r} with the actions {told['actions']} is none of ours")
    features, hidden = int(told["features"]), tuple(int(width) for width in told["hidden"])
    net = PolicyNet(features + ACCOUNT_COLUMNS, hidden, len(Action), told["algorithm"])
    arrays = [parts.arrays[f"{n}.{of}"] for n in range(len(net.linear)) for of in ("weight", "bias")]
    _fill(net, arrays)
    values = parts.arrays["values"]
    if values.shape != (2, 1 + len(LEVELS)) or not told["temperature"] > 0:
        raise DataRefused(f"a policy tells 2 rows of {1 + len(LEVELS)} values, found {values.shape}")
    return Policy(told["algorithm"], net, features, hidden, values, float(told["temperature"]), told["lesson"])


def _fill(net: PolicyNet, arrays: list[Float32Array]) -> None:
    """Weight and bias of each layer in turn."""
    import torch

    places = [place for layer in net.linear for place in (layer.weight, layer.bias)]
    for place, array in zip(places, arrays, strict=True):
        if tuple(place.shape) != array.shape or not np.isfinite(array).all():
            raise DataRefused(f"a layer of {tuple(place.shape)} needs as many finite weights, found {array.shape}")
        place.data = torch.tensor(array, dtype=torch.float32)
