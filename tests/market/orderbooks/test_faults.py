"""Messages dropped, doubled and reordered on the way, in every venue's words: caught, or rightly ignored.

The one property: a book that can be read shows the venue's true book as it was after some message, and at the number
that it claims. What it cannot follow makes it invalid, and a new whole book heals it.
"""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.orderbooks.feeds import CoinbaseFeed
from market.orderbooks.streamed import CoinbaseBook
from market.orderbooks.verified import Reason, State, VerifiedBook
from tests.market.orderbooks.venues import (
    BINANCE,
    BYBIT,
    COINBASE,
    EVERY,
    FUTURES,
    KRAKEN,
    LOT,
    NOW_NS,
    OKX,
    SYMBOL,
    TICK,
    Dialect,
    Message,
    Truth,
    history,
    one_by_one,
    shows,
)

STEPS = 12
FAULTS = st.lists(
    st.tuples(st.sampled_from(["drop", "double", "swap", "late double"]), st.integers(0, STEPS - 2)), max_size=3
)
# Coinbase numbers the connection, not the book: its faults are told through the feed, below.
NUMBERED = [dialect for dialect in EVERY if dialect is not COINBASE]


def told_by(dialect: Dialect, seed: int) -> list[Truth]:
    told = history(seed, STEPS)
    return one_by_one(told) if dialect in (BYBIT, COINBASE) else told


def updates(dialect: Dialect, told: list[Truth]) -> list[Message]:
    return [dialect.update(before, after) for before, after in pairwise(told)]


def disturbed(messages: list[Message], faults: list[tuple[str, int]]) -> list[Message]:
    sent = list(messages)
    for fault, at in faults:
        if at + 1 >= len(sent):
            continue
        if fault == "drop":
            del sent[at]
        elif fault == "double":
            sent.insert(at, sent[at])
        elif fault == "swap":
            sent[at], sent[at + 1] = sent[at + 1], sent[at]
        else:
            sent.append(sent[at])
    return sent


def stands_for_a_truth(book: VerifiedBook, told: list[Truth], depth: int) -> bool:
    return any(shows(book, truth, depth) for truth in told)


@pytest.mark.parametrize("dialect", EVERY, ids=lambda d: d.name)
def test_an_undisturbed_stream_ends_in_the_venues_own_book(dialect: Dialect) -> None:
    told = told_by(dialect, seed=1)
    book = dialect.book()
    assert book.read() is None
    dialect.start(book, told[0])
    for before, after in pairwise(told):
        book.receive(dialect.update(before, after), NOW_NS)
        assert shows(book, after, dialect.depth)
    assert (book.state, book.counts.invalid_spells, book.counts.duplicates) == (State.VALID, 0, 0)


@pytest.mark.parametrize("dialect", NUMBERED, ids=lambda d: d.name)
@given(seed=st.integers(0, 10_000), faults=FAULTS)
def test_a_book_that_can_be_read_is_a_true_one_whatever_was_lost_doubled_or_reordered(
    dialect: Dialect, seed: int, faults: list[tuple[str, int]]
) -> None:
    told = told_by(dialect, seed)
    book = dialect.book()
    dialect.start(book, told[0])
    by_number = {truth.number: truth for truth in told}
    for message in disturbed(updates(dialect, told), faults):
        book.receive(message, NOW_NS)
        if not book.valid:
            assert book.read() is None
            assert book.reason is not None
        elif dialect is KRAKEN:
            # Without numbers, a repeated change that is still true cannot be told from a new one, and harms nothing.
            assert stands_for_a_truth(book, told, dialect.depth)
        else:
            assert shows(book, by_number[book.update_id], dialect.depth)
    if not faults:
        assert book.valid
    if not book.valid:
        dialect.start(book, told[-1])
    if dialect is not KRAKEN:
        assert shows(book, told[-1], dialect.depth) or book.update_id < told[-1].number
    else:
        assert book.valid


@pytest.mark.parametrize("dialect", [BINANCE, FUTURES, BYBIT, OKX], ids=lambda d: d.name)
@pytest.mark.parametrize("at", range(STEPS - 1))
def test_any_one_lost_message_is_seen_at_the_next(dialect: Dialect, at: int) -> None:
    told = told_by(dialect, seed=3)
    book = dialect.book()
    dialect.start(book, told[0])
    for message in disturbed(updates(dialect, told), [("drop", at)]):
        book.receive(message, NOW_NS)
    assert (book.state, book.reason, book.counts.gap) == (State.INVALID, Reason.GAP, 1)
    dialect.start(book, told[-1])
    assert shows(book, told[-1])
    assert (book.counts.invalid_spells, book.counts.resyncs) == (1, 1)


@pytest.mark.parametrize("dialect", [BINANCE, FUTURES, BYBIT, OKX], ids=lambda d: d.name)
def test_a_doubled_message_is_counted_and_changes_nothing(dialect: Dialect) -> None:
    told = told_by(dialect, seed=4)
    book = dialect.book()
    dialect.start(book, told[0])
    for message in disturbed(updates(dialect, told), [("double", 3), ("late double", 1)]):
        book.receive(message, NOW_NS)
    assert shows(book, told[-1])
    assert book.counts.duplicates == 2


def test_krakens_checksum_sees_every_lost_message_of_a_book_ten_deep() -> None:
    told = told_by(KRAKEN, seed=5)
    messages = updates(KRAKEN, told)
    telling = [i for i in range(STEPS - 1) if messages[i]["data"][0]["bids"] or messages[i]["data"][0]["asks"]]
    assert len(telling) > 5
    for at in telling:
        book = KRAKEN.book()
        KRAKEN.start(book, told[0])
        for message in disturbed(messages, [("drop", at)])[: at + 1]:
            book.receive(message, NOW_NS)
        # What was lost either shows at once, or what followed made up for it.
        assert not book.valid or shows(book, told[at + 2], 10)


def envelope(event: Message, number: int) -> Message:
    return {
        "channel": "l2_data",
        "sequence_num": number,
        "timestamp": event["timestamp"],
        "events": [{key: event[key] for key in ("type", "product_id", "updates")}],
    }


def heartbeat(number: int) -> Message:
    return {"channel": "heartbeats", "sequence_num": number, "timestamp": "2026-01-01T00:00:00Z", "events": []}


def coinbase(told: list[Truth]) -> tuple[CoinbaseFeed, CoinbaseBook, list[Message]]:
    book = CoinbaseBook(SYMBOL)
    messages = [envelope(COINBASE.snapshot(told[0]), 0), heartbeat(1)]
    messages += [envelope(event, i + 2) for i, event in enumerate(updates(COINBASE, told))]
    return CoinbaseFeed({"BTC-USD": book}), book, messages


@given(seed=st.integers(0, 10_000), faults=FAULTS)
def test_coinbases_connection_number_covers_every_channel(seed: int, faults: list[tuple[str, int]]) -> None:
    told = told_by(COINBASE, seed)
    feed, book, messages = coinbase(told)
    truths = {0: told[0], **{i + 2: truth for i, truth in enumerate(told[1:])}}
    for message in [messages[0], *disturbed(messages[1:], faults)]:
        feed.route(message, NOW_NS)
        if book.valid:
            assert shows(book, truths[book.update_id])
    if not faults:
        assert book.valid


def test_a_lost_heartbeat_is_a_lost_message() -> None:
    feed, book, messages = coinbase(told_by(COINBASE, seed=6))
    feed.route(messages[0], NOW_NS)
    assert book.valid
    feed.route(messages[2], NOW_NS)
    assert (book.state, book.reason) == (State.INVALID, Reason.GAP)
    assert book.describe() == "invalid (gap: the connection skipped to 2)"


@pytest.mark.parametrize("dialect", [BINANCE, FUTURES, BYBIT, COINBASE], ids=lambda d: d.name)
def test_a_crossed_book_is_invalid_in_every_venues_words(dialect: Dialect) -> None:
    # ccxt.pro 4.5.90 passes it on (measured); where a checksum is, it fails first.
    told = told_by(dialect, seed=9)
    book = dialect.book()
    dialect.start(book, told[0])
    above = max(told[0].asks) + TICK
    book.receive(dialect.update(told[0], replace(told[1], changed_bids={above: LOT}, changed_asks={})), NOW_NS)
    assert (book.state, book.reason, book.counts.crossed) == (State.INVALID, Reason.CROSSED, 1)


WRONG: list[tuple[str, Any]] = [
    ("a price that is none", [["abc", "1"]]),
    ("NaN", [["NaN", "1"]]),
    ("infinity", [["1e999", "1"]]),
    ("a price of zero", [["0", "1"]]),
    ("a negative price", [["-5", "1"]]),
    ("a negative quantity", [["99.5", "-1"]]),
    ("a quantity that is none", [["99.5", "NaN"]]),
    ("an endless quantity", [["99.5", "inf"]]),
    ("null", [[None, "1"]]),
    ("a level without quantity", [["99.5"]]),
    ("text instead of levels", "levels"),
    ("nothing", None),
    ("a number", 7),
]


@pytest.mark.parametrize(("what", "levels"), WRONG, ids=[what for what, _ in WRONG])
@pytest.mark.parametrize("dialect", [BINANCE, FUTURES, BYBIT, OKX], ids=lambda d: d.name)
def test_a_level_that_is_none_makes_the_book_invalid(dialect: Dialect, what: str, levels: Any) -> None:
    told = told_by(dialect, seed=7)
    book = dialect.book()
    dialect.start(book, told[0])
    message = dialect.update(told[0], told[1])
    if dialect is OKX:
        message["data"][0]["bids"] = levels
    elif dialect is BYBIT:
        message["data"]["b"] = levels
    else:
        message["b"] = levels
    book.receive(message, NOW_NS)
    assert (book.state, book.reason, book.counts.malformed) == (State.INVALID, Reason.MALFORMED, 1)
    dialect.start(book, told[1])
    assert shows(book, told[1])


@pytest.mark.parametrize("dialect", EVERY, ids=lambda d: d.name)
@given(
    scrambled=st.dictionaries(
        st.sampled_from("UuEbas") | st.sampled_from(["data", "type", "ts", "action", "pu"]),
        st.none() | st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2) | st.floats(),
        max_size=5,
    )
)
def test_no_message_of_any_shape_raises(dialect: Dialect, scrambled: Message) -> None:
    told = told_by(dialect, seed=8)
    book = dialect.book()
    dialect.start(book, told[0])
    book.receive(scrambled, NOW_NS)
    assert not book.valid or shows(book, told[0], dialect.depth)
    book.receive({**dialect.update(told[0], told[1]), **scrambled}, NOW_NS)
    assert book.read() is None or book.ladder.best_bid < book.ladder.best_ask
