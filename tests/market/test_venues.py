import pytest

from core.errors import ConfigError
from market.venues import reader


async def test_a_reader_holds_no_keys_and_keeps_to_the_limiter() -> None:
    client = reader("binance")
    try:
        assert not client.apiKey
        assert not client.secret
        assert client.enableRateLimit is True
        assert client.options["fetchMarkets"]["types"] == ["spot"]
    finally:
        await client.close()


async def test_a_reader_asks_for_perpetuals_where_they_are_wanted() -> None:
    client = reader("bybit", perpetuals=True)
    try:
        assert client.options["fetchMarkets"]["types"] == ["spot", "linear"]
    finally:
        await client.close()


async def test_a_reader_goes_where_the_endpoints_say() -> None:
    client = reader("okx", endpoints={"rest": "https://gateway.example/okx"})
    try:
        assert client.urls["api"]["rest"] == "https://gateway.example/okx"
    finally:
        await client.close()


def test_an_unknown_venue_is_refused_with_names_near_to_it() -> None:
    with pytest.raises(ConfigError, match="found 'binanse', near to it are binance"):
        reader("binanse")


def test_a_name_that_is_nothing_like_a_venue_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"found '__class__'$"):
        reader("__class__")
