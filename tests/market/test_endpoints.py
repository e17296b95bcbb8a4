from typing import Any
from urllib.parse import urlsplit

import ccxt.pro
import pytest

from core.errors import ConfigError
from market.endpoints import repoint

HERE = {"rest": "http://127.0.0.1:9"}
WELL_KNOWN = ("binance", "kraken", "bybit", "okx", "coinbase", "coinbaseexchange", "kucoin", "gate", "krakenfutures")


def leaves(node: Any) -> list[str]:
    if isinstance(node, dict):
        return [leaf for value in node.values() for leaf in leaves(value)]
    return [node] if isinstance(node, str) else []


@pytest.mark.parametrize("name", WELL_KNOWN)
def test_no_address_of_a_venue_is_left(name: str) -> None:
    exchange = getattr(ccxt.pro, name)()
    before = leaves(exchange.urls["api"])
    repoint(exchange, HERE)
    after = leaves(exchange.urls["api"])
    assert len(after) == len(before) > 0
    assert all(leaf.startswith(("http://127.0.0.1:9", "ws://127.0.0.1:9")) for leaf in after)


@pytest.mark.parametrize("name", WELL_KNOWN)
def test_paths_are_kept(name: str) -> None:
    exchange = getattr(ccxt.pro, name)()
    before = leaves(exchange.urls["api"])
    repoint(exchange, HERE)
    for old, new in zip(before, leaves(exchange.urls["api"]), strict=True):
        assert urlsplit(new).path.removeprefix("/stream") == urlsplit(old).path


def test_another_object_of_the_same_class_is_not_touched() -> None:
    repoint(ccxt.pro.binance(), HERE)
    assert ccxt.pro.binance().urls["api"]["public"] == "https://api.binance.com/api/v3"


def test_websockets_have_an_address_of_their_own_where_one_is_given() -> None:
    exchange = ccxt.pro.binance()
    repoint(exchange, {"rest": "https://gateway.example/b/", "ws": "wss://streams.example/b"})
    assert exchange.urls["api"]["public"] == "https://gateway.example/b/api/v3"
    assert exchange.urls["api"]["ws"]["ws-api"]["spot"] == "wss://streams.example/b/ws-api/v3"


def test_a_spot_socket_of_binance_keeps_the_word_by_which_ccxt_knows_it() -> None:
    exchange = ccxt.pro.binance()
    repoint(exchange, HERE)
    assert exchange.urls["api"]["ws"]["spot"] == "ws://127.0.0.1:9/stream/ws"
    assert "/stream" not in exchange.urls["api"]["ws"]["linear"]


def test_error_codes_keep_the_meaning_that_they_have_at_the_real_address() -> None:
    real, moved = ccxt.pro.binance(), ccxt.pro.binance()
    repoint(moved, HERE)
    for kind in ("exact", "broad"):
        meant = real.get_exceptions_by_url("https://api.binance.com/api/v3/order", kind)
        assert moved.get_exceptions_by_url("http://127.0.0.1:9/api/v3/order", kind) == meant
    linear = real.get_exceptions_by_url("https://fapi.binance.com/fapi/v1/order", "exact")
    assert moved.get_exceptions_by_url("http://127.0.0.1:9/fapi/v1/order", "exact") == linear
    assert linear


@pytest.mark.parametrize(
    ("urls", "message"),
    [
        ({}, "endpoints need rest"),
        ({"ws": "ws://127.0.0.1:9"}, "endpoints need rest"),
        ({"rest": "127.0.0.1:9"}, "found '127.0.0.1:9'"),
        ({"rest": "ftp://127.0.0.1"}, "expected http://host"),
        ({"rest": "http://127.0.0.1:9?x=1"}, "found 'http://127.0.0.1:9\\?x=1'"),
        ({"rest": "http://me:pw@127.0.0.1:9"}, "must not carry a user or password"),
        ({"rest": "http://127.0.0.1:9", "ws": "http://127.0.0.1:9"}, "as the ws endpoint"),
        ({"rest": "http://127.0.0.1:9", "futures": "http://127.0.0.1:9"}, "found futures"),
    ],
)
def test_an_endpoint_that_is_none_is_refused_and_nothing_changes(urls: dict[str, str], message: str) -> None:
    exchange = ccxt.pro.binance()
    with pytest.raises(ConfigError, match=message):
        repoint(exchange, urls)
    assert exchange.urls["api"]["public"] == "https://api.binance.com/api/v3"
