"""`warden backtest check`: every line about one strategy, the ones about time first, without which no other counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from backtest.checks import costs, luck, time
from backtest.checks.lines import TIME, Ask, Line, Verdict, unmeasured
from backtest.checks.subject import Subject, wants
from backtest.metrics import Run, run_of
from backtest.ranges import sets
from backtest.sweeps import counted
from core.errors import ConfigError, DataRefused
from core.ports import Compute, Trials
from models.validation.overfitting import Deflated, deflated_sharpe
from models.validation.trials import ratios
from tools.simulation.grid import Grid
from tools.simulation.settings import Terms
from tools.simulation.sweeping import COLUMNS, Set, begin_of, possible, split, study_of
from tools.strategies.targets import Value, made, named, names

if TYPE_CHECKING:
    from core.bars import FloatArray


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of a check. `run` is the strategy's, and `deflated` its luck; both None where time was not kept."""

    subject: Subject
    lines: tuple[Line, ...]
    run: Run | None
    deflated: Deflated | None

    def line(self, ask: Ask) -> Line:
        return next(line for line in self.lines if line.ask is ask)

    @property
    def honest(self) -> bool:
        """Whether nothing that it decided rests on what was not known then."""
        return not any(line.verdict is Verdict.FAILED for line in self.lines if line.ask in TIME)


def check(
    grid: Grid,
    strategy: str,
    over: Mapping[str, Sequence[Value]],
    terms: Terms,
    *,
    ledger: Trials,
    compute: Compute,
    from_ns: int | None = None,
    signals: int = time.SIGNALS,
    passed: Callable[[Ask], None] = lambda ask: None,
) -> Checked:
    """Checks the strategy with the parameters of `over`; where these are ranges, the best of their sets.

    All sets that are simulated to be compared count as trials. `passed` is told of every line. Raises ConfigError where
    no set can be made, DataRefused where the strategy or the bars are not what they must be: then nothing is told.
    """

    def ratios_of(wanted: Sequence[Set], begin: int) -> FloatArray:
        """Sharpe ratios, of a bar."""
        found = counted(strategy, wanted, grid, terms, begin, ledger=ledger, compute=compute)
        column: FloatArray = found[:, COLUMNS.index("sharpe")]
        return column

    candidates, _, look_back = possible(strategy, sets(over))
    chosen = candidates[0]
    if len(candidates) > 1:
        begin = begin_of(grid, look_back, from_ns)
        chosen = candidates[_best(ratios_of(candidates, begin))]
    near = _near(strategy, chosen, grid)
    every = [chosen, *near]
    _, _, look_back = possible(strategy, every)
    subject = _subject(strategy, chosen, grid, terms, begin_of(grid, look_back, from_ns))
    lines: list[Line] = []
    for line in _of_time(subject, signals):
        lines.append(line)
        passed(line.ask)
        if line.verdict is Verdict.FAILED:
            return _without_figures(subject, lines)
    table = ratios_of(every, subject.begin)
    tried = ratios(ledger.of(study_of(grid)))
    outcome = subject.outcome(subject.wanted)
    deflated = deflated_sharpe(outcome.returns, tried)
    run = run_of(replace(outcome, trials=len(tried), luck=deflated.threshold))
    own, others = float(np.nan_to_num(table[0])), table[1:]
    rest: tuple[Callable[[], Line | list[Line]], ...] = (
        lambda: time.warm_up(subject),
        lambda: costs.fees(subject),
        lambda: costs.slippage(subject),
        lambda: costs.delay(subject),
        lambda: luck.random_entries(subject),
        lambda: luck.plateau(subject, own, near, others),
        lambda: luck.deflated(subject, deflated),
        lambda: luck.overfitting(subject, candidates),
        lambda: luck.intervals(run),
        lambda: luck.alarms(subject, run, float(table[0])),
    )
    for asked in rest:
        answer = asked()
        for line in answer if isinstance(answer, list) else [answer]:
            lines.append(line)
            passed(line.ask)
    return Checked(subject, tuple(lines), run, deflated)


def _of_time(subject: Subject, signals: int) -> Iterator[Line]:
    yield time.same_twice(subject)
    yield time.truncated(subject, signals)
    yield time.another_future(subject)


def _without_figures(subject: Subject, lines: Sequence[Line]) -> Checked:
    """What comes of decisions that knew too much, or too little of themselves, is no figure of anything."""
    why = f"{lines[-1].ask}: failed, so no figure of it means anything"
    known = {line.ask for line in lines}
    return Checked(subject, (*lines, *(unmeasured(ask, why) for ask in Ask if ask not in known)), None, None)


def _subject(strategy: str, chosen: Set, grid: Grid, terms: Terms, begin: int) -> Subject:
    making = named(strategy)
    own, _ = split(chosen, names(making))
    look_back = made(making, own).look_back
    return Subject(strategy, chosen, grid, terms, begin, look_back, wants(making, chosen, grid))


def _near(strategy: str, chosen: Set, grid: Grid) -> list[Set]:
    """Neighbours that can be made, have bars enough, and are not the same: a number may be one that is not used."""
    making, found = named(strategy), []
    ours, ways = wants(making, chosen, grid), split(chosen, names(making))[1]
    for one in luck.neighbours(making, chosen):
        try:
            _, _, look_back = possible(strategy, [one])
            theirs = wants(making, one, grid)
        except (ConfigError, DataRefused):
            continue
        other = split(one, names(making))[1] != ways or not np.array_equal(theirs, ours, equal_nan=True)
        if other and look_back < len(grid) - 1:
            found.append(one)
    return found


def _best(found: FloatArray) -> int:
    return int(np.argmax(np.nan_to_num(found, nan=-np.inf)))
