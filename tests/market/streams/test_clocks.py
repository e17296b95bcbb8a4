import asyncio
import time
from decimal import Decimal

import pytest

from core.time import SECOND_NS, ManualClock
from market.streams.clocks import LoopLag, SteadyClock, VenueClock
from tests.market.orderbooks.venues import NOW_NS, T0_MS


def test_the_steady_clock_shows_utc_and_never_goes_back() -> None:
    clock = SteadyClock()
    assert abs(clock.now_ns() - time.time_ns()) < SECOND_NS
    seen = [clock.now_ns() for _ in range(1_000)]
    assert seen == sorted(seen)


def test_the_steady_clock_does_not_jump_with_the_wall_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SteadyClock()
    before = clock.now_ns()
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    assert 0 <= clock.now_ns() - before < SECOND_NS


def test_before_the_venue_has_told_its_time_the_skew_is_not_known() -> None:
    clock = VenueClock(ManualClock(NOW_NS))
    assert clock.skew_s is None
    assert clock.venue_now_ns() == NOW_NS


async def test_the_venues_time_is_taken_to_be_of_half_way_between_question_and_answer() -> None:
    ours = ManualClock(NOW_NS)
    clock = VenueClock(ours)

    async def ask() -> int:
        ours.advance_to(NOW_NS + SECOND_NS)
        return T0_MS + 3_000

    await clock.measure(ask)
    assert clock.offset_ns == 2_500_000_000
    assert (clock.skew_s, clock.uncertainty_ns) == (Decimal("2.5"), SECOND_NS // 2)
    assert clock.venue_now_ns() == NOW_NS + SECOND_NS + 2_500_000_000


@pytest.mark.parametrize("answer", [None, 0, -5, "1767225600000", 1.5])
async def test_an_answer_that_is_no_time_changes_nothing(answer: object) -> None:
    clock = VenueClock(ManualClock(NOW_NS))

    async def ask() -> int | None:
        return answer  # type: ignore[return-value]

    await clock.measure(ask)
    assert clock.offset_ns is None


async def test_a_loop_that_somebody_blocks_is_late() -> None:
    lag = LoopLag(every_s=0.01)
    assert (lag.worst_s(), lag.quantile_s(0.99)) == (None, None)
    beat = asyncio.create_task(lag.beat())
    await asyncio.sleep(0.025)
    time.sleep(0.08)
    await asyncio.sleep(0.03)
    beat.cancel()
    assert (lag.worst_s() or 0) > 0.05
    assert (lag.quantile_s(0.01) or 0) < (lag.quantile_s(0.999) or 0)
