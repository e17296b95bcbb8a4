"""Which assets a text names: by ticker or by name, from a table, longest name first."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any


def assets_in(text: str) -> tuple[str, ...]:
    """Base assets in the order of the table. 'Bitcoin Cash' is not also Bitcoin, and a lower-case 'link' is a word."""
    names, tickers, order = _table()
    found = {tickers[match[1]] for match in _DOLLAR.finditer(text) if match[1] in tickers}

    def taken(match: re.Match[str]) -> str:
        found.add(names[match[0].lower()])
        return " "

    rest = _names_pattern().sub(taken, text)
    found.update(match[0] for match in _plain_pattern().finditer(rest))
    return tuple(asset for asset in order if asset in found)


def names() -> Mapping[str, str]:
    """Every name in lower case, with the ticker of its asset; of the market as a whole the empty one."""
    return _table()[0]


_DOLLAR = re.compile(r"\$([A-Z]{2,6})\b")


@cache
def _table() -> tuple[dict[str, str], dict[str, str], tuple[str, ...]]:
    table = _lines()
    names = {name: asset for asset, line in table.items() for name in line["names"]}
    return names, {asset: asset for asset in table}, tuple(table)


@cache
def _names_pattern() -> re.Pattern[str]:
    longest_first = sorted(_table()[0], key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first))})\b", re.IGNORECASE)


@cache
def tickers() -> tuple[str, ...]:
    """Those that mean nothing else when they stand in capitals."""
    return tuple(asset for asset, line in _lines().items() if asset and line.get("plain", True))


@cache
def _lines() -> dict[str, dict[str, Any]]:
    return tomllib.loads(files("market.sources").joinpath("assets.toml").read_text(encoding="utf-8"))


@cache
def _plain_pattern() -> re.Pattern[str]:
    return re.compile(rf"(?<![\w$])(?:{'|'.join(tickers())})(?!\w)")
