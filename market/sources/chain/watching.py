"""Large transfers before they are mined, and chosen contract events as they happen, by eth_subscribe.

A pending transfer is an intention: it may be replaced or never mined, so it is a series of its own. An event whose
block is removed comes a second time, marked so, and is taken back.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from itertools import count
from typing import Any, Final

from core.ports import Clock
from core.time import SECOND_NS
from market.sources.chain.rpc import quantity_of
from market.sources.chain.wallets import Wallets, wallets
from market.sources.context import Context
from market.sources.fields import items, pick, words
from market.sources.items import Abstention, Batch, Reading
from market.sources.settings import SourcesSettings
from market.web import Unavailable

NAME: Final = "ethereum-watch"
_WEI: Final = Decimal(10) ** -18
_SILENCE_S: Final = 60.0  # Ethereum has pending transactions every second
_LONGEST_PAUSE_S: Final = 60.0
_SEEN: Final = 20_000
_MOST_BYTES: Final = 2_000_000
_WAITING: Final = 10_000  # readings between two polls


class Watcher:
    """Yields readings for ever; reconnects on its own, and counts. Stop it by closing the iterator."""

    def __init__(
        self,
        url: str,
        clock: Clock,
        settings: SourcesSettings,
        known: Wallets,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: random.Random | None = None,
        silence_s: float = _SILENCE_S,
    ) -> None:
        self._url, self._clock, self._settings, self._wallets = url, clock, settings, known
        self._sleep, self._chance, self._silence_s = sleep, chance or random.Random(), silence_s
        self._contracts = {contract.address.lower(): contract for contract in settings.contracts}
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._told: OrderedDict[str, int] = OrderedDict()
        self.counts: Counter[str] = Counter()
        self.trouble = "it is not connected yet"  # for people; '' while it is connected
        self.heard_ns: int | None = None

    async def readings(self) -> AsyncIterator[Reading]:
        """Readings as they come. A lost connection is counted, told in `trouble`, and made again."""
        pause = 1.0
        while True:
            try:
                async for reading in self._session():
                    pause = 1.0
                    yield reading
                self.trouble = "the node closed the connection"
            except (OSError, TimeoutError, Unavailable) as failed:
                self.trouble = str(failed) if isinstance(failed, Unavailable) else type(failed).__name__
            self.counts["reconnects"] += 1
            await self._sleep(self._chance.uniform(pause / 2, pause))
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    async def _session(self) -> AsyncIterator[Reading]:
        from websockets.asyncio.client import connect
        from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

        try:
            async with connect(self._url, max_size=_MOST_BYTES, open_timeout=self._silence_s, proxy=None) as socket:
                kinds = await self._subscribe(socket)
                self.trouble = ""
                while True:
                    message = await asyncio.wait_for(socket.recv(), self._silence_s)
                    self.heard_ns = self._clock.now_ns()
                    if (reading := self._reading(message, kinds)) is not None:
                        yield reading
        except ConnectionClosed:
            return
        except (InvalidHandshake, InvalidURI) as refused:
            # The URL may hold a key, and so may what these say.
            raise Unavailable(f"the node refused the websocket: {type(refused).__name__}") from None

    async def _subscribe(self, socket: Any) -> dict[str, str]:
        """The kinds of the subscriptions that the node accepted, by their ids."""
        wanted: list[tuple[str, list[Any]]] = []
        if self._settings.watch_pending:
            wanted.append(("pending", ["newPendingTransactions", True]))
        wanted += [
            ("logs", ["logs", {"address": contract.address.lower(), "topics": [contract.topic]}])
            for contract in self._settings.contracts
        ]
        kinds: dict[str, str] = {}
        for number, (kind, params) in zip(count(1), wanted, strict=False):
            question = {"jsonrpc": "2.0", "id": number, "method": "eth_subscribe", "params": params}
            await socket.send(json.dumps(question))
            while True:
                answer = _table(await asyncio.wait_for(socket.recv(), self._silence_s))
                if answer.get("id") == number:
                    break
            if not (name := words(answer, "result")):
                said = words(answer, "error", "message")[:100]
                raise Unavailable(f"the node does not subscribe to {params[0]}: {said or 'no reason'}")
            kinds[name] = kind
        return kinds

    def _reading(self, message: str | bytes, kinds: dict[str, str]) -> Reading | None:
        found = _table(message)
        kind = kinds.get(words(found, "params", "subscription"))
        result = pick(found, "params", "result")
        if kind is None or not isinstance(result, dict):
            self.counts["unreadable"] += 1
            return None
        try:
            return self._pending(result) if kind == "pending" else self._event(result)
        except Unavailable:
            self.counts["unreadable"] += 1
            return None

    def _pending(self, sent: dict[str, Any]) -> Reading | None:
        known = self._wallets.ethereum
        paid_by, paid_to = known.get(words(sent, "from").lower()), known.get(words(sent, "to").lower())
        amount = quantity_of(sent.get("value"), "pending") * _WEI
        least = self._settings.large_transfer.get("ETH")
        name = words(sent, "hash")
        if paid_by == paid_to or least is None or amount < least or not name or self._is_known(name):
            return None
        self.counts["pending"] += 1
        now = self._clock.now_ns()
        signed = amount if paid_to else -amount
        reference = f"{paid_to or paid_by}:{name}"
        return Reading("pending_exchange_transfer", "ETH", f"{NAME}:pending", now, now, signed, "ETH", reference)

    def _event(self, log: dict[str, Any]) -> Reading | None:
        contract = self._contracts.get(words(log, "address").lower())
        topics = items(log, "topics")
        if contract is None or not topics or topics[0] != contract.topic:
            raise Unavailable("a log that was not asked for")
        removed = log.get("removed") is True
        reference = f"{words(log, 'transactionHash')}:{words(log, 'logIndex')}"
        if self._is_known(f"{reference}:{words(log, 'blockHash')}:{removed}"):
            return None
        now = self._clock.now_ns()
        event_ns = self._dated(reference, log, now, removed)
        if event_ns is None:
            self.counts["removals of unknown events"] += 1
            return None
        self.counts["removed events" if removed else "events"] += 1
        series = f"event:{contract.name}"
        return Reading(
            series, contract.asset, f"{NAME}:logs", event_ns, now, Decimal(1), "events", reference, retracted=removed
        )

    def _dated(self, reference: str, log: dict[str, Any], now: int, removed: bool) -> int | None:
        """The block's time where the node says it, else when it was first heard of; its removal bears the same time."""
        if removed:
            return self._told.pop(reference, None)
        stated = log.get("blockTimestamp")
        event_ns = now if stated is None else min(now, quantity_of(stated, "logs") * SECOND_NS)
        self._told[reference] = event_ns
        if len(self._told) > _SEEN:
            self._told.popitem(last=False)
        return event_ns

    def _is_known(self, name: str) -> bool:
        """Nodes repeat themselves, above all after a reconnect."""
        if name in self._seen:
            self.counts["duplicates"] += 1
            return True
        self._seen[name] = None
        if len(self._seen) > _SEEN:
            self._seen.popitem(last=False)
        return False


class Watch:
    """The watcher as a source: polls hand over what it heard since the last, or say why it hears nothing."""

    name, cadence_s = NAME, 5

    def __init__(self, watcher: Watcher, clock: Clock) -> None:
        self._watcher, self._clock = watcher, clock
        self._waiting: deque[Reading] = deque()
        self._task: asyncio.Task[None] | None = None
        self._told: Counter[str] = Counter()

    async def poll(self, since_ns: int) -> Batch | Abstention:
        if self._task is None:
            self._task = asyncio.create_task(self._listen())
            await asyncio.sleep(0)
        if self._task.done():
            # It never ends on its own: what ended it is for the caller to tell, and the next poll begins it anew.
            broken, self._task = self._task, None
            broken.result()
        readings = tuple(self._waiting)
        self._waiting.clear()
        news = self._watcher.counts - self._told
        self._told = self._watcher.counts.copy()
        if not readings and self._watcher.trouble:
            return Abstention(self.name, self._watcher.trouble, self._clock.now_ns())
        return Batch((), readings, counts=news)

    async def aclose(self) -> None:
        """Lets go of the connection."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _listen(self) -> None:
        async for reading in self._watcher.readings():
            if len(self._waiting) < _WAITING:
                self._waiting.append(reading)
            else:
                self._watcher.counts["overflowed"] += 1


def watch_of(context: Context) -> tuple[Watch, ...]:
    """The source, or none where there is nothing to watch or no websocket to watch it on."""
    settings = context.settings
    url = context.secrets.get("ETHEREUM_WS") or context.base("ethereum-ws", "")
    if not url or not (settings.watch_pending or settings.contracts):
        return ()
    return (Watch(Watcher(url, context.clock, settings, wallets(settings.wallets)), context.clock),)


def _table(message: str | bytes) -> dict[str, Any]:
    try:
        found = json.loads(message)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
