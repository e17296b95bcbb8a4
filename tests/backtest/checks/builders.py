"""Strategies to check, good and bad, each in a file of its own, and a market to check them on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from backtest.checks.checking import Checked, check
from core.ports import Trials
from desk.compute import Here
from models.validation.trials import TrialsInMemory
from tests.models.builders import bars_of, walk
from tools.simulation.grid import Grid, grid
from tools.simulation.settings import Terms
from tools.strategies.targets import Value

MARKET = grid([walk(700)])
FREE = Terms(shorts=True, fee=0.0, slippage=0.0, impact=0.0, participation=float("inf"))
TERMS = Terms(shorts=True, impact=0.0, participation=float("inf"))

_FILE = """
import numpy as np

SEEN = []

class Own:
    look_back = {look_back}
    def __init__(self, n: int = 5, share: float = 0.5): self.n, self.share = n, share
    def exposure(self, bars):
        close, n = bars.close, len(bars)
{lines}
"""
HONEST = "        return np.where(close > np.append(close[:1], close[:-1]), 1.0, 0.0)"
BAD: Mapping[str, str] = {
    "the next close": "        return np.where(np.append(close[1:], close[-1]) > close, 1.0, 0.0)",
    "the range of all": "        return (close - close.min()) / (close.max() - close.min())",
    "how many bars there are": "        return np.where(np.arange(n) > n - 50, 1.0, 0.0)",
    "the last row": "        return np.where(close > close[-1], 1.0, 0.0)",
    "a mean of everything": "        return np.where(close > close.mean(), 1.0, -1.0)",
}


def waves(n: int = 1_500, *, size: float = 0.06) -> Grid:
    """A market that can be known: it rises and falls in turn, for a time that nobody knows, with some noise."""
    random = np.random.default_rng(4)
    turns = np.cumsum(random.integers(16, 40, n // 16))
    way = np.interp(np.arange(n), turns, np.resize([size, -size], len(turns)))
    return grid([bars_of(100 * np.exp(way + random.normal(0, 0.002, n)))])


def strategy(folder: Path, lines: str, *, look_back: int = 2, name: str = "own") -> str:
    file = folder / f"{name}.py"
    file.write_text(_FILE.format(lines=lines, look_back=look_back))
    return str(file)


def checked(
    named: str,
    over: Mapping[str, Sequence[Value]] | None = None,
    *,
    market: Grid = MARKET,
    terms: Terms = TERMS,
    ledger: Trials | None = None,
    **more: Any,
) -> Checked:
    return check(market, named, over or {}, terms, ledger=ledger or TrialsInMemory(), compute=Here(), **more)
