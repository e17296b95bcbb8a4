"""Matches candle files to symbols: by the name of the file, or as told with `BTC/USDT=FILE`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from core.errors import ConfigError


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
