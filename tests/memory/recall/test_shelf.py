from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from core.errors import DataRefused
from core.taint import Taint
from memory.recall.items import FOREVER, MOST_CHARACTERS, Wanted
from memory.recall.settings import RecallSettings
from memory.recall.shelf import Shelf
from tests.memory.recall.builders import Words, lesson, now, shelf

MINE = Wanted(account="paper", symbol="BTC/USDT")


def at(day: int) -> Wanted:
    return replace(MINE, as_of_ns=now(day))


@pytest.mark.parametrize("text", ["", " \n", "x" * (MOST_CHARACTERS + 1)])
def test_a_blank_or_endless_text_is_not_remembered(text: str) -> None:
    with pytest.raises(DataRefused, match="allowed are 1 to 1,000, not all of them blank"):
        lesson(text)


def test_a_text_at_exactly_the_most_characters_is_remembered(tmp_path: Path) -> None:
    assert shelf(tmp_path).add([lesson("x" * MOST_CHARACTERS)], now_ns=now(0))


@pytest.mark.parametrize("unseen", ["two\nlines", "\x1b[2J", "left\u202eright", "zero\u200bwidth", "lone \ud800"])
def test_what_nobody_sees_or_a_terminal_obeys_is_not_remembered(unseen: str) -> None:
    with pytest.raises(DataRefused, match="only what can be seen is remembered"):
        lesson(unseen)
    with pytest.raises(DataRefused, match="only what can be seen is remembered"):
        lesson(source=unseen)


def test_what_is_trusted_less_than_wanted_does_not_come_back(tmp_path: Path) -> None:
    opened = shelf(tmp_path)
    opened.add([lesson(f"of {trust.name}", trust=trust) for trust in Taint], now_ns=now(0))
    for worst in Taint:
        found = opened.search("of", replace(MINE, worst=worst), n=9)
        assert sorted(f.item.trust for f in found) == [trust for trust in Taint if trust <= worst]


def test_what_was_replaced_is_listed_where_it_is_wanted(tmp_path: Path) -> None:
    opened = shelf(tmp_path)
    opened.add([lesson(), lesson(days=1)], now_ns=now(1))
    assert [i.known_at_ns for i in opened.listing(Wanted(replaced=True))] == [now(1), now(0)]


def test_an_empty_shelf_finds_nothing(tmp_path: Path) -> None:
    assert shelf(tmp_path).search("a rising market", MINE, n=5) == ()
    assert shelf(tmp_path).listing(MINE) == ()


def test_what_is_remembered_comes_back_whole(tmp_path: Path) -> None:
    said = lesson(trust=Taint.DERIVED, topic="long, rising", n=7)
    shelf(tmp_path).add([said], now_ns=now(0))
    [found] = shelf(tmp_path).search(said.text, MINE, n=5)
    assert (found.item, found.similarity) == (said, Decimal("1.000"))


def test_the_nearest_in_meaning_comes_first(tmp_path: Path) -> None:
    one, other = lesson("the stop was too near in a wild market"), lesson("texts were wrong about the listing")
    opened = shelf(tmp_path)
    opened.add([one, other], now_ns=now(0))
    assert [f.item for f in opened.search("were texts wrong", MINE, n=2)] == [other, one]
    assert [f.item for f in opened.search("were texts wrong", MINE, n=1)] == [other]


def test_a_later_lesson_is_not_seen_and_one_known_at_that_very_moment_is(tmp_path: Path) -> None:
    planted = lesson(days=10)
    opened = shelf(tmp_path)
    opened.add([planted], now_ns=now(10))
    assert opened.search(planted.text, replace(MINE, as_of_ns=now(10) - 1), n=5) == ()
    assert [f.item for f in opened.search(planted.text, at(10), n=5)] == [planted]


def test_nothing_is_remembered_before_it_is_known(tmp_path: Path) -> None:
    opened = shelf(tmp_path)
    with pytest.raises(DataRefused, match="found an item known at 2026-03-03 00:00:00Z, and it is 2026-03-02"):
        opened.add([lesson(), lesson("another", days=2)], now_ns=now(1))
    assert opened.listing(Wanted()) == ()


def test_an_account_sees_its_own_and_what_all_may_know(tmp_path: Path) -> None:
    mine, theirs, everybodys = lesson("one"), lesson("two", account="other"), lesson("three", account="")
    opened = shelf(tmp_path)
    opened.add([mine, theirs, everybodys], now_ns=now(0))
    assert {i.text for i in opened.listing(Wanted(account="paper"))} == {"one", "three"}
    assert {i.text for i in opened.listing(Wanted())} == {"one", "two", "three"}


def test_a_symbol_finds_what_is_about_no_market_too(tmp_path: Path) -> None:
    opened = shelf(tmp_path)
    opened.add([lesson("one"), lesson("two", symbol="ETH/USDT"), lesson("three", symbol="")], now_ns=now(0))
    assert {f.item.text for f in opened.search("one two three", MINE, n=9)} == {"one", "three"}


def test_a_kind_finds_that_kind_alone(tmp_path: Path) -> None:
    opened = shelf(tmp_path)
    opened.add([lesson("one"), lesson("two", kind="note")], now_ns=now(0))
    assert [i.text for i in opened.listing(Wanted(kind="note"))] == ["two"]


def test_the_same_item_again_is_there_once(tmp_path: Path) -> None:
    opened = shelf(tmp_path)
    assert opened.add([lesson()], now_ns=now(0)) == opened.add([lesson(), lesson()], now_ns=now(1))[:1]
    assert len(opened.listing(Wanted())) == 1


def test_a_near_duplicate_takes_the_place_of_the_older_from_its_own_time_on(tmp_path: Path) -> None:
    older, newer = lesson("of 3 such trades 1 won"), lesson("of 3 such trades 1 won", days=5, source="proposal:two")
    opened = shelf(tmp_path)
    opened.add([older], now_ns=now(0))
    opened.add([newer], now_ns=now(5))
    assert opened.listing(MINE) == (newer,)
    assert [f.item for f in opened.search(newer.text, at(5), n=5)] == [newer]
    [then] = opened.search(newer.text, at(4), n=5)
    assert then.item == replace(older, until_ns=newer.known_at_ns)


def test_an_older_telling_that_comes_late_holds_until_the_newer(tmp_path: Path) -> None:
    older, newer = lesson("of 3 such trades 1 won"), lesson("of 3 such trades 1 won", days=5)
    opened = shelf(tmp_path)
    opened.add([newer], now_ns=now(5))
    opened.add([older], now_ns=now(5))
    assert opened.listing(MINE) == (newer,)
    assert [f.item.known_at_ns for f in opened.search(older.text, at(4), n=5)] == [older.known_at_ns]


@pytest.mark.parametrize(
    "other",
    [{"trust": Taint.UNTRUSTED}, {"topic": "short"}, {"symbol": "ETH/USDT"}, {"kind": "note"}, {"account": "other"}],
)
def test_only_what_is_alike_in_every_field_is_merged_and_never_what_is_trusted_less(
    tmp_path: Path, other: dict[str, object]
) -> None:
    opened = shelf(tmp_path)
    opened.add([lesson(), lesson(days=1, **other)], now_ns=now(1))
    assert len(opened.listing(Wanted())) == 2


def test_what_is_less_alike_than_the_settings_say_stays(tmp_path: Path) -> None:
    opened = shelf(tmp_path, alike=Decimal("0.9"))
    opened.add([lesson("a b c d"), lesson("a b c e", days=1)], now_ns=now(1))
    assert len(opened.listing(MINE)) == 2


def test_of_too_many_what_was_replaced_goes_first_and_then_the_oldest(tmp_path: Path) -> None:
    opened = shelf(tmp_path, most_items=2)
    opened.add([lesson("first"), lesson("twice told", days=1), lesson("twice told", days=2)], now_ns=now(2))
    assert {i.known_at_ns for i in opened.listing(MINE)} == {now(0), now(2)}
    assert opened.search("twice told", at(1), n=5)[0].item.text == "first"
    opened.add([lesson("newest", days=3)], now_ns=now(3))
    assert {i.text for i in opened.listing(MINE)} == {"twice told", "newest"}


def test_an_item_of_exactly_the_last_day_is_kept_and_an_older_one_is_not(tmp_path: Path) -> None:
    opened = shelf(tmp_path, keep_days=10)
    opened.add([lesson("old"), lesson("kept", days=1)], now_ns=now(1))
    opened.add([lesson("new", days=11)], now_ns=now(11))
    assert {i.text for i in opened.listing(MINE)} == {"kept", "new"}


def test_one_account_never_drops_what_another_remembers(tmp_path: Path) -> None:
    opened = shelf(tmp_path, most_items=1, keep_days=1)
    opened.add([lesson("theirs", account="other")], now_ns=now(0))
    opened.add([lesson("one", days=90), lesson("two", days=91)], now_ns=now(91))
    assert {i.text for i in opened.listing(Wanted())} == {"theirs", "two"}


def test_what_is_forgotten_is_gone_and_needs_no_model(tmp_path: Path) -> None:
    opened = shelf(tmp_path)
    opened.add([lesson("one"), lesson("two")], now_ns=now(0))
    bare = Shelf.open(RecallSettings(), tmp_path)
    bare.forget([lesson("one")])
    assert [i.text for i in bare.listing(Wanted())] == ["two"]
    assert [f.item.text for f in opened.search("one", MINE, n=5)] == ["two"]


def test_a_shelf_without_a_model_finds_nothing_and_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match="without an embedding model"):
        Shelf.open(RecallSettings(), tmp_path).search("x", MINE, n=1)


def test_another_model_embeds_again_what_was_remembered_and_only_once(tmp_path: Path) -> None:
    items = [lesson("one", topic="long"), lesson("two", days=1)]
    shelf(tmp_path).add(items, now_ns=now(1))
    other = Words("words/2")
    opened = shelf(tmp_path, other)
    assert {f.item for f in opened.search("one two", MINE, n=5)} == set(items)
    assert other.asked == 3
    opened.search("one", MINE, n=5)
    assert other.asked == 4
    assert set(shelf(tmp_path, other).listing(Wanted())) == set(items)


def test_forever_is_a_moment_that_the_shelf_keeps_exactly(tmp_path: Path) -> None:
    opened = shelf(tmp_path)
    opened.add([lesson(known_at_ns=now(0) + 1)], now_ns=now(1))
    assert [(i.known_at_ns, i.until_ns) for i in opened.listing(MINE)] == [(now(0) + 1, FOREVER)]
