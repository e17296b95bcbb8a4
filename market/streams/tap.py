"""A ccxt.pro class with a tap before its handlers: every frame passes here first, and none can stop the reader.

Measured of ccxt.pro 4.5.90: one frame that is not JSON ends its reader for good, without a word to whoever waits. Here
such a frame is counted and passed over; books go to our own verifiers; the rest goes on to the venue's own parser.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from market.orderbooks.feeds import BookFeed
from market.streams.health import StreamCounts

_ALIVE = "tradewarden:alive"


class Tap:
    """What one session hears. `on_end` is called once with why the socket ended."""

    def __init__(
        self,
        feed: BookFeed[Any],
        counts: StreamCounts,
        now: Callable[[], int],
        on_end: Callable[[BaseException], object],
    ) -> None:
        self.feed, self._counts, self._now, self._on_end = feed, counts, now, on_end
        self.exchange: Any = None
        self.socket_ns = 0
        # By socket, since market data last came: an answered ping proves a socket, not a subscription.
        self._data_ns: dict[Any, int] = {}
        self._began_ns = now()
        self._speaking: Any = None
        self.last_malformed = ""

    def frame(self, client: Any, content: str | bytes) -> None:
        """One frame. Never raises."""
        now_ns = self._now()
        self.socket_ns, self._speaking = now_ns, client
        self._counts.frames += 1
        try:
            message = content if content == "pong" else orjson.loads(content)
        except ValueError as wrong:
            self._malformed(f"{str(wrong)[:80]} in {content[:60]!r}")
            return
        try:
            if self.feed.route(message, now_ns):
                self._data_ns[client] = now_ns
                return
            self.exchange.handle_message(client, message)
        except Exception as wrong:  # noqa: BLE001  # a venue's parser raises anything, and must not end the reader
            if _is_refusal(wrong):
                self._on_end(wrong)
                return
            self._malformed(f"{type(wrong).__name__}: {wrong}"[:160])

    def heard(self) -> int:
        """Our time, for whoever has just been given market data."""
        now_ns = self._now()
        self._data_ns[self._speaking] = now_ns
        return now_ns

    def silent_ns(self) -> int:
        """For how long the most silent socket, or the session while it has none, has brought no market data."""
        return self._now() - min(self._data_ns.values(), default=self._began_ns)

    def opened(self, client: Any) -> None:
        """A new socket: whatever ends it, a close frame or a failed read, rejects all that waits on it, so this too."""
        self._data_ns[client] = self._now()
        client.handle_text_or_binary_message = lambda content: self.frame(client, content)
        client.future(_ALIVE).add_done_callback(self._ended)

    def _ended(self, alive: Any) -> None:
        if not alive.cancelled() and (error := alive.exception()) is not None:
            self._on_end(error)

    def _malformed(self, what: str) -> None:
        self._counts.malformed += 1
        self.last_malformed = what


def tapped(base: type, tap: Tap, config: dict[str, Any]) -> Any:
    """An object of the ccxt.pro class `base`, made with `config`, whose frames all pass through `tap`.

    Numbers come as text, so that no price is rounded on its way to a decimal.
    """

    class Tapped(base):  # type: ignore[misc]
        def client(self, url: str) -> Any:
            known = url in (self.clients or {})
            client = super().client(url)
            if not known:
                tap.opened(client)
            return client

        async def fetch_order_book_snapshot(self, *_: Any) -> None:
            """Ours are fetched apart, and joined by the verifier."""

        def handle_order_book_subscription(self, *_: Any) -> None:
            """Nothing to prepare: no book of ccxt's is kept."""

    exchange = Tapped({**config, "number": str})
    tap.exchange = exchange
    return exchange


def _is_refusal(wrong: Exception) -> bool:
    from ccxt.base.errors import BaseError

    return isinstance(wrong, BaseError)
