"""A search for good sets of parameters where trying all would take too long: by Optuna, in a file of its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from core.canonical import digest
from core.errors import ConfigError
from tools.simulation.sweeping import COLUMNS, Set, possible

if TYPE_CHECKING:
    from pathlib import Path

    from core.bars import FloatArray
    from tools.strategies.targets import Value

_AT_ONCE: Final = 8  # asked for together, whatever the machine: the answers must not depend on it
_SHARPE: Final = COLUMNS.index("sharpe")


@dataclass(frozen=True, slots=True)
class Search:
    """Asks for `trials` more sets. The `file` keeps what was tried: the same search goes on where it was."""

    trials: int
    file: Path
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.trials <= 100_000:
            raise ConfigError(f"a search asks for 1 to 100,000 sets, found {self.trials}")


def searched(
    search: Search,
    name: str,
    strategy: str,
    over: Mapping[str, Sequence[Value]],
    look_back: int,
    measuring: Callable[[Sequence[Set]], FloatArray],
) -> tuple[list[Set], FloatArray, dict[str, int]]:
    """The different sets that were asked for under this name, their figures, and why so many could not be made.

    Each is drawn where earlier ones had a high Sharpe ratio: Bergstra, Bardenet, Bengio and Kégl, *Algorithms for
    Hyper-Parameter Optimization* (2011). Those of earlier searches are simulated once more, and are no new trials.
    """
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    search.file.parent.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = {key: [str(value) for value in values] for key, values in over.items()}
    known = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(search.file))),
        study_name=f"{name} {digest(space)[:12]}",
        load_if_exists=True,
        direction="maximize",
    )
    # Otherwise a search that goes on would draw the same sets again.
    known.sampler = optuna.samplers.TPESampler(seed=search.seed + len(known.trials), constant_liar=True)
    found: dict[tuple[Value, ...], tuple[Set, FloatArray]] = {}
    left_out: dict[str, int] = {}
    before = {tuple(one.values()): one for one in (_set(over, trial.params) for trial in known.trials) if one}
    _measure(strategy, list(before.values()), look_back, measuring, found, left_out)
    asked = 0
    while asked < search.trials:
        batch = [known.ask() for _ in range(min(_AT_ONCE, search.trials - asked))]
        asked += len(batch)
        wanted = [_drawn(over, trial) for trial in batch]
        new = {tuple(one.values()): one for one in wanted if tuple(one.values()) not in found}
        _measure(strategy, list(new.values()), look_back, measuring, found, left_out)
        for trial, one in zip(batch, wanted, strict=True):
            got = found.get(tuple(one.values()))
            sharpe = math.nan if got is None else float(got[1][_SHARPE])
            if math.isnan(sharpe):  # neither it nor its neighbours are worth much
                known.tell(trial, state=optuna.trial.TrialState.PRUNED)
            else:
                known.tell(trial, sharpe)
    if not found:
        raise ConfigError(f"none of {asked} sets can be made: {'; '.join(left_out)}")
    return [one for one, _ in found.values()], np.stack([row for _, row in found.values()]), left_out


def _measure(
    strategy: str,
    wanted: Sequence[Set],
    look_back: int,
    measuring: Callable[[Sequence[Set]], FloatArray],
    found: dict[tuple[Value, ...], tuple[Set, FloatArray]],
    left_out: dict[str, int],
) -> None:
    """Adds what came of those that can be made, and why the others cannot."""
    sound: list[Set] = []
    for one in wanted:
        try:
            _, _, needs = possible(strategy, [one])
        except ConfigError as wrong:
            why = str(wrong).partition("can be made: ")[2] or str(wrong)
            left_out[why] = left_out.get(why, 0) + 1
            continue
        if needs > look_back:
            why = "it looks back further than the ends of the ranges do"
            left_out[why] = left_out.get(why, 0) + 1
            continue
        sound.append(one)
    if sound:
        for one, row in zip(sound, measuring(sound), strict=True):
            found[tuple(one.values())] = one, row


def _drawn(over: Mapping[str, Sequence[Value]], trial: Any) -> dict[str, Value]:
    """Numbers by their place in the range, since they have an order; words as they are."""
    for name, values in over.items():
        if isinstance(values[0], float):
            trial.suggest_int(name, 0, len(values) - 1)
        else:
            trial.suggest_categorical(name, [str(value) for value in values])
    return _set(over, trial.params)


def _set(over: Mapping[str, Sequence[Value]], drawn: Mapping[str, Any]) -> dict[str, Value]:
    """The set of what was drawn, empty where a search was ended before it had drawn all."""
    if set(drawn) != set(over):
        return {}
    return {name: values[drawn[name]] if isinstance(values[0], float) else drawn[name] for name, values in over.items()}
