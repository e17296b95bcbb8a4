"""Two hundred symbols at once: is memory flat, how late does news arrive, is anything lost.

Each symbol changes its book and trades ten times a second, sent by a
process of its own. Lag is from the sender's stamp (milliseconds) to the moment when a consumer has the event.
"""

import asyncio
import json
import os
import time
import urllib.request
from collections import Counter
from pathlib import Path
from statistics import linear_regression
from typing import Any

from bench.orderbooks import SPOT, sender
from bench.sender import symbols_of
from bench.timing import row
from market.bus.memory import MemoryBus, MemoryInbox
from market.streams.patience import Patience
from market.streams.venue import VenueStream

EVERY_MS = 100
WARM_S = 20.0  # in which caches and dictionaries take their room


def rss_mb() -> float:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4_096 / 1e6


def slope(samples: list[tuple[float, float]]) -> float:
    """Least squares: how much the second numbers grow for each one of the first."""
    return float(linear_regression(*zip(*samples, strict=True)).slope)


class Consumer:
    """Takes every trade and the newest state of each book, as a strategy would."""

    def __init__(self) -> None:
        self.lags: Counter[int] = Counter()  # in tenths of a millisecond: a list of them would be what grows
        self.trades = self.books = 0

    async def trades_of(self, inbox: MemoryInbox) -> None:
        async for delivery in inbox:
            trade: Any = delivery.event
            self.trades += 1
            self.lags[(time.time_ns() - trade.ts_event_ns) // 100_000] += 1

    async def books_of(self, inbox: MemoryInbox) -> None:
        async for delivery in inbox:
            view: Any = delivery.event
            self.books += 1
            assert view.verified.ladder.best_bid < view.verified.ladder.best_ask


async def streaming(address: str, seconds: float, symbols: list[str]) -> None:
    bus = MemoryBus()
    stream = VenueStream(
        "binance",
        symbols,
        bus,
        kinds=["book", "trades"],
        endpoints={"rest": f"http://{address}", "ws": f"ws://{address}"},
        options={"options": SPOT, "enableRateLimit": False},
        patience=Patience(cross_check_s=3_600),
    )
    consumer = Consumer()
    trades = bus.subscribe(*(f"trades:binance:{s}" for s in symbols), group="bench")
    books = bus.subscribe(*(f"book:binance:{s}" for s in symbols), group="bench")
    work = [stream.run(), consumer.trades_of(trades), consumer.books_of(books)]
    tasks = [asyncio.create_task(one) for one in work]
    while not stream.books or not all(book.valid for book in stream.books.values()):
        await asyncio.sleep(0.1)
    await asyncio.sleep(WARM_S)
    consumer.lags.clear()
    before, began, used = rss_mb(), time.perf_counter(), time.process_time()
    samples = [(0.0, before)]
    while (passed := time.perf_counter() - began) < seconds:
        await asyncio.sleep(0.5)
        samples.append((passed / 60, rss_mb()))
    lags, share = sorted(consumer.lags.elements()), (time.process_time() - used) / (time.perf_counter() - began)
    # Nothing more is sent; then everything that was must be here.
    await asyncio.to_thread(_stop, address)
    await _drained(stream, consumer)
    sent = await asyncio.to_thread(_stop, address)
    applied = sum(book.counts.applied + book.counts.duplicates for book in stream.books.values())
    lost = (sent["trades"] - consumer.trades) + (sent["depth"] - applied)
    row(f"{len(symbols)} symbols, {seconds:.0f} s", "p50", "p99", "worst")
    row(
        "lag to the consumer, ms", *(f"{lags[min(len(lags) - 1, int(q * len(lags)))] / 10:.1f}" for q in (0.5, 0.99, 1))
    )
    quantiles = [stream.lag.quantile_s(q) or 0.0 for q in (0.5, 0.99, 1)]
    row("event loop late by, ms", *(f"{q * 1e3:.1f}" for q in quantiles))
    quarters = [samples[i * (len(samples) - 1) // 4][1] for i in range(5)]
    row("memory at each quarter, MB", *(f"{mb:.0f}" for mb in quarters))
    row("memory grew in the second half, MB a minute", f"{slope(samples[len(samples) // 2 :]):.1f}")
    row("messages a second", f"{len(lags) * 2 / seconds:,.0f}", f"{share:.0%} of a core", "")
    row("book states taken of changes", f"{books.counts.taken:,}", f"{books.counts.put:,}", "")
    print(f"sent {sent['depth']:,} changes and {sent['trades']:,} trades; lost = {lost}; {stream.health().gaps} gaps")
    load, cores = os.getloadavg()[0], os.cpu_count()
    print(f"sessions: {stream.counts.sessions}; load of this machine: {load:.1f} on {cores} cores")
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    if lost:
        raise SystemExit(1)


async def _drained(stream: VenueStream, consumer: Consumer) -> None:
    seen = -1
    while seen != stream.counts.frames + consumer.trades:
        seen = stream.counts.frames + consumer.trades
        await asyncio.sleep(1.0)


def _stop(address: str) -> dict[str, int]:
    with urllib.request.urlopen(f"http://{address}/_stop") as answer:
        told: dict[str, int] = json.load(answer)
    return told


def main(seconds: float, symbols: int) -> None:
    # More than enough: it is stopped when the time is over.
    messages = int((seconds + 600) * 1_000 / EVERY_MS)
    given = ("--symbols", str(symbols), "--messages", str(messages), "--every-ms", str(EVERY_MS))
    with sender(*given) as address:
        asyncio.run(streaming(address, seconds, [f"{base}/USDT" for base in symbols_of(symbols)]))
