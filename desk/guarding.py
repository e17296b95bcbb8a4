"""The desk's side of its watchdog: starts it, gives it its keys over a pipe, and beats."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from core.canonical import JSON
from core.errors import ConfigError
from desk.home import Home
from desk.watchdog import BEAT, READY, STOP, Charge
from execution.venues.exchange.client import Keys
from memory.books import journal
from memory.books.database import Books

_START_S: Final = 30.0
_STOP_S: Final = 10.0
_OURS: Final = "TRADEWARDEN_"  # variables that may be secrets: the child needs none


class Watchdog:
    """One child. It acts when `beat` stays away for `Charge.patience_s`, or this process is gone."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self._child = child

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def alive(self) -> bool:
        return self._child.returncode is None

    def beat(self) -> bool:
        """False where nobody is there to hear it: it has acted, or was ended."""
        return self._say(BEAT)

    async def stop(self) -> None:
        """The desk ends on purpose: its orders stay as they are."""
        self._say(STOP)
        try:
            async with asyncio.timeout(_STOP_S):
                await self._child.wait()
        except TimeoutError:
            self._child.kill()
            await self._child.wait()

    def _say(self, word: bytes) -> bool:
        if not self.alive or self._child.stdin is None or self._child.stdin.is_closing():
            return False
        with suppress(BrokenPipeError, ConnectionResetError):
            self._child.stdin.write(word)
            return True
        return False


async def start(charge: Charge, keys: Keys) -> Watchdog:
    """Raises ConfigError where it does not start: a desk without it must not go live."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", "desk.watchdog"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if not name.startswith(_OURS)},
        start_new_session=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    secrets = [part.reveal() for part in (keys.api_key, keys.secret, keys.password)]
    child.stdin.write(json.dumps({**asdict(charge), "keys": secrets}).encode() + b"\n")
    ready = b""
    with suppress(TimeoutError):
        async with asyncio.timeout(_START_S):
            ready = await child.stdout.readline()
    if ready != READY:
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()
        raise ConfigError("the watchdog did not start")
    return Watchdog(child)


@asynccontextmanager
async def guarded(charge: Charge, keys: Keys) -> AsyncIterator[Watchdog]:
    """A watchdog for a block, which an exception leaves as cleanly as its end does."""
    watchdog = await start(charge, keys)
    try:
        yield watchdog
    finally:
        await asyncio.shield(watchdog.stop())


def report_file(home: Home, account_id: str) -> Path:
    return home.path / f"watchdog-{account_id}.json"


def collect(home: Home, books: Books, account_id: str, now_ns: int) -> JSON:
    """Journals what a watchdog did since the desk was last here, once. None where it did nothing."""
    file = report_file(home, account_id)
    try:
        told: JSON = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as broken:
        told = {"account": account_id, "why": f"its report cannot be read: {type(broken).__name__}"}

    def write(conn: Connection) -> None:
        journal.append(conn, account_id, "watchdog", told, ts_ns=now_ns)

    books.write(write)
    file.unlink(missing_ok=True)
    return told
