"""A venue that knows its true book, and says what happened to it in each real venue's own words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any
from zlib import crc32

from core.quotes import Book
from market.orderbooks.sequenced import ChainedBook, SequencedBook
from market.orderbooks.streamed import BybitBook, CoinbaseBook, KrakenBook, OkxBook
from market.orderbooks.verified import VerifiedBook

Side = dict[Decimal, Decimal]
Message = dict[str, Any]

SYMBOL = "BTC/USDT"
T0_MS = 1_767_225_600_000
NOW_NS = T0_MS * 1_000_000
TICK = Decimal("0.1")
LOT = Decimal("0.001")
ALL = 10_000


@dataclass
class Truth:
    """The venue's own book after a number of updates, kept naively: two dictionaries, copied at every step."""

    bids: Side
    asks: Side
    number: int = 100
    before: int = 100
    changed_bids: Side = field(default_factory=dict)
    changed_asks: Side = field(default_factory=dict)

    def view(self, depth: int = ALL) -> tuple[list[tuple[Decimal, Decimal]], list[tuple[Decimal, Decimal]]]:
        return sorted(self.bids.items(), reverse=True)[:depth], sorted(self.asks.items())[:depth]


def history(seed: int, steps: int, levels: int = 30) -> list[Truth]:
    """The truth before and after each of `steps` updates of one to four levels a side; never crossed, never empty."""
    chance = Random(seed)
    mid = 1_000
    now = Truth(
        {(mid - i) * TICK: chance.randint(1, 9_000) * LOT for i in range(1, levels + 1)},
        {(mid + i) * TICK: chance.randint(1, 9_000) * LOT for i in range(1, levels + 1)},
    )
    told = [now]
    for _ in range(steps):
        bids, asks = dict(now.bids), dict(now.asks)
        changed_bids = _change(bids, chance, upward=True, limit=min(asks))
        changed_asks = _change(asks, chance, upward=False, limit=max(bids))
        first = now.number + 1
        now = Truth(bids, asks, first + chance.randint(0, 4), now.number, changed_bids, changed_asks)
        told.append(now)
    return told


def _change(side: Side, chance: Random, *, upward: bool, limit: Decimal) -> Side:
    changed: Side = {}
    best = max(side) if upward else min(side)
    for _ in range(chance.randint(1, 4)):
        away = TICK * chance.randint(-2, 12)
        price = best - away if upward else best + away
        if price <= 0 or (price >= limit if upward else price <= limit):
            continue
        if price in side and len(side) > 15 and chance.random() < 0.6:
            del side[price]
            changed[price] = Decimal(0)
        else:
            side[price] = changed[price] = chance.randint(1, 9_000) * LOT
    return changed


def pairs(side: Mapping[Decimal, Decimal]) -> list[list[str]]:
    return [[str(price), str(quantity)] for price, quantity in side.items()]


@dataclass(frozen=True)
class Dialect:
    """How one venue tells a truth: `snapshot` a whole book, `update` a change, `book` the verifier under test."""

    name: str
    book: Callable[[], VerifiedBook]
    snapshot: Callable[[Truth], Message]
    update: Callable[[Truth, Truth], Message]
    depth: int = ALL

    def start(self, book: VerifiedBook, truth: Truth) -> None:
        """Brings a whole book, the way this venue does."""
        if isinstance(book, SequencedBook):
            assert book.load(self.snapshot(truth), NOW_NS), book.describe()
        else:
            book.receive(self.snapshot(truth), NOW_NS)

    def number(self, truth: Truth) -> int:
        return truth.number


def shows(book: VerifiedBook, truth: Truth, depth: int = ALL) -> bool:
    """Whether the book shows exactly this truth, level by level."""
    seen = book.read(ALL)
    assert isinstance(seen, Book)
    bids, asks = truth.view(depth)
    return (
        [(level.price, level.quantity) for level in seen.bids],
        [(level.price, level.quantity) for level in seen.asks],
    ) == (bids, asks)


def _binance_snapshot(truth: Truth) -> Message:
    return {"lastUpdateId": truth.number, "bids": pairs(truth.bids), "asks": pairs(truth.asks)}


def _binance(before: Truth, after: Truth) -> Message:
    return {
        "e": "depthUpdate",
        "E": T0_MS + after.number,
        "s": "BTCUSDT",
        "U": before.number + 1,
        "u": after.number,
        "b": pairs(after.changed_bids),
        "a": pairs(after.changed_asks),
    }


def _futures(before: Truth, after: Truth) -> Message:
    # Futures skip numbers between messages; only `pu` ties them together.
    return {**_binance(before, after), "U": after.number, "pu": before.number}


def _bybit(truth: Truth, kind: str, bids: Side, asks: Side) -> Message:
    data = {"s": "BTCUSDT", "b": pairs(bids), "a": pairs(asks), "u": truth.number}
    return {"topic": "orderbook.50.BTCUSDT", "type": kind, "ts": T0_MS + truth.number, "data": data}


def _okx(truth: Truth, action: str, bids: Side, asks: Side) -> Message:
    best_bids, best_asks = truth.view(25)
    texts = []
    for bid, ask in zip(best_bids, best_asks, strict=False):
        texts += [f"{bid[0]}:{bid[1]}", f"{ask[0]}:{ask[1]}"]
    longer = best_bids if len(best_bids) > len(best_asks) else best_asks
    texts += [f"{price}:{quantity}" for price, quantity in longer[min(len(best_bids), len(best_asks)) :]]
    checksum = crc32(":".join(texts).encode())
    data = {
        "bids": [[*level, "0", "1"] for level in pairs(bids)],
        "asks": [[*level, "0", "1"] for level in pairs(asks)],
        "ts": str(T0_MS + truth.number),
        "checksum": checksum - (1 << 32) if checksum >> 31 else checksum,
        "prevSeqId": -1 if action == "snapshot" else truth.before,
        "seqId": truth.number,
    }
    return {"arg": {"channel": "books", "instId": "BTC-USDT"}, "action": action, "data": [data]}


def _kraken(truth: Truth, kind: str, bids: Side, asks: Side, digits: tuple[int, int]) -> Message:
    best_bids, best_asks = truth.view(10)
    levels = (*best_asks, *best_bids)
    written = [f"{part:.{places}f}" for level in levels for part, places in zip(level, digits, strict=True)]
    texts = [text.replace(".", "").lstrip("0") for text in written]
    data = {
        "symbol": "BTC/USD",
        "bids": [{"price": float(price), "qty": float(quantity)} for price, quantity in bids.items()],
        "asks": [{"price": float(price), "qty": float(quantity)} for price, quantity in asks.items()],
        "checksum": crc32("".join(texts).encode()),
        "timestamp": "2026-01-01T00:00:00.000001Z",
    }
    return {"channel": "book", "type": kind, "data": [data]}


def _kraken_update(before: Truth, after: Truth, digits: tuple[int, int]) -> Message:
    # Of a book ten deep the venue tells what comes into view, and not what is pushed out of it.
    told = []
    for old, new, full in zip(before.view(10), after.view(10), (after.bids, after.asks), strict=True):
        shown = dict(old)
        changes = {price: quantity for price, quantity in new if shown.get(price) != quantity}
        told.append({**{price: Decimal(0) for price in shown if price not in full}, **changes})
    return _kraken(after, "update", told[0], told[1], digits)


def _coinbase(truth: Truth, kind: str, bids: Side, asks: Side) -> Message:
    updates = [
        {"side": side, "price_level": price, "new_quantity": quantity}
        for side, levels in (("bid", bids), ("offer", asks))
        for price, quantity in pairs(levels)
    ]
    stamp = "2026-01-01T00:00:00.123456789Z"
    return {"type": kind, "product_id": "BTC-USD", "updates": updates, "sequence_num": truth.number, "timestamp": stamp}


BINANCE = Dialect("binance", lambda: SequencedBook(SYMBOL), _binance_snapshot, _binance)
FUTURES = Dialect("binance futures", lambda: ChainedBook(SYMBOL), _binance_snapshot, _futures)
BYBIT = Dialect(
    "bybit",
    lambda: BybitBook(SYMBOL),
    lambda truth: _bybit(truth, "snapshot", truth.bids, truth.asks),
    lambda _, after: _bybit(after, "delta", after.changed_bids, after.changed_asks),
)
OKX = Dialect(
    "okx",
    lambda: OkxBook(SYMBOL),
    lambda truth: _okx(truth, "snapshot", truth.bids, truth.asks),
    lambda _, after: _okx(after, "update", after.changed_bids, after.changed_asks),
)


def kraken(price_digits: int, quantity_digits: int) -> Dialect:
    """For a pair with so many decimals, which are part of its checksum."""
    digits = price_digits, quantity_digits
    return Dialect(
        "kraken",
        lambda: KrakenBook(SYMBOL, price_digits=price_digits, quantity_digits=quantity_digits),
        lambda truth: _kraken(truth, "snapshot", dict(truth.view(10)[0]), dict(truth.view(10)[1]), digits),
        lambda before, after: _kraken_update(before, after, digits),
        depth=10,
    )


KRAKEN = kraken(1, 3)
COINBASE = Dialect(
    "coinbase",
    lambda: CoinbaseBook(SYMBOL),
    lambda truth: _coinbase(truth, "snapshot", truth.bids, truth.asks),
    lambda _, after: _coinbase(after, "update", after.changed_bids, after.changed_asks),
)
EVERY = (BINANCE, FUTURES, BYBIT, OKX, KRAKEN, COINBASE)


def one_by_one(told: list[Truth]) -> list[Truth]:
    """The same history with numbers that rise by one, as Bybit and Coinbase count."""
    return [Truth(t.bids, t.asks, 100 + i, 99 + i, t.changed_bids, t.changed_asks) for i, t in enumerate(told)]
