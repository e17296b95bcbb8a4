"""The venue's timer is refreshed in time, and runs only while it could take no stop with it."""

from dataclasses import dataclass, field

import pytest

from core.errors import ExchangeUnavailable
from core.time import SECOND_NS
from execution.deadman import TIMEOUT_S, DeadMan
from execution.ports import PlainOrder
from tests.execution.conftest import Opened
from tests.execution.desk import RESTING, T0, Desk

THIRD_NS = TIMEOUT_S * SECOND_NS // 3


@dataclass
class Line:
    """A door to a venue with a timer, or without."""

    has_timer: bool = True
    away: bool = False
    asked: list[int] = field(default_factory=list)

    async def keep_alive(self, timeout_s: int) -> bool:
        self.asked.append(timeout_s)
        if self.away:
            raise ExchangeUnavailable("503")
        return self.has_timer


def dead_man(desk: Desk, line: Line) -> DeadMan:
    return DeadMan(desk.account_id, desk.books, line)  # type: ignore[arg-type]  # all that it asks of a door


async def test_the_timer_is_set_at_once_and_refreshed_after_a_third_of_it(desk: Desk) -> None:
    line = Line()
    timer = dead_man(desk, line)
    for at_ns in (0, 1, THIRD_NS - 1):
        await timer.beat(T0 + at_ns)
    assert line.asked == [TIMEOUT_S]
    await timer.beat(T0 + THIRD_NS)
    assert line.asked == [TIMEOUT_S] * 2


async def test_a_venue_without_a_timer_is_asked_once(desk: Desk) -> None:
    line = Line(has_timer=False)
    timer = dead_man(desk, line)
    for second in range(3):
        await timer.beat(T0 + second * THIRD_NS)
    assert line.asked == [TIMEOUT_S]


async def test_a_failed_refresh_is_tried_again_at_the_next_step(desk: Desk) -> None:
    line = Line(away=True)
    timer = dead_man(desk, line)
    await timer.beat(T0)
    line.away = False
    await timer.beat(T0 + 1)
    await timer.beat(T0 + 2)
    assert line.asked == [TIMEOUT_S] * 2


@pytest.mark.parametrize("restarted", [False, True])
async def test_while_a_stop_rests_the_timer_is_off_even_one_that_another_process_left(
    open_desk: Opened, restarted: bool
) -> None:
    desk, line = open_desk(settings=RESTING), Line()
    timer = dead_man(desk, line)
    if not restarted:
        await timer.beat(T0)
        assert line.asked.pop() == TIMEOUT_S
    await desk.bought("1")
    await desk.step()
    assert any(attempt.protective for attempt in desk.live())
    await timer.beat(T0 + 1)
    await timer.beat(T0 + THIRD_NS)
    assert line.asked == [0]


async def test_the_timer_is_off_before_a_stop_rests(open_desk: Opened) -> None:
    """Left running, it would take the stop of a position that nobody watches any more."""
    desk, told = open_desk(settings=RESTING), list[str]()
    place = desk.venue.place

    async def placed(order: PlainOrder) -> None:
        told.append(order.type.value)
        await place(order)

    async def keep_alive(timeout_s: int) -> bool:
        told.append(f"timer {timeout_s}")
        return True

    desk.venue.place, desk.venue.keep_alive = placed, keep_alive  # type: ignore[method-assign]
    await desk.step(desk.clock.now_ns() + SECOND_NS)
    await desk.bought("5")
    await desk.step(desk.clock.now_ns() + SECOND_NS)
    assert told == [f"timer {TIMEOUT_S}", "market", "timer 0", "stop"]


async def test_no_stop_rests_while_the_timer_cannot_be_taken_off(open_desk: Opened) -> None:
    desk = open_desk(settings=RESTING)

    async def keep_alive(timeout_s: int) -> bool:
        if timeout_s == 0:
            raise ExchangeUnavailable("503")
        return True

    desk.venue.keep_alive = keep_alive  # type: ignore[method-assign]
    await desk.step(desk.clock.now_ns() + SECOND_NS)
    await desk.bought("5")
    await desk.step(desk.clock.now_ns() + SECOND_NS)
    assert not [a for a in desk.live() if a.protective]
