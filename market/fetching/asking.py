"""What every fetch asks a venue first, and how its questions are kept in order and in flight."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from core.errors import ConfigError
from market.fetching.hearing import JunkPage, listen
from market.fetching.ranges import MS_NS

if TYPE_CHECKING:
    from core.ports import Clock
    from market.fetching.calling import Caller

Where = TypeVar("Where")
Answer = TypeVar("Answer")

CANDLES, FUNDING, INTEREST, TRADES = "candles", "funding", "open-interest", "trades"
# Each kind of data, and what ccxt calls the reading of it.
KINDS = {
    CANDLES: "fetchOHLCV",
    FUNDING: "fetchFundingRateHistory",
    INTEREST: "fetchOpenInterestHistory",
    TRADES: "fetchTrades",
}


async def ready(client: Any, caller: Caller, symbol: str, kind: str) -> None:
    """Loads the venue's markets. ConfigError where it does not serve the kind, or has no such symbol for it."""
    listen(client)
    if not client.has.get(KINDS[kind]):
        others = ", ".join(other for other, call in KINDS.items() if client.has.get(call))
        raise ConfigError(
            f"{client.id} serves no {kind} (ccxt has no {KINDS[kind]} for it); it serves {others or 'no other'}"
        )
    if not client.markets:
        await caller.call(f"{client.id} markets", partial(client.load_markets, reload=True), _markets)
    if symbol not in client.markets:
        raise ConfigError(f"{client.id} has no {symbol}; it has {_some(client.symbols)}")
    if kind in (FUNDING, INTEREST) and not client.markets[symbol].get("swap"):
        raise ConfigError(f"{symbol} is no perpetual and has no {kind}; say one, such as {symbol}:USDT")


async def clocks(client: Any, caller: Caller, clock: Clock) -> tuple[int, int]:
    """Our time and the venue's, which is ours where it does not tell."""
    ours = clock.now_ns()
    if not client.has.get("fetchTime"):
        return ours, ours
    stated = await caller.call(f"{client.id} time", client.fetch_time, _moment)
    return clock.now_ns(), stated * MS_NS


async def in_order(
    questions: Iterable[Where], ask: Callable[[Where], Awaitable[Answer]], in_flight: int
) -> AsyncGenerator[tuple[Where, Answer], None]:
    """Questions with their answers, in the order of the questions; `in_flight` of them wait at a time."""
    todo, ahead = iter(questions), deque[tuple[Where, asyncio.Future[Answer]]]()
    try:
        while True:
            while len(ahead) < in_flight and (where := next(todo, None)) is not None:
                ahead.append((where, asyncio.ensure_future(ask(where))))
            if not ahead:
                return
            where, answer = ahead[0]
            await asyncio.wait({answer})
            ahead.popleft()
            yield where, answer.result()
    finally:
        for _, answer in ahead:
            answer.cancel()
        await asyncio.gather(*(answer for _, answer in ahead), return_exceptions=True)


def _markets(markets: Any) -> Any:
    if not isinstance(markets, dict) or not markets:
        raise JunkPage(f"expected markets, found {markets!r:.80}")
    return markets


def _moment(stated: Any) -> int:
    """The venue's time in ms, between 2010 and 2100."""
    if not isinstance(stated, int) or not 1_262_304_000_000 < stated < 4_102_444_800_000:
        raise JunkPage(f"expected the venue's time in milliseconds, found {stated!r:.80}")
    return stated


def _some(symbols: list[str]) -> str:
    shown = ", ".join(sorted(symbols)[:5])
    return f"{shown} and {len(symbols) - 5} more" if len(symbols) > 5 else shown
