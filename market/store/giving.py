"""Gives stored data out again, as tables that `warden data import` reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.errors import ConfigError, DataRefused
from market.store.candles import BarsKey
from market.store.store import MarketStore
from market.store.versions import FIELDS

Table = Any  # pyarrow ships no types

_EVERYTHING = 2**40


def candle_table(store: MarketStore, key: BarsKey, as_of_ns: int) -> Table:
    """Every bar known at `as_of_ns`, in our own layout; made from finer ones where the timeframe is not stored."""
    import pyarrow as pa

    bars = store.candles.bars(*key, as_of_ns=as_of_ns, n=_EVERYTHING)
    date = pa.array(bars.open_ns).cast(pa.timestamp("ns", "UTC"))
    return pa.table({"date": date, **{field: getattr(bars, field) for field in FIELDS}})


def series_table(store: MarketStore, name: str, asset: str, source: str | None, as_of_ns: int) -> Table:
    """Every reading known at `as_of_ns`: date, known_at, value as text, unit."""
    import pyarrow as pa

    readings = store.series.series(name, asset, as_of_ns=as_of_ns, n=_EVERYTHING, source=source)
    if not readings:
        raise DataRefused(f"the store has no {name} of {asset or 'the market'} known by then")
    times = pa.timestamp("ns", "UTC")
    return pa.table(
        {
            "date": pa.array([reading.event_ns for reading in readings], pa.int64()).cast(times),
            "known_at": pa.array([reading.known_at_ns for reading in readings], pa.int64()).cast(times),
            "value": pa.array([str(reading.value) for reading in readings], pa.string()),
            "unit": pa.array([reading.unit for reading in readings], pa.string()),
        }
    )


def write(table: Table, path: Path, start_ns: int | None, end_ns: int | None) -> int:
    """Writes the rows with `start_ns <= date < end_ns`; how many. ConfigError for another ending or no such folder."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.csv as pa_csv
    import pyarrow.parquet as pq

    dates = table.column("date").cast(pa.int64())
    for bound, keeps in ((start_ns, pc.greater_equal), (end_ns, pc.less)):
        if bound is not None:
            kept = keeps(dates, pa.scalar(bound, pa.int64()))
            table, dates = table.filter(kept), dates.filter(kept)
    try:
        if path.suffix == ".parquet":
            pq.write_table(table, path, compression="zstd")
        elif path.suffix == ".csv":
            # Z says UTC, and every layout but ours asks for it.
            stamps = pc.strftime(table.column("date").cast(pa.timestamp("s", "UTC")), format="%Y-%m-%dT%H:%M:%SZ")
            pa_csv.write_csv(table.set_column(0, "date", stamps), path)
        else:
            raise ConfigError(f"found the name {path.name}, allowed are endings in .csv and .parquet")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}") from None
    return int(table.num_rows)
