"""Candles in the words of the tests: files on disk, bars in memory, and where the real files lie."""

import gzip
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from core.bars import Bars
from core.time import HOUR_NS, Timeframe, parse_time, show_time
from market.paths import CHARACTERS
from market.simulated import SimulatedMarket

T0 = parse_time("2021-05-01T00:00Z")

Row = tuple[str, str, str, str, str, str]
GOOD: tuple[Row, ...] = (
    ("2021-05-01T00:00:00Z", "100", "110", "90", "105", "7"),
    ("2021-05-01T01:00:00Z", "105", "106", "104", "104.5", "0"),
    ("2021-05-01T02:00:00Z", "104.5", "108", "104.5", "108", "3.25"),
)
HEADER = "date,open,high,low,close,volume"


def csv_of(rows: Sequence[Sequence[str]], header: str = HEADER) -> str:
    return "\n".join([header, *(",".join(row) for row in rows)]) + "\n"


def write_csv(folder: Path, rows: Sequence[Sequence[str]], header: str = HEADER) -> Path:
    path = folder / "BTCUSDT.csv"
    path.write_text(csv_of(rows, header))
    return path


def write_gzip(folder: Path, rows: Sequence[Sequence[str]]) -> Path:
    path = folder / "BTCUSDT.csv.gz"
    path.write_bytes(gzip.compress(csv_of(rows).encode()))
    return path


def with_cell(row: int, column: str, value: str) -> list[Row]:
    """The good rows with one cell changed; rows are counted from 1."""
    rows = [list(r) for r in GOOD]
    rows[row - 1][HEADER.split(",").index(column)] = value
    return [(r[0], r[1], r[2], r[3], r[4], r[5]) for r in rows]


def write_parquet(folder: Path, **columns: object) -> Path:
    """A Parquet file of three good hours; `columns` replaces or adds whole columns (pyarrow arrays), None drops one."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    data: dict[str, object] = {
        "date": pa.array([T0, T0 + HOUR_NS, T0 + 2 * HOUR_NS], pa.timestamp("ns", "UTC")),
        "open": pa.array([100.0, 105.0, 104.5]),
        "high": pa.array([110.0, 106.0, 108.0]),
        "low": pa.array([90.0, 104.0, 104.5]),
        "close": pa.array([105.0, 104.5, 108.0]),
        "volume": pa.array([7.0, 0.0, 3.25]),
    }
    data.update(columns)
    path = folder / "BTCUSDT.parquet"
    pq.write_table(pa.table({name: column for name, column in data.items() if column is not None}), path)
    return path


def bars_of(
    closes: Sequence[float],
    *,
    symbol: str = "BTC/USDT",
    timeframe: Timeframe = Timeframe.H1,
    start_ns: int = T0,
    absent: Sequence[int] = (),
) -> Bars:
    """Bars that open at the last close and range 1 % beyond; those at the positions `absent` are missing."""
    close = np.array(closes, dtype=np.float64)
    open_ = np.concatenate((close[:1], close[:-1]))
    keep = np.array([i not in absent for i in range(len(close))], dtype=bool)
    return Bars(
        symbol=symbol,
        timeframe=timeframe,
        open_ns=(start_ns + timeframe.ns * np.arange(len(close), dtype=np.int64))[keep],
        open=open_[keep],
        high=(np.maximum(open_, close) * 1.01)[keep],
        low=(np.minimum(open_, close) * 0.99)[keep],
        close=close[keep],
        volume=(1.0 + np.arange(len(close)))[keep],
    )


def shown(bars: Bars) -> list[tuple[str, float, float, float, float, float]]:
    """Bars as plain rows, so that two of them can be compared."""
    columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
    moments = [show_time(open_ns) for open_ns in bars.open_ns.tolist()]
    return list(zip(moments, *(column.tolist() for column in columns), strict=True))


def shared(name: str) -> Path:
    """A real file, or a skipped test where there is none."""
    root = os.environ.get("TRADEWARDEN_SHARED") or str(Path(__file__).parents[2] / ".." / "shared")
    path = (Path(root) / "data" / "ohlcv" / name).resolve()
    if not path.exists():
        pytest.skip(f"no shared data at {path}; set TRADEWARDEN_SHARED")
    return path


def shared_documents(name: str) -> Path:
    """A real whitepaper, or a skipped test where there is none."""
    root = os.environ.get("TRADEWARDEN_SHARED") or str(Path(__file__).parents[2] / ".." / "shared")
    path = (Path(root) / "data" / "whitepapers" / name).resolve()
    if not path.exists():
        pytest.skip(f"no shared data at {path}; set TRADEWARDEN_SHARED")
    return path


def market_digest(seed: int) -> str:
    """Of every bar of every symbol, base and aggregated, and of a spread every six hours, over twenty days."""
    market = SimulatedMarket(seed, tuple(CHARACTERS), days=20)
    last = market.range_ns[1]
    sha = hashlib.sha256()
    for symbol in market.symbols():
        for timeframe in (Timeframe.M5, Timeframe.H1):
            bars = market.bars(symbol, timeframe, as_of_ns=last, n=10**6)
            for column in (bars.open_ns, bars.open, bars.high, bars.low, bars.close, bars.volume):
                sha.update(column.tobytes())
        for moment in range(market.range_ns[0], last, 6 * HOUR_NS):
            sha.update(repr(market.book(symbol, as_of_ns=moment)).encode())
    return sha.hexdigest()
