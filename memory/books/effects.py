"""What happened outside the record, stored before it is used: live it runs and is kept, in a replay it only answers.

An effect is named by (cycle, node, lane, number in the lane). A cycle that is run again is answered from storage first,
so that nothing is asked twice and both runs see the same bytes. Effects that are ready at the same time share one
commit.
"""

import asyncio
import inspect
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, bindparam, insert, select

from core.canonical import JSON, Canonical, canonical_text, digest, digest_bytes
from core.errors import LedgerBroken
from core.ports import Effect
from memory.books import blobs
from memory.books.database import Books
from memory.books.tables import blobs as blobs_table
from memory.books.tables import effects

# Longer bodies are blobs, kept once however many cycles read the same thing.
INLINE_BYTES = 1024

Name = tuple[str, str, int]
Run = Callable[[], JSON | Awaitable[JSON]]
Row = dict[str, Any]

_INSERT = insert(effects)
# A short answer stands in its row, a longer one among the blobs.
_OF_CYCLE = (
    select(effects, blobs_table.c.content)
    .outerjoin(blobs_table, and_(effects.c.body.is_(None), blobs_table.c.digest == effects.c.response))
    .where(effects.c.cycle_id == bindparam("cycle_id"))
)


@dataclass(frozen=True, slots=True)
class _Stored:
    """What is stored: the answer's text in its own row, or packed in a blob; neither where retention deleted it."""

    request: str
    response: str
    body: str | None
    packed: bytes | None


class _Batch:
    """Effects that are ready together, written by whichever of them comes first."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._rows: list[Row] = []
        self._contents: dict[str, bytes] = {}
        self._failed: BaseException | None = None
        self.written = False

    def add(self, row: Row, contents: dict[str, bytes]) -> None:
        self._rows.append(row)
        self._contents |= contents

    def write(self) -> None:
        """Answers once all of them are durable. Raises for each of them what hindered it."""
        if not self.written:
            self.written = True
            try:
                self._books.write(self._put)
            except BaseException as failed:
                self._failed = failed
                raise
        elif self._failed is not None:
            raise self._failed

    def _put(self, conn: Connection) -> None:
        for content in self._contents.values():
            blobs.put(conn, content)
        conn.execute(_INSERT, self._rows)


class _Numbered:
    """Counts the calls of each (node, lane), knows what is stored, and keeps what was used."""

    def __init__(self, books: Books, cycle_id: str) -> None:
        self._books = books
        self._cycle_id = cycle_id
        self._calls: Counter[tuple[str, str]] = Counter()
        self._stored: dict[Name, _Stored] | None = None
        self._used: dict[Name, Effect] = {}

    @property
    def cycle_id(self) -> str:
        return self._cycle_id

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

    def _use(self, name: Name, request: str, response: str, text: str | bytes) -> JSON:
        self._used[name] = Effect(*name, request, response)
        return json.loads(text)

    def _text(self, name: Name, stored: _Stored) -> str | bytes:
        """What was stored. Raises LedgerBroken where that is changed or gone."""
        if stored.packed is not None:
            return blobs.open_blob(stored.response, stored.packed)
        if stored.body is None:
            raise LedgerBroken(f"{_shown(name)} of cycle {self._cycle_id} is no longer kept: its payload was deleted")
        if digest_bytes(stored.body.encode()) != stored.response:
            raise LedgerBroken(f"{_shown(name)} of cycle {self._cycle_id} was changed since it was stored")
        return stored.body


class StoredEffects(_Numbered):
    """The live side of `core.ports.Effects`: runs what is not stored yet, and stores the answer before it is used."""

    def __init__(self, books: Books, cycle_id: str) -> None:
        super().__init__(books, cycle_id)
        self._batch = _Batch(books)
        self._beside: set[str] = set()  # kept by this cycle already

    def perform(
        self, node: str, lane: str, request: JSON, run: Run, beside: Sequence[Canonical] = ()
    ) -> Coroutine[Any, Any, JSON]:
        """The answer to `request`, as read back from storage.

        Raises LedgerBroken where another request is stored under this number: the cycle did not repeat itself.
        """
        # Not a coroutine function: the number belongs to the moment of the call, and a coroutine starts when awaited.
        return self._perform(self._number(node, lane), digest(request), run, beside)

    async def _perform(self, name: Name, request: str, run: Run, beside: Sequence[Canonical]) -> JSON:
        stored = self._find(name)
        if stored is None:
            answer = run()
            return await self._store(name, request, await answer if inspect.isawaitable(answer) else answer, beside)
        if stored.request != request:
            raise LedgerBroken(
                f"{_shown(name)} of cycle {self._cycle_id} was stored for request {stored.request[:12]}, "
                f"and is now asked {request[:12]}"
            )
        return self._use(name, request, stored.response, self._text(name, stored))

    async def _store(self, name: Name, request: str, answer: JSON, beside: Sequence[Canonical]) -> JSON:
        text = canonical_text(answer)
        content = text.encode()
        inline, response = len(content) <= INLINE_BYTES, digest_bytes(content)
        node, lane, sequence = name
        row = {"cycle_id": self._cycle_id, "node": node, "lane": lane, "sequence": sequence, "request": request}
        fresh = {part.digest: part.text.encode() for part in beside if part.digest not in self._beside}
        batch = self._batch
        batch.add(
            {**row, "response": response, "body": text if inline else None},
            fresh if inline else {**fresh, response: content},
        )
        # Effects that are ready at the same time queue up here, and one commit makes them all durable.
        await asyncio.sleep(0)
        if batch is self._batch:
            self._batch = _Batch(self._books)
        batch.write()
        self._beside.update(fresh)
        # Used from memory as it was stored: the bytes are the same, and a large body is not unpacked again.
        return self._use(name, request, response, text)


class ReplayedEffects(_Numbered):
    """The replaying side: answers from storage alone. `differences` names the effects that were asked otherwise."""

    def __init__(self, books: Books, cycle_id: str) -> None:
        super().__init__(books, cycle_id)
        self.differences: list[Name] = []

    def perform(
        self, node: str, lane: str, request: JSON, run: Run, beside: Sequence[Canonical] = ()
    ) -> Coroutine[Any, Any, JSON]:
        """The stored answer; `run` is never called. Raises LedgerBroken for an effect that was never stored."""
        return self._answer(self._number(node, lane), digest(request))

    async def _answer(self, name: Name, request: str) -> JSON:
        stored = self._find(name)
        if stored is None:
            raise LedgerBroken(f"{_shown(name)} of cycle {self._cycle_id} was never stored: the replay asks for more")
        if stored.request != request:
            self.differences.append(name)
        return self._use(name, request, stored.response, self._text(name, stored))


def _load(conn: Connection, cycle_id: str) -> dict[Name, _Stored]:
    rows = conn.execute(_OF_CYCLE, {"cycle_id": cycle_id})
    return {(r.node, r.lane, r.sequence): _Stored(r.request, r.response, r.body, r.content) for r in rows}


def _shown(name: Name) -> str:
    node, lane, sequence = name
    return f"effect {node}/{lane}#{sequence}"
