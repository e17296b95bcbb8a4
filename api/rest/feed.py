"""Signals as bytes, made once and sent to everybody; and whoever streams is woken when there are new ones."""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from sqlalchemy import Connection

from core.errors import ConfigError, DeskError
from desk.signalling import Issuing, served_account
from memory.books import signals
from memory.books.changes import Changes
from memory.books.database import Books
from memory.books.signals import Signal

_LOOK_S: Final = 0.5
_KEPT: Final = 500  # of the newest, so that a thousand streams cost no read of the books


class Feed:
    """One account's. `latest` is the document of the newest signal of each symbol, `by_symbol` that of one."""

    def __init__(self, books: Books, changes: Changes, issuing: Issuing, named: str | None = None) -> None:
        self._books, self._changes, self._issuing, self._named = books, changes, issuing, named
        self._version: int | None = None
        self._new = asyncio.Event()
        self._recent: deque[Signal] = deque(maxlen=_KEPT)
        self.account_id: str | None = None
        self.latest = document(())
        self.by_symbol: dict[str, bytes] = {}
        self.number = 0
        self.trouble = ""

    async def run(self) -> None:
        """Until it is cancelled. What goes wrong is told in `trouble`, and tried again."""
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_S)

    async def look(self) -> None:
        """Issues and loads what is new, where anybody wrote since the last look."""
        version = self._changes.version()
        if version == self._version and not self.trouble:
            return
        try:
            account_id, newest, fresh = await asyncio.to_thread(self._load)
        except DeskError as refused:
            self.trouble = str(refused)
            return
        except Exception as broken:  # noqa: BLE001  # signals that cannot be read must not end the server
            self.trouble = f"{type(broken).__name__}: {broken}"
            return
        self.trouble, self._version = "", version
        if account_id != self.account_id:
            self._recent.clear()
        self.account_id = account_id
        self.latest = document(newest)
        self.by_symbol = {signal.symbol: document((signal,)) for signal in newest}
        if fresh:
            self._recent.extend(fresh)
            self.number = fresh[-1].number
            self._new.set()
            self._new = asyncio.Event()

    def _load(self) -> tuple[str | None, list[Signal], list[Signal]]:
        try:
            account_id = self._books.read(lambda conn: served_account(conn, self._named)).account_id
        except ConfigError:
            return None, [], []
        self._issuing.look(account_id)
        known = self.number if account_id == self.account_id else None

        def read(conn: Connection) -> tuple[list[Signal], list[Signal]]:
            last = signals.last_number(conn, account_id) if known is None else known
            since = max(0, last - _KEPT) if known is None else known
            return signals.latest(conn, account_id), signals.after(conn, account_id, since, limit=_KEPT)

        return account_id, *self._books.read(read)

    async def after(self, number: int, symbol: str | None) -> tuple[list[Signal], int]:
        """Those above a number, oldest first, and up to which number that looked."""
        seen = self.number
        if number >= seen or self.account_id is None:
            return [], max(number, 0)
        if self._recent and self._recent[0].number <= number + 1:
            found = [s for s in self._recent if s.number > number and symbol in (None, s.symbol)]
            return found, seen
        account_id = self.account_id
        found = await asyncio.to_thread(
            self._books.read, lambda conn: signals.after(conn, account_id, number, symbol=symbol, limit=_KEPT)
        )
        return found, found[-1].number if len(found) == _KEPT else seen

    async def wait(self, seconds: float) -> None:
        """Until there is a new signal, or so long."""
        waiting = self._new
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await waiting.wait()

    def wake(self) -> None:
        """Wakes everybody, for the end."""
        self._new.set()


def document(found: Sequence[Signal], cursor: str | None = None) -> bytes:
    following = "null" if cursor is None else f'"{cursor}"'
    return f'{{"signals":[{",".join(signal.line for signal in found)}],"next":{following}}}'.encode()
