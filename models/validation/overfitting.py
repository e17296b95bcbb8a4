"""How good the best of many must look before it is more than luck, and how often the best so far turns out no good.

Arrays in, numbers out; how many were tried is told by the ledger of trials.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

import numpy as np

from core.errors import ConfigError, DataRefused
from models.validation.trading import sharpe_of

if TYPE_CHECKING:
    from core.bars import FloatArray

_EULER: Final = 0.5772156649015329
_NORMAL: Final = NormalDist()


def probabilistic_sharpe(
    sharpe: float, benchmark: float, *, n: int, skewness: float = 0.0, kurtosis: float = 3.0
) -> float:
    """Probability that the true Sharpe ratio is above `benchmark`, both of one observation of `n`, not of a year.

    `kurtosis` is 3 for normal returns. NaN where the moments leave the estimate without a variance.

    Bailey and López de Prado, *The Sharpe Ratio Efficient Frontier* (2012).
    """
    variance = 1 - skewness * sharpe + (kurtosis - 1) / 4 * sharpe**2
    if n < 2 or not variance > 0:
        return math.nan
    return _NORMAL.cdf((sharpe - benchmark) * math.sqrt(n - 1) / math.sqrt(variance))


def sharpe_above(returns: FloatArray, benchmark: float) -> float:
    """`probabilistic_sharpe` of returns, shape (n,), with their skewness and kurtosis; NaN where they do not vary."""
    sharpe = sharpe_of(returns)
    if math.isnan(sharpe):
        return math.nan
    apart = (returns - returns.mean()) / returns.std()
    skewness, kurtosis = float((apart**3).mean()), float((apart**4).mean())
    return probabilistic_sharpe(sharpe, benchmark, n=len(returns), skewness=skewness, kurtosis=kurtosis)


def expected_best(variance: float, trials: int) -> float:
    """The Sharpe ratio that the best of so many trials without any skill is expected to have.

    `variance` is that of the ratios of all trials. 0 for a single trial, which was not chosen from any.

    Bailey and López de Prado, *The Deflated Sharpe Ratio* (2014), equation 1.
    """
    if trials < 1 or variance < 0:
        raise DataRefused(f"found {trials} trials whose ratios have a variance of {variance}, allowed are 1, 0 or more")
    if trials == 1:
        return 0.0
    low, high = _NORMAL.inv_cdf(1 - 1 / trials), _NORMAL.inv_cdf(1 - 1 / (trials * math.e))
    return math.sqrt(variance) * ((1 - _EULER) * low + _EULER * high)


@dataclass(frozen=True, slots=True)
class Deflated:
    """`probability` that the true ratio is above 0 although the best of `trials` was picked; `threshold` is the ratio
    that the best would have had by luck. Ratios are of one bar.
    """

    sharpe: float
    threshold: float
    trials: int
    probability: float


def deflated_sharpe(returns: FloatArray, tried: Sequence[float]) -> Deflated:
    """Of the returns, shape (n,), of the one that was picked, and the ratios, of one bar, of all that were tried.

    The picked one is among `tried`. Ratios that are not numbers count as trials, and not in their variance.

    Bailey and López de Prado, *The Deflated Sharpe Ratio: Correcting for Selection Bias, Backtest Overfitting and
    Non-Normality* (2014).
    """
    if not tried:
        raise DataRefused("a deflated Sharpe ratio needs the ledger of what was tried, found no trial in it")
    known = np.array([one for one in tried if math.isfinite(one)])
    threshold = expected_best(float(known.var(ddof=1)) if len(known) > 1 else 0.0, len(tried))
    sharpe = sharpe_of(returns)
    return Deflated(sharpe, threshold, len(tried), sharpe_above(returns, threshold))


@dataclass(frozen=True, slots=True)
class Overfitting:
    """`probability` that the one that was best in one half of the history is below the median of all in the other.

    `logits`, one a choice of halves, are of its rank there: 0 or less is at or below the median. `loss` is how often it
    lost there.
    """

    probability: float
    loss: float
    logits: FloatArray


def backtest_overfitting(returns: FloatArray, *, blocks: int = 10) -> Overfitting:
    """Combinatorially symmetric cross-validation of returns, shape (bars, candidates), by their Sharpe ratios.

    The history is cut into `blocks`, an even number; each choice of half of them is once what was seen.

    Bailey, Borwein, López de Prado and Zhu, *The Probability of Backtest Overfitting* (2017).

    Raises
    ------
    ConfigError
        An odd number of blocks, or none from 2 to 16.
    DataRefused
        Fewer than 2 candidates, fewer than 2 bars a block, or a return that is not finite.
    """
    if blocks % 2 or not 2 <= blocks <= 16:
        raise ConfigError(f"blocks are an even number from 2 to 16, found {blocks}")
    if returns.ndim != 2 or returns.shape[1] < 2 or len(returns) < 2 * blocks or not np.isfinite(returns).all():
        raise DataRefused(f"expected finite returns of {2 * blocks} bars or more by 2 or more, found {returns.shape}")
    rows = len(returns) // blocks * blocks
    cut = returns[len(returns) - rows :].reshape(blocks, -1, returns.shape[1])
    sums, squares, size = cut.sum(axis=1), (cut**2).sum(axis=1), cut.shape[1] * (blocks // 2)
    candidates = np.arange(returns.shape[1])
    logits, lost = [], 0
    for seen in combinations(range(blocks), blocks // 2):
        inside = np.isin(np.arange(blocks), seen)
        best = int(np.argmax(_ratios(sums[inside].sum(axis=0), squares[inside].sum(axis=0), size)))
        after = _ratios(sums[~inside].sum(axis=0), squares[~inside].sum(axis=0), size)
        # Those that are as good share their ranks.
        below = np.count_nonzero(after < after[best])
        as_good = np.count_nonzero((after == after[best]) & (candidates != best))
        share = (below + as_good / 2 + 1) / (len(candidates) + 1)
        logits.append(math.log(share / (1 - share)))
        lost += bool(after[best] < 0)
    found = np.array(logits)
    return Overfitting(float((found <= 0).mean()), lost / len(found), found)


def _ratios(total: FloatArray, squares: FloatArray, n: int) -> FloatArray:
    """Sharpe ratios from sums; 0 where returns do not vary."""
    mean = total / n
    variance = np.maximum(squares / n - mean**2, 0.0)
    return np.divide(mean, np.sqrt(variance), out=np.zeros_like(mean), where=variance > 1e-18)
