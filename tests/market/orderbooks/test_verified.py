from decimal import Decimal

import pytest

from core.errors import StaleDataError
from core.time import SECOND_NS
from market.orderbooks.sequenced import ChainedBook, SequencedBook
from market.orderbooks.streamed import BybitBook, ConnectionSequence, KrakenBook, OkxBook
from market.orderbooks.verified import BUFFERED, Reason, State, VerifiedBook
from tests.market.orderbooks.venues import BINANCE, BYBIT, KRAKEN, NOW_NS, OKX, SYMBOL, Truth, history

Levels = list[list[str]]


def snapshot(last: int, bids: Levels | None = None, asks: Levels | None = None) -> dict[str, object]:
    return {"lastUpdateId": last, "bids": bids or [["99", "1"]], "asks": asks or [["101", "2"]]}


def delta(first: int, last: int, bids: Levels | None = None, asks: Levels | None = None) -> dict[str, object]:
    return {"e": "depthUpdate", "E": 1, "s": "BTCUSDT", "U": first, "u": last, "b": bids or [], "a": asks or []}


def valid_book() -> SequencedBook:
    book = SequencedBook(SYMBOL)
    assert book.load(snapshot(10), NOW_NS)
    return book


def test_before_its_first_snapshot_a_book_is_syncing_and_shows_nothing() -> None:
    book = SequencedBook(SYMBOL)
    book.receive(delta(11, 12), NOW_NS)
    assert (book.state, book.read(), book.describe()) == (State.SYNCING, None, "syncing")
    with pytest.raises(StaleDataError, match="BTC/USDT is syncing; allowed is a valid one"):
        book.require()


@pytest.mark.parametrize(("first", "last"), [(11, 12), (9, 12), (1, 11), (11, 11)])
def test_the_first_update_may_overlap_the_snapshot(first: int, last: int) -> None:
    book = SequencedBook(SYMBOL)
    book.receive(delta(1, first - 1), NOW_NS) if first > 1 else None
    book.receive(delta(first, last, [["99.5", "3"]]), NOW_NS)
    assert book.load(snapshot(10), NOW_NS)
    assert (book.update_id, book.ladder.best_bid) == (last, 99.5)


def test_an_update_that_ends_at_the_snapshot_is_in_it_already() -> None:
    book = SequencedBook(SYMBOL)
    book.receive(delta(8, 10, [["99.5", "3"]]), NOW_NS)
    assert book.load(snapshot(10), NOW_NS)
    assert (book.ladder.best_bid, book.counts.duplicates) == (99.0, 1)


def test_a_snapshot_older_than_the_first_update_is_not_enough() -> None:
    book = SequencedBook(SYMBOL)
    book.receive(delta(12, 13), NOW_NS)
    assert not book.load(snapshot(10), NOW_NS)
    assert book.read() is None
    assert book.detail == "the snapshot ends at 10, updates begin at 12"


def test_after_the_first_an_overlapping_update_is_a_gap() -> None:
    book = valid_book()
    book.receive(delta(11, 12), NOW_NS)
    book.receive(delta(12, 14), NOW_NS)
    assert (book.reason, book.detail) == (Reason.GAP, "after 12 came 12 to 14")


@pytest.mark.parametrize(("first", "last"), [(12, 13), (13, 13), (1000, 1000)])
def test_an_update_after_a_hole_is_a_gap(first: int, last: int) -> None:
    book = valid_book()
    book.receive(delta(first, last), NOW_NS)
    assert (book.state, book.reason, book.read()) == (State.INVALID, Reason.GAP, None)


def test_a_futures_update_must_name_the_one_before_it() -> None:
    book = ChainedBook(SYMBOL)
    assert book.load(snapshot(10), NOW_NS)
    book.receive({**delta(8, 15), "pu": 7}, NOW_NS)
    book.receive({**delta(20, 25), "pu": 15}, NOW_NS)
    assert (book.state, book.update_id) == (State.VALID, 25)
    book.receive({**delta(26, 30), "pu": 24}, NOW_NS)
    assert book.reason is Reason.GAP


def test_what_comes_while_it_is_invalid_is_joined_to_the_next_snapshot() -> None:
    book = valid_book()
    book.receive(delta(13, 13), NOW_NS)
    book.receive(delta(14, 15, [["99.5", "3"]]), NOW_NS)
    book.receive(delta(16, 16, [["99.6", "3"]]), NOW_NS)
    assert book.load(snapshot(15), NOW_NS)
    assert (book.update_id, book.ladder.best_bid) == (16, 99.6)


def test_the_wait_for_a_snapshot_is_bounded_and_what_it_cost_is_counted() -> None:
    book = SequencedBook(SYMBOL)
    for number in range(BUFFERED + 5):
        book.receive(delta(number, number), NOW_NS)
    assert (book.counts.buffered, book.counts.trimmed) == (BUFFERED + 5, 5)
    assert not book.load(snapshot(3), NOW_NS)


@pytest.mark.parametrize(
    ("bids", "asks", "reason"),
    [
        ([["101", "1"]], [], Reason.CROSSED),
        ([["102", "1"]], [], Reason.CROSSED),
        ([], [["98", "1"]], Reason.CROSSED),
        ([["99", "0"]], [], Reason.ONE_SIDED),
        ([], [["101", "0.00000000"]], Reason.ONE_SIDED),
        ([["99", "0"]], [["101", "0"]], Reason.ONE_SIDED),
    ],
)
def test_a_crossed_or_one_sided_book_is_invalid(bids: Levels, asks: Levels, reason: Reason) -> None:
    book = valid_book()
    book.receive(delta(11, 11, bids, asks), NOW_NS)
    assert (book.state, book.reason, book.read()) == (State.INVALID, reason, None)


def test_a_crossed_snapshot_is_refused_as_well() -> None:
    book = SequencedBook(SYMBOL)
    assert not book.load(snapshot(10, [["101", "1"]]), NOW_NS)
    assert (book.state, book.reason) == (State.INVALID, Reason.CROSSED)


@pytest.mark.parametrize("wrong", [{}, {"lastUpdateId": None}, {"lastUpdateId": 1.5}, {"lastUpdateId": -1}])
def test_a_snapshot_without_its_number_or_its_levels_is_refused(wrong: dict[str, object]) -> None:
    book = SequencedBook(SYMBOL)
    assert not book.load(wrong, NOW_NS)
    assert (book.state, book.reason) == (State.INVALID, Reason.MALFORMED)


def test_a_price_finer_than_a_float_is_refused_rather_than_merged() -> None:
    book = SequencedBook(SYMBOL)
    assert not book.load(snapshot(10, [["0.12345678901234567891", "1"]], [["1", "1"]]), NOW_NS)
    assert "allowed are 15 significant digits" in book.detail


def test_a_read_is_exact_sorted_and_only_so_deep() -> None:
    book = SequencedBook(SYMBOL)
    bids = [["0.00001233", "5.10"], ["0.00001234", "7"], ["0.00001232", "1"]]
    assert book.load(snapshot(10, bids, [["0.00001235", "0.1"]]), NOW_NS)
    read = book.require(2)
    assert [(level.price, level.quantity) for level in read.bids] == [
        (Decimal("0.00001234"), Decimal("7")),
        (Decimal("0.00001233"), Decimal("5.10")),
    ]
    assert [str(level.quantity) for level in read.bids] == ["7", "5.10"]


def test_silence_makes_a_book_stale_one_moment_after_the_limit() -> None:
    book = valid_book()
    limit = 30 * SECOND_NS
    assert not book.expire(NOW_NS + limit, limit)
    assert book.valid
    assert book.expire(NOW_NS + limit + 1, limit)
    assert (book.reason, book.read()) == (Reason.STALE, None)
    assert not book.expire(NOW_NS + 2 * limit, limit)
    assert book.counts.stale == 1


def test_who_owns_the_connection_is_asked_once_a_spell_and_everybody_else_is_told() -> None:
    asked: list[VerifiedBook] = []
    told: list[str] = []
    book = SequencedBook(SYMBOL, on_change=lambda b: told.append(b.describe()), on_resync=asked.append)
    book.load(snapshot(10), NOW_NS)
    book.receive(delta(13, 13), NOW_NS)
    book.receive(delta(19, 19), NOW_NS)
    book.invalidate(Reason.STALE)
    assert asked == [book]
    assert told == ["valid", "invalid (gap: after 10 came 13 to 13)"]
    assert (book.reason, book.counts.gap, book.counts.stale, book.counts.invalid_spells) == (Reason.GAP, 1, 1, 1)


def bybit_delta(number: int, kind: str = "delta") -> dict[str, object]:
    data = {"s": "BTCUSDT", "u": number, "b": [["99", "1"]], "a": [["101", "1"]]}
    return {"topic": "orderbook.50.BTCUSDT", "type": kind, "ts": 5, "data": data}


def test_bybits_numbers_begin_again_with_a_whole_book_when_its_service_restarts() -> None:
    book = BybitBook(SYMBOL)
    book.receive(bybit_delta(10, "snapshot"), NOW_NS)
    book.receive(bybit_delta(1), NOW_NS)
    book.receive(bybit_delta(2), NOW_NS)
    assert (book.state, book.update_id, book.counts.snapshots) == (State.VALID, 2, 2)


def test_bybits_delta_from_ten_to_fifteen_is_a_gap() -> None:
    # ccxt.pro 4.5.90 accepts it (measured).
    book = BybitBook(SYMBOL)
    book.receive(bybit_delta(10, "snapshot"), NOW_NS)
    book.receive(bybit_delta(15), NOW_NS)
    assert book.reason is Reason.GAP


def test_okx_may_say_that_nothing_changed_and_may_begin_its_numbers_again() -> None:
    told: list[Truth] = history(1, 3)
    book = OkxBook(SYMBOL)
    book.receive(OKX.snapshot(told[0]), NOW_NS)
    quiet = {"bids": [], "asks": [], "ts": "9", "prevSeqId": told[0].number, "seqId": told[0].number}
    book.receive({"action": "update", "data": [quiet]}, NOW_NS)
    reset = {**quiet, "seqId": 3}
    book.receive({"action": "update", "data": [reset]}, NOW_NS)
    book.receive({"action": "update", "data": [{**quiet, "prevSeqId": 3, "seqId": 5}]}, NOW_NS)
    assert (book.state, book.update_id) == (State.VALID, 5)


@pytest.mark.parametrize("dialect", [OKX, KRAKEN], ids=lambda d: d.name)
def test_a_wrong_checksum_makes_the_book_invalid(dialect: object) -> None:
    # ccxt.pro 4.5.90 accepts Kraken's by default (measured).
    told = history(2, 1)
    book = OKX.book() if dialect is OKX else KRAKEN.book()
    whole = OKX.snapshot(told[0]) if dialect is OKX else KRAKEN.snapshot(told[0])
    whole["data"][0]["checksum"] += 1
    book.receive(whole, NOW_NS)
    assert (book.state, book.reason) == (State.INVALID, Reason.CHECKSUM)


def test_krakens_documented_example_has_its_documented_checksum() -> None:
    # https://docs.kraken.com/exchange/guides/websockets/book-checksum-v2
    asks = "45285.2 0.001, 45286.4 1.54571953, 45286.6 1.54571109, 45289.6 1.54560911, 45290.2 0.1589066"
    asks += ", 45291.8 1.54553491, 45294.7 0.04454749, 45296.1 0.35380000, 45297.5 0.09945542, 45299.5 0.18772827"
    bids = "45283.5 0.1, 45283.4 1.54582015, 45282.1 0.10000000, 45281.0 0.1, 45280.3 1.54592586, 45279.0 0.0799"
    bids += ", 45277.6 0.03310103, 45277.5 0.3, 45277.3 1.54602737, 45276.6 0.15445238"
    book = KrakenBook("BTC/USD", price_digits=1, quantity_digits=8)
    data = {
        "symbol": "BTC/USD",
        "bids": [{"price": float(p), "qty": float(q)} for p, q in (level.split() for level in bids.split(", "))],
        "asks": [{"price": float(p), "qty": float(q)} for p, q in (level.split() for level in asks.split(", "))],
        "checksum": 3310070434,
    }
    book.receive({"channel": "book", "type": "snapshot", "data": [data]}, NOW_NS)
    assert book.describe() == "valid"


def test_the_numbers_of_a_connection_follow_one_another() -> None:
    sequence = ConnectionSequence()
    assert [sequence.follows(n) for n in (5, 6, 6, 5, 7, 9, 10)] == [True, True, None, None, True, False, True]


def test_a_stream_before_its_snapshot_is_not_followed() -> None:
    for dialect in (BYBIT, OKX, KRAKEN):
        told = history(3, 1)
        book = dialect.book()
        book.receive(dialect.update(told[0], told[1]), NOW_NS)
        assert (book.state, book.read()) == (State.SYNCING, None)
    assert BINANCE.book().read() is None
