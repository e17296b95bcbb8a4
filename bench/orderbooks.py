"""Our verified book and bus against ccxt.pro alone, in one run: the same messages, the same final book, every gap seen.

A sender in its own process sends them as fast as they are read. Rounds alternate. Then gaps are cut into the same
messages, and each must be seen.
"""

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench.sender import FIRST_ID, IDS_A_MESSAGE, changes, snapshot
from bench.timing import row
from market.bus.memory import MemoryBus
from market.endpoints import repoint
from market.orderbooks.sequenced import SequencedBook
from market.orderbooks.verified import Reason
from market.streams.patience import Patience
from market.streams.venue import VenueStream

ROUNDS = 3
GAPS = 500
SPOT = {"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False, "fetchMargins": False}
Sides = tuple[dict[float, float], dict[float, float]]


@dataclass(frozen=True)
class Took:
    per_second: float
    wakes: int
    book: Sides


@contextmanager
def sender(*arguments: str) -> Iterator[str]:
    """Its base address."""
    command = [sys.executable, "-m", "bench.sender", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()


def last_id(messages: int) -> int:
    return FIRST_ID + messages * IDS_A_MESSAGE - 1


async def ours(address: str, messages: int) -> Took:
    """A whole `VenueStream`: tap, verifier, bus, and a consumer that looks at the best prices whenever it wakes."""
    bus = MemoryBus()
    stream = VenueStream(
        "binance",
        ["BTC/USDT"],
        bus,
        kinds=["book"],
        endpoints={"rest": f"http://{address}", "ws": f"ws://{address}"},
        options={"options": SPOT, "enableRateLimit": False},
        patience=Patience(cross_check_s=3_600),
    )
    inbox = bus.subscribe("book:binance:BTC/USDT", group="bench")
    running = asyncio.create_task(stream.run())
    started, first, wakes, last = 0.0, 0, 0, last_id(messages)
    async for _ in inbox:
        book = stream.books["BTC/USDT"]
        wakes += 1
        if book.update_id > FIRST_ID + IDS_A_MESSAGE and not started:
            started, first = time.perf_counter(), book.update_id
        if book.update_id >= last:
            break
    seconds = time.perf_counter() - started
    running.cancel()
    kept = book.ladder
    sides = {p: float(q) for p, q in kept.bids.items()}, {p: float(q) for p, q in kept.asks.items()}
    assert (book.counts.gap, book.counts.invalid_spells) == (0, 0), book.describe()
    await asyncio.gather(running, return_exceptions=True)
    return Took((last - first) / IDS_A_MESSAGE / seconds, wakes, sides)


async def ccxt_alone(address: str, messages: int) -> Took:
    """`watch_order_book` of ccxt.pro as its manual shows it, deep enough to keep every level."""
    import ccxt.pro

    exchange = ccxt.pro.binance({"options": SPOT, "enableRateLimit": False})
    repoint(exchange, {"rest": f"http://{address}", "ws": f"ws://{address}"})
    started, first, wakes, last = 0.0, 0, 0, last_id(messages)
    while True:
        book = await exchange.watch_order_book("BTC/USDT", 5_000)
        wakes += 1
        if book["nonce"] > FIRST_ID + IDS_A_MESSAGE and not started:
            started, first = time.perf_counter(), book["nonce"]
        if book["nonce"] >= last:
            break
    seconds = time.perf_counter() - started
    sides = dict(map(tuple, book["bids"])), dict(map(tuple, book["asks"]))
    await exchange.close()
    return Took((last - first) / IDS_A_MESSAGE / seconds, wakes, sides)


def verifier_alone(told: list[dict[str, Any]]) -> float:
    """Messages a second of the verifier without socket, parser and bus."""
    book = SequencedBook("BTC/USDT")
    book.load(snapshot(), 1)
    started = time.perf_counter()
    for message in told:
        book.receive(message, 1)
    assert book.valid
    return len(told) / (time.perf_counter() - started)


def gaps_seen(told: list[dict[str, Any]]) -> tuple[int, int]:
    """How many of the messages cut out were seen: each, or the next one's rules are not rules."""
    # Never two in a row, and never the last, after which nothing follows to tell.
    cut = set(random.Random(1).sample(range(1, len(told) - 1, 2), GAPS))
    whole = SequencedBook("BTC/USDT")
    whole.load(snapshot(), 1)
    book = SequencedBook("BTC/USDT")
    book.load(snapshot(), 1)
    seen = 0
    for i, message in enumerate(told):
        whole.receive(message, 1)
        if i in cut:
            continue
        book.receive(message, 1)
        if book.reason is Reason.GAP:
            seen += 1
            sides = {"bids": list(whole.ladder.bids.items()), "asks": list(whole.ladder.asks.items())}
            book.load({"lastUpdateId": whole.update_id, **sides}, 1)
    assert (book.ladder.bids, book.ladder.asks) == (whole.ladder.bids, whole.ladder.asks)
    return seen, len(cut)


def main(messages: int) -> None:
    told = list(changes(messages))
    took: dict[str, list[Took]] = {"ccxt.pro alone": [], "verified book and bus": []}
    with sender("--messages", str(messages)) as address:
        for _ in range(ROUNDS):
            took["ccxt.pro alone"].append(asyncio.run(ccxt_alone(address, messages)))
            took["verified book and bus"].append(asyncio.run(ours(address, messages)))
    base = median(t.per_second for t in took["ccxt.pro alone"])
    row(f"{messages} messages, median of {ROUNDS}", "messages/s", "of ccxt.pro", "wakes")
    for name, some in took.items():
        speed = median(t.per_second for t in some)
        row(name, f"{speed:,.0f}", f"{speed / base:.2f}x", str(median(t.wakes for t in some)))
    row("verifier alone, no socket", f"{verifier_alone(told):,.0f}", "", "")
    same = all(t.book == took["ccxt.pro alone"][0].book for some in took.values() for t in some)
    bids, asks = took["ccxt.pro alone"][0].book
    print(f"final books identical: {same} ({len(bids)} bids, {len(asks)} asks, level by level)")
    seen, cut = gaps_seen(told)
    print(f"gaps seen: {seen} of {cut}")
    if not same or seen != cut:
        raise SystemExit(1)
