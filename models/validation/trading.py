"""What a signal would have earned after costs: positions taken at the open after it was known, paid for as fills are.

Returns are those of `core.fills`: fees and slippage as a simulated venue takes them, on whatever has to be traded.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.errors import ConfigError, DataRefused
from core.fills import fee, slipped
from models.validation.bootstrap import Interval, block_length, interval, resampled_means

if TYPE_CHECKING:
    from core.bars import Bars, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Costs:
    """Of a trade, as fractions: `fee_rate` of notional, `slippage` of price. Funding and borrowing are not charged."""

    fee_rate: float = 0.001
    slippage: float = 0.0005

    def __post_init__(self) -> None:
        if not (0 <= self.fee_rate < 1 and 0 <= self.slippage < 1):
            raise ConfigError(f"costs are fractions below 1, found {self.fee_rate} and {self.slippage}")

    def of(self, sign: int) -> float:
        """Of buying (1) or selling (-1) for a mid of 1, what it costs beside that."""
        price = slipped(1.0, sign, self.slippage, 0.0, 0.0)
        return sign * (price - 1.0) + fee(price, self.fee_rate)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a signal over its bars.

    `returns` are simple, after costs, of equity, one a bar; `equity` is what became of 1, one longer. `trades` counts
    positions that were opened, `turnover` is notional traded over equity a year, `gross` and `cost` are the sums of
    returns before costs and of costs. `sharpe` is a year's, of `returns` without a riskless rate, NaN where they do not
    vary; `drawdown` the largest fraction below peak equity.
    """

    returns: FloatArray
    equity: FloatArray
    trades: int
    turnover: float
    gross: float
    cost: float
    sharpe: float
    drawdown: float

    @property
    def total(self) -> float:
        """Final equity less what it began with, a fraction."""
        return float(self.equity[-1]) - 1.0

    @property
    def net(self) -> float:
        """Sum of returns after costs."""
        return self.gross - self.cost


def sides(p_up: FloatArray, *, buy_above: float = 0.5, sell_below: float = 0.5, short: bool = True) -> FloatArray:
    """1 from `buy_above` on, -1 down to `sell_below` (0 where there is no `short`), else 0: float64, shape (n,).

    Exactly in the middle where both are the same, and without an opinion, there is no position.
    """
    if not 0 <= sell_below <= buy_above <= 1:
        raise ConfigError(f"found {sell_below} to sell below and {buy_above} to buy above, allowed is 0 to 1 in order")
    even = (p_up == buy_above) & (buy_above == sell_below)
    up = (p_up >= buy_above) & ~even
    down = (p_up <= sell_below) & ~even
    wanted: FloatArray = up.astype(np.float64) - down.astype(np.float64) * short
    return wanted


def traded(bars: Bars, places: IntArray, wanted: FloatArray, *, horizon: int = 1, costs: Costs | None = None) -> Result:
    """The result of wanting at the closes of the bars `places` a position of `wanted` times equity, from -1 to 1.

    Each is held for `horizon` bars from the next open; where several overlap, each has its part of equity, and a bar
    that is not in `places` adds none. Positions are brought to their share of equity at every open, and that is paid
    for. The last one is closed at the last open that is known.

    Jegadeesh and Titman, *Returns to Buying Winners and Selling Losers* (1993), on overlapping holdings.

    Raises DataRefused for places that are not in order of time inside the bars, or positions that are not such shares.
    """
    costs = costs or Costs()
    _check(bars, places, wanted, horizon)
    first, last = int(places[0]), min(int(places[-1]) + horizon, len(bars) - 2)
    asked = np.zeros(last - first + 1)
    inside = places <= last
    asked[places[inside] - first] = wanted[inside] / horizon
    sums = np.concatenate([[0.0], np.cumsum(asked)])
    at = np.arange(len(asked))
    held = sums[at + 1] - sums[np.maximum(at + 1 - horizon, 0)]
    held[np.abs(held) < 1e-12] = 0.0
    # Known at the close of bar t, held from the open of t + 1 to that of t + 2.
    opens = bars.open[first + 1 : last + 2]
    moves = opens[1:] / opens[:-1] - 1
    held = held[: len(moves)]
    gross = held * moves
    drifted = np.concatenate([[0.0], held * (1 + moves) / (1 + gross)])
    change = np.append(held, 0.0) - drifted
    paid = np.where(change > 0, costs.of(1), costs.of(-1)) * np.abs(change)
    returns = gross - paid[:-1]
    if len(returns):
        returns[-1] -= paid[-1]
    equity = np.concatenate([[1.0], np.cumprod(np.maximum(1 + returns, 0.0))])
    sign = np.sign(held)
    opened = (sign != 0) & (sign != np.concatenate([[0.0], sign[:-1]]))
    years = max(len(returns), 1) / bars.timeframe.bars_per_year
    return Result(
        returns=returns,
        equity=equity,
        trades=int(opened.sum()),
        turnover=float(np.abs(change).sum()) / years,
        gross=float(gross.sum()),
        cost=float(paid.sum()),
        sharpe=sharpe_of(returns) * math.sqrt(bars.timeframe.bars_per_year),
        drawdown=float((1 - equity / np.maximum.accumulate(equity)).max()),
    )


def sharpe_of(returns: FloatArray) -> float:
    """Mean over deviation (ddof 1) of returns, a bar's, not a year's; NaN where they do not vary."""
    if len(returns) < 2 or np.ptp(returns) == 0:
        return math.nan
    return float(returns.mean() / returns.std(ddof=1))


def sharpe_interval(
    returns: FloatArray, per_year: int, *, level: float = 0.9, draws: int = 1000, seed: int
) -> Interval | None:
    """Block-bootstrap interval of a year's Sharpe ratio of `per_year` returns a year; None where they do not vary."""
    sharpe = sharpe_of(returns)
    if math.isnan(sharpe):
        return None
    columns = np.column_stack([returns, returns**2])
    drawn = resampled_means(columns, length=block_length(returns), draws=draws, seed=seed)
    variance = drawn[:, 1] - drawn[:, 0] ** 2
    found = np.divide(drawn[:, 0], np.sqrt(np.maximum(variance, 0.0)), out=np.full(draws, np.nan), where=variance > 0)
    return interval(sharpe * math.sqrt(per_year), found * math.sqrt(per_year), level=level)


def _check(bars: Bars, places: IntArray, wanted: FloatArray, horizon: int) -> None:
    if horizon < 1:
        raise DataRefused(f"a horizon is 1 bar or more, found {horizon}")
    if not len(places) or places.shape != wanted.shape:
        raise DataRefused(f"expected a position for each of 1 or more bars, found {wanted.shape} for {places.shape}")
    if places[0] < 0 or places[-1] >= len(bars) or (np.diff(places) <= 0).any():
        raise DataRefused(f"positions must be wanted in order of time at bars 0 to {len(bars) - 1}")
    if not (np.abs(wanted) <= 1).all():
        raise DataRefused("a position is from -1 to 1 times equity")
