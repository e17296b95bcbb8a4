"""One venue's streams under supervision: what breaks is counted, seen from outside, and begun anew."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from core.errors import ConfigError, ExchangeUnavailable
from core.ports import Bus, Clock
from core.time import SECOND_NS, Timeframe
from market.streams.held import KINDS, Held
from market.streams.patience import Patience
from market.streams.session import Session

Sleep = Callable[[float], Awaitable[None]]


class VenueStream(Held):
    """Trades, books, candles and tickers of `symbols` on one venue (a ccxt class name), published on `bus`.

    `run()` never ends by itself: whatever ends a session, the next one waits a little longer and begins anew. What is
    held between them, books and last prices, can be read at any time. `options` go to the ccxt class, `endpoints` to
    `market.endpoints.repoint`.
    """

    def __init__(
        self,
        venue: str,
        symbols: Sequence[str],
        bus: Bus,
        *,
        kinds: Sequence[str] = KINDS,
        timeframe: Timeframe = Timeframe.M1,
        endpoints: Mapping[str, str] | None = None,
        options: Mapping[str, Any] | None = None,
        clock: Clock | None = None,
        patience: Patience | None = None,
        sleep: Sleep = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(venue, symbols, bus, kinds, timeframe, clock)
        self._patience = patience or Patience()
        self._endpoints, self._options = endpoints, dict(options or {})
        self._sleep, self._jitter = sleep, jitter
        self._known_markets: list[Any] = []

    async def run(self) -> None:
        """Session after session, for ever; ends only when it is cancelled."""
        beat = asyncio.create_task(self.lag.beat(), name=f"{self.venue} loop lag")
        failures = 0
        try:
            # Seconds of work the first time, which must not stop the loop.
            library = await asyncio.to_thread(import_module, "ccxt.pro")
            while True:
                began_ns = self.clock.now_ns()
                try:
                    await self._session(getattr(library, self.venue))
                except Exception as wrong:  # noqa: BLE001  # the top of this venue's loop: nothing may end it in silence
                    self._note_failure(wrong)
                if self.clock.now_ns() - began_ns > self._patience.settled_s * SECOND_NS:
                    failures = 0
                failures += 1
                self.counts.reconnects += 1
                await self._sleep(self._pause_s(failures))
        finally:
            beat.cancel()
            self.lose("stopped")

    async def _session(self, base: type) -> None:
        self.counts.sessions += 1
        await Session(self, base, self._patience, self._options, self._endpoints).run(self._known_markets)

    def _note_failure(self, wrong: Exception) -> None:
        from ccxt.base.errors import BaseError

        if not isinstance(wrong, ExchangeUnavailable | ConfigError | BaseError | OSError | TimeoutError):
            self.counts.crashes += 1
        self.last_failure = f"{type(wrong).__name__}: {wrong}"[:200]

    def _pause_s(self, failures: int) -> float:
        longest = min(self._patience.longest_retry_s, self._patience.first_retry_s * 2 ** min(failures - 1, 16))
        return float(longest * (0.5 + self._jitter() / 2))
