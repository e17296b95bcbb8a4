"""`warden data fetch` against an emulated venue in a process of its own."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from subprocess import PIPE, Popen

import pytest

from desk.home import Home
from tests.api.terminal import Told, warden


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with Popen([sys.executable, "-m", "emulator"], stdout=PIPE, text=True) as venue:
        assert venue.stdout is not None
        yield venue.stdout.readline().strip()
        venue.terminate()


def fetch(home: Home, url: str | None, *more: str, **named: str) -> Told:
    home.make()
    if url is not None:
        home.settings.write_text(f'[venue.endpoints.binance]\nrest = "{url}"\n')
    words = {"venue": "binance", "symbols": "BTC/USDT", "timeframes": "1h", "since": "2026-01-01"} | named
    given = (f"--{key}={value}" for key, value in words.items() if value)
    return warden(home, "data", "fetch", *given, *more)


def test_candles_are_fetched_listed_and_found_whole(home: Home, url: str) -> None:
    told = fetch(home, url, "--json", symbols="BTC/USDT,ETH/USDT", timeframes="1h,4h", until="2026-02-01")
    assert (told.code, told.err) == (0, "")
    assert [(line["symbol"], line["timeframe"], line["new"]) for line in told.json] == [
        ("BTC/USDT", "1h", 744),
        ("BTC/USDT", "4h", 186),
        ("ETH/USDT", "1h", 744),
        ("ETH/USDT", "4h", 186),
    ]
    assert warden(home, "data", "verify", "--json").code == 0
    assert len(warden(home, "data", "list", "--json").json) == 4


def test_the_same_command_again_finds_nothing_new(home: Home, url: str) -> None:
    assert fetch(home, url, until="2026-02-01").code == 0
    told = fetch(home, url, until="2026-02-01")
    assert told.code == 0
    assert "BTC/USDT 1h: 0 new, 5 unchanged, 0 revised, 0 missing" in told.out


def test_every_kind_is_fetched_listed_verified_and_not_fetched_again(home: Home, url: str) -> None:
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    ended, began = now - timedelta(hours=2), now - timedelta(hours=34)
    named = {"kinds": "funding,open-interest,trades", "symbols": "BTC/USDT:USDT", "timeframes": ""}
    named |= {"since": f"{ended - timedelta(minutes=2):%Y-%m-%dT%H:%M}", "until": f"{ended:%Y-%m-%dT%H:%M}"}
    told = fetch(home, url, "--json", **named)
    assert (told.code, told.err) == (0, "")
    assert [(line["kind"], line["new"]) for line in told.json][2] == ("trades", 1_200)
    again = fetch(home, url, "--json", **named)
    assert [line["new"] for line in again.json] == [0, 0, 0]
    numbers = named | {"kinds": "funding,open-interest", "since": f"{began:%Y-%m-%dT%H:%M}"}
    found = {line["kind"]: line["new"] + line["unchanged"] for line in fetch(home, url, "--json", **numbers).json}
    assert found == {"funding": 4, "open-interest": 32}
    assert warden(home, "data", "verify", "--json").code == 0
    kinds = [line["name"] for line in warden(home, "data", "list", "--json").json]
    assert kinds == [
        *(f"binance BTC/USDT:USDT {name}" for name in ("funding_rate", "open_interest", "open_interest_value")),
        "binance BTC/USDT:USDT trades",
    ]


def test_a_range_without_a_candle_is_asked_for_and_lists_nothing(home: Home, url: str) -> None:
    assert fetch(home, url, since="2012-01-01", until="2012-02-01", timeframes="1d").code == 0
    assert warden(home, "data", "list", "--json").json == []


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({"venue": "binanse"}, ["found 'binanse'", "binance"]),
        ({"symbols": "BTC/USD"}, ["binance has no BTC/USD; it has ADA/USDT"]),
        ({"symbols": " , "}, ["--symbols names none"]),
        ({"symbols": "BTC/USDT,BTC/USDT"}, ["--symbols names one twice"]),
        ({"timeframes": "1h,7h"}, ["found 7h, allowed are 1m, 5m"]),
        ({"timeframes": ""}, ["--timeframes says which candles: it is needed for them"]),
        ({"kinds": "trades"}, ["--timeframes says which candles", "nothing else"]),
        ({"kinds": "candles,books"}, ["found books, allowed are candles, funding, open-interest, trades"]),
        ({"kinds": "funding", "timeframes": ""}, ["BTC/USDT is no perpetual and has no funding"]),
        ({"kinds": "funding", "timeframes": "", "venue": "kraken"}, ["kraken serves no funding", "candles, trades"]),
        ({"since": "last year"}, ["expected a time such as", "'last year'"]),
        ({"until": "2025-01-01"}, ["--until must be after --since"]),
    ],
)
def test_a_command_that_cannot_be_meant_is_refused_in_a_sentence(
    home: Home, url: str, named: dict[str, str], words: list[str]
) -> None:
    fetch(home, url, **named).refused(*words)


def test_an_endpoint_that_is_none_refuses_to_start(home: Home) -> None:
    fetch(home, "127.0.0.1:9").refused("expected http://host", "found '127.0.0.1:9'")


def test_an_endpoint_that_no_setting_knows_refuses_to_start(home: Home) -> None:
    home.make()
    home.settings.write_text('[venue.endpoints.binance]\nrest = "http://127.0.0.1:9"\nfutures = "http://127.0.0.1:9"\n')
    fetch(home, None).refused("endpoints are rest and ws, found futures")
