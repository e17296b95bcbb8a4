"""Inputs to measure features on: a seeded market with everything recorded, and the real candles if at hand."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.bars import Bars
from core.time import Timeframe
from models.features import SERIES, Inputs
from models.scores import until
from tests.models.builders import START_NS, FloatArray

# Around which level each series walks, and how far it goes in a bar.
_WALKS = {
    "spread_bps": (5.0, 0.1),
    "imbalance": (0.0, 0.05),
    "funding_rate": (1e-4, 1e-6),
    "open_interest": (1e9, 1e6),
    "exchange_net_inflow": (0.0, 50.0),
    "dominance": (0.5, 1e-3),
    "fear_greed": (50.0, 0.5),
    "sentiment": (0.0, 0.02),
}


def market(n: int, *, seed: int = 7, volatility: float = 0.01, start: float = 30_000.0) -> Inputs:
    """A random walk with opens, volume and every series."""
    random = np.random.default_rng(seed)
    close = start * np.exp(np.cumsum(random.normal(0, volatility, n)))
    open_ = np.append(close[:1], close[:-1])
    reach = np.exp(np.abs(random.normal(0, volatility, (2, n))))
    high, low = np.maximum(open_, close) * reach[0], np.minimum(open_, close) / reach[1]
    open_ns = START_NS + Timeframe.H1.ns * np.arange(n, dtype=np.int64)
    bars = Bars("BTC/USDT", Timeframe.H1, open_ns, open_, high, low, close, random.exponential(10.0, n))
    series = {name: level + step * np.cumsum(random.normal(0, 1, n)) for name, (level, step) in _WALKS.items()}
    assert series.keys() == SERIES.keys()
    return Inputs(bars, series)


def first(inputs: Inputs, n: int) -> Inputs:
    """The first `n` bars."""
    return Inputs(until(inputs.bars, n), {name: values[:n] for name, values in inputs.series.items()})


def since(inputs: Inputs, start: int) -> Inputs:
    """The bars from `start` on."""
    of = slice(start, None)
    bars = inputs.bars
    columns = {name: getattr(bars, name)[of] for name in ("open_ns", "open", "high", "low", "close", "volume")}
    return Inputs(replace(bars, **columns), {name: values[of] for name, values in inputs.series.items()})


def another_future(inputs: Inputs, after: int) -> Inputs:
    """The same up to and with bar `after`; from then on ten times dearer, busier, and with every series moved."""
    times = np.where(np.arange(len(inputs)) > after, 10.0, 1.0)
    bars = inputs.bars
    changed = {name: getattr(bars, name) * times for name in ("open", "high", "low", "close", "volume")}
    series = {name: np.where(times > 1, 3 * values + 1, values) for name, values in inputs.series.items()}
    return Inputs(replace(bars, **changed), series)


def real_inputs(start: int, n: int) -> Inputs:
    """`n` real hourly bars of BTC/USDT with opens and volume; skips where the shared candles are not at hand."""
    shared = Path(os.environ.get("TRADEWARDEN_SHARED") or Path(__file__).parents[3] / "../shared").resolve()
    file = shared / "data/ohlcv/binance_spot_BTCUSDT_1h_2017_2022.parquet"
    if not file.exists():
        pytest.skip("the shared candles are not at hand: set TRADEWARDEN_SHARED")
    import pandas as pd

    rows = pd.read_parquet(file).iloc[start : start + n]
    columns = (_column(rows, name) for name in ("open", "high", "low", "close", "volume"))
    open_ns = rows["date"].dt.as_unit("ns").astype("int64").to_numpy()
    return Inputs(Bars("BTC/USDT", Timeframe.H1, open_ns, *columns))


def _column(rows: Any, name: str) -> FloatArray:
    return np.ascontiguousarray(rows[name].to_numpy(), dtype=np.float64)
