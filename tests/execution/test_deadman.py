"""The venue's timer is refreshed in time, and runs only while it could take no stop with it."""

from dataclasses import dataclass, field

import pytest

from core.errors import ExchangeUnavailable
from core.time import SECOND_NS
from execution.deadman import TIMEOUT_S, DeadMan
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
