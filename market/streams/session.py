"""One ccxt.pro object from its first request to its last: it subscribes, watches, and ends at the first thing wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

from core.errors import ConfigError, ExchangeUnavailable
from core.time import SECOND_NS
from market.endpoints import repoint
from market.orderbooks.verified import UNREADABLE, State
from market.streams.held import Held
from market.streams.patience import Patience
from market.streams.snapshots import Snapshots
from market.streams.tap import Tap, tapped

Work = Coroutine[Any, Any, Any]


class Session:
    """`run` returns never, and raises what ended it. The object that it made is closed then and never used again."""

    def __init__(
        self,
        held: Held,
        base: type,
        patience: Patience,
        options: Mapping[str, Any],
        endpoints: Mapping[str, str] | None,
    ) -> None:
        self._held, self._patience = held, patience
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tap = Tap(held.dialect.make_feed({}), held.counts, held.clock.now_ns, self._end)
        self._exchange = tapped(base, self._tap, dict(options))
        if endpoints is not None:
            repoint(self._exchange, endpoints)

    async def run(self, known_markets: list[Any]) -> None:
        """`known_markets` is filled by the first session that loads them, and used by those after it."""
        tasks: list[asyncio.Task[Any]] = []
        try:
            await asyncio.wait_for(self._open(known_markets), self._patience.open_s)
            tasks = [asyncio.create_task(work) for work in self._work()]
            await self._until_something_ends(tasks)
        except BaseException as wrong:
            self._held.lose(f"{type(wrong).__name__}: {wrong}"[:100])
            raise
        finally:
            await self._close(tasks)

    async def _until_something_ends(self, tasks: list[asyncio.Task[Any]]) -> None:
        # Subscriptions answer and are done; what fails, and the socket's end, ends the session.
        waiting: set[asyncio.Future[Any]] = {self._ended, *tasks}
        while True:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if task.cancelled():
                    # By ccxt, as it closed a client. Raised as it is, it would look as if somebody had stopped us.
                    raise ExchangeUnavailable("a subscription was cancelled with its connection")
                task.result()

    async def _close(self, tasks: list[asyncio.Task[Any]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._ended.done():
            self._ended.exception()  # told already, or something else ended the session first
        try:
            await asyncio.wait_for(self._exchange.close(), self._patience.close_s)
        except TimeoutError:
            # A dead socket does not answer a close frame either: then the transport goes without one.
            self._exchange.clients = {}
            await self._exchange.close()

    def _end(self, error: BaseException) -> None:
        if not self._ended.done():
            self._ended.set_exception(ExchangeUnavailable(f"{type(error).__name__}: {error}"[:200]))

    async def _open(self, known_markets: list[Any]) -> None:
        held, exchange = self._held, self._exchange
        if known_markets:
            exchange.set_markets(*known_markets)
        else:
            await exchange.load_markets()
            known_markets += [exchange.markets, exchange.currencies]
        await self._ask_time()
        missing = [symbol for symbol in held.symbols if symbol not in exchange.markets]
        if missing:
            raise ConfigError(f"{held.venue} has no {', '.join(missing)}")
        held.markets = {symbol: exchange.market(symbol) for symbol in held.symbols}
        held.adopt(exchange, self._tap)
        held.connected = True

    def _work(self) -> list[Work]:
        held = self._held
        work = [*self._subscriptions(), self._watch(), self._ask_time_for_ever()]
        if "book" in held.kinds and held.dialect.snapshot is not None:
            snapshots = Snapshots(self._exchange, held, self._patience)
            work += [snapshots.bring(), snapshots.confirm()]
        if perpetuals := [symbol for symbol, market in held.markets.items() if market.get("swap")]:
            work.append(self._ask_funding_for_ever(perpetuals))
        return work

    def _subscriptions(self) -> list[Work]:
        held, exchange = self._held, self._exchange
        symbols, frame = list(held.symbols), held.timeframe.value
        work: list[Work] = []
        unavailable = []
        if "book" in held.kinds:
            work.append(exchange.watch_order_book_for_symbols(symbols, held.dialect.depth))
        if "trades" in held.kinds:
            work.append(exchange.watch_trades_for_symbols(symbols))
        if "ticker" in held.kinds:
            work.append(exchange.watch_tickers(symbols))
        if "candles" in held.kinds:
            if exchange.has.get("watchOHLCVForSymbols"):
                work.append(exchange.watch_ohlcv_for_symbols([[symbol, frame] for symbol in symbols]))
            elif exchange.has.get("watchOHLCV"):
                work += [exchange.watch_ohlcv(symbol, frame) for symbol in symbols]
            else:
                unavailable.append("candles")
        held.unavailable = tuple(unavailable)
        return work

    async def _watch(self) -> None:
        """Ends the session on silence; lets books grow stale, and bars close, in time."""
        held, patience = self._held, self._patience
        stale_ns = int(max(held.dialect.quiet_s, patience.silence_s) * SECOND_NS)
        while True:
            await asyncio.sleep(patience.check_s)
            now_ns, venue_now_ns = held.clock.now_ns(), held.venue_clock.venue_now_ns()
            if (silent_ns := self._tap.silent_ns()) > patience.silence_s * SECOND_NS:
                held.counts.silences += 1
                raise ExchangeUnavailable(f"nothing heard for {silent_ns / SECOND_NS:.1f} s")
            for candles in held.candles.values():
                candles.sweep(venue_now_ns - silent_ns, now_ns)
            for book in held.books.values():
                book.expire(now_ns, stale_ns)
                if held.dialect.snapshot is None and book.state is State.INVALID:
                    # Where the snapshot comes with the subscription, a new session is what brings one.
                    raise ExchangeUnavailable(f"the book of {book.symbol} is {book.describe()}")

    async def _ask_time_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._patience.skew_s)
            await self._ask_time()

    async def _ask_time(self) -> None:
        if self._exchange.has.get("fetchTime"):
            async with self._excused():
                await self._held.venue_clock.measure(self._exchange.fetch_time)

    async def _ask_funding_for_ever(self, perpetuals: list[str]) -> None:
        while self._exchange.has.get("fetchFundingRate"):
            for symbol in perpetuals:
                rate = None
                async with self._excused():
                    rate = Decimal(str((await self._exchange.fetch_funding_rate(symbol))["fundingRate"]))
                if rate is None or not rate.is_finite():
                    # What nobody confirms any more is not known.
                    self._held.funding.pop(symbol, None)
                else:
                    self._held.funding[symbol] = rate
            await asyncio.sleep(self._patience.funding_s)

    @asynccontextmanager
    async def _excused(self) -> AsyncIterator[None]:
        """A question beside the streams: that it fails, or is answered with junk, is counted and does not end them."""
        from ccxt.base.errors import BaseError

        try:
            yield
        except (BaseError, OSError, TimeoutError, *UNREADABLE) as wrong:
            self._held.counts.polls_failed += 1
            self._held.last_failure = f"{type(wrong).__name__}: {wrong}"[:200]
