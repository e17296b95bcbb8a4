"""Every source there is: the built-in ones by a table, others from the entry point `tradewarden.sources`.

A source that lacks its key or its settings is there as one that abstains, so that its silence is seen. A plug-in is
code that the operator trusts, named in `enabled` like any other; one that is no source refuses to start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from core.errors import ConfigError
from market.sources.context import Context
from market.sources.items import Abstention, Source
from market.sources.settings import BUILT_IN

GROUP: Final = "tradewarden.sources"


@dataclass(frozen=True, slots=True)
class Silent:
    """A source that cannot speak, and why."""

    name: str
    reason: str
    context: Context
    cadence_s: int = 3600

    async def poll(self, since_ns: int) -> Abstention:
        return Abstention(self.name, self.reason, self.context.clock.now_ns())


def sources_of(context: Context) -> tuple[Source, ...]:
    """The enabled sources, in the order of the settings.

    Raises
    ------
    ConfigError
        A name that is neither built in nor installed, two of one name, or a plug-in that is no source.
    """
    plugins = _installed()
    found: list[Source] = []
    for name in context.settings.enabled:
        if name in _BUILT_IN:
            found += _made(name, _BUILT_IN[name], context)
        elif name in plugins:
            found.append(_plugin(plugins[name], context))
        else:
            allowed = ", ".join([*BUILT_IN, *sorted(plugins)])
            raise ConfigError(f"sources.enabled names {name!r}; allowed are {allowed}")
    names = [source.name for source in found]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"two sources are called {name}: a name tells whose words they are")
    return tuple(found)


def identities() -> Mapping[str, str]:
    """What each installed plug-in is, by name: 'distribution version module:attribute'."""
    return {name: _origin(entry) for name, entry in sorted(_installed().items())}


def _installed() -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP):
        if entry.name in BUILT_IN:
            raise ConfigError(f"{_origin(entry)} calls itself {entry.name}, which is built in")
        if entry.name in found:
            raise ConfigError(f"{_origin(found[entry.name])} and {_origin(entry)} both call themselves {entry.name}")
        found[entry.name] = entry
    return found


def _plugin(entry: EntryPoint, context: Context) -> Source:
    origin = _origin(entry)
    try:
        source = entry.load()(context)
    except Exception as broken:  # noqa: BLE001  # whatever it is, the start is refused
        # Only the kind: what an alien constructor says may hold a key.
        kind = type(broken).__name__
        raise ConfigError(
            f"{origin} cannot be loaded as a source: {kind}; allowed is a callable of a context"
        ) from None
    if not isinstance(source, Source) or not isinstance(source.name, str) or not isinstance(source.cadence_s, int):
        raise ConfigError(f"{origin} is no source; allowed is an object with name, cadence_s and poll")
    if source.name != entry.name or source.cadence_s < 1:
        raise ConfigError(
            f"{origin} calls itself {source.name!r} every {source.cadence_s} s; allowed is {entry.name!r}"
        )
    return source


def _origin(entry: EntryPoint) -> str:
    place = f"{entry.module}:{entry.attr}"
    return place if entry.dist is None else f"{entry.dist.name} {entry.dist.version} {place}"


@dataclass(frozen=True, slots=True)
class _Made:
    """How a built-in source is made: loaded when enabled, silent where a key or all of its settings are missing."""

    place: str  # module and callable, which takes the context and answers a source or several
    keys: tuple[str, ...] = ()
    without: str = ""  # why there is none, where it answers none


_NODE: Final = "no Ethereum node: set TRADEWARDEN_ETHEREUM_RPC in the environment or .env, or base_urls.ethereum"
_BUILT_IN: Final[Mapping[str, _Made]] = {
    "rss": _Made("feeds:feeds_of", without="no feed: none is shipped and none is named"),
    "pages": _Made("documents:pages_of", without="no page is named in sources.pages"),
    "cryptopanic": _Made("news:CryptoPanic", ("CRYPTOPANIC_TOKEN",)),
    "newsapi": _Made("news:NewsApi", ("NEWSAPI_KEY",)),
    "reddit": _Made("social:Reddit", ("REDDIT_ID", "REDDIT_SECRET")),
    "x": _Made("social:X", ("X_BEARER",)),
    "gas": _Made("chain.gas:gas_of", without=_NODE),
    "ethereum-flows": _Made("chain.ethereum:flows_of", without=f"{_NODE}; or no wallet on Ethereum is listed"),
    "ethereum-watch": _Made(
        "chain.watching:watch_of",
        without="nothing to watch: set TRADEWARDEN_ETHEREUM_WS, and watch_pending or contracts",
    ),
    "bitcoin-flows": _Made("chain.bitcoin:flows_of", without="the wallet list names no exchange's wallet on Bitcoin"),
    "coingecko": _Made("numbers:CoinGecko"),
    "coinmarketcap": _Made("numbers:CoinMarketCap", ("COINMARKETCAP_KEY",)),
    "fear-greed": _Made("numbers:FearGreed"),
    "github": _Made("numbers:GitHub"),
    "signals": _Made("signals:signals_of", without="no signal is polled: none has a url"),
}


def _made(name: str, how: _Made, context: Context) -> Sequence[Source]:
    if missing := context.secrets.missing(*how.keys):
        return [Silent(name, missing, context)]
    module, _, attr = how.place.partition(":")
    found = getattr(import_module(f"market.sources.{module}"), attr)(context)
    sources: Sequence[Source] = found if isinstance(found, tuple) else (found,)
    return sources or [Silent(name, how.without, context)]
