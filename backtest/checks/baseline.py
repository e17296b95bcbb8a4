"""A check written down, and what became worse since: so that a change to a strategy cannot pass unseen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from backtest.checks.checking import Checked
from backtest.checks.lines import Verdict
from backtest.metrics import measured
from core.errors import ConfigError, DataRefused
from core.time import show_time

if TYPE_CHECKING:
    from core.canonical import JSON

SCHEMA: Final = 1
_WORSE: Final = 0.1  # of a figure, on the same bars and terms: whatever changed then is the strategy
_KEPT: Final = ("total_return", "sharpe", "max_drawdown", "win_rate", "profit_factor", "trades")


@dataclass(frozen=True, slots=True)
class Compared:
    """`regressions` are sentences; `alike` says whether bars and terms are those of the baseline."""

    regressions: tuple[str, ...]
    alike: bool


def told(checked: Checked) -> JSON:
    """The whole check for programs, and for a baseline."""
    subject = checked.subject
    grid = subject.grid
    figures = {} if checked.run is None else measured(checked.run)
    return {
        "schema": SCHEMA,
        "strategy": _name(subject.strategy),
        "parameters": dict(subject.parameters),
        "symbols": list(grid.symbols),
        "timeframe": grid.timeframe.value,
        "from": show_time(int(grid.close_ns[subject.begin])),
        "until": show_time(int(grid.close_ns[-1])),
        "bars": len(grid) - subject.begin,
        "missing_bars": grid.missing(subject.begin),
        "data": grid.hashes(),
        "terms": subject.terms.told(),
        "honest": checked.honest,
        "checks": [line.told() for line in checked.lines],
        "figures": {name: figures[name].value for name in _KEPT if name in figures},
        "trials": None if checked.deflated is None else checked.deflated.trials,
    }


def save(path: Path, now: JSON) -> None:
    try:
        path.write_text(json.dumps(now, indent=1, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}") from None


def read(path: Path) -> JSON:
    """Raises ConfigError where there is no file, DataRefused where it is no baseline."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["schema"] != SCHEMA:
            raise DataRefused(f"{path} is a baseline of schema {found['schema']!r}, this program reads {SCHEMA}")
        {one["check"]: Verdict(one["verdict"]) for one in found["checks"]}
        [found[name] for name in ("strategy", "symbols", "timeframe", "data", "terms", "parameters")]
        {name: None if value is None else float(value) for name, value in found["figures"].items()}
    except OSError as error:
        raise ConfigError(f"the baseline {path} cannot be read: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as wrong:
        raise DataRefused(f"{path} is no baseline of a check: {wrong!r}"[:300]) from None
    return found


def compare(before: JSON, now: JSON) -> Compared:
    """What passed before and does not now, and on the same bars and terms also what it earns less.

    Raises ConfigError for a baseline of another strategy or market: nothing could be said by it.
    """
    for name in ("strategy", "symbols", "timeframe"):
        if before[name] != now[name]:
            raise ConfigError(f"the baseline is of the {name} {before[name]}, this check of {now[name]}")
    then = {one["check"]: one for one in before["checks"]}
    found = [
        f"{one['check']}: passed, now {one['verdict']}: {one['found']}"
        for one in now["checks"]
        if then.get(one["check"], {}).get("verdict") == Verdict.PASSED and one["verdict"] != Verdict.PASSED
    ]
    alike = before["data"] == now["data"] and before["terms"] == now["terms"]
    if alike:
        found += _less(before["figures"], now["figures"])
    return Compared(tuple(found), alike)


def _less(before: Mapping[str, float | None], now: Mapping[str, float | None]) -> list[str]:
    found = []
    for name, sign in (("sharpe", 1), ("total_return", 1), ("max_drawdown", -1)):
        then, is_now = before.get(name), now.get(name)
        if then is None or is_now is None:
            continue
        if sign * (is_now - then) < -_WORSE * abs(then) - 1e-12:
            found.append(f"{name.replace('_', ' ')}: {then:.4g}, now {is_now:.4g} on the same bars")
    return found


def _name(strategy: str) -> str:
    """A file by its name: a baseline is read on another machine too."""
    file, found, wanted = strategy.partition(".py")
    return f"{Path(file).name}.py{wanted}" if found else strategy
