"""Learners by the names that a person types, with settings changed one by one, and where a search may look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Final

from core.errors import ConfigError
from models.features.catalogue import SETS
from models.learners.neural import Architecture, Network
from models.learners.port import Learner
from models.learners.presets import PRESETS, preset
from models.learners.recipes import Recipe
from models.learners.trained import DIRECTION
from models.learners.trees_lightgbm import LightGBM
from models.learners.trees_xgboost import XGBoost
from models.learners.watching import Watcher
from models.reinforcement.policies import PolicyLearner
from models.reinforcement.schools import School
from models.validation.trading import Costs

# The time of day never varies where a bar is a day.
_DAILY: Final = ("day_sine", "day_cosine")
_SEED: Final = 42
# What the name of a learner says, and what the desk's settings and limits do.
_FIXED: Final = ("cell", "algorithm", "costs", "limits")
_Known = XGBoost | LightGBM | Network | PolicyLearner
_LEARNERS: Final[Mapping[str, _Known]] = {
    "xgboost": XGBoost(),
    "forest": XGBoost("forest", forest=True),
    "lightgbm": LightGBM(),
    "lstm": Network("lstm"),
    "gru": Network("gru", Architecture(cell="gru")),
    "transformer": Network("transformer", Architecture(cell="transformer")),
    "ppo": PolicyLearner("ppo", School("ppo")),
    "dqn": PolicyLearner("dqn", School("dqn")),
}
NAMES: Final = (*_LEARNERS, *PRESETS)


@dataclass(frozen=True, slots=True)
class Range:
    """Where a search may look: from `least` to `most`, whole numbers where `whole`, by factors where `log`."""

    least: float
    most: float
    whole: bool = False
    log: bool = False


_TREES: Final[Mapping[str, Range]] = {
    "trees": Range(50, 500, whole=True, log=True),
    "depth": Range(2, 8, whole=True),
    "rate": Range(0.01, 0.3, log=True),
    "subsample": Range(0.5, 1.0),
    "columns": Range(0.5, 1.0),
    "alpha": Range(0.001, 10.0, log=True),
    "ridge": Range(0.1, 10.0, log=True),
}
# A policy of 50,000 steps takes a core half a minute, and a search fits one for each of its folds.
_POLICIES: Final[Mapping[str, Range]] = {
    "steps": Range(5_000, 50_000, whole=True, log=True),
    "rate": Range(1e-4, 1e-2, log=True),
    "discount": Range(0.5, 0.99),
    "step": Range(0.01, 0.1, log=True),
}
_NETWORKS: Final[Mapping[str, Range]] = {
    "layers": Range(1, 3, whole=True),
    "dropout": Range(0.0, 0.5),
    "rate": Range(2e-4, 1e-2, log=True),
    "weight_decay": Range(1e-4, 0.1, log=True),
}


@dataclass(frozen=True, slots=True)
class Named:
    """What is to be trained, as a person said it: the name, the settings changed, and what follows from both."""

    name: str
    learner: Learner
    label: str
    features: tuple[str, ...]
    timeframe: str | None
    seed: int

    def recipe(
        self, horizon: int, *, window: int | None = None, unique: bool | None = None, half_life: float | None = None
    ) -> Recipe:
        """Overlapping labels share their weight unless `unique` says otherwise; those of a preset do not."""
        weighed = self.name not in PRESETS if unique is None else unique
        recipe = Recipe(
            self.name,
            self.learner,
            self.features,
            horizon,
            label=self.label,
            train_window=window,
            unique=weighed,
            half_life=half_life,
        )
        if not isinstance(self.learner, PolicyLearner):
            return recipe
        if unique or half_life is not None:
            raise ConfigError(f"{self.name} learns by trading, bar after bar: its rows have no weights")
        # One that seldom opens has too few opinions for a calibration.
        taught = replace(self.learner, horizon=horizon)
        return replace(recipe, learner=taught, calibration_share=0.0, unique=False)


def named(
    name: str,
    changes: Mapping[str, str] | None = None,
    *,
    timeframe: str | None = None,
    watcher: Watcher | None = None,
    costs: Costs | None = None,
) -> Named:
    """The learner called `name` with `changes` to its settings, as words.

    A preset has its published features and timeframe, the others all that bars alone tell. `costs` are what a policy
    pays while it learns. Raises ConfigError for a name, a setting or a value that there is not; a learner's own bounds
    are checked too.
    """
    if name not in NAMES:
        raise ConfigError(f"a learner is one of {', '.join(NAMES)}, found {name!r}")
    published = preset(name) if name in PRESETS else None
    learner = _base(name)
    if watcher is not None and isinstance(learner, Network):
        learner = replace(learner, watcher=watcher)
    if costs is not None and isinstance(learner, PolicyLearner):
        learner = replace(learner, rules=replace(learner.rules, costs=costs))
    for key, value in (changes or {}).items():
        learner = _changed(learner, key, value)
    if published is not None:
        return Named(name, learner, published.label, SETS[name], published.timeframe, published.seed)
    features = tuple(f for f in SETS["bars"] if timeframe != "1d" or f not in _DAILY)
    return Named(name, learner, DIRECTION, features, None, _SEED)


def space(name: str) -> Mapping[str, Range]:
    """The settings that a search for better ones may change."""
    learner = named(name).learner
    if isinstance(learner, PolicyLearner):
        return _POLICIES
    return _NETWORKS if isinstance(learner, Network) else _TREES


def _base(name: str) -> _Known:
    found = _LEARNERS[name] if name in _LEARNERS else preset(name).learner
    assert isinstance(found, _Known)
    return found


def _changed(learner: _Known, key: str, value: str) -> _Known:
    parts = _parts_of(learner)
    allowed = {f.name: part for part in parts for f in fields(getattr(learner, part)) if f.name not in _FIXED}
    if key not in allowed:
        raise ConfigError(f"{learner.name} has no setting {key!r}, allowed are {', '.join(allowed)}")
    part = getattr(learner, allowed[key])
    return replace(learner, **{allowed[key]: replace(part, **{key: _read(key, value, getattr(part, key))})})


def _parts_of(learner: _Known) -> tuple[str, ...]:
    if isinstance(learner, PolicyLearner):
        return "school", "rules"
    return ("architecture", "training") if isinstance(learner, Network) else ("boosting",)


def _read(key: str, value: str, now: object) -> object:
    """A word as the kind of value that stands there now; `none` where that may be none."""
    if key in ("patience", "episode"):
        return None if value == "none" else _number(key, value, int)
    if isinstance(now, tuple):
        return tuple(int(_number(key, width, int)) for width in value.split(","))
    if isinstance(now, bool):
        if value not in ("true", "false"):
            raise ConfigError(f"{key} is true or false, found {value!r}")
        return value == "true"
    if isinstance(now, int | float):
        return _number(key, value, type(now))
    return value


def _number(key: str, value: str, kind: type[int | float]) -> int | float:
    try:
        return kind(value)
    except ValueError:
        whole = "a whole number" if kind is int else "a number"
        raise ConfigError(f"{key} is {whole}, found {value!r}") from None
