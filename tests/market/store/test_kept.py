"""What was decoded stays within its bound, and what is read is right whether it stayed or not."""

from pathlib import Path

import pytest

from core.time import DAY_NS
from market.store.kept import Kept
from market.store.series import SeriesStore
from market.store.texts import TextStore
from tests.market.material import T0
from tests.market.store.material import LATER, reading, seen, text

MONTHS = 12


def test_what_is_heavier_than_the_bound_stays_alone() -> None:
    kept: Kept[str, int] = Kept(10)
    kept.keep("a", "1", 1, 5)
    kept.keep("b", "1", 2, 11)
    assert (len(kept), kept.weight, kept.find("a", "1"), kept.find("b", "1")) == (1, 11, None, 2)


def test_exactly_the_bound_stays() -> None:
    kept: Kept[str, int] = Kept(10)
    kept.keep("a", "1", 1, 5)
    kept.keep("b", "1", 2, 5)
    assert (len(kept), kept.weight) == (2, 10)


def test_what_was_not_asked_for_the_longest_goes_first() -> None:
    kept: Kept[str, int] = Kept(10)
    for key in ("a", "b"):
        kept.keep(key, "1", 0, 5)
    assert kept.find("a", "1") is not None
    kept.keep("c", "1", 0, 5)
    assert [key for key in ("a", "b", "c") if kept.find(key, "1") is not None] == ["a", "c"]


def test_another_version_takes_the_place_of_the_first_and_is_not_mistaken_for_it() -> None:
    kept: Kept[str, int] = Kept(10)
    kept.keep("a", "1", 1, 5)
    assert kept.find("a", "2") is None
    kept.keep("a", "2", 2, 7)
    assert (len(kept), kept.weight, kept.find("a", "1"), kept.find("a", "2")) == (1, 7, None, 2)


def test_series_of_many_months_stay_within_the_bound_and_every_reading_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("market.store.series._KEPT_READINGS", 70)
    store = SeriesStore(tmp_path)
    values = [str(n) for n in range(30 * MONTHS)]
    store.append([reading(value, T0 + n * DAY_NS) for n, value in enumerate(values)], seen())
    for _ in range(2):
        found = store.series("funding_rate", "BTC/USDT:USDT", as_of_ns=LATER, n=1_000)
        assert [str(one.value) for one in found] == values
        assert 0 < store._months.weight <= 70
        assert 1 <= len(store._months) <= 2


def test_texts_of_many_months_stay_within_the_bound_and_every_text_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("market.store.texts._KEPT_BYTES", 10_000)
    store = TextStore(tmp_path)
    items = [text(f"text {n}", T0 + n * 10 * DAY_NS, body="x" * 500) for n in range(3 * MONTHS)]
    store.append(items, seen())
    for _ in range(2):
        assert list(store.every(since_ns=0, as_of_ns=LATER)) == items
        assert 0 < store._months.weight <= 10_000
        assert 1 <= len(store._months) <= 3


def test_a_text_that_is_stored_in_a_month_that_was_let_go_is_not_stored_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("market.store.texts._KEPT_BYTES", 1)
    store = TextStore(tmp_path)
    items = [text(f"text {n}", T0 + n * 30 * DAY_NS) for n in range(MONTHS)]
    assert store.append(items, seen()) == MONTHS
    assert store.append(items, seen()) == 0
    later = [text(f"text {n}", LATER, event_ns=T0) for n in range(MONTHS)]
    assert store.append(later, seen()) == 0
    assert len(store._months) == 1
