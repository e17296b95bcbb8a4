"""What the name of a file says: symbol, venue, whether it is about a perpetual; and files matched to symbols."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from core.errors import ConfigError

# Quotes of today's venues. A longer one is tried first: ADABUSD is ADA in BUSD, and not ADAB in USD.
_QUOTES = (
    "FDUSD", "USDT", "USDC", "BUSD", "TUSD", "USDP", "DAI", "USD", "EUR", "GBP", "JPY", "KRW", "TRY", "BRL",
    "AUD", "BTC", "ETH", "BNB",
)  # fmt: skip
_STABLE = frozenset({"FDUSD", "USDT", "USDC", "BUSD", "TUSD", "USDP", "DAI"})
# As ccxt calls them. A name outside this list is no evidence: the operator says it.
_VENUES = frozenset(
    {
        "binance", "binanceus", "binanceusdm", "binancecoinm", "bitfinex", "bitget", "bitmex", "bitstamp",
        "bybit", "coinbase", "coinbaseexchange", "coinmarketcap", "deribit", "gateio", "gemini", "htx",
        "hyperliquid", "kraken", "krakenfutures", "kucoin", "mexc", "okx", "phemex", "poloniex", "upbit",
    }
)  # fmt: skip
_PERPETUAL = frozenset({"perp", "perpetual", "swap", "futures", "future"})
_SYMBOL = re.compile(r"[A-Z0-9]+/[A-Z0-9]+(:[A-Z0-9]+)?")
_PAIR = re.compile(rf"[A-Z0-9]{{2,10}}({'|'.join(_QUOTES)})")


def symbol_for(path: Path, symbols: Sequence[str]) -> str:
    """The one symbol that the file's name shows, as BTCUSDT, BTC_USDT or BTC-USDT."""
    matches = [symbol for symbol in symbols if _shows(path.name, symbol)]
    if len(matches) == 1:
        return matches[0]
    found = f"shows {' and '.join(matches)}" if matches else f"shows none of {', '.join(symbols)}"
    raise ConfigError(f"the file name {path.name} {found}; allowed is one, or say which with SYMBOL={path.name}")


def assign(files: Sequence[str], symbols: Sequence[str]) -> dict[str, Path]:
    """One file for every symbol, in the order of `symbols`; each of `files` is FILE or SYMBOL=FILE."""
    chosen: dict[str, Path] = {}
    for text in files:
        symbol, path = _named(text, symbols)
        if symbol in chosen:
            raise ConfigError(f"{symbol} has two files, {chosen[symbol].name} and {path.name}; allowed is one")
        chosen[symbol] = path
    without = [symbol for symbol in symbols if symbol not in chosen]
    if without:
        raise ConfigError(f"no candle file for {', '.join(without)}; allowed is one file for every symbol")
    return {symbol: chosen[symbol] for symbol in symbols}


def symbol_in(name: str) -> str | None:
    """The symbol that a file's name shows by itself, or None where it shows none or several: 'BTC/USDT:USDT'."""
    tokens = [token for token in re.split(r"[^A-Za-z0-9]+", name) if token]
    # A pair in one word is better evidence than two neighbours, which must be written large: cmc_bnb shows nothing.
    single = {pair for token in tokens if (pair := parted(token.upper())) is not None}
    joined = {f"{base}/{quote}" for base, quote in pairwise(tokens) if base != quote in _QUOTES and _is_base(base)}
    found = single or joined
    if len(found) != 1:
        return None
    symbol = found.pop()
    return perpetual(symbol) if says_perpetual(name) else symbol


def parted(word: str) -> str | None:
    """'BTC/USDT' of BTCUSDT; None for what ends in no quote that we know."""
    if _PAIR.fullmatch(word) is None:
        return None
    quote = next(q for q in _QUOTES if word.endswith(q) and len(word) > len(q) + 1)
    return f"{word.removesuffix(quote)}/{quote}"


def perpetual(symbol: str) -> str:
    """The perpetual on a pair as ccxt writes it: settled in its stable quote, or in the coin where the quote is USD."""
    base, _, quote = symbol.partition("/")
    return f"{symbol}:{quote if quote in _STABLE else base}"


def says_perpetual(name: str) -> bool:
    return bool(_PERPETUAL & set(_tokens(name)))


def venue_in(name: str) -> str | None:
    """The one venue that a file's name shows, or None."""
    found = _VENUES & set(_tokens(name))
    return next(iter(found)) if len(found) == 1 else None


def same_pair(symbol: str, other: str) -> bool:
    """Whether two symbols are one pair, whatever they settle in and however they are written."""
    return _squashed(symbol) == _squashed(other)


def check_symbol(symbol: str) -> str:
    """The symbol, or ConfigError where it is not as ccxt writes them."""
    if not _SYMBOL.fullmatch(symbol):
        raise ConfigError(f"expected a symbol such as BTC/USDT or BTC/USDT:USDT, found {symbol!r}")
    return symbol


def _squashed(symbol: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", symbol.partition(":")[0].upper())


def _tokens(name: str) -> list[str]:
    return [token for token in re.split(r"[^a-z0-9]+", name.lower()) if token]


def _is_base(token: str) -> bool:
    return token.isupper() and len(token) >= 2 and token.lower() not in _VENUES


def _named(text: str, symbols: Sequence[str]) -> tuple[str, Path]:
    symbol, equals, file = text.partition("=")
    # A folder may hold an equals sign (month=2021-05): only a known symbol or something like one is taken as a name.
    if equals and re.fullmatch(r"[A-Z0-9]+/[A-Z0-9]+", symbol):
        if symbol not in symbols:
            raise ConfigError(f"{text} names {symbol}, allowed are {', '.join(symbols)}")
        return symbol, Path(file)
    path = Path(text)
    return symbol_for(path, symbols), path


def _shows(name: str, symbol: str) -> bool:
    base, _, quote = symbol.partition("/")
    # Bounded, so that WBTCUSDT does not show BTC/USDT.
    pattern = rf"(?<![A-Z0-9]){re.escape(base)}[_-]?{re.escape(quote)}(?![A-Z])"
    return re.search(pattern, name.upper()) is not None
