"""One value has one text and one digest, on every machine; what has none is refused."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.canonical import Canonical, canonical_text, digest, digest_bytes, plain


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Pair:
    second: Decimal
    first: Colour


@pytest.mark.parametrize("value", [1.0, [1.5], {"a": {"b": (0.1,)}}, {1.0}])
def test_a_float_anywhere_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="float"):
        plain(value)


@pytest.mark.parametrize("value", [b"bytes", object(), Pair, datetime(2026, 1, 1, tzinfo=UTC)])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="no canonical form"):
        plain(value)


def test_equal_decimals_have_one_digest() -> None:
    assert digest(Decimal("1.0")) == digest(Decimal("1.00")) == digest(Decimal("1E+0"))


def test_a_number_and_its_text_are_told_apart() -> None:
    assert digest(1) != digest("1")


def test_keys_are_sorted() -> None:
    assert canonical_text({"b": 1, "a": 2}) == '{"a":2,"b":1}'


def test_the_order_of_a_list_counts() -> None:
    assert digest(["a", "b"]) != digest(["b", "a"])


def test_sets_are_sorted() -> None:
    assert canonical_text({"b", "a", "c"}) == canonical_text(frozenset({"c", "b", "a"})) == '["a","b","c"]'


def test_truth_is_not_a_number() -> None:
    assert canonical_text([True, 1, None]) == "[true,1,null]"


def test_text_outside_ascii_is_kept() -> None:
    assert canonical_text({"näme": "₿ 😀"}) == '{"näme":"₿ 😀"}'


def test_nouns_become_their_fields() -> None:
    assert canonical_text(Pair(Decimal("1.50"), Colour.RED)) == '{"first":"red","second":"1.5"}'
    assert plain(UUID(int=1)) == "00000000-0000-0000-0000-000000000001"
    assert plain(date(2025, 6, 30)) == "2025-06-30"


def test_known_digests_stay_as_they_are() -> None:
    assert digest_bytes(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digest({}) == digest_bytes(b"{}")


@given(
    st.lists(st.text(max_size=5), unique=True, max_size=8).flatmap(lambda x: st.tuples(st.just(x), st.permutations(x)))
)
def test_a_set_has_one_text_however_it_was_filled(two: tuple[Sequence[str], Sequence[str]]) -> None:
    assert canonical_text(set(two[0])) == canonical_text(set(two[1]))


def test_a_value_put_together_of_parts_is_the_value_written_at_once() -> None:
    one, other = Canonical.of({"b": Decimal("1.50"), "a": [1]}), Canonical.of(None)
    listed, mapped = Canonical.listing((one, other)), Canonical.mapping({"ä": other, "b": one, "a": one})
    assert listed == Canonical.of([one, other])
    assert mapped == Canonical.of({"a": one, "b": one, "ä": other})
    assert Canonical.mapping({"all": listed}) == Canonical.of({"all": listed.value})
    assert (Canonical.listing(()).text, Canonical.mapping({}).text) == ("[]", "{}")
