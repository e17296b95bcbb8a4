"""Kills this process at one step of an order's life, as `kill -9` would: nothing is closed, flushed or said."""

import asyncio
import os
import signal
from typing import Any
from urllib.parse import urlsplit

from chaos.desk import Worked
from chaos.plan import Knife
from execution import mismatches
from memory.books import ledger

_LOOK_S = 0.01


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def sharpened(worked: Worked, knife: Knife) -> None:
    """From now on the process dies at the first step that `knife` means."""
    desk, venue, client = worked.desk, worked.venue, worked.client
    match knife:
        case Knife.UNWRITTEN:
            _after(desk.gate, "_reserve")
        case Knife.WRITTEN:
            _before(venue, "place")
        case Knife.ON_WIRE:
            _while_away(worked)
        case Knife.ANSWERED:
            _when_answered(client, worked.surface.placing)
        case Knife.UNBOOKED:
            _before(desk.gate._sends, "_hears")
        case Knife.BOOKING:
            _after(ledger, "apply_fill")
        case Knife.CANCEL_WRITTEN:
            _before(venue, "cancel")
        case Knife.CANCEL_ANSWERED:
            _when_answered(client, worked.surface.cancelling)
        case Knife.RECONCILE_READ:
            _before(venue, "transfers")
        case Knife.RECONCILE_BOOKED:
            _before(desk.watch._reconciler, "_judge")
        case Knife.RECONCILE_JUDGED:
            _after(mismatches, "keep")


def _before(owner: Any, name: str) -> None:
    def instead(*args: Any, **more: Any) -> None:
        die()

    setattr(owner, name, instead)


def _after(owner: Any, name: str) -> None:
    real = getattr(owner, name)

    def instead(*args: Any, **more: Any) -> None:
        real(*args, **more)
        die()

    setattr(owner, name, instead)


def _when_answered(client: Any, wanted: tuple[str, str]) -> None:
    fetch = client.fetch

    async def instead(url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        try:
            return await fetch(url, method, headers, body)
        finally:
            if (method, urlsplit(url).path) == wanted:
                die()

    client.fetch = instead


def _while_away(worked: Worked) -> None:
    """The venue is told to keep the answer to itself; once it has the order, the process dies."""
    client, control = worked.client, worked.world.control
    fetch = client.fetch

    async def instead(url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        if (method, urlsplit(url).path) != worked.surface.placing:
            return await fetch(url, method, headers, body)
        control.faults(worked.surface.place("silent", times=1))
        away = asyncio.ensure_future(fetch(url, method, headers, body))
        while not away.done():
            await asyncio.sleep(_LOOK_S)
            if any(control.struck()):
                die()
        return await away

    client.fetch = instead
