"""Known wallets of exchanges: versioned data with source and date. Without it, nothing is said about flows."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from core.canonical import digest_bytes
from core.errors import ConfigError

_ETHEREUM: Final = re.compile(r"0x[0-9a-fA-F]{40}")
_BITCOIN: Final = re.compile(r"[13][1-9A-HJ-NP-Za-km-z]{25,34}|bc1[02-9ac-hj-np-z]{11,71}")
_CHAINS: Final = {"bitcoin": _BITCOIN, "ethereum": _ETHEREUM}


@dataclass(frozen=True, slots=True)
class Token:
    """An ERC-20 contract, address in lower case."""

    asset: str
    address: str
    decimals: int


@dataclass(frozen=True, slots=True)
class Wallets:
    """Addresses to exchanges, by chain; Ethereum's in lower case. `version` stands in the source of every reading."""

    bitcoin: Mapping[str, str]
    ethereum: Mapping[str, str]
    tokens: tuple[Token, ...]
    version: str


def wallets(file: str = "") -> Wallets:
    """The shipped list, or one of the operator's own in the same form."""
    if not file:
        content = files("market.sources.chain").joinpath("wallets.toml").read_bytes()
        return parse(content, "wallets.toml")
    try:
        return parse(Path(file).read_bytes(), file)
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from None


def parse(content: bytes, where: str) -> Wallets:
    """A list of wallets. An entry without source and date, or with an address that is none, refuses the whole."""
    try:
        table = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{where} is not TOML: {error}") from None
    if not isinstance(table.get("version"), int):
        raise ConfigError(f"{where} has no version; allowed is a whole number that rises with every change")
    found: dict[str, dict[str, str]] = {chain: {} for chain in _CHAINS}
    for entry in table.get("list", []):
        exchange = _stated(entry, where)
        for chain, form in _CHAINS.items():
            for address in entry.get(chain, []):
                if not isinstance(address, str) or form.fullmatch(address) is None:
                    raise ConfigError(f"{where}: {address!r} of {exchange} is no address of {chain}")
                found[chain][address.lower() if chain == "ethereum" else address] = exchange
    tokens = tuple(_token(asset, line, where) for asset, line in table.get("tokens", {}).items())
    version = f"{table['version']}-{digest_bytes(content)[:8]}"
    return Wallets(found["bitcoin"], found["ethereum"], tokens, version)


def _stated(entry: Any, where: str) -> str:
    exchange, source, read = (entry.get(key) for key in ("exchange", "source", "read"))
    if not (exchange and isinstance(exchange, str) and source and isinstance(source, str) and isinstance(read, date)):
        raise ConfigError(f"{where}: {exchange!r} states source {source!r} and date {read!r}; both are needed")
    return exchange


def _token(asset: str, line: Any, where: str) -> Token:
    address, decimals = line.get("address"), line.get("decimals")
    if not isinstance(address, str) or _ETHEREUM.fullmatch(address) is None or decimals not in range(37):
        raise ConfigError(f"{where}: token {asset} has address {address!r} and decimals {decimals!r}")
    return Token(asset, address.lower(), decimals)
