"""Which sources the desk listens to. Keys are secrets and stand in the environment, never here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _web(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https", "ws", "wss") or not parts.hostname:
        raise ValueError("it is no web address")
    if parts.username or parts.password:
        raise ValueError("a password in a URL is a secret: it belongs into the environment")
    return url


Url = Annotated[str, AfterValidator(_web)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
Asset = Annotated[str, Field(pattern=r"^[A-Z0-9]{2,10}$")]

BUILT_IN = (
    "rss",
    "pages",
    "cryptopanic",
    "newsapi",
    "reddit",
    "x",
    "gas",
    "ethereum-flows",
    "ethereum-watch",
    "bitcoin-flows",
    "coingecko",
    "coinmarketcap",
    "fear-greed",
    "github",
    "signals",
)  # fmt: skip


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FeedSettings(_Table):
    """A feed of the operator's own, beside those that are shipped."""

    name: Name
    url: Url
    language: str = Field("", pattern=r"^([a-z]{2})?$", description="ISO 639-1; detected where empty")
    whole_market: bool = Field(False, description="what it says concerns every asset: a central bank, a regulator")


class PageSettings(_Table):
    """A web page or a PDF to read and to watch for changes: a whitepaper, a statement, minutes."""

    name: Name
    url: Url
    every_s: int = Field(6 * 3600, ge=60)


class ContractSettings(_Table):
    """Events of one contract to watch as they happen, by their topic (the hash of the event's signature)."""

    name: Name
    address: str = Field(pattern=r"^0x[0-9a-fA-F]{40}$")
    topic: str = Field(pattern=r"^0x[0-9a-fA-F]{64}$")
    asset: Asset = "ETH"


class SignalSettings(_Table):
    """A number that somebody else publishes about an asset: untrusted, from -1 to 1, polled or sent to a webhook."""

    name: Name
    asset: Asset
    kind: Literal["poll", "webhook"] = "poll"
    url: Url | None = None
    value: tuple[str, ...] = Field(("value",), min_length=1, description="path of the number in the answer")
    time: tuple[str, ...] = Field(("time",), description="path of its time; empty: when it was read")
    every_s: int = Field(300, ge=5)


class SourcesSettings(_Table):
    """`enabled` names built-in sources and plug-ins. With none, the desk reads nothing from outside."""

    enabled: tuple[str, ...] = ()
    allow_private: tuple[str, ...] = Field((), description="hosts, addresses or networks that are not public")
    per_minute: int = Field(60, ge=1, le=6_000, description="requests a minute for each host")
    base_urls: Mapping[Name, Url] = Field({}, description="another address of a vendor's API: a gateway, a test server")
    assets: tuple[Asset, ...] = Field(("BTC", "ETH"), min_length=1)
    shipped_feeds: bool = True
    feeds: tuple[FeedSettings, ...] = ()
    pages: tuple[PageSettings, ...] = ()
    query: str = Field("bitcoin OR ethereum OR crypto", min_length=1, max_length=400, description="of NewsAPI and X")
    subreddits: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{2,21}$")], ...] = ("CryptoCurrency", "Bitcoin")
    repositories: Mapping[Asset, Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")]] = {
        "BTC": "bitcoin/bitcoin",
        "ETH": "ethereum/go-ethereum",
    }
    large_transfer: Mapping[Asset, int] = Field(
        {"BTC": 100, "ETH": 1_000, "USDT": 1_000_000, "USDC": 1_000_000},
        description="units from which a transfer to or from an exchange is told on its own",
    )
    confirmations: int = Field(3, ge=0, le=100, description="blocks below the newest that are read")
    flow_window_s: int = Field(3600, ge=60, le=86_400)
    wallets: str = Field("", description="a file of exchange wallets in place of the shipped one")
    watch_pending: bool = Field(
        False, description="large transfers before they are in a block, over the node's websocket"
    )
    contracts: tuple[ContractSettings, ...] = ()
    signals: tuple[SignalSettings, ...] = ()
    plugins: Mapping[str, Mapping[str, str | int | bool]] = Field({}, description="options of plug-ins, by name")
