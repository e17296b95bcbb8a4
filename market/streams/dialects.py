"""What differs between venues: how a book is proven whole, where its snapshot comes from, what a market is called."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import ConfigError
from market.orderbooks.feeds import BinanceFeed, BookFeed, BybitFeed, CoinbaseFeed, KrakenFeed, OkxFeed
from market.orderbooks.sequenced import ChainedBook, SequencedBook
from market.orderbooks.streamed import BybitBook, CoinbaseBook, KrakenBook, OkxBook
from market.orderbooks.verified import Message, VerifiedBook

Market = Mapping[str, Any]  # ccxt's market structure
Listener = Callable[[VerifiedBook], object] | None
MakeBook = Callable[[Market, Listener], VerifiedBook]
FetchSnapshot = Callable[[Any, Market], Awaitable[Message]]

_SNAPSHOT_LEVELS = 500


@dataclass(frozen=True)
class Dialect:
    """One ccxt class. `depth` is what to ask of `watch_order_book_for_symbols`, None for its own default.

    `snapshot` fetches a raw book where the stream has none. `quiet_s` is how long a book of this venue may well be
    silent: longer where the stream repeats itself on its own, short where a snapshot can confirm a quiet market.
    """

    make_feed: Callable[[Any], BookFeed[Any]]
    make_book: MakeBook
    market_id: Callable[[Market], str]
    snapshot: FetchSnapshot | None = None
    depth: int | None = None
    quiet_s: float = 75.0
    consecutive_trades: bool = False


async def _binance_snapshot(exchange: Any, market: Market) -> Message:
    asked = {"symbol": market["id"], "limit": _SNAPSHOT_LEVELS}
    if market.get("linear"):
        answer = await exchange.fapiPublicGetDepth(asked)
    elif market.get("inverse"):
        answer = await exchange.dapiPublicGetDepth(asked)
    else:
        answer = await exchange.publicGetDepth(asked)
    return answer if isinstance(answer, Mapping) else {}


def _binance_book(market: Market, on_change: Listener) -> VerifiedBook:
    kind = ChainedBook if market.get("contract") else SequencedBook
    return kind(market["symbol"], on_change=on_change)


def _kraken_book(market: Market, on_change: Listener) -> VerifiedBook:
    told = market["info"]
    return KrakenBook(
        market["symbol"],
        price_digits=int(told["pair_decimals"]),
        quantity_digits=int(told["lot_decimals"]),
        depth=10,
        on_change=on_change,
    )


def _plain(kind: type[VerifiedBook]) -> MakeBook:
    def make(market: Market, on_change: Listener) -> VerifiedBook:
        return kind(market["symbol"], on_change=on_change)

    return make


def _id(market: Market) -> str:
    return str(market["id"])


_BINANCE = Dialect(BinanceFeed, _binance_book, _id, _binance_snapshot, quiet_s=30.0, consecutive_trades=True)
_FUTURES = Dialect(BinanceFeed, _binance_book, _id, _binance_snapshot, quiet_s=30.0)
DIALECTS: dict[str, Dialect] = {
    "binance": _BINANCE,
    "binanceus": _BINANCE,
    "binanceusdm": _FUTURES,
    "binancecoinm": _FUTURES,
    # Ten deep, since only so much is under its checksum.
    "kraken": Dialect(KrakenFeed, _kraken_book, lambda market: str(market["symbol"]), depth=10),
    "okx": Dialect(OkxFeed, _plain(OkxBook), _id),
    "bybit": Dialect(BybitFeed, _plain(BybitBook), _id, depth=50),
    "coinbase": Dialect(CoinbaseFeed, _plain(CoinbaseBook), _id),
}


def dialect_of(venue: str) -> Dialect:
    """Raises ConfigError for a venue whose books nobody here can prove whole."""
    if venue not in DIALECTS:
        raise ConfigError(f"no stream of {venue} can be verified, allowed are {', '.join(sorted(DIALECTS))}")
    return DIALECTS[venue]
