from decimal import Decimal
from pathlib import Path

import pytest

from core.errors import ConfigError
from core.time import HOUR_NS, MINUTE_NS, SECOND_NS
from market.sources.collecting import Collector
from market.sources.intake import Intake
from market.sources.items import WHOLE_MARKET, Batch, RawText, Reading
from market.sources.listening import Listener, listening
from market.sources.secrets import Secrets
from market.sources.settings import SourcesSettings
from market.store.store import MarketStore
from tests.market.sources.desk import NOON, Patience, Server
from tests.market.sources.test_feeds import entry, rss
from tests.market.web.server import json, text


def settings_of(server: Server, **more: object) -> SourcesSettings:
    feed = {"name": "a", "url": f"{server.base}/feed"}
    found = {
        "enabled": ("rss", "fear-greed"),
        "allow_private": ("127.0.0.1",),
        "feeds": (feed,),
        "shipped_feeds": False,
        "base_urls": {"fear-greed": server.base},
        **more,
    }
    return SourcesSettings.model_validate(found)


def never(_: str) -> bool:
    return False


def speak(server: Server) -> None:
    server.says("/feed", text(rss(entry("Bitcoin rises above it all")), "text/xml"))
    server.says("/fng/", json({"data": [{"value": "40", "timestamp": str(NOON // SECOND_NS)}]}))


async def test_what_was_read_is_stored_and_known_from_that_moment_on_and_not_before(tmp_path: Path) -> None:
    patience = Patience()
    patience.clock.advance_to(NOON + MINUTE_NS)
    async with Server() as server:
        speak(server)
        async with listening(settings_of(server), {}, patience.clock, MarketStore(tmp_path), never) as listener:
            assert len((await listener.step(0)).texts) == 1
            assert (listener.trouble, listener.unsaved) == ("", 0)
    read = MarketStore(tmp_path)
    known = NOON + MINUTE_NS
    assert [t.headline for t in read.texts.texts("BTC/USDT", since_ns=0, as_of_ns=known)] == [
        "Bitcoin rises above it all"
    ]
    assert read.texts.texts("BTC/USDT", since_ns=0, as_of_ns=known - 1) == ()
    # The event is of an hour before: what happened is not yet what we knew.
    assert read.texts.texts("BTC/USDT", since_ns=0, as_of_ns=NOON - HOUR_NS + 1) == ()
    assert [r.value for r in read.series.series("fear_greed", WHOLE_MARKET, as_of_ns=known, n=5)] == [Decimal(40)]
    assert read.series.series("fear_greed", WHOLE_MARKET, as_of_ns=known - 1, n=5) == ()


async def test_a_restart_tells_nothing_twice_and_an_edit_after_it_is_a_second_version(tmp_path: Path) -> None:
    patience = Patience()
    async with Server() as server:
        speak(server)
        for _ in range(2):
            async with listening(settings_of(server), {}, patience.clock, MarketStore(tmp_path), never) as listener:
                gathering = await listener.step(0)
            patience.clock.advance_to(patience.clock.now_ns() + HOUR_NS)
        assert gathering.texts == ()
        server.says("/feed", text(rss(entry("Bitcoin falls below it all")), "text/xml"))
        async with listening(settings_of(server), {}, patience.clock, MarketStore(tmp_path), never) as listener:
            assert [item.revision for item in (await listener.step(0)).texts] == [1]
    read = MarketStore(tmp_path).texts
    for as_of, headline in ((NOON, "Bitcoin rises above it all"), (NOON + 2 * HOUR_NS, "Bitcoin falls below it all")):
        assert [t.headline for t in read.texts("BTC/USDT", since_ns=0, as_of_ns=as_of)] == [headline]


async def test_what_a_disk_refuses_is_told_and_kept_until_it_takes_it(tmp_path: Path) -> None:
    patience = Patience()
    root = tmp_path / "store"
    root.write_text("a file where a folder should be")
    async with Server() as server:
        speak(server)
        async with listening(settings_of(server), {}, patience.clock, MarketStore(root), never) as listener:
            await listener.step(0)
            assert listener.unsaved == 2
            assert listener.trouble.startswith("2 items are not stored: ")
            root.unlink()
            await listener.step(0)
            assert (listener.trouble, listener.unsaved) == ("", 0)
    assert len(MarketStore(root).texts.texts("BTC/USDT", since_ns=0, as_of_ns=NOON)) == 1


class Plugin:
    """A source that brings one number and one text, whose unit, and whose name of a series, are as a test wants."""

    cadence_s = 1

    def __init__(self, name: str, series: str = "mood", unit: str = "points") -> None:
        self.name, self._series, self._unit = name, series, unit

    async def poll(self, since_ns: int) -> Batch:
        number = Reading(self._series, "BTC", self.name, NOON, NOON, Decimal(1), self._unit)
        return Batch((RawText("1", f"{self.name} says that Bitcoin rises", NOON),), (number,))


@pytest.mark.parametrize("odd", [{"unit": "\ud800"}, {"series": "s" * 121}], ids=["no text", "too long a name"])
async def test_what_cannot_be_stored_holds_up_nobody_else(tmp_path: Path, odd: dict[str, str]) -> None:
    clock, intake, store = Patience().clock, Intake(never), MarketStore(tmp_path)
    plugins = (Plugin("odd", **odd), Plugin("sound"))
    listener = Listener(Collector(plugins, intake, clock, Secrets({})), intake, store, clock)
    await listener.step(0)
    assert [key.source for key in store.series.held()] == ["sound"]
    assert len(store.texts.texts("BTC/USDT", since_ns=0, as_of_ns=NOON, copies=True)) == 2
    assert listener.unsaved == 1
    assert listener.trouble.startswith("1 items are not stored: ")
    await listener.collector.aclose()


async def test_what_a_full_disk_leaves_no_room_for_is_dropped_oldest_first_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("market.sources.listening._MOST_WAITING", 1)
    root = tmp_path / "store"
    root.write_text("a file where a folder should be")
    clock, intake, store = Patience().clock, Intake(never), MarketStore(root)
    listener = Listener(Collector((Plugin("old"), Plugin("new")), intake, clock, Secrets({})), intake, store, clock)
    await listener.step(0)
    assert (listener.unsaved, listener.dropped) == (2, 2)
    assert listener.trouble.startswith("2 items are not stored, 2 were dropped: ")
    root.unlink()
    await listener.step(0)
    assert [key.source for key in store.series.held()] == ["new"]
    await listener.collector.aclose()


async def test_a_source_that_is_not_allowed_to_reach_this_machine_abstains(tmp_path: Path) -> None:
    async with Server() as server:
        speak(server)
        settings = settings_of(server, allow_private=())
        async with listening(settings, {}, Patience().clock, MarketStore(tmp_path), never) as listener:
            gathering = await listener.step(0)
        assert {a.source: a.reason.rpartition(": ")[2] for a in gathering.abstentions} == dict.fromkeys(
            ("rss:a", "fear-greed"),
            "127.0.0.1 is at a private or reserved address; allowed are public ones and allow_private",
        )
        assert server.seen == []


async def test_settings_that_name_nothing_refuse_to_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'tea leaves'"):
        async with listening(
            SourcesSettings(enabled=("tea leaves",)), {}, Patience().clock, MarketStore(tmp_path), never
        ):
            pass


async def test_rounds_go_on_and_leave_out_those_that_brought_nothing(tmp_path: Path) -> None:
    patience = Patience()
    async with Server() as server:
        speak(server)
        async with listening(settings_of(server), {}, patience.clock, MarketStore(tmp_path), never) as listener:
            await listener.step(0)
            server.says("/feed", text(rss(entry("Ether falls below it all", "2")), "text/xml"))
            async for gathering in listener.run(0, every_s=50, sleep=patience.sleep):
                assert [item.headline for item in gathering.texts] == ["Ether falls below it all"]
                break
            assert patience.slept == [50, 50, 50]
