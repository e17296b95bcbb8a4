"""Readings come back as they were known, of the version that they were made of, and of nothing that was known later."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from core.quotes import NewsItem
from core.texts import EventKind, TextEvent, TextReading
from core.time import DAY_NS, MINUTE_NS
from market.store.readings import ReadingStore
from market.store.store import MarketStore
from tests.market.store.material import LATER, T0, seen

EVENT = TextEvent(EventKind.HACK, -1, Decimal("0.8"), Decimal("0.45"), ("BTC", "ETH"), 3, 40)


def reading(text_id: str = "a", at_ns: int = T0, reader: str = "rules/1", **more: object) -> TextReading:
    made = TextReading(text_id, at_ns, "c0ffee", reader, at_ns + MINUTE_NS, at_ns + MINUTE_NS, (EVENT,))
    return replace(made, **more)  # type: ignore[arg-type]


def news(text_id: str = "a", at_ns: int = T0) -> NewsItem:
    return NewsItem(text_id, ("BTC/USDT",), "wire", "words", at_ns, at_ns)


@pytest.fixture
def store(tmp_path: Path) -> ReadingStore:
    return ReadingStore(tmp_path)


def test_every_field_comes_back(store: ReadingStore) -> None:
    one = reading(read_ns=T0 + DAY_NS)
    assert store.append([one], seen()) == 1
    assert store.of([news()], as_of_ns=LATER) == (one,)
    assert one.hindsight


def test_a_reading_is_not_seen_before_it_is_known(store: ReadingStore) -> None:
    store.append([reading()], seen())
    assert store.of([news()], as_of_ns=T0 + MINUTE_NS - 1) == ()
    assert len(store.of([news()], as_of_ns=T0 + MINUTE_NS)) == 1


def test_the_reading_of_an_earlier_version_is_none_of_the_edit(store: ReadingStore) -> None:
    store.append([reading()], seen())
    assert store.of([news(at_ns=T0 + DAY_NS)], as_of_ns=LATER) == ()


def test_nothing_is_stored_twice_and_the_first_reading_stands(store: ReadingStore) -> None:
    assert store.append([reading()], seen()) == 1
    assert store.append([reading(events=(), read_ns=LATER)], seen()) == 0
    assert store.of([news()], as_of_ns=LATER)[0].events == (EVENT,)


def test_of_two_readers_the_one_that_read_first_counts(store: ReadingStore) -> None:
    later = reading(reader="model/x", read_ns=T0 + DAY_NS, events=())
    store.append([later, reading()], seen())
    assert store.of([news()], as_of_ns=LATER) == (reading(),)
    assert store.readers() == ["model/x", "rules/1"]


def test_months_apart_are_found_by_their_texts(store: ReadingStore) -> None:
    times = [T0 + n * 40 * DAY_NS for n in range(4)]
    store.append([reading(str(n), at) for n, at in enumerate(times)], seen())
    asked = [news(str(n), at) for n, at in enumerate(times)]
    assert [one.text_id for one in store.of(asked, as_of_ns=LATER)] == ["0", "1", "2", "3"]
    assert [one.text_id for one in store.of(asked, as_of_ns=times[2])] == ["0", "1"]


def test_what_is_added_later_is_not_seen_by_a_reader_of_before(store: ReadingStore, tmp_path: Path) -> None:
    store.append([reading()], seen())
    before = store.pinned()
    store.append([reading("b")], seen())
    assert [one.text_id for one in store.of([news(), news("b")], as_of_ns=LATER, at=before)] == ["a"]
    assert [one.text_id for one in store.of([news(), news("b")], as_of_ns=LATER)] == ["a", "b"]
    assert list(MarketStore(tmp_path).faults()) == [[]]


def test_an_event_out_of_bounds_cannot_be_made() -> None:
    for wrong in ({"direction": 2}, {"magnitude": Decimal("1.1")}, {"certainty": Decimal(-1)}, {"start": 40}):
        with pytest.raises(ValueError, match="allowed"):
            replace(EVENT, **wrong)  # type: ignore[arg-type]
