"""Point-in-time reads of the candle store against plain DuckDB over the same files, asked the same questions in turn.

Cold: the months have not been decoded yet, as in a process that has just started. Warm: they have.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np

from bench.timing import milliseconds, row, timed
from core.bars import Bars
from core.time import DAY_NS, HOUR_NS, Timeframe, parse_time
from market.store.candles import BarsKey, CandleStore
from market.store.manifest import Origin

START = parse_time("2017-09-01")
HOURS = 5 * 365 * 24
ROUNDS = 15
KEY = BarsKey("binance", "BTC/USDT", Timeframe.H1)
FIELDS = "open_ns, open, high, low, close, volume"
KNOWN = "open_ns + 3600000000000 <= {as_of} AND known_at_ns <= {as_of}"


def hourly() -> Bars:
    """Five years of hours, some missing."""
    rng = np.random.default_rng(1)
    keep = rng.random(HOURS) > 0.003
    close = (30_000 * np.exp(np.cumsum(rng.normal(0, 0.005, HOURS))))[keep]
    opens = (START + HOUR_NS * np.arange(HOURS, dtype=np.int64))[keep]
    return Bars("BTC/USDT", Timeframe.H1, opens, close, close * 1.01, close * 0.99, close, np.ones(len(close)))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        CandleStore(root).append(KEY, hourly(), Origin("bench", START + HOURS * HOUR_NS))
        store, plain = CandleStore(root), duckdb.connect()
        shelf = store.shelf(KEY)
        files = {part.name: str(shelf.folder / part.file) for part in shelf.manifest().parts}
        moments = [START + int(part * HOURS) * HOUR_NS for part in np.linspace(0.2, 1.0, ROUNDS)]
        row("read, p50", "ours ms", "DuckDB ms", "ours / DuckDB")

        def months(as_of: int, days: int) -> list[str]:
            """The files that a careful person would name."""
            first, last = (
                str(np.datetime64(at, "ns").astype("datetime64[M]")) for at in (as_of - days * DAY_NS, as_of)
            )
            return [file for name, file in files.items() if first <= name <= last]

        def tail(as_of: int, n: int) -> np.ndarray:
            query = f"SELECT {FIELDS} FROM read_parquet(?) WHERE {KNOWN} ORDER BY open_ns DESC LIMIT {n}"
            named = [months(as_of, n // 24 + 2)]
            return plain.execute(query.format(as_of=as_of), named).fetchnumpy()["open_ns"][::-1]

        def daily(as_of: int, n: int) -> np.ndarray:
            day = f"open_ns // {DAY_NS} * {DAY_NS}"
            query = (
                f"SELECT {day} AS day, arg_min(open, open_ns) AS open, max(high) AS high, min(low) AS low,"
                f" arg_max(close, open_ns) AS close, sum(volume) AS volume FROM read_parquet(?) WHERE {KNOWN}"
                f" AND {day} + {DAY_NS} <= {{as_of}} GROUP BY day ORDER BY day DESC LIMIT {n}"
            )
            return plain.execute(query.format(as_of=as_of), [months(as_of, n + 2)]).fetchnumpy()["day"][::-1]

        def ours(reader: CandleStore, timeframe: Timeframe, as_of: int, n: int) -> np.ndarray:
            return reader.bars("binance", "BTC/USDT", timeframe, as_of_ns=as_of, n=n).open_ns

        compare(
            "last 200 hours, warm", moments, lambda at: ours(store, Timeframe.H1, at, 200), lambda at: tail(at, 200)
        )
        compare(
            "last 90 days of hours, warm",
            moments,
            lambda at: ours(store, Timeframe.D1, at, 90),
            lambda at: daily(at, 90),
        )
        compare(
            "all five years, warm",
            moments[-1:] * 5,
            lambda at: ours(store, Timeframe.H1, at, HOURS),
            lambda at: tail(at, HOURS),
        )
        compare(
            "last 200 hours, cold", moments,
            lambda at: ours(CandleStore(root), Timeframe.H1, at, 200), lambda at: tail(at, 200),
        )  # fmt: skip
        compare(
            "all five years, cold", moments[-1:] * 5,
            lambda at: ours(CandleStore(root), Timeframe.H1, at, HOURS), lambda at: tail(at, HOURS),
        )  # fmt: skip


def compare(
    name: str, moments: list[int], ours: Callable[[int], np.ndarray], theirs: Callable[[int], np.ndarray]
) -> None:
    """Both in turn, and the same answer."""
    one, other = [], []
    for moment in moments:
        assert np.array_equal(ours(moment), theirs(moment)), name
        one.append(timed(lambda moment=moment: ours(moment)))
        other.append(timed(lambda moment=moment: theirs(moment)))
    us, them = milliseconds(one), milliseconds(other)
    row(name, f"{us:.3f}", f"{them:.3f}", f"{us / them:.2f}")
