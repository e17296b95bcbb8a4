"""Bars to test with: a seeded walk, a market turned upside down, and the real candles where they are at hand."""

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.bars import Bars
from core.time import Timeframe

FloatArray = NDArray[np.float64]

START_NS = 1_620_000_000_000_000_000


def bars_of(
    close: FloatArray | list[float],
    *,
    high: FloatArray | None = None,
    low: FloatArray | None = None,
    symbol: str = "BTC/USDT",
    timeframe: Timeframe = Timeframe.H1,
) -> Bars:
    close = np.asarray(close, dtype=np.float64)
    open_ns = START_NS + timeframe.ns * np.arange(len(close), dtype=np.int64)
    high, low = (close if high is None else high), (close if low is None else low)
    return Bars(symbol, timeframe, open_ns, close, high, low, close, np.ones(len(close)))


def walk(n: int = 300, *, seed: int = 7, drift: float = 0.0, volatility: float = 0.01, start: float = 30_000.0) -> Bars:
    """A random walk whose highs and lows enclose the closes."""
    random = np.random.default_rng(seed)
    close = start * np.exp(np.cumsum(random.normal(drift, volatility, n)))
    reach = np.abs(random.normal(0, volatility, (2, n)))
    return bars_of(close, high=close * np.exp(reach[0]), low=close * np.exp(-reach[1]))


def mirrored(bars: Bars, c: float = 1e9) -> Bars:
    """The market upside down: every price p becomes c / p, and so highs and lows change places."""
    return bars_of(c / bars.close, high=c / bars.low, low=c / bars.high)


def real_bitcoin(first: int, n: int) -> Bars:
    """`n` real hourly bars of BTC/USDT; skips where the shared candles are not at hand."""
    shared = Path(os.environ.get("TRADEWARDEN_SHARED") or Path(__file__).parents[2] / "../shared").resolve()
    file = shared / "data/ohlcv/binance_spot_BTCUSDT_1h_2017_2022.parquet"
    if not file.exists():
        pytest.skip("the shared candles are not at hand: set TRADEWARDEN_SHARED")
    import pandas as pd

    rows = pd.read_parquet(file).iloc[first : first + n]
    return bars_of(rows["close"].to_numpy(), high=rows["high"].to_numpy(), low=rows["low"].to_numpy())
