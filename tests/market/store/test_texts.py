"""Texts come back as they were known, once a story, never before they were known, never after they were deleted."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DataRefused
from core.taint import Taint
from core.time import DAY_NS, HOUR_NS
from market.sources.items import WHOLE_MARKET, TextItem
from market.store.texts import TextStore
from tests.market.material import T0
from tests.market.store.material import LATER, fresh_folder, seen, text


@pytest.fixture
def store(tmp_path: Path) -> TextStore:
    return TextStore(tmp_path)


def headlines(store: TextStore, as_of_ns: int, since_ns: int = 0, symbol: str = "BTC/USDT", **more: bool) -> list[str]:
    return [item.headline for item in store.texts(symbol, since_ns=since_ns, as_of_ns=as_of_ns, **more)]


def test_an_empty_store_has_no_texts(store: TextStore) -> None:
    assert headlines(store, LATER) == []


def test_a_text_is_there_after_since_and_up_to_the_moment(store: TextStore) -> None:
    store.append([text("a", T0)], seen())
    assert headlines(store, T0 - 1) == []
    assert headlines(store, T0) == ["a"]
    assert headlines(store, LATER, since_ns=T0) == []
    assert headlines(store, LATER, since_ns=T0 - 1) == ["a"]


def test_a_text_known_before_its_event_is_refused(store: TextStore) -> None:
    with pytest.raises(DataRefused, match="allowed is at its event or later"):
        store.append([text("a", T0, event_ns=T0 + 1)], seen())


def test_every_field_comes_back(store: TextStore) -> None:
    one = text(
        "Ünïcode \n 'quoted'", T0, body="x" * 5000, url="https://a.example/?b=1", language="de", assets=("BTC", "ETH"),
        taint=Taint.HOSTILE, concealed=(("hidden", 2), ("control", 1)),
    )  # fmt: skip
    store.append([one], seen())
    assert store.texts("ETH/USDT", since_ns=0, as_of_ns=LATER) == (one,)


def test_the_same_version_again_adds_nothing(store: TextStore) -> None:
    assert store.append([text("a", T0), text("a", T0)], seen()) == 1
    assert store.append([text("a", T0 + HOUR_NS)], seen()) == 0
    assert headlines(store, T0) == ["a"]


def test_only_texts_about_the_asset_or_the_whole_market_come(store: TextStore) -> None:
    store.append([text("b", T0), text("e", T0, assets=("ETH",)), text("n", T0, assets=())], seen())
    store.append([text("m", T0 + 1, assets=(WHOLE_MARKET,))], seen())
    assert headlines(store, LATER) == ["b", "m"]
    assert headlines(store, LATER, symbol="ETH/USDT:USDT") == ["e", "m"]


def test_an_edit_is_read_from_the_moment_at_which_it_was_known(store: TextStore) -> None:
    store.append([text("first", T0, native="1"), text("edited", T0 + 40 * DAY_NS, native="1", revision=1)], seen())
    assert headlines(store, T0 + 40 * DAY_NS - 1) == ["first"]
    assert headlines(store, T0 + 40 * DAY_NS) == ["edited"]
    assert headlines(store, LATER, since_ns=T0) == ["edited"]


def test_a_deleted_text_is_gone_from_then_on(store: TextStore) -> None:
    store.append([text("a", T0, native="1"), text("", T0 + HOUR_NS, native="1", revision=1, deleted=True)], seen())
    assert headlines(store, T0 + HOUR_NS - 1) == ["a"]
    assert headlines(store, T0 + HOUR_NS) == []


def test_copies_of_a_story_count_once(store: TextStore) -> None:
    store.append([text("a", T0, native="1"), text("a again", T0 + HOUR_NS, native="2", story="1")], seen())
    assert headlines(store, LATER) == ["a"]
    assert headlines(store, LATER, copies=True) == ["a", "a again"]
    # The story was told before: its copy is no news.
    assert headlines(store, LATER, since_ns=T0) == []


def test_where_the_first_telling_was_deleted_one_copy_stands_for_it(store: TextStore) -> None:
    store.append(
        [
            text("a", T0, native="1"),
            text("copy", T0 + HOUR_NS, native="2", story="1", source="other", story_source="wire"),
            text("copy too", T0 + 2 * HOUR_NS, native="3", story="1", source="other", story_source="wire"),
            text("", T0 + 3 * HOUR_NS, native="1", revision=1, deleted=True),
        ],
        seen(),
    )
    assert headlines(store, T0 + 2 * HOUR_NS) == ["a"]
    assert headlines(store, T0 + 3 * HOUR_NS) == ["copy"]


@given(
    rows=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 70), st.booleans()), max_size=20),
    since=st.integers(-1, 70),
    until=st.integers(0, 80),
)
def test_reads_are_those_of_a_naive_filter(rows: list[tuple[int, int, bool]], since: int, until: int) -> None:
    items = [
        text(f"{native} {day}", T0 + day * DAY_NS, native=str(native), revision=i, deleted=deleted)
        for i, (native, day, deleted) in enumerate(sorted(rows, key=lambda row: row[1]))
    ]
    since_ns, until_ns = T0 + since * DAY_NS, T0 + until * DAY_NS
    last: dict[str, TextItem] = {}
    for item in items:
        if since_ns < item.known_at_ns <= until_ns:
            last[item.item_id] = item
    naive = sorted(item.headline for item in last.values() if not item.deleted)
    with fresh_folder() as folder:
        for item in items:
            TextStore(folder).append([item], seen())
        assert sorted(headlines(TextStore(folder), until_ns, since_ns)) == naive
