"""Ledgers of what was tried (`core.ports.Trials`): in memory, and as lines of JSON that outlive the process."""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Final

from core.errors import DataRefused
from core.money import significant
from core.ports import Trial

if TYPE_CHECKING:
    from pathlib import Path

_AT_ONCE: Final = 1 << 16  # bytes looked at, from the end


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
    """One line of JSON a trial, only ever added to. Several processes may write, one at a time.

    All lines of one call are there or none: what a full disk took half of is taken back. Where a process died in the
    middle, half a line is the end of the file; whoever asked for it was never told that it counts.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def count(self, trial: Trial) -> None:
        self.count_all((trial,))

    def count_all(self, trials: Sequence[Trial]) -> None:
        lines = "".join(json.dumps(_told(trial), sort_keys=True) + "\n" for trial in trials).encode()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Not of the text layer: what it holds back would be written by whoever closes it, after it was taken back.
        with self._path.open("a+b", buffering=0) as file, _alone(file):
            whole = _whole(file)
            file.truncate(whole)
            try:
                _write(file.fileno(), lines)
                os.fsync(file.fileno())
            except BaseException:
                file.truncate(whole)
                raise

    def of(self, study: str) -> tuple[Trial, ...]:
        """DataRefused where a line cannot be read: a count that may be too low would flatter whatever is picked.

        Half a line at the end is passed over, and said.
        """
        known = TrialsInMemory()
        for number, line in enumerate(self._lines(), 1):
            known.count(self._read(number, line.decode(errors="replace")))
        return known.of(study)

    def _lines(self) -> list[bytes]:
        try:
            with self._path.open("rb") as file, _alone(file):
                text = file.read()
        except FileNotFoundError:
            return []
        *lines, rest = text.split(b"\n")
        if rest:
            told = (
                "%s ends in the middle of line %d, where a process died: that trial never counted, and is passed over"
            )
            logging.getLogger(__name__).warning(told, self._path, len(lines) + 1)
        return lines

    def _read(self, number: int, line: str) -> Trial:
        try:
            told = json.loads(line)
            sharpe = told["sharpe"]
            return Trial(told["study"], told["name"], told["settings"], None if sharpe is None else Decimal(sharpe))
        except (ValueError, KeyError, TypeError, ArithmeticError) as wrong:
            raise DataRefused(f"{self._path}, line {number} is no trial: {line[:80]!r}") from wrong


def _write(file: int, lines: bytes) -> None:
    """All of it: one call may take less, where the disk is full or a signal comes."""
    while lines:
        lines = lines[os.write(file, lines) :]


def _whole(file: IO[bytes]) -> int:
    """The length of the whole lines of a file, in bytes."""
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - _AT_ONCE)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


@contextmanager
def _alone(file: IO[bytes]) -> Iterator[None]:
    """One process at a time; the end of a process lets go of it."""
    try:
        import fcntl
    except ImportError:  # not on Windows, where one process alone writes
        yield
        return
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


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
