"""Read-only clients of a venue: the real ccxt class, without keys, its own rate limiter on."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from core.errors import ConfigError
from market.endpoints import repoint

# What ccxt would otherwise ask for beside the spot markets: other products, margin pairs, signed currency lists.
_SPOT: dict[str, dict[str, Any]] = {
    "binance": {"fetchMarkets": {"types": ["spot"]}, "fetchMargins": False},
    "bybit": {"fetchMarkets": {"types": ["spot"]}},
}
_WITH_PERPETUALS: dict[str, dict[str, Any]] = {
    "binance": {"fetchMarkets": {"types": ["spot", "linear"]}, "fetchMargins": False},
    "bybit": {"fetchMarkets": {"types": ["spot", "linear"]}},
}
_TIMEOUT_MS = 10_000


def class_options(venue: str, *, perpetuals: bool = False) -> dict[str, Any]:
    """The `options` of a ccxt or ccxt.pro class that reads spot markets and, where wanted, linear perpetuals."""
    known = (_WITH_PERPETUALS if perpetuals else _SPOT).get(venue, {})
    return {"defaultType": "spot", "fetchCurrencies": False, **known}


def refuse_unknown(venue: str) -> None:
    """Raises ConfigError, with the names near to it, for a venue that ccxt does not know."""
    import ccxt.async_support as ccxt

    if venue not in ccxt.exchanges:
        near = difflib.get_close_matches(venue, ccxt.exchanges, n=3)
        hint = f", near to it are {', '.join(near)}" if near else ""
        raise ConfigError(f"expected the name of a venue as ccxt writes it, found {venue!r}{hint}")


def reader(
    venue: str,
    *,
    endpoints: Mapping[str, str] | None = None,
    perpetuals: bool = False,
    rate_limited: bool = True,
    timeout_ms: int = _TIMEOUT_MS,
) -> Any:
    """A ccxt exchange (async) that can read and cannot trade: it holds no keys. Close it: `await client.close()`.

    `endpoints` as `market.endpoints.repoint` takes them. Raises ConfigError for a venue that ccxt does not know.
    """
    import ccxt.async_support as ccxt

    refuse_unknown(venue)
    client = getattr(ccxt, venue)(
        {
            "enableRateLimit": rate_limited,
            "timeout": timeout_ms,
            "options": class_options(venue, perpetuals=perpetuals),
        }
    )
    if endpoints:
        repoint(client, endpoints)
    return client
