"""Keys of sources: from the environment only, and in no message, log or representation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PREFIX: Final = "TRADEWARDEN_"
MASK: Final = "***"
_SHORTEST: Final = 6  # a shorter one is no key, and might be a word
# Of each key: what it is for. Nothing else of the environment is read.
NAMES: Final[Mapping[str, str]] = {
    "CRYPTOPANIC_TOKEN": "CryptoPanic's auth_token",
    "NEWSAPI_KEY": "NewsAPI's key",
    "REDDIT_ID": "client id of a Reddit script application",
    "REDDIT_SECRET": "its secret",
    "X_BEARER": "bearer token of an X application",
    "ETHEREUM_RPC": "URL of an Ethereum node (Alchemy and Infura have the key in it)",
    "ETHEREUM_WS": "websocket URL of an Ethereum node",
    "COINGECKO_KEY": "CoinGecko's demo key",
    "COINMARKETCAP_KEY": "CoinMarketCap's key",
    "GITHUB_TOKEN": "a GitHub token without scopes",
}


class Secrets:
    """What of the environment sources may use. `SIGNAL_<NAME>` holds the bearer token of an external signal."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._found = {
            name.removeprefix(PREFIX): value
            for name, value in environment.items()
            if value and name.startswith(PREFIX) and _is_ours(name.removeprefix(PREFIX))
        }

    def get(self, name: str) -> str | None:
        """The key, or None where it is not set."""
        return self._found.get(name)

    def missing(self, *names: str) -> str:
        """'set TRADEWARDEN_…' for the keys of these that are not set; '' where all are."""
        absent = [f"{PREFIX}{name}" for name in names if name not in self._found]
        return f"no key: set {' and '.join(absent)} in the environment or .env" if absent else ""

    def scrubbed(self, text: str) -> str:
        """A text in which no key stands, whole or as the tail of a URL."""
        tails = {value.rstrip("/").rpartition("/")[2] for value in self._found.values()}
        for part in sorted({*self._found.values(), *tails}, key=len, reverse=True):
            if len(part) >= _SHORTEST:
                text = text.replace(part, MASK)
        return text

    def __repr__(self) -> str:
        return f"Secrets({', '.join(sorted(self._found))})"


def _is_ours(name: str) -> bool:
    return name in NAMES or name.startswith("SIGNAL_")
