"""What `warden backtest sweep` does."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.text import Text

from api.cli import walking, words
from api.cli.console import console, print_json
from api.cli.funded import funding_of
from api.cli.modelling import shown_progress
from api.cli.show import table
from backtest.outcomes import save
from backtest.ranges import ranges, sets
from backtest.searching import Search
from backtest.slippages import slippage_of
from backtest.sweeps import Best, Swept
from backtest.sweeps import sweep as swept_by
from backtest.walking import Walk
from backtest.walking import walk as walked_by
from core.bars import Bars
from core.canonical import JSON
from core.errors import ConfigError
from core.time import Timeframe, duration_ns, parse_time, show_time, timeframe_named
from desk.clock import SystemClock
from desk.compute import compute_of
from desk.home import Home
from desk.modelling import Source, candles
from desk.settings import Settings, load
from market.importing.loading import load_candles
from models.validation.trials import TrialsOnDisk
from tools.simulation.grid import Grid, grid
from tools.simulation.settings import Terms, tiers_of
from tools.simulation.sweeping import COLUMNS
from tools.strategies.playbooks import WORKING
from tools.strategies.targets import told

_COLUMNS = ("open_ns", "open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is simulated and on which bars, not yet understood."""

    strategy: str
    params: Sequence[str]
    symbols: Sequence[str]
    timeframe: str
    since: str | None
    until: str | None
    candles: Sequence[str]
    market: str | None
    venue: str | None
    funding: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """What is traded with, at which costs and within which limits, not yet understood."""

    capital: float
    fee: float
    slippage: str
    impact: float
    shorts: bool
    limits: str


@dataclass(frozen=True, slots=True)
class How(Account):
    """Beside that how many sets are told, by how many processes, and where they are written."""

    best: int
    workers: int
    csv: str | None


@dataclass(frozen=True, slots=True)
class Ways:
    """How sets are chosen: all of them, those of a search, and on which part of the history."""

    folds: int | None
    window: str | None
    trials: int | None
    seed: int

    def walk(self, timeframe: Timeframe) -> Walk | None:
        if self.folds is None:
            if self.window is not None:
                raise ConfigError("--window says what each part is picked on: it goes with --walk-forward")
            return None
        if self.window is None:
            return Walk(self.folds)
        bars = duration_ns(self.window) // timeframe.ns
        if bars < 2:
            raise ConfigError(f"--window {self.window} holds {bars} bars of {timeframe}, two are the least")
        return Walk(self.folds, bars)

    def search(self, home: Home, how: How) -> Search | None:
        if self.trials is None:
            return None
        if how.workers > 1:
            raise ConfigError("a search asks for its next sets by the last ones: --optimise takes one worker")
        return Search(self.trials, home.searches, self.seed)


def sweep(asked: Asked, how: How, ways: Ways, *, json: bool) -> None:
    home = Home.find()
    settings = load(home)
    over = ranges(asked.params)
    if asked.strategy in WORKING:
        from api.cli import working  # it brings the whole desk

        found, series = working.swept(asked, how, ways, home, settings, over, json=json)
        _tell(found, how, save(found.best[0].outcome, home.backtests, candles=series, tried=found.tried), json=json)
        return
    terms = terms_of(how, settings)
    series, from_ns = series_of(asked, home, settings)
    market = grid(series, funding=funding_of(asked.funding, series, from_ns))
    walk, search = ways.walk(market.timeframe), ways.search(home, how)
    if walk is not None and how.csv is not None:
        raise ConfigError("--csv writes the sets of one sweep, and --walk-forward makes one for each part")
    total = (len(sets(over)) if search is None else search.trials) * (1 if walk is None else walk.folds)
    with shown_progress(json) as progress:
        task = progress.add_task(f"sweeping {asked.strategy}", total=total)
        given: dict[str, Any] = {
            "ledger": TrialsOnDisk(home.trials),
            "compute": compute_of(how.workers, settings.compute),
            "from_ns": from_ns,
            "search": search,
            "passed": lambda done: progress.advance(task, done),
        }
        if walk is not None:
            walked = walked_by(market, asked.strategy, over, terms, walk, **given)
        else:
            found = swept_by(market, asked.strategy, over, terms, best=how.best, **given)
    if walk is not None:
        kept = save(walked.outcome, home.backtests, candles=series, tried=walked.newest.tried)
        walking.show(walked, market, terms, kept, json=json)
        return
    _tell(found, how, save(found.best[0].outcome, home.backtests, candles=series, tried=found.tried), json=json)


def _tell(found: Swept, how: How, kept: Path, *, json: bool) -> None:
    if how.csv is not None:
        _write(found, Path(how.csv))
    if json:
        print_json({**_told(found), "kept": str(kept)})
        return
    _show(found)
    if how.csv is not None:
        console.print(f"✓ every set is in {how.csv}", markup=False, soft_wrap=True)
    console.print(f"✓ the best one is kept: warden backtest report {kept}", markup=False, soft_wrap=True)


def terms_of(how: Account, settings: Settings) -> Terms:
    """Raises ConfigError for what no account can be."""
    slippage = slippage_of(how.slippage)
    terms = Terms(capital=how.capital, fee=how.fee, slippage=slippage, impact=how.impact, shorts=how.shorts)
    if how.limits == "plain":
        return terms
    if how.limits != "desk":
        raise ConfigError(f"--limits is desk or plain, found {how.limits!r}")
    policy = settings.risk
    return replace(
        terms,
        max_asset=float(policy.max_asset_exposure),
        max_gross=float(policy.max_gross_exposure),
        max_positions=float(policy.max_positions),
        tiers=tiers_of(policy.breakers),
    )


def series_of(asked: Asked, home: Home, settings: Settings) -> tuple[list[Bars], int | None]:
    """The bars of every symbol that had closed by --to, and the time of --from.

    Raises ConfigError and DataRefused for times, files and bars that are not what they must be.
    """
    from_ns, to_ns = (None if text is None else parse_time(text) for text in (asked.since, asked.until))
    if from_ns is not None and to_ns is not None and from_ns >= to_ns:
        raise ConfigError(f"--from {asked.since} is not before --to {asked.until}: there is nothing between them")
    return [_until(bars, to_ns) for bars in _series(asked, home, settings)], from_ns


def _series(asked: Asked, home: Home, settings: Settings) -> list[Bars]:
    timeframe = timeframe_named(asked.timeframe)
    if asked.candles:
        return [_file(word, asked, alone=len(asked.candles) == 1) for word in asked.candles]
    as_of_ns = SystemClock().now_ns()
    wanted = asked.symbols or ["BTC/USDT"]
    return [
        candles(home, settings, Source(symbol, timeframe, asked.market, asked.venue), as_of_ns) for symbol in wanted
    ]


def _file(word: str, asked: Asked, *, alone: bool) -> Bars:
    symbol, named, path = word.rpartition("=")
    if not named:
        if not alone or len(asked.symbols) > 1:
            raise ConfigError(f"of several symbols each file says whose it is: SYMBOL=FILE, found {word!r}")
        symbol = asked.symbols[0] if asked.symbols else "BTC/USDT"
    if not Path(path).is_file():
        raise ConfigError(f"there is no file {path}")
    bars, _ = load_candles(Path(path), symbol)
    if bars.timeframe is not timeframe_named(asked.timeframe):
        raise ConfigError(f"{path} holds {bars.timeframe} bars, and --timeframe says {asked.timeframe}")
    return bars


def _until(bars: Bars, to_ns: int | None) -> Bars:
    """Bars that had closed by then."""
    if to_ns is None:
        return bars
    n = int((bars.open_ns + bars.timeframe.ns <= to_ns).sum())
    if not n:
        first = show_time(int(bars.open_ns[0]))
        raise ConfigError(f"no bar of {bars.symbol} had closed by {show_time(to_ns)}: the first opens at {first}")
    return Bars(bars.symbol, bars.timeframe, *(getattr(bars, name)[:n] for name in _COLUMNS))


def _told(found: Swept) -> JSON:
    return {
        "strategy": found.strategy,
        "symbols": list(found.grid.symbols),
        "timeframe": found.grid.timeframe.value,
        "from": show_time(int(found.grid.close_ns[found.begin])),
        "until": show_time(int(found.grid.close_ns[-1])),
        "bars": len(found.grid) - found.begin,
        "missing_bars": found.grid.missing(found.begin),
        "data": found.grid.hashes(),
        "terms": found.terms.told(),
        "tiers": len(found.terms.tiers),
        "sets": len(found.sets),
        "left_out": dict(found.left_out),
        "study": found.study,
        "trials": found.counted,
        "best": [_one(found, best) for best in found.best],
    }


def _one(found: Swept, best: Best) -> JSON:
    outcome, figures = best.outcome, {name: _number(found.table[name][best.row]) for name in COLUMNS}
    return {
        "parameters": dict(best.parameters),
        **figures,
        "return": _number(outcome.equity[-1] / found.terms.capital - 1),
        "held_return": _number(outcome.held[-1] / found.terms.capital - 1),
        "sharpe_year": _number(found.table["sharpe"][best.row] * _root(found.grid)),
        "deflated": _number(best.deflated.probability),
        "luck_year": _number(best.deflated.threshold * _root(found.grid)),
        "trades": len(outcome.trades),
        "vetoes": dict(outcome.vetoes),
    }


def _show(found: Swept) -> None:
    market, begin = found.grid, found.begin
    period = f"{show_time(int(market.close_ns[begin]))} to {show_time(int(market.close_ns[-1]))}"
    console.print(f"{', '.join(market.symbols)} {market.timeframe}, {period}", markup=False)
    count = words.count(len(found.sets), "set")
    console.print(f"{count} of {found.strategy}; {words.count(found.counted, 'trial')} so far in this market")
    for why, n in found.left_out.items():
        console.print(f"⚠ {words.count(n, 'set')} left out: {why}", style="yellow", markup=False)
    if gone := market.missing(begin):
        missing = words.count(gone, "bar")
        console.print(f"⚠ {missing} missing: no order is filled there", style="yellow", markup=False)
    shown = table("parameters", "return", "Sharpe", "fall", "trades", "won", "fees", "skill")
    shown.columns[0].no_wrap = False  # what is long gives way to the numbers
    for column in shown.columns[1:]:
        column.no_wrap = True
    for best in found.best:
        told_one = _one(found, best)
        trips = told_one["trips"] or 0
        shown.add_row(
            Text(told(best.parameters)),
            _percent(told_one["return"]),
            _plain(told_one["sharpe_year"]),
            _percent(told_one["drawdown"]),
            f"{told_one['trades']}",
            _percent(told_one["wins"] / trips if trips else None),
            f"{told_one['fees']:,.0f}",
            _percent(told_one["deflated"]),
        )
    console.print(shown)
    held = found.best[0].outcome.held[-1] / found.terms.capital - 1
    console.print(f"bought and held: {_percent(_number(held))}", style="dim")
    luck = found.best[0].deflated.threshold * _root(market)
    console.print(f"the luckiest of {found.counted} without skill: a Sharpe ratio of {luck:.2f} a year", style="dim")
    console.print("Sharpe: of bars, scaled to a year; a report's is of days", style="dim")
    console.print("skill: the probability that a true Sharpe ratio is above 0, so many having been tried", style="dim")


def _write(found: Swept, path: Path) -> None:
    names = list(found.sets[0])
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            # A year's ratio stands in the table; the one of a bar is what trials are counted by.
            rows.writerow([*names, *("sharpe_of_a_bar" if name == "sharpe" else name for name in COLUMNS)])
            for k, one in enumerate(found.sets):
                given = (f"{value:.12g}" if isinstance(value, float) else value for value in one.values())
                figures = (float(found.table[name][k]) for name in COLUMNS)
                rows.writerow([*given, *("" if math.isnan(x) else repr(x) for x in figures)])
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}") from None


def _root(market: Grid) -> float:
    return math.sqrt(market.timeframe.bars_per_year)


def _number(value: float) -> float | None:
    """JSON knows no NaN."""
    return float(value) if math.isfinite(value) else None


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _plain(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
