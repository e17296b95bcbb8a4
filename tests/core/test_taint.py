"""Taint only rises."""

from hypothesis import given
from hypothesis import strategies as st

from core.taint import Taint, join, worst_of


def test_a_claim_made_from_nothing_is_trusted() -> None:
    assert join([]) is Taint.TRUSTED


def test_the_worst_claim_decides() -> None:
    assert join([Taint.DERIVED, Taint.HOSTILE, Taint.TRUSTED]) is Taint.HOSTILE


@given(st.lists(st.sampled_from(Taint)), st.sampled_from(Taint))
def test_another_claim_never_lowers_it(taints: list[Taint], another: Taint) -> None:
    assert join([*taints, another]) == max(join(taints), another)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(Taint))))
def test_the_worst_that_is_told_of_a_thing_stays_in_whatever_order_it_is_told(told: list[tuple[str, Taint]]) -> None:
    found = worst_of(told)
    assert found == worst_of(told[::-1])
    assert found == {name: join(taint for of, taint in told if of == name) for name, _ in told}
