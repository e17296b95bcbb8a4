"""A client whose waiting costs no time: its sleeps move its clock."""

import random
from typing import Any

from core.time import SECOND_NS, ManualClock, parse_time
from market.web.client import Limits, Web

NOON = parse_time("2024-03-05T12:00Z")


class Patience:
    """A clock and the sleep that moves it."""

    def __init__(self, now_ns: int = NOON) -> None:
        self.clock = ManualClock(now_ns)
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance_to(self.clock.now_ns() + int(seconds * SECOND_NS))


def web_of(patience: Patience | None = None, *, local: bool = True, **limits: Any) -> Web:
    patience = patience or Patience()
    return Web(
        patience.clock,
        limits=Limits(**limits),
        allow_private=("127.0.0.1",) if local else (),
        sleep=patience.sleep,
        chance=random.Random(7),
    )
