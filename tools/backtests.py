"""One backtest for agents: a strategy of the desk under a few sets of parameters, on the bars that the cycle may see.

Bounded by sets and bars, never by time, so that the same call has the same answer on any machine. Every set is counted
as a trial of its market, and the best is told with what luck alone would have reached.
"""

import asyncio
import math
from typing import Annotated, Final, Literal

from pydantic import Field

from core.bars import Bars
from core.canonical import JSON
from core.errors import ConfigError, DataRefused, ToolInputError
from core.money import text_of
from core.ports import Trials
from models.validation.alarms import HIGHEST_SHARPE, LEAST_TRADES
from models.validation.overfitting import deflated_sharpe
from models.validation.trials import ratios
from tools.context import ToolContext
from tools.market import history
from tools.spec import Answer, Number, SymbolInput, ToolInput, ToolSpec, Unavailable, check_symbol, number

MOST_SETS: Final = 40
MOST_BARS: Final = 5_000
_CAPITAL: Final = 10_000.0
_TOLD: Final = 3


class Over(ToolInput):
    """One parameter and the values that are tried."""

    name: str = Field(min_length=1, max_length=40, description="such as fast, slow, period, enter, stop, trail, take")
    values: tuple[Annotated[Number, Field(max_digits=20)], ...] = Field(min_length=1, max_length=MOST_SETS)


class BacktestInput(SymbolInput):
    strategy: Literal["trend", "reversion", "breakout", "composite"]
    over: tuple[Over, ...] = Field(max_length=6, description=f"what is varied; at most {MOST_SETS} sets in all")
    bars: int = Field(1_000, ge=100, le=MOST_BARS, description="of the desk's timeframe, the newest ones")
    short: bool = Field(False, description="whether it may be short")


class Tried(Answer):
    """One set. Returns and `drawdown` are fractions after costs; `sharpe` is a year's, null where nothing varied."""

    parameters: dict[str, Number]
    total_return: Number
    sharpe: Number | None
    drawdown: Number
    trips: int
    wins: int


class Backtest(Answer):
    """The best sets of a sweep, best first. All of equity is traded, at the next open, with fees and slippage.

    `skill` is the probability that the best one's true Sharpe ratio is above 0, although it was picked from all
    `trials` that were ever made in this market; `luck` the ratio a year that the best of so many has without any skill.
    """

    symbol: str
    timeframe: str
    strategy: str
    bars: int
    missing_bars: int
    sets: int
    left_out: int
    best: tuple[Tried, ...]
    held_return: Number
    trials: int
    skill: Number | None
    luck: Number
    alarms: tuple[str, ...]


def tools(trials: Trials | None = None) -> tuple[ToolSpec, ...]:
    """The tool over a ledger of trials; without one nothing is tried, since what is not counted flatters."""

    async def backtest(context: ToolContext, given: BacktestInput) -> Answer:
        check_symbol(context, given.symbol)
        if trials is None:
            return Unavailable(unavailable="there is no ledger here that a backtest could be counted in")
        # Read here: a market belongs to the event loop.
        bars = history(context, given.symbol, given.bars)
        if len(bars) < 2:
            return Unavailable(unavailable=f"no history of {given.symbol} is known at this time")
        try:
            # The kernel lets go of the interpreter, so that the loop stays free.
            return await asyncio.to_thread(_swept, bars, given, trials)
        except (DataRefused, OSError) as refused:
            return Unavailable(unavailable=f"it cannot be counted or made: {refused}")

    return (
        ToolSpec(
            "backtest",
            "Backtest of trend, reversion, breakout or composite on one symbol under at most "
            f"{MOST_SETS} sets of parameters, with costs; each counts as a trial against luck.",
            BacktestInput,
            Backtest,
            backtest,
            cost=50,
        ),
    )


def _swept(bars: Bars, given: BacktestInput, trials: Trials) -> Answer:
    from tools.simulation import running, sweeping
    from tools.simulation.grid import grid
    from tools.simulation.settings import Terms
    from tools.strategies.targets import locked, named, names

    wanted = _sets(given)
    terms = Terms(capital=_CAPITAL, shorts=given.short)
    try:
        market = grid([bars])
        sets, left_out, look_back = sweeping.possible(given.strategy, wanted)
        begin = sweeping.begin_of(market, look_back)
        found = sweeping.measured(given.strategy, sets, market, terms, begin)
    except ConfigError as wrong:
        raise ToolInputError(str(wrong)) from None
    trials.count_all(sweeping.trials_of(given.strategy, sets, found, market, terms, begin))
    tried = ratios(trials.of(sweeping.study_of(market)))
    sharpes = [-math.inf if math.isnan(value) else float(value) for value in found[:, 1]]
    order = sorted(range(len(sets)), key=lambda row: -sharpes[row])
    making, first = named(given.strategy), sets[order[0]]
    own, ways = sweeping.split(first, names(making))
    target = sweeping.exposures(making, own, market, [locked(one) for one in market.bars])
    outcome = running.outcome(market, target, terms, sweeping.exits(ways), begin=begin)
    deflated = deflated_sharpe(outcome.returns, tried)
    year = math.sqrt(bars.timeframe.bars_per_year)
    best = tuple(_told(sets[row], found[row], year) for row in order[:_TOLD])
    return Backtest(
        symbol=given.symbol,
        timeframe=bars.timeframe.value,
        strategy=given.strategy,
        bars=len(market) - begin,
        missing_bars=bars.missing,
        sets=len(sets),
        left_out=sum(left_out.values()),
        best=best,
        held_return=number(outcome.held[-1] / _CAPITAL - 1),
        trials=len(tried),
        skill=number(deflated.probability) if math.isfinite(deflated.probability) else None,
        luck=number(deflated.threshold * year),
        alarms=_alarms(best[0]),
    )


def _sets(given: BacktestInput) -> list[dict[str, float | str]]:
    sets: list[dict[str, float | str]] = [{}]
    if len({one.name for one in given.over}) < len(given.over):
        raise ToolInputError(f"over: each parameter once, found {', '.join(one.name for one in given.over)}")
    for one in given.over:
        if len(set(one.values)) < len(one.values):
            raise ToolInputError(f"{one.name}: each value once, found {', '.join(map(text_of, one.values))}")
        sets = [{**before, one.name: float(value)} for before in sets for value in one.values]
        if len(sets) > MOST_SETS:
            raise ToolInputError(f"over: at most {MOST_SETS} sets, found {len(sets)} or more")
    return sets


def _told(one: JSON, row: JSON, year: float) -> Tried:
    from tools.simulation.sweeping import COLUMNS

    figures = dict(zip(COLUMNS, map(float, row), strict=True))
    sharpe = figures["sharpe"] * year
    return Tried(
        parameters={name: number(value) for name, value in one.items()},
        total_return=number(figures["equity"] / _CAPITAL - 1),
        sharpe=number(sharpe) if math.isfinite(sharpe) else None,
        drawdown=number(figures["drawdown"]),
        trips=int(figures["trips"]),
        wins=int(figures["wins"]),
    )


def _alarms(best: Tried) -> tuple[str, ...]:
    found = []
    if best.trips < LEAST_TRADES:
        found.append(f"{best.trips} trades are no evidence: {LEAST_TRADES} are the least")
    if best.sharpe is not None and float(best.sharpe) > HIGHEST_SHARPE:
        found.append(f"a Sharpe ratio above {HIGHEST_SHARPE:g} a year is too good to be believed")
    return tuple(found)
