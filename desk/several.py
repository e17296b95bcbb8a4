"""A desk at several venues: one live desk for each account, and one cycle that decides over all of them.

The first venue is the one that is looked at, and without it nothing starts. Each further one has a task of its own that
opens it, brings its books into agreement, keeps it at work, and tries again while it is away.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING, Final

from core.errors import DeskBusy, DeskHalted, ExchangeUnavailable
from desk import places
from desk.build import Desk
from desk.home import Home
from desk.keys import Ask
from desk.live import LiveCommand, LiveDesk, open_live
from desk.routing import Router
from desk.settings import Settings
from execution.kill import KillSwitch

if TYPE_CHECKING:
    from agents.cycle import Cycle

_AGAIN_S: Final = 30.0  # until a venue that was away is tried again
_OPENING: Final = "it is being opened"
_CLOSING: Final = "it is being closed"


class SeveralDesks:
    """Live desks by venue, the first one first. `away` says why a venue is not at work."""

    def __init__(self, first: LiveDesk) -> None:
        routing = first.desk.settings.venue.routing
        self.first = first
        self.lives: dict[str, LiveDesk] = {first.desk.settings.venue.name: first}
        self.away: dict[str, str] = dict.fromkeys(routing.others, _OPENING)
        self._desks: dict[str, Desk] = {first.desk.settings.venue.name: first.desk}
        self.router = Router(self._desks, self.away, routing)
        first.router = self.router

    async def decide(self) -> Cycle:
        """One cycle over all accounts, now. Raises DeskHalted where every one of them is halted."""
        halted = {venue: why for venue, live in self.lives.items() if (why := live.halted()) is not None}
        if len(halted) == len(self.lives):
            raise DeskHalted("; ".join(f"{venue}: {why}" for venue, why in halted.items()))
        return await self.first.cycle(self.router)

    async def settled(self, timeout_s: float) -> bool:
        """Whether nothing of ours that takes is on its way anywhere, within so long."""
        return all(await asyncio.gather(*(live.settled(timeout_s) for live in self.lives.values())))

    def comes(self, venue: str, live: LiveDesk) -> None:
        self.lives[venue], self._desks[venue] = live, live.desk
        self.away.pop(venue, None)

    def goes(self, venue: str, why: str) -> None:
        self.lives.pop(venue, None)
        self._desks.pop(venue, None)
        self.away[venue] = why


@asynccontextmanager
async def at_several(
    home: Home, settings: Settings, environment: Mapping[str, str], command: LiveCommand, ask: Ask | None = None
) -> AsyncIterator[SeveralDesks]:
    """Opens every venue of the settings and works until the block ends.

    Raises what `open_live` and `LiveDesk.running` raise of the first venue, and ConfigError of any: a venue that is
    away may come back, one that is set up wrongly will not.
    """
    asked = None if ask is None else cache(ask)  # one file of keys has one passphrase
    async with open_live(home, settings, environment, command, asked) as first:
        several = SeveralDesks(first)
        async with first.running(), AsyncExitStack() as stack:
            tries = [_Try(several, own, kill=first.desk.kill) for own in places.each(settings)[1:]]
            for each in tries:
                stack.push_async_callback(_ended, asyncio.create_task(each.keep(home, environment, command, asked)))
            await asyncio.gather(*(each.tried for each in tries))
            yield several


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


class _Try:
    """One further venue. `tried` is done after the first attempt, and raises what no other one would mend."""

    def __init__(self, several: SeveralDesks, settings: Settings, *, kill: KillSwitch) -> None:
        self.tried: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._several, self._settings, self._kill = several, settings, kill
        self._venue = settings.venue.name

    async def keep(self, home: Home, environment: Mapping[str, str], command: LiveCommand, ask: Ask | None) -> None:
        """At work again and again, until the task is cancelled."""
        while True:
            try:
                opened = open_live(home, self._settings, environment, command, ask, kill=self._kill)
                async with opened as live, live.running():
                    await self._at_work(live)
            except (ExchangeUnavailable, DeskHalted, DeskBusy) as away:
                self._several.goes(self._venue, str(away))
            except Exception as wrong:  # noqa: BLE001  # raised where the desks were opened, and told from then on
                self._several.goes(self._venue, f"{type(wrong).__name__}: {wrong}")
                if not self.tried.done():
                    self.tried.set_exception(wrong)
                    return
            self._is_tried()
            await asyncio.sleep(_AGAIN_S)

    async def _at_work(self, live: LiveDesk) -> None:
        self._several.comes(self._venue, live)
        self._is_tried()
        try:
            await asyncio.Event().wait()
        finally:
            self._several.goes(self._venue, _CLOSING)

    def _is_tried(self) -> None:
        if not self.tried.done():
            self.tried.set_result(None)
