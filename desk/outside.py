"""The doctor's look at what the desk hears and keeps: venues, the store, sources, the bus. It asks nobody anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import version
from typing import Final
from urllib.parse import urlsplit

from desk import scored
from desk.clock import SystemClock
from desk.findings import Finding, look
from desk.home import Home
from desk.settings import Settings, environment_of, masked
from market.sources.context import Context
from market.sources.feeds import shipped
from market.sources.registry import Silent, sources_of
from market.sources.secrets import Secrets
from market.sources.settings import BUILT_IN, SourcesSettings
from market.store.store import MarketStore
from market.streams.dialects import DIALECTS
from market.venues import refuse_unknown

# How a book of each venue is proven whole, as market/orderbooks does it.
_PROOFS: Final = {
    "BinanceFeed": "by update numbers that join a snapshot",
    "BybitFeed": "by update numbers",
    "OkxFeed": "by sequence numbers",
    "KrakenFeed": "by a checksum",
    "CoinbaseFeed": "by the connection's sequence numbers",
}
_NODES: Final = {"ETHEREUM_RPC": ("gas", "ethereum-flows"), "ETHEREUM_WS": ("ethereum-watch",)}


def examine(home: Home, settings: Settings) -> list[Finding]:
    """Venues, store, bus, what stored signals are worth, each enabled source, and which hosts the sources talk to."""
    found = [look("venues", _venues)]
    for venue, urls in settings.venue.endpoints.items():
        found.append(look(f"venue {venue}", partial(_venue, venue, urls)))
    found += [look("store", partial(_store, home)), look("bus", partial(_bus, settings.bus.url))]
    found += scored.examine(MarketStore(home.candles), settings, SystemClock().now_ns())
    return found + _sources(settings.market.sources, Secrets(environment_of()))


def _venues() -> str:
    return f"any of ccxt {version('ccxt')} for candles; books are proven of {', '.join(sorted(DIALECTS))}"


def _venue(venue: str, urls: Mapping[str, str]) -> str:
    refuse_unknown(venue)
    reached = f"reached at {' and '.join(urls.values())}, not at its own address"
    if venue not in DIALECTS:
        return f"{reached}; no verifier proves its books: candles can be fetched, streams are refused"
    return f"{reached}; its books are proven {_PROOFS[DIALECTS[venue].make_feed.__name__]}"


def _store(home: Home) -> str:
    """What its manifests say; whether every file is as they say is for `warden data verify`."""
    store = MarketStore(home.candles)
    counts = {
        "candle series": len(store.candles.held()),
        "number series": len(store.series.held()),
        "sources of texts": len(store.texts.sources()),
        "logs of trades, tickers and imbalances": sum(
            len(log.held()) for log in (store.trades, store.tickers, store.imbalances)
        ),
    }
    held = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return f"{held}; `warden data verify` compares every file" if held else "nothing is stored yet"


def _bus(url: str) -> str:
    return "memory: within each process" if url == "memory" else f"{masked(url)}, asked when something listens"


def _sources(settings: SourcesSettings, secrets: Secrets) -> list[Finding]:
    if not settings.enabled:
        return [Finding("sources", True, "none is enabled: nothing is read from outside")]
    from market.web.client import Web

    context = _Noting(Web(SystemClock()), SystemClock(), settings, secrets)
    found = [look(f"source {name}", partial(_source, name, context)) for name in settings.enabled]
    hosts = ", ".join(sorted(context.hosts)) or "nobody"
    plugins = [name for name in settings.enabled if name not in BUILT_IN]
    besides = f", and wherever {' and '.join(plugins)} may go" if plugins else ""
    return [*found, Finding("talks to", True, f"{hosts}{besides}")]


@dataclass(frozen=True, slots=True)
class _Noting(Context):
    """Notes whose address each source takes. Sources are made with it, and none of them is asked anything."""

    hosts: set[str] = field(default_factory=set)

    def base(self, name: str, default: str) -> str:
        url = Context.base(self, name, default)
        self.note(url)
        return url

    def note(self, *urls: str | None) -> None:
        self.hosts.update(host for url in urls if url and (host := urlsplit(url).hostname))


def _source(name: str, context: _Noting) -> str:
    one = replace(context, settings=context.settings.model_copy(update={"enabled": (name,)}), hosts=set())
    made = sources_of(one)
    silent = [source.reason for source in made if isinstance(source, Silent)]
    if silent:
        return f"silent: {'; '.join(silent)}"
    one.note(*_addresses(name, one))
    context.hosts.update(one.hosts)
    return "ready" if len(made) == 1 else f"ready, as {len(made)} sources"


def _addresses(name: str, context: Context) -> list[str | None]:
    """Where a source goes that does not ask the context for it."""
    settings = context.settings
    if name == "rss":
        named = {feed.name: feed for feed in (*(shipped() if settings.shipped_feeds else ()), *settings.feeds)}
        return [feed.url for feed in named.values()]
    if name == "pages":
        return [page.url for page in settings.pages]
    if name == "signals":
        return [signal.url for signal in settings.signals if signal.kind == "poll"]
    # A node's url is a secret, and its host is not.
    return [context.secrets.get(secret) for secret, users in _NODES.items() if name in users]
