"""Numbers come back in the version known at the moment asked for; all others are as if they were not there."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DataRefused
from core.time import DAY_NS, HOUR_NS
from market.sources.items import Reading
from market.store.series import SeriesKey, SeriesStore, values
from tests.market.material import T0
from tests.market.store.material import LATER, fresh_folder, reading, seen

PERP = "BTC/USDT:USDT"


@pytest.fixture
def store(tmp_path: Path) -> SeriesStore:
    return SeriesStore(tmp_path)


def known(store: SeriesStore, as_of_ns: int, n: int = 100) -> list[str]:
    return [str(found.value) for found in store.series("funding_rate", PERP, as_of_ns=as_of_ns, n=n)]


def test_what_is_not_stored_is_nothing(store: SeriesStore) -> None:
    assert known(store, LATER) == []
    assert store.held() == []


def test_a_number_is_there_from_the_moment_at_which_it_was_known(store: SeriesStore) -> None:
    store.append([reading("0.0001", T0, T0 + HOUR_NS)], seen())
    assert known(store, T0 + HOUR_NS - 1) == []
    assert known(store, T0 + HOUR_NS) == ["0.0001"]
    assert known(store, T0 + HOUR_NS, n=0) == []


def test_a_number_known_before_its_event_is_refused(store: SeriesStore) -> None:
    with pytest.raises(DataRefused, match="allowed is at its event or later"):
        store.append([reading("0.0001", T0, T0 - 1)], seen())


def test_every_digit_and_field_comes_back(store: SeriesStore) -> None:
    one = reading("-0.000100000000000000001", T0, T0 + 5, reference="0xabc:7", unit="fraction")
    store.append([one], seen())
    assert store.series("funding_rate", PERP, as_of_ns=LATER, n=1) == (one,)


def test_a_restated_number_replaces_the_first_one_only_from_then_on(store: SeriesStore) -> None:
    store.append([reading("1", T0), reading("2", T0 + DAY_NS)], seen())
    assert store.append([reading("1.5", T0, T0 + 3 * DAY_NS), reading("2", T0 + DAY_NS)], seen()) == 1
    assert known(store, T0 + 3 * DAY_NS - 1) == ["1", "2"]
    assert known(store, T0 + 3 * DAY_NS) == ["1.5", "2"]


def test_a_retracted_number_is_gone_from_then_on(store: SeriesStore) -> None:
    store.append([reading("1", T0, reference="a"), reading("2", T0, reference="b")], seen())
    store.append([reading("1", T0, T0 + HOUR_NS, reference="a", retracted=True)], seen())
    assert known(store, T0 + HOUR_NS - 1) == ["1", "2"]
    assert known(store, T0 + HOUR_NS) == ["2"]


def test_the_last_n_reach_back_over_months_and_past_what_was_retracted(store: SeriesStore) -> None:
    store.append([reading(str(i), T0 + i * 20 * DAY_NS) for i in range(6)], seen())
    store.append([reading("5", T0 + 100 * DAY_NS, T0 + 101 * DAY_NS, retracted=True)], seen())
    assert known(store, LATER, n=3) == ["2", "3", "4"]


def test_two_sources_are_never_mixed(store: SeriesStore) -> None:
    store.append([reading("1", T0), reading("2", T0, source="bybit")], seen())
    with pytest.raises(DataRefused, match="stored from binance, bybit: name the source"):
        known(store, LATER)
    (found,) = store.series("funding_rate", PERP, as_of_ns=LATER, n=1, source="bybit")
    assert found.value == Decimal(2)
    assert store.series("funding_rate", PERP, as_of_ns=LATER, n=1, source="okx") == ()


def test_a_series_about_no_asset_has_a_place(store: SeriesStore) -> None:
    store.append([reading("25", T0, name="fear_greed", asset="")], seen())
    assert store.held() == [SeriesKey("fear_greed", "", "binance")]
    assert len(store.series("fear_greed", "", as_of_ns=LATER, n=1)) == 1


def test_values_are_arrays_for_research(store: SeriesStore) -> None:
    store.append([reading("0.5", T0), reading("0.25", T0 + 1)], seen())
    events, numbers = values(store.series("funding_rate", PERP, as_of_ns=LATER, n=9))
    assert (events.tolist(), numbers.tolist()) == ([T0, T0 + 1], [0.5, 0.25])


def test_versions_are_all_that_was_said_by_then_in_the_order_in_which_it_was(store: SeriesStore) -> None:
    assert store.versions("funding_rate", PERP, since_ns=0, as_of_ns=LATER) == ()
    one = reading("0.1", T0)
    mended = reading("0.2", T0, T0 + 2 * HOUR_NS)
    gone = reading("0.2", T0, T0 + 3 * HOUR_NS, retracted=True)
    other = reading("0.3", T0 - HOUR_NS, T0 + HOUR_NS, source="okx")
    store.append([gone, mended, one, other, reading("0.9", T0, asset="ETH")], seen())
    assert store.versions("funding_rate", PERP, since_ns=0, as_of_ns=LATER) == (one, other, mended, gone)
    assert store.versions("funding_rate", PERP, since_ns=0, as_of_ns=T0 + 2 * HOUR_NS) == (one, other, mended)
    assert store.versions("funding_rate", PERP, since_ns=0, as_of_ns=T0 - 1) == ()
    assert store.versions("funding_rate", PERP, since_ns=T0 - 1, as_of_ns=T0) == (one,)
    assert store.versions("funding_rate", PERP, since_ns=T0, as_of_ns=LATER) == ()


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 50), st.integers(0, 60), st.integers(0, 3), st.sampled_from("ab"), st.booleans()),
        max_size=25,
    ),
    as_of_days=st.integers(0, 120),
    n=st.integers(1, 12),
)
def test_reads_are_those_of_a_naive_filter(
    rows: list[tuple[int, int, int, str, bool]], as_of_days: int, n: int
) -> None:
    as_of = T0 + as_of_days * DAY_NS
    given_ = [
        reading(str(value), T0 + event * DAY_NS, T0 + (event + late) * DAY_NS, reference=reference, retracted=gone)
        for event, late, value, reference, gone in rows
    ]
    # Two versions of one moment contradict each other: the first is taken.
    unique = list({(r.event_ns, r.reference, r.known_at_ns): r for r in reversed(given_)}.values())
    with fresh_folder() as folder:
        store = SeriesStore(folder)
        for one in unique:
            store.append([one], seen())
        newest: dict[tuple[int, str], Reading] = {}
        for one in sorted(unique, key=lambda r: r.known_at_ns):
            if one.known_at_ns <= as_of:
                newest[one.event_ns, one.reference] = one
        naive = [(r.event_ns, r.reference, r.value) for _, r in sorted(newest.items()) if not r.retracted]
        found = SeriesStore(folder).series("funding_rate", PERP, as_of_ns=as_of, n=n)
        assert [(r.event_ns, r.reference, r.value) for r in found] == naive[-n:]
