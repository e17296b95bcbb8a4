"""The real ccxt classes, pointed at an emulated venue."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

from emulator.server import Emulator
from market.endpoints import repoint

SPOT = {
    "binance": {
        "defaultType": "spot",
        "fetchMarkets": {"types": ["spot"]},
        "fetchCurrencies": False,
        "fetchMargins": False,
    },
    "binanceusdm": {"fetchMarkets": {"types": ["linear"]}, "fetchCurrencies": False, "fetchMargins": False},
    "bybit": {"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False},
    "kraken": {},
}


def pointed(exchange_id: str, venue: Emulator, *, pro: bool = False, **options: Any) -> Any:
    """An exchange object of ccxt (`pro`: of ccxt.pro) for this venue, with its keys. `options` go to its constructor.

    Close it: `await exchange.close()`.
    """
    if pro:
        import ccxt.pro as library
    else:
        import ccxt.async_support as library
    config = {
        "apiKey": venue.api_key,
        "secret": venue.api_secret,
        "enableRateLimit": False,
        "options": SPOT[exchange_id],
        **options,
    }
    exchange = getattr(library, exchange_id)(config)
    repoint(exchange, {"rest": venue.base_url, "ws": venue.ws_url})
    return exchange


@asynccontextmanager
async def at(exchange_id: str, venue: Emulator, *, pro: bool = False, **options: Any) -> AsyncIterator[Any]:
    """The same, closed at the end."""
    exchange = pointed(exchange_id, venue, pro=pro, **options)
    try:
        yield exchange
    finally:
        await exchange.close()


async def pinned(venue: Emulator, symbol: str, price: str) -> None:
    """Hold a market of the wall clock at a price, and return when it stands there."""
    venue.exchange.pin(symbol, Decimal(price))
    async with asyncio.timeout(10):
        while abs(venue.exchange.market(symbol).last / Decimal(price) - 1) > Decimal("0.001"):
            await asyncio.sleep(0.02)
