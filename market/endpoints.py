"""Where a venue's servers are: other base addresses for an unmodified ccxt class, for a gateway or a test venue.

ccxt keeps every address in `urls['api']`, a text or nested tables of texts. Scheme and host of each are replaced, the
path is kept, so that no request and no order can leave for the host that ccxt had written in.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from core.errors import ConfigError

_SCHEMES = {"rest": ("http", "https"), "ws": ("ws", "wss")}
_SPOT_STREAM = "stream."  # wss://stream.binance.com


def repoint(exchange: Any, base_urls: Mapping[str, str]) -> None:
    """Send everything that `exchange` (any ccxt class) does to `base_urls`: `rest`, and `ws` (default: as rest).

    Raises ConfigError for a key, scheme or address that is not allowed; then nothing was changed.
    """
    bases = checked(base_urls)
    originals: dict[str, str] = {}

    def moved(leaf: str) -> str:
        parts = urlsplit(leaf)
        base = bases["ws" if parts.scheme in _SCHEMES["ws"] else "rest"]
        path = parts.path
        if parts.scheme in _SCHEMES["ws"] and parts.netloc.startswith(_SPOT_STREAM) and "/stream" not in base + path:
            # ccxt.pro.binance knows a spot socket by "/stream" in its address, which the real host's name provides.
            path = "/stream" + path
        originals[base + path] = f"{parts.scheme}://{parts.netloc}{parts.path}"
        return base + path

    def walked(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: walked(value) for key, value in node.items()}
        return moved(node) if isinstance(node, str) and "://" in node else node

    exchange.urls["api"] = walked(exchange.urls["api"])
    _keep_error_tables(exchange, originals)


def checked(base_urls: Mapping[str, str]) -> dict[str, str]:
    """The addresses `rest` and `ws`, or ConfigError."""
    if unknown := sorted(base_urls.keys() - _SCHEMES.keys()):
        raise ConfigError(f"endpoints are rest and ws, found {', '.join(unknown)}")
    if "rest" not in base_urls:
        raise ConfigError("endpoints need rest: without it requests would still go to the venue's own address")
    bases = {key: _address(key, url) for key, url in base_urls.items()}
    bases.setdefault("ws", "ws" + bases["rest"].removeprefix("http"))
    return bases


def _address(key: str, url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES[key] or not parts.hostname or parts.query or parts.fragment:
        allowed = " or ".join(f"{scheme}://host[:port][/path]" for scheme in _SCHEMES[key])
        raise ConfigError(f"expected {allowed} as the {key} endpoint, found {url!r}")
    if parts.username or parts.password:
        raise ConfigError(f"the {key} endpoint must not carry a user or password: settings hold no secrets")
    return url.rstrip("/")


def _keep_error_tables(exchange: Any, originals: Mapping[str, str]) -> None:
    """ccxt.binance picks the table that turns an error code into a class by the host it asked: tell it the old one."""
    ask = getattr(exchange, "get_exceptions_by_url", None)
    if ask is None:
        return
    longest_first = sorted(originals, key=len, reverse=True)

    def by_original(url: str | None, kind: str) -> Any:
        base = next((base for base in longest_first if url and url.startswith(base)), None)
        if url is None or base is None:
            return ask(url, kind)
        return ask(originals[base] + url.removeprefix(base), kind)

    exchange.get_exceptions_by_url = by_original
