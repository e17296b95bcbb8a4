"""Ledgers of what was tried (`core.ports.Trials`): in memory, and as lines of JSON that outlive the process."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from core.errors import DataRefused
from core.money import significant
from core.ports import Trial

if TYPE_CHECKING:
    from pathlib import Path

_AT_ONCE: Final = 1 << 16  # bytes


class TrialsInMemory:
    """For one process, and for tests."""

    def __init__(self) -> None:
        self._trials: dict[tuple[str, str], Trial] = {}

    def count(self, trial: Trial) -> None:
        self._trials[trial.study, trial.settings] = trial

    def count_all(self, trials: Sequence[Trial]) -> None:
        for trial in trials:
            self.count(trial)

    def of(self, study: str) -> tuple[Trial, ...]:
        return tuple(trial for trial in self._trials.values() if trial.study == study)


class TrialsOnDisk:
    """One line of JSON a trial, only ever added to. Several processes may write; each line is written in one go."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def count(self, trial: Trial) -> None:
        self.count_all((trial,))

    def count_all(self, trials: Sequence[Trial]) -> None:
        lines = "".join(json.dumps(_told(trial), sort_keys=True) + "\n" for trial in trials).encode()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            while lines:
                # No more than is written in one go, and whole lines alone: others write too.
                end = lines.rfind(b"\n", 0, _AT_ONCE) + 1 or lines.find(b"\n") + 1
                os.write(file, lines[:end])
                lines = lines[end:]
            os.fsync(file)
        finally:
            os.close(file)

    def of(self, study: str) -> tuple[Trial, ...]:
        """DataRefused where a line cannot be read: a count that may be too low would flatter whatever is picked."""
        known = TrialsInMemory()
        if self._path.exists():
            for number, line in enumerate(self._path.read_text(encoding="utf-8").splitlines(), 1):
                known.count(self._read(number, line))
        return known.of(study)

    def _read(self, number: int, line: str) -> Trial:
        try:
            told = json.loads(line)
            sharpe = told["sharpe"]
            return Trial(told["study"], told["name"], told["settings"], None if sharpe is None else Decimal(sharpe))
        except (ValueError, KeyError, TypeError, ArithmeticError) as wrong:
            raise DataRefused(f"{self._path}, line {number} is no trial: {line[:80]!r}") from wrong


def _told(trial: Trial) -> dict[str, str | None]:
    return {
        "study": trial.study,
        "name": trial.name,
        "settings": trial.settings,
        "sharpe": None if trial.sharpe is None else str(trial.sharpe),
    }


def ratio(sharpe: float) -> Decimal | None:
    """A Sharpe ratio of one bar as a trial holds it: None where it is not a number."""
    return Decimal(significant(sharpe)) if math.isfinite(sharpe) else None


def ratios(trials: Sequence[Trial]) -> list[float]:
    """The ratios of trials, NaN where one has none, as `overfitting.deflated_sharpe` takes them."""
    return [math.nan if trial.sharpe is None else float(trial.sharpe) for trial in trials]
