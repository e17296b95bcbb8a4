"""Real feeds through the verifiers: valid to the end, every message accounted for."""

import csv
from collections import Counter
from itertools import groupby
from typing import Any

import pytest

from market.orderbooks.feeds import BinanceFeed, OkxFeed
from market.orderbooks.sequenced import ChainedBook, SequencedBook
from market.orderbooks.streamed import KrakenBook, OkxBook
from market.orderbooks.verified import Reason, State, VerifiedBook
from tests.market.orderbooks.recordings import (
    Message,
    cryptofeed,
    gate,
    kraken_digits,
    kraken_v2,
    kucoin,
    raw_feed,
    shared,
    with_snapshots,
)


def accounted(book: VerifiedBook) -> bool:
    """Whether each message was applied, was older than the snapshot, or made the book whole."""
    counts = book.counts
    return counts.messages == counts.applied + counts.duplicates


@pytest.mark.parametrize(
    ("name", "make", "market", "messages", "old"),
    [
        ("binance_spot_btcusdt_ws_20240808.gz", SequencedBook, "BTCUSDT", 3451, 2),
        ("binance_coinm_btcusd_perp_ws_20240808.gz", ChainedBook, "BTCUSD_PERP", 26847, 23),
    ],
)
def test_five_minutes_of_binance_are_followed_to_the_end_and_agree_with_its_own_best_prices(
    name: str, make: type[SequencedBook], market: str, messages: int, old: int
) -> None:
    book = make(market)
    feed = BinanceFeed({market: book})
    best: dict[int, tuple[float, float]] = {}
    agreed = compared = 0
    for at_ns, message in raw_feed(name):
        if "lastUpdateId" in message:
            assert book.load(message, at_ns)
        elif feed.route(message, at_ns):
            if book.valid and book.update_id in best:
                compared += 1
                agreed += (book.ladder.best_bid, book.ladder.best_ask) == best[book.update_id]
        elif message["stream"].endswith("@bookTicker"):
            # Best prices by themselves, sooner, with the number of the update that they belong to.
            best[message["data"]["u"]] = float(message["data"]["b"]), float(message["data"]["a"])
    assert book.state is State.VALID
    assert (book.counts.messages, book.counts.duplicates) == (messages, old)
    assert accounted(book)
    assert compared > 500
    assert agreed == compared


@pytest.mark.parametrize(
    ("venue", "make", "told"),
    [
        ("BINANCE", SequencedBook, {"NKNUSDT": 150, "BLZETH": 10, "LRCBTC": 15, "RUNEEUR": 2}),
        ("BINANCE_FUTURES", ChainedBook, {"SUSHIUSDT": 255, "AKROUSDT": 189, "KEEPUSDT": 135, "CTKUSDT": 185}),
    ],
)
def test_cryptofeeds_recordings_of_binance_join_their_snapshots(
    venue: str, make: type[SequencedBook], told: dict[str, int]
) -> None:
    feed = BinanceFeed({market: make(market) for market in told})
    for at_ns, market, message in with_snapshots(venue, "symbol"):
        if market is None:
            feed.route(message, at_ns)
        else:
            assert feed.books[market].load(message, at_ns)
    assert {market: book.counts.messages for market, book in feed.books.items()} == told
    assert all(book.valid and accounted(book) for book in feed.books.values())
    assert feed.unrouted == 0


def test_okx_of_2022_has_no_numbers_and_every_checksum_agrees() -> None:
    messages = list(cryptofeed("OKX.ws.1.0"))
    feed = OkxFeed({market: OkxBook(market) for market in ("BTC-USDT", "UNI-USD-SWAP", "BTC-USD-220527")})
    for at_ns, message in messages:
        feed.route(message, at_ns)
    assert {market: book.counts.applied for market, book in feed.books.items()} == {
        "BTC-USDT": 98,
        "UNI-USD-SWAP": 93,
        "BTC-USD-220527": 99,
    }
    assert all(book.valid and book.counts.checksum == 0 for book in feed.books.values())


@pytest.mark.parametrize("lost", [10, 40, 80])
def test_a_message_lost_from_the_okx_recording_is_caught_by_its_checksum(lost: int) -> None:
    told = [(at, m) for at, m in cryptofeed("OKX.ws.1.0") if m.get("arg", {}).get("instId") == "BTC-USDT"]
    told = [(at, m) for at, m in told if m["arg"]["channel"] == "books" and "data" in m]
    book = OkxBook("BTC-USDT")
    feed = OkxFeed({"BTC-USDT": book})
    for i, (at_ns, message) in enumerate(told):
        if i != lost:
            feed.route(message, at_ns)
    assert (book.state, book.reason) == (State.INVALID, Reason.CHECKSUM)


def test_krakens_checksums_agree_over_ten_markets() -> None:
    """The recording is a thousand levels deep and in the first protocol: its messages are put in today's form.

    Its snapshots came without a checksum; they get the one that the verifier itself makes.
    """
    books: dict[str, KrakenBook] = {}
    checked = Counter[str]()
    for at_ns, raw in cryptofeed("KRAKEN.ws.50.0"):
        told = kraken_v2(raw)
        if told is None:
            continue
        market, message = told
        if message["type"] == "snapshot":
            price_digits, quantity_digits = kraken_digits(raw)
            books[market] = _unchecked(market, price_digits, quantity_digits, message, at_ns)
        else:
            books[market].receive(message, at_ns)
            checked[market] += 1
    assert len(books) == 10
    assert sum(checked.values()) > 4_000
    assert {market: book.describe() for market, book in books.items()} == dict.fromkeys(books, "valid")
    assert all(book.counts.checksum == 0 for book in books.values())


def _unchecked(market: str, price_digits: int, quantity_digits: int, message: Message, at_ns: int) -> KrakenBook:
    for checksum in (0, None):
        book = KrakenBook(market, price_digits=price_digits, quantity_digits=quantity_digits, depth=1000)
        message["data"][0].setdefault("checksum", checksum)
        book.receive(message, at_ns)
        if book.valid:
            break
        message["data"][0]["checksum"] = int(book.detail.split()[1].rstrip(","))
    book.receive(message, at_ns)
    assert book.valid
    return book


def test_gate_numbers_as_binance_does() -> None:
    """Each of its books first hears the change that is the whole book, then joins the snapshot."""
    books: dict[str, SequencedBook] = {}
    for at_ns, market, message in with_snapshots("GATEIO", "currency_pair"):
        if market is not None:
            books.setdefault(market, SequencedBook(market))
            assert books[market].load({**message, "lastUpdateId": message["id"]}, at_ns), books[market].describe()
        elif (change := gate(message)) is not None:
            books.setdefault(change["s"], SequencedBook(change["s"])).receive(change, at_ns)
    assert len(books) == 10
    assert {market: book.describe() for market, book in books.items()} == dict.fromkeys(books, "valid")


def test_kucoins_numbers_are_followed_to_the_end() -> None:
    books: dict[str, SequencedBook] = {}
    for at_ns, market, message in with_snapshots("KUCOIN", "symbol"):
        if market is not None:
            data = message["data"]
            snapshot = {**data, "lastUpdateId": data["sequence"]}
            books.setdefault(market, SequencedBook(market))
            assert books[market].load(snapshot, at_ns), books[market].describe()
        elif (change := kucoin(message)) is not None:
            books.setdefault(change["s"], SequencedBook(change["s"])).receive(change, at_ns)
    synced = {market: book for market, book in books.items() if book.counts.snapshots}
    assert len(synced) == 9
    assert all(book.valid for book in synced.values())


def test_updates_recorded_ten_minutes_after_their_snapshot_do_not_connect() -> None:
    def rows(name: str) -> list[dict[str, Any]]:
        with shared(f"orderbook/{name}").open() as lines:
            return list(csv.DictReader(lines))

    def side(some: list[dict[str, Any]], which: str) -> list[list[str]]:
        return [[row["price"], row["qty"]] for row in some if row["side"] == which]

    whole = rows("binance_btcusdt_depth_snap.csv")
    book = ChainedBook("BTCUSDT")
    half = {"lastUpdateId": int(whole[0]["last_update_id"]), "bids": side(whole, "b"), "asks": side(whole, "a")}
    assert not book.load(half, 0)
    assert (book.reason, book.detail) == (Reason.ONE_SIDED, "100 bids and 0 asks")
    # The file holds bids alone: with an ask beside them the numbers still do not meet.
    assert book.load({**half, "asks": [["20500.00", "1"]]}, 0)
    updates = [
        list(some)
        for _, some in groupby(rows("binance_btcusdt_depth_update.csv"), key=lambda row: row["last_update_id"])
    ]
    for some in updates:
        first = some[0]
        numbers = {"U": first["first_update_id"], "u": first["last_update_id"], "pu": first["pu"]}
        levels = {"b": side(some, "b"), "a": side(some, "a"), "E": int(first["timestamp"])}
        book.receive({**{key: int(value) for key, value in numbers.items()}, **levels}, 0)
    assert (book.state, book.reason, book.read()) == (State.INVALID, Reason.GAP, None)
    assert "after 2098021528332 came 2098041693435" in book.detail
