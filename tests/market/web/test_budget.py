import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError
from core.time import MINUTE_NS, SECOND_NS
from market.web.budget import Budget


def test_a_burst_leaves_at_once_and_the_next_waits_its_turn() -> None:
    budget = Budget(per_minute=60, burst=3)
    assert [budget.reserve("a", 0) for _ in range(5)] == [0, 0, 0, SECOND_NS, 2 * SECOND_NS]


def test_asking_how_long_it_would_be_takes_no_turn() -> None:
    budget = Budget(per_minute=60, burst=1)
    budget.reserve("a", 0)
    assert [budget.wait_ns("a", 0) for _ in range(3)] == [SECOND_NS] * 3
    assert budget.reserve("a", 0) == SECOND_NS


def test_hosts_have_budgets_of_their_own() -> None:
    budget = Budget(per_minute=1, burst=1)
    assert budget.reserve("a", 0) == 0
    assert budget.reserve("b", 0) == 0
    assert budget.reserve("a", 0) == MINUTE_NS


def test_a_host_that_asked_for_patience_is_left_alone() -> None:
    budget = Budget(per_minute=60, burst=10)
    budget.close("a", 90 * SECOND_NS)
    budget.close("a", 30 * SECOND_NS)
    assert budget.reserve("a", 0) == 90 * SECOND_NS
    assert budget.closed_ns("a", 91 * SECOND_NS) == 0


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError):
        Budget(per_minute=0, burst=1)


@given(st.lists(st.integers(0, 5 * SECOND_NS), max_size=60), st.integers(1, 120), st.integers(1, 10))
def test_no_window_of_a_minute_ever_holds_more_than_the_rate_and_the_burst(
    gaps: list[int], rate: int, burst: int
) -> None:
    budget, now, leaves = Budget(rate, burst), 0, []
    for gap in gaps:
        now += gap
        leaves.append(now + budget.reserve("a", now))
    for start in leaves:
        assert sum(start <= at < start + MINUTE_NS for at in leaves) <= rate + burst + 1
