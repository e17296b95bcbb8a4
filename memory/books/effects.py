"""What happened outside the record, stored before it is used: live it runs and is kept, in a replay it only answers.

An effect is named by (cycle, node, lane, number in the lane). A cycle that is run again is answered from storage first,
so that nothing is asked twice and both runs see the same bytes.
"""

import asyncio
import inspect
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select

from core.canonical import JSON, canonical_text, digest, digest_bytes
from core.errors import LedgerBroken
from core.ports import Effect
from memory.books import blobs
from memory.books.database import Books
from memory.books.tables import effects

# Longer bodies are blobs, kept once however many cycles read the same thing.
INLINE_BYTES = 1024

_INSERT = insert(effects)

Name = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class _Stored:
    request: str
    response: str
    body: str | None


class _Numbered:
    """Counts the calls of each (node, lane), knows what is stored, and keeps what was used."""

    def __init__(self, books: Books, cycle_id: str) -> None:
        self._books = books
        self._cycle_id = cycle_id
        self._calls: Counter[tuple[str, str]] = Counter()
        self._stored: dict[Name, _Stored] | None = None
        self._used: dict[Name, Effect] = {}

    def begin(self) -> None:
        """Loads what is stored for this cycle."""
        self._stored = self._books.read(lambda conn: _load(conn, self._cycle_id))

    def entries(self) -> tuple[Effect, ...]:
        """The effects that were used so far, by node, lane and number."""
        return tuple(self._used[name] for name in sorted(self._used))

    def _number(self, node: str, lane: str) -> Name:
        self._calls[node, lane] += 1
        return node, lane, self._calls[node, lane]

    def _find(self, name: Name) -> _Stored | None:
        if self._stored is None:
            self.begin()
        return (self._stored or {}).get(name)

    def _use(self, name: Name, request: str, stored: _Stored) -> JSON:
        text = stored.body if stored.body is not None else self._blob(name, stored.response)
        if digest_bytes(text.encode()) != stored.response:
            raise LedgerBroken(f"{_shown(name)} of cycle {self._cycle_id} was changed since it was stored")
        self._used[name] = Effect(*name, request, stored.response)
        return json.loads(text)

    def _blob(self, name: Name, response: str) -> str:
        content = self._books.read(lambda conn: blobs.get(conn, response))
        if content is None:
            raise LedgerBroken(f"{_shown(name)} of cycle {self._cycle_id} is no longer kept: its payload was deleted")
        return content.decode()


class StoredEffects(_Numbered):
    """The live side of `core.ports.Effects`: runs what is not stored yet, and stores the answer before it is used."""

    def perform(
        self, node: str, lane: str, request: JSON, run: Callable[[], JSON | Awaitable[JSON]]
    ) -> Coroutine[Any, Any, JSON]:
        """The answer to `request`, as read back from storage.

        Raises LedgerBroken where another request is stored under this number: the cycle did not repeat itself.
        """
        # Not a coroutine function: the number belongs to the moment of the call, and a coroutine starts when awaited.
        return self._perform(self._number(node, lane), digest(request), run)

    async def _perform(self, name: Name, request: str, run: Callable[[], JSON | Awaitable[JSON]]) -> JSON:
        stored = self._find(name)
        if stored is None:
            answer = run()
            stored = await self._store(name, request, await answer if inspect.isawaitable(answer) else answer)
        elif stored.request != request:
            raise LedgerBroken(
                f"{_shown(name)} of cycle {self._cycle_id} was stored for request {stored.request[:12]}, "
                f"and is now asked {request[:12]}"
            )
        return self._use(name, request, stored)

    async def _store(self, name: Name, request: str, answer: JSON) -> _Stored:
        text = canonical_text(answer)
        content = text.encode()
        inline = len(content) <= INLINE_BYTES
        stored = _Stored(request, digest_bytes(content), text if inline else None)
        node, lane, sequence = name
        row = {"cycle_id": self._cycle_id, "node": node, "lane": lane, "sequence": sequence, "request": request}

        def write(conn: Connection) -> None:
            if not inline:
                blobs.put(conn, content)
            conn.execute(_INSERT, row | {"response": stored.response, "body": stored.body})

        stored_now = self._books.soon(write)
        # Effects that are ready at the same time queue up here, and one commit makes them all durable.
        await asyncio.sleep(0)
        stored_now()
        # Used from memory as it was stored: the bytes are the same, and a large body is not unpacked again.
        return _Stored(request, stored.response, text)


class ReplayedEffects(_Numbered):
    """The replaying side: answers from storage alone. `differences` names the effects that were asked otherwise."""

    def __init__(self, books: Books, cycle_id: str) -> None:
        super().__init__(books, cycle_id)
        self.differences: list[Name] = []

    def perform(
        self, node: str, lane: str, request: JSON, run: Callable[[], JSON | Awaitable[JSON]]
    ) -> Coroutine[Any, Any, JSON]:
        """The stored answer; `run` is never called. Raises LedgerBroken for an effect that was never stored."""
        return self._answer(self._number(node, lane), digest(request))

    async def _answer(self, name: Name, request: str) -> JSON:
        stored = self._find(name)
        if stored is None:
            raise LedgerBroken(f"{_shown(name)} of cycle {self._cycle_id} was never stored: the replay asks for more")
        if stored.request != request:
            self.differences.append(name)
        return self._use(name, request, stored)


def _load(conn: Connection, cycle_id: str) -> dict[Name, _Stored]:
    rows = conn.execute(select(effects).where(effects.c.cycle_id == cycle_id))
    return {(r.node, r.lane, r.sequence): _Stored(r.request, r.response, r.body) for r in rows}


def _shown(name: Name) -> str:
    node, lane, sequence = name
    return f"effect {node}/{lane}#{sequence}"
