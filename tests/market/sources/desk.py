"""A source's surroundings in the words of the tests: a local server in place of the vendors, keys, a clock."""

from __future__ import annotations

from typing import Any

from market.sources.context import Context
from market.sources.secrets import Secrets
from market.sources.settings import SourcesSettings
from market.web.client import Web
from tests.market.web.clocks import NOON, Patience, web_of
from tests.market.web.server import Server

KEYS = {
    "CRYPTOPANIC_TOKEN": "cp-s3cr3t-4711",
    "NEWSAPI_KEY": "na-s3cr3t-4711",
    "REDDIT_ID": "rd-ident-4711",
    "REDDIT_SECRET": "rd-s3cr3t-4711",
    "X_BEARER": "x-s3cr3t-4711",
    "COINMARKETCAP_KEY": "cmc-s3cr3t-4711",
    "GITHUB_TOKEN": "gh-s3cr3t-4711",
    "SIGNAL_GURU": "sg-s3cr3t-4711",
}
VENDORS = (
    "cryptopanic", "newsapi", "reddit", "reddit-login", "x", "coingecko", "coinmarketcap", "fear-greed", "github",
    "ethereum", "esplora",
)  # fmt: skip


def secrets(**more: str) -> Secrets:
    return Secrets({f"TRADEWARDEN_{name}": value for name, value in {**KEYS, **more}.items()})


def context_of(
    server: Server, web: Web, patience: Patience, keys: dict[str, str] | None = None, **settings: Any
) -> Context:
    """A context in which every vendor is the local server, each under a path of its own name."""
    bases = {name: f"{server.base}/{name}" for name in VENDORS}
    found = Secrets({f"TRADEWARDEN_{name}": value for name, value in (KEYS if keys is None else keys).items()})
    return Context(web, patience.clock, SourcesSettings(base_urls=bases, **settings), found)


__all__ = ["KEYS", "NOON", "Patience", "Server", "context_of", "secrets", "web_of"]
