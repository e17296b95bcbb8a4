"""One budget for everybody who asks a venue, with a part kept for cancels and queries."""

import pytest

from execution.venues.exchange.budget import BudgetSpent, RateBudget, RateBudgets, Use, using


class Time:
    """Seconds that pass only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept = 0.0

    def now_s(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def budget(time: Time) -> RateBudget:
    """10 units a second: a full bucket holds 100, and 25 of them are reserved."""
    return RateBudget(10.0, now_s=time.now_s, sleep=time.sleep)


async def spend(budget: RateBudget, cost: float, use: Use) -> None:
    with using(use):
        await budget.spend(cost)


async def test_exactly_what_is_not_reserved_can_be_spent_at_once(budget: RateBudget, time: Time) -> None:
    await spend(budget, 75, Use.POLL)
    assert time.slept == 0
    await spend(budget, 1, Use.POLL)
    assert time.slept == pytest.approx(0.1)


@pytest.mark.parametrize("use", [Use.CANCEL, Use.QUERY])
async def test_cancels_and_queries_get_the_reserved_part(budget: RateBudget, time: Time, use: Use) -> None:
    await spend(budget, 75, Use.POLL)
    await spend(budget, 25, use)
    assert time.slept == 0
    await spend(budget, 1, use)
    assert time.slept == pytest.approx(0.1)


async def test_what_is_spent_comes_back_and_never_above_the_size(budget: RateBudget, time: Time) -> None:
    await spend(budget, 60, Use.POLL)
    time.now += 3
    assert budget.left == pytest.approx(70)
    time.now += 1_000
    assert budget.left == pytest.approx(100)


async def test_an_order_that_would_come_too_late_is_not_sent(budget: RateBudget, time: Time) -> None:
    await spend(budget, 75, Use.POLL)
    await spend(budget, 50, Use.ORDER)  # exactly five seconds
    assert time.slept == pytest.approx(5)
    with pytest.raises(BudgetSpent, match="not sent"):
        await spend(budget, 51, Use.ORDER)


async def test_what_costs_more_than_a_full_bucket_is_paid_in_the_end(budget: RateBudget) -> None:
    await spend(budget, 500, Use.POLL)
    assert budget.left == pytest.approx(-400)


@pytest.mark.parametrize("use", [Use.POLL, Use.QUERY, Use.ORDER])
async def test_after_too_many_requests_only_cancels_go_out(budget: RateBudget, time: Time, use: Use) -> None:
    budget.told_to_stop(429, 7)
    with pytest.raises(BudgetSpent, match="7 s are left"):
        await spend(budget, 1, use)
    await spend(budget, 1, Use.CANCEL)
    assert time.slept == 0
    time.now += 7
    assert budget.silent_s == 0
    await spend(budget, 1, use)


@pytest.mark.parametrize("use", list(Use))
async def test_during_a_ban_nothing_goes_out(budget: RateBudget, time: Time, use: Use) -> None:
    budget.told_to_stop(418, 7)
    with pytest.raises(BudgetSpent):
        await spend(budget, 1, use)
    time.now += 7
    await spend(budget, 1, use)


async def test_a_ban_is_not_shortened_or_lifted_by_a_later_warning(budget: RateBudget) -> None:
    budget.told_to_stop(418, 60)
    budget.told_to_stop(429, 1)
    assert budget.silent_s == 60
    with pytest.raises(BudgetSpent):
        await spend(budget, 1, Use.CANCEL)


async def test_after_a_ban_a_warning_is_only_a_warning(budget: RateBudget, time: Time) -> None:
    budget.told_to_stop(418, 5)
    time.now += 6
    budget.told_to_stop(429, 5)
    await spend(budget, 1, Use.CANCEL)


@pytest.mark.parametrize(("status", "seconds"), [(429, 10), (418, 120)])
def test_a_venue_that_does_not_say_how_long_gets_its_silence(budget: RateBudget, status: int, seconds: int) -> None:
    budget.told_to_stop(status, None)
    assert budget.silent_s == seconds


def test_whoever_asks_one_venue_shares_its_budget() -> None:
    budgets = RateBudgets()
    assert budgets.of("binance", 20) is budgets.of("binance", 20)
    assert budgets.of("binance", 20) is not budgets.of("kraken", 1)
