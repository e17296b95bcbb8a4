"""Back-fill against ccxt's own loop, and against the bound of ccxt's limiter.

One emulated venue in a process of its own serves both sides the same candles from memory. Ours stores them as Parquet
as it goes, checked; ccxt's loop only holds them in a list.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

from core.time import MINUTE_NS, Timeframe, parse_time
from desk.clock import SystemClock
from market.fetching.backfill import Backfill
from market.store.candles import BarsKey, CandleStore
from market.venues import reader

SYMBOL = "BTC/USDT"
SINCE_NS = parse_time("2024-01-01")
PAGE = 1_000


@contextmanager
def venue() -> Iterator[str]:
    with Popen([sys.executable, "-m", "emulator", "--weight", str(10**9)], stdout=PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


async def ccxt_loop(client: Any, pages: int) -> float:
    """The loop of ccxt's manual: the next page starts one candle after the last of this one."""
    since, until = SINCE_NS // 10**6, SINCE_NS // 10**6 + pages * PAGE * 60_000
    rows: list[Any] = []
    started = time.perf_counter()
    while since < until:
        page = await client.fetch_ohlcv(SYMBOL, "1m", since, PAGE)
        rows += page
        since = page[-1][0] + 60_000
    elapsed = time.perf_counter() - started
    assert len(rows) == pages * PAGE
    return elapsed


async def ours(client: Any, pages: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        store = CandleStore(Path(folder))
        backfill = Backfill(client, store, SystemClock())
        started = time.perf_counter()
        until = SINCE_NS + pages * PAGE * MINUTE_NS
        done = await backfill.fetch(SYMBOL, Timeframe.M1, since_ns=SINCE_NS, until_ns=until)
        elapsed = time.perf_counter() - started
        assert done.bars == store.manifest(BarsKey("binance", SYMBOL, Timeframe.M1)).rows == pages * PAGE
        assert not done.gaps
    return elapsed


async def measure(url: str, pages: int, rounds: int, limited_pages: int) -> None:
    free, limited = (reader("binance", endpoints={"rest": url}, rate_limited=on) for on in (False, True))
    try:
        for client in (free, limited):
            await client.load_markets()
        await ours(free, max(pages, limited_pages))  # the venue writes each page once and keeps it
        theirs, mine = [], []
        for _ in range(rounds):
            theirs.append(await ccxt_loop(free, pages))
            mine.append(await ours(free, pages))
        slow, quick = statistics.median(theirs), statistics.median(mine)
        print(f"limiter off, {pages} pages of {PAGE} candles, median of {rounds}:")
        print(f"  ccxt's sequential loop  {slow:6.2f} s  {pages * PAGE / slow:9,.0f} candles/s")
        print(f"  ours, stored            {quick:6.2f} s  {pages * PAGE / quick:9,.0f} candles/s")
        print(f"  ratio                   {slow / quick:6.2f}    (at least 2)")
        # One page costs 0.4 of the units of which the class refills one in `rateLimit` ms. On a busy machine the
        # limiter itself is late, so that it is also timed alone.
        bound = (limited_pages - 1) * 0.4 * limited.rateLimit / 1000
        elapsed = await ours(limited, limited_pages)
        started = time.perf_counter()
        await asyncio.gather(*(limited.throttle(0.4) for _ in range(limited_pages)))
        alone = time.perf_counter() - started
        print(f"limiter on, {limited_pages} pages:")
        print(f"  the limiter's bound     {bound:6.2f} s")
        print(f"  the limiter alone       {alone:6.2f} s")
        print(f"  ours, stored            {elapsed:6.2f} s")
        print(f"  ratio to the bound      {elapsed / bound:6.3f}   (at most 1.05)")
        print(f"  ratio to it alone       {elapsed / alone:6.3f}")
    finally:
        await free.close()
        await limited.close()


def main(pages: int = 150, rounds: int = 3, limited_pages: int = 400) -> None:
    with venue() as url:
        asyncio.run(measure(url, pages, rounds, limited_pages))
