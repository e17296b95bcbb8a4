"""The desk's memory behind a wall: whatever of it is missing, broken or slow is an abstention that says so."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from core.errors import ConfigError, DeskError
from core.ports import Abstain
from core.taint import Taint
from memory.recall.embedding import Embedder, SentenceEmbedder
from memory.recall.items import Found, Item, Wanted
from memory.recall.settings import RecallSettings
from memory.recall.shelf import Shelf

T = TypeVar("T")


class Recall:
    """Asked off the event loop: a model takes seconds to load, when the first question needs it, and is then kept.

    A question that takes longer than the settings allow is given up; what it loads meanwhile serves the next one.
    """

    def __init__(self, settings: RecallSettings, folder: Path, embedder: Embedder | None = None) -> None:
        self._settings = settings
        self._folder = folder
        self._embedder: Embedder = embedder or SentenceEmbedder(settings)
        self._one_at_a_time = threading.Lock()

    async def search(self, text: str, wanted: Wanted, *, n: int) -> tuple[Found, ...] | Abstain:
        if not self.begun:
            return Abstain("nothing was ever remembered here")
        return await self._apart(lambda shelf: shelf.search(text, wanted, n=n), self._embedder)

    async def remember(self, items: Sequence[Item], *, now_ns: int) -> tuple[str, ...] | Abstain:
        return await self._apart(lambda shelf: shelf.add(items, now_ns=now_ns), self._embedder)

    async def listing(self, wanted: Wanted) -> tuple[Item, ...] | Abstain:
        """Needs no model."""
        return await self._apart(lambda shelf: shelf.listing(wanted)) if self.begun else ()

    async def forget(self, items: Sequence[Item]) -> Abstain | None:
        """Needs no model."""
        return await self._apart(lambda shelf: shelf.forget(items)) if items else None

    @property
    def begun(self) -> bool:
        """Whether there can be anything: an empty home is not worth loading a model for."""
        return bool(self._settings.url) or self._folder.exists()

    def told(self) -> str:
        """For a person, in one line, without loading anything."""
        try:
            name = self._embedder.name
        except ConfigError as missing:
            return f"recalls nothing: {missing}"
        return f"{name}, at {self._settings.url or self._folder}" if self.begun else f"{name}; nothing remembered yet"

    def _with_shelf(self, work: Callable[[Shelf], T], embedder: Embedder | None) -> T:
        """Opened for one question: another process, such as a person's command, may change what lies there."""
        if not self._settings.url:
            self._folder.mkdir(parents=True, exist_ok=True)
        with closing(Shelf.open(self._settings, self._folder, embedder)) as shelf:
            return work(shelf)

    async def _apart(self, work: Callable[[Shelf], T], embedder: Embedder | None = None) -> T | Abstain:
        """In a thread of its own that nobody waits for at the end: a server that hangs must not hang the desk."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T | Abstain] = loop.create_future()

        def tell(answer: T | Abstain) -> None:
            if not done.done():
                done.set_result(answer)

        def run() -> None:
            answer = self._guarded(work, embedder)
            with suppress(RuntimeError):  # the loop may be gone, and with it whoever asked
                loop.call_soon_threadsafe(tell, answer)

        threading.Thread(target=run, name="recall", daemon=True).start()
        timeout_s = self._settings.timeout_s
        try:
            return await asyncio.wait_for(done, timeout_s)
        except TimeoutError:
            return Abstain(f"recall did not answer in {timeout_s} s")

    def _guarded(self, work: Callable[[Shelf], T], embedder: Embedder | None) -> T | Abstain:
        if not self._one_at_a_time.acquire(timeout=self._settings.timeout_s):
            return Abstain("recall is still busy with an earlier question")
        try:
            return self._with_shelf(work, embedder)
        except DeskError as refused:
            return Abstain(str(refused))
        except BaseException as broken:  # noqa: BLE001  # a folder, a server, a panic of Chroma's: the desk goes on
            told = (str(broken).strip().splitlines() or [""])[0]
            return Abstain(f"recall is broken: {type(broken).__name__}: {told}"[:300])
        finally:
            self._one_at_a_time.release()


@dataclass(frozen=True, slots=True)
class Remembering:
    """One account's memory, as its agents may ask it: what was known at a time, and no text of somebody else's."""

    recall: Recall
    account_id: str

    async def about(self, text: str, *, symbol: str, as_of_ns: int, n: int) -> tuple[Found, ...] | Abstain:
        wanted = Wanted(self.account_id, symbol, as_of_ns=as_of_ns, worst=Taint.DERIVED)
        return await self.recall.search(text, wanted, n=n)
