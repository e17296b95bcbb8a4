"""Binance's ticker rows as its streams write them: the REST row under one-letter names."""

from typing import Any

_TICKER_KEYS = {
    "s": "symbol",
    "p": "priceChange",
    "P": "priceChangePercent",
    "w": "weightedAvgPrice",
    "x": "prevClosePrice",
    "c": "lastPrice",
    "Q": "lastQty",
    "b": "bidPrice",
    "B": "bidQty",
    "a": "askPrice",
    "A": "askQty",
    "o": "openPrice",
    "h": "highPrice",
    "l": "lowPrice",
    "v": "volume",
    "q": "quoteVolume",
    "O": "openTime",
    "C": "closeTime",
    "F": "firstId",
    "L": "lastId",
    "n": "count",
}


def ticker(row: dict[str, Any], now: int) -> dict[str, Any]:
    return {"e": "24hrTicker", "E": now, **{short: row[long] for short, long in _TICKER_KEYS.items()}}


def mini_ticker(row: dict[str, Any], now: int) -> dict[str, Any]:
    keys = ("s", "c", "o", "h", "l", "v", "q")
    return {"e": "24hrMiniTicker", "E": now, **{key: row[_TICKER_KEYS[key]] for key in keys}}
