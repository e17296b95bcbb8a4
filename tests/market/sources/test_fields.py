from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.time import parse_time
from market.sources.fields import iso, items, moment_ns, number, pick, tables, words

NOON = parse_time("2024-03-05T12:00Z")
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.decimals(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=10,
)


def test_what_is_not_there_is_none() -> None:
    assert pick({"a": [{"b": 1}]}, "a", 0, "b") == 1
    assert pick({"a": [{"b": 1}]}, "a", 1, "b") is None
    assert pick(None, "a") is None
    assert words({"a": 1}, "a") == ""
    assert items({"a": {}}, "a") == []
    assert tables({"a": [1, {"b": 2}, None]}, "a") == [{"b": 2}]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("1.5", Decimal("1.5")), (2, Decimal(2)), (Decimal("0.1"), Decimal("0.1")), (" 7 ", Decimal(7)),
        ("1e3", Decimal(1000)), (True, None), ("", None), ("NaN", None), ("inf", None), ("1,5", None),
        ("1_000", None), ("٣", None), ([1], None),
        ("9" * 200, None), ("1e999999", None), (None, None),
    ],
)  # fmt: skip
def test_a_number_is_finite_and_plain_or_none(value: object, found: Decimal | None) -> None:
    assert number(value) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("2024-03-05T12:00:00Z", NOON), ("2024-03-05T13:00:00+01:00", NOON), ("2024-03-05T12:00:00.000Z", NOON),
        ("2024-03-05 12:00", NOON), (NOON // 10**9, NOON), (NOON // 10**6, NOON), (str(NOON // 10**9), NOON),
        (Decimal("1709640000.0"), NOON), ("yesterday", None), ("", None), (0, None), (-1, None), (None, None),
        ("0000-00-00T00:00:00Z", None), ("2024-13-05", None), (10**30, None),
    ],
)  # fmt: skip
def test_a_moment_is_iso_or_unix_or_none(value: object, found: int | None) -> None:
    assert moment_ns(value) == found


def test_a_moment_is_written_as_vendors_want_it() -> None:
    assert iso(NOON + 1) == "2024-03-05T12:00:00Z"
    assert moment_ns(iso(NOON)) == NOON


@given(json_values, st.lists(st.text(max_size=4) | st.integers(-3, 3), max_size=3))
def test_no_json_of_others_stops_a_reader(value: object, path: list[str | int]) -> None:
    pick(value, *path)
    assert isinstance(words(value, *path), str)
    assert isinstance(tables(value, *path), list)
    found = number(value, *path)
    assert found is None or found.is_finite()
    moment = moment_ns(value, *path)
    assert moment is None or isinstance(moment, int)
