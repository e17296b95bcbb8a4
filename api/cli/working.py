"""`warden backtest sweep grid`: a working strategy has no kernel, and is replayed by the desk itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from api.cli import running
from api.cli.modelling import shown_progress
from api.cli.sweeping import Asked, How, Ways, series_of
from backtest.ranges import sets
from backtest.sweeps import Swept
from backtest.working import sweep
from core.errors import ConfigError
from desk.compute import compute_of
from models.validation.trials import TrialsOnDisk
from tools.simulation.grid import grid

if TYPE_CHECKING:
    from core.bars import Bars
    from desk.home import Home
    from desk.settings import Settings
    from tools.strategies.targets import Value

# What a kernel is told, and a desk has settings for.
_SETTINGS: Final = {
    "capital": (10_000.0, "account.deposit"),
    "fee": (0.001, "the instrument"),
    "slippage": ("0.0005", "execution.paper.slippage"),
    "impact": (1.0, "execution.paper.impact"),
    "limits": ("plain", "risk"),
}


def swept(
    asked: Asked,
    how: How,
    ways: Ways,
    home: Home,
    settings: Settings,
    over: Mapping[str, Sequence[Value]],
    *,
    json: bool,
) -> tuple[Swept, list[Bars]]:
    """Every set, replayed with the desk's own costs and limits, and the bars that it was replayed on."""
    _check(asked, how, ways)
    series, from_ns = series_of(asked, home, settings)
    symbol = series[0].symbol
    words = running.Asked(
        market=asked.market or ("recorded" if asked.candles else None),
        symbols=symbol,
        candles=[f"{symbol}={word.rpartition('=')[2]}" for word in asked.candles],
        as_of=None,
        start=None,
        end=None,
        every=None,
        seed=None,
        again=0,
        venue=asked.venue,
        timeframe=None if asked.candles or (asked.market or settings.market.kind) == "simulated" else asked.timeframe,
    )
    spec = running.market_of(words, settings)
    with shown_progress(json) as progress:
        task = progress.add_task(f"replaying {asked.strategy}", total=len(sets(over)))
        found = sweep(
            grid(series),
            spec,
            asked.strategy,
            over,
            settings,
            ledger=TrialsOnDisk(home.trials),
            compute=compute_of(how.workers, settings.compute),
            from_ns=from_ns,
            best=how.best,
            passed=lambda done: progress.advance(task, done),
        )
    return found, series


def _check(asked: Asked, how: How, ways: Ways) -> None:
    """One sentence about what a replay of the desk cannot be told."""
    for name, (plain, setting) in _SETTINGS.items():
        if getattr(how, name) != plain:
            raise ConfigError(f"{asked.strategy} is replayed by the desk itself: instead of --{name} {setting} says it")
    if asked.funding:
        raise ConfigError(f"{asked.strategy} trades spot, and pays no funding")
    if how.shorts:
        raise ConfigError(f"{asked.strategy} trades spot, and cannot be short")
    if ways.folds is not None or ways.trials is not None or ways.window is not None:
        raise ConfigError(f"every set of {asked.strategy} is a replay: --walk-forward and --optimise are for targets")
    if len(asked.symbols) > 1 or len(asked.candles) > 1:
        raise ConfigError(f"{asked.strategy} trades one symbol, found {', '.join(asked.symbols or asked.candles)}")
