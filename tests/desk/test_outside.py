"""What the doctor says of venues, the store, the bus and sources, without asking any of them."""

from pathlib import Path

import pytest

from desk.doctor import examine
from desk.home import Home
from market.store.store import MarketStore
from tests.market.store.material import KEY, T0, hours, seen, text


@pytest.fixture(autouse=True)
def empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings file of whoever runs the tests, and no key."""
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "BUS_URL", "NEWSAPI_KEY", "ETHEREUM_RPC"):
        monkeypatch.delenv(f"TRADEWARDEN_{name}", raising=False)


def found(home: Home, settings: str = "") -> dict[str, str]:
    home.make()
    home.settings.write_text(settings)
    return {f.part: ("" if f.ok else "ILL ") + f.found for f in examine(home)}


def sources(*names: str, more: str = "") -> str:
    return f"[market.sources]\nenabled = [{', '.join(repr(name) for name in names)}]\n{more}"


def test_a_new_home_hears_nothing_and_keeps_nothing(home: Home) -> None:
    told = found(home)
    assert told["sources"] == "none is enabled: nothing is read from outside"
    assert told["store"] == "nothing is stored yet"
    assert told["bus"] == "memory: within each process"
    assert "books are proven of binance, " in told["venues"]


@pytest.mark.parametrize(
    ("venue", "words"),
    [
        ("binance", "its books are proven by update numbers that join a snapshot"),
        ("binanceusdm", "its books are proven by update numbers that join a snapshot"),
        ("kraken", "its books are proven by a checksum"),
        ("okx", "its books are proven by sequence numbers"),
        ("bybit", "its books are proven by update numbers"),
        ("coinbase", "its books are proven by the connection's sequence numbers"),
        ("gemini", "no verifier proves its books: candles can be fetched, streams are refused"),
    ],
)
def test_a_venue_at_another_address_is_named_with_what_proves_its_books(home: Home, venue: str, words: str) -> None:
    told = found(home, f'[venue.endpoints.{venue}]\nrest = "http://127.0.0.1:9"\n')[f"venue {venue}"]
    assert told == f"reached at http://127.0.0.1:9, not at its own address; {words}"


def test_an_address_of_a_venue_that_ccxt_does_not_know_is_ill(home: Home) -> None:
    told = found(home, '[venue.endpoints.binanse]\nrest = "http://127.0.0.1:9"\n')
    assert told["venue binanse"].startswith("ILL expected the name of a venue as ccxt writes it, found 'binanse'")


def test_what_is_stored_is_counted_and_a_manifest_changed_by_hand_is_ill(home: Home) -> None:
    store = MarketStore(home.candles)
    store.candles.append(KEY, hours([100, 101]), seen())
    store.texts.append([text("Bitcoin rises", T0, source="rss:a")], seen())
    assert found(home)["store"].startswith("1 candle series, 1 sources of texts; ")
    manifest = next(store.candles.root.rglob("manifest.json"))
    manifest.write_text(manifest.read_text().replace("2021", "2020"))
    assert "changed by hand" in found(home)["store"]


def test_a_bus_elsewhere_is_named_without_its_password(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWARDEN_BUS_URL", "redis://:hunter2@cache.internal/0")
    told = found(home)["bus"]
    assert "redis://:********@cache.internal/0" in told
    assert "hunter2" not in told


def test_each_source_is_ready_or_silent_for_a_reason_and_only_ready_ones_have_hosts(home: Home) -> None:
    told = found(home, sources("newsapi", "fear-greed", "pages", "gas"))
    assert told["source fear-greed"] == "ready"
    assert told["source newsapi"].startswith("silent: no key: set TRADEWARDEN_NEWSAPI_KEY")
    assert told["source pages"] == "silent: no page is named in sources.pages"
    assert told["source gas"].startswith("silent: no Ethereum node")
    assert told["talks to"] == "api.alternative.me"


def test_a_key_makes_a_source_ready_and_shows_its_host_and_nothing_more(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADEWARDEN_NEWSAPI_KEY", "na-s3cr3t")
    monkeypatch.setenv("TRADEWARDEN_ETHEREUM_RPC", "https://eth.example/v3/s3cr3t")
    told = found(home, sources("newsapi", "gas"))
    assert (told["source newsapi"], told["source gas"]) == ("ready", "ready")
    assert told["talks to"] == "eth.example, newsapi.org"
    assert "s3cr3t" not in str(told)


def test_hosts_are_those_of_the_settings_where_they_name_others(home: Home) -> None:
    more = (
        'shipped_feeds = false\nbase_urls = { fear-greed = "https://gateway.example/fng" }\n'
        'feeds = [{ name = "a", url = "https://feed.example/rss" }]\n'
        'pages = [{ name = "b", url = "https://page.example/minutes.pdf" }]\n'
        'signals = [{ name = "c", asset = "BTC", url = "https://guru.example/btc" }]\n'
    )
    told = found(home, sources("fear-greed", "rss", "pages", "signals", more=more))
    assert told["talks to"] == "feed.example, gateway.example, guru.example, page.example"


def test_a_source_that_is_none_is_ill_and_hides_no_other(home: Home) -> None:
    told = found(home, sources("tea-leaves", "fear-greed"))
    assert told["source tea-leaves"].startswith("ILL sources.enabled names 'tea-leaves'; allowed are rss")
    assert told["source fear-greed"] == "ready"
