"""The reader at work: off the bus, into the store, once, and seen by a market that is opened afterwards."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from agents.reader import Reader, Told
from agents.reader_rules import RulesTeller
from core.ports import Abstain
from core.time import DAY_NS, HOUR_NS, MINUTE_NS, ManualClock
from desk.reading import TEXTS, Reading
from market.bus.memory import MemoryBus
from market.store.store import MarketStore
from market.stored import StoredTexts
from tests.market.store.material import LATER, T0, seen, text


def reading_of(root: Path, bus: MemoryBus, now_ns: int = T0) -> Reading:
    return Reading(Reader(RulesTeller(), 60), MarketStore(root), bus, ManualClock(now_ns))


class Hands:
    """Answers nobody before so many texts are in its hands at the same time, and then the last that came first."""

    name, timeless = "hands", True

    def __init__(self, together: int) -> None:
        self.held = self.most = 0
        self._together = together
        self._full = asyncio.Event()

    async def tell(self, text: str) -> Told | Abstain:
        self.held += 1
        mine, self.most = self.held, max(self.most, self.held)
        if self.held == self._together:
            self._full.set()
        await self._full.wait()
        for _ in range(self._together - mine):
            await asyncio.sleep(0)
        self.held -= 1
        return Told(events=())


async def worked(reading: Reading, texts: int) -> None:
    """Runs it until so many texts are dealt with, and stores."""
    task = asyncio.create_task(reading.run())
    with suppress(TimeoutError):
        async with asyncio.timeout(20):
            while reading.reader.counts["read"] + reading.reader.counts["known"] < texts:
                await asyncio.sleep(0.005)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await reading.finish()


async def test_a_text_on_the_bus_is_read_stored_and_seen_by_a_market(tmp_path: Path) -> None:
    bus = MemoryBus()
    store = MarketStore(tmp_path)
    item = text("Bitcoin exchange hacked", T0)
    store.texts.append([item], seen())
    reading = reading_of(tmp_path, bus, T0 - 1)  # before the text was known: it comes off the bus alone
    bus.publish(TEXTS, item)
    await worked(reading, texts=1)
    market = StoredTexts(store)
    texts = market.texts("BTC/USDT", since_ns=0, as_of_ns=LATER)
    assert market.readings(texts, as_of_ns=T0 + MINUTE_NS - 1) == ()
    (found,) = market.readings(texts, as_of_ns=T0 + MINUTE_NS)
    assert [event.kind for event in found.events] == ["hack"]
    assert reading.report()["read"] == 1


async def test_what_came_while_nobody_read_is_read_at_the_start_and_once(tmp_path: Path) -> None:
    items = [text("Bitcoin exchange hacked", T0), text("Ripple wins in court", T0 + HOUR_NS)]
    MarketStore(tmp_path).texts.append(items, seen())
    bus = MemoryBus()
    first = reading_of(tmp_path, bus, T0 + DAY_NS)
    await worked(first, texts=2)
    assert first.reader.counts["read"] == 2
    again = reading_of(tmp_path, bus, T0 + DAY_NS + HOUR_NS)
    bus.publish(TEXTS, items[0])
    await worked(again, texts=1)
    assert (again.reader.counts["read"], again.reader.counts["known"]) == (0, 1)
    assert len(MarketStore(tmp_path).readings.between(since_ns=0, as_of_ns=LATER)) == 2


async def test_a_disk_that_takes_nothing_is_told_and_tried_again(tmp_path: Path) -> None:
    (tmp_path / "readings").write_text("in the way")
    reading = reading_of(tmp_path, MemoryBus())
    await reading.take(text("Bitcoin exchange hacked", T0))
    await reading.flush()
    assert reading.trouble.startswith("1 readings are not stored: ")
    (tmp_path / "readings").unlink()
    await reading.flush()
    assert (reading.trouble, reading.report()["unsaved"]) == ("", 0)


async def test_texts_are_read_side_by_side_up_to_a_bound_and_stored_in_their_order(tmp_path: Path) -> None:
    items = [text(f"Bitcoin news {at}", T0 + at * MINUTE_NS) for at in range(6)]
    MarketStore(tmp_path).texts.append(items, seen())
    hands = Hands(together=3)
    reading = Reading(Reader(hands, 60), MarketStore(tmp_path), MemoryBus(), ManualClock(T0 + HOUR_NS), at_once=3)
    await worked(reading, texts=6)
    assert hands.most == 3
    stored = MarketStore(tmp_path).readings.between(since_ns=0, as_of_ns=LATER)
    assert [one.text_id for one in stored] == [item.item_id for item in items]


async def test_a_reader_that_fails_says_what_failed(tmp_path: Path) -> None:
    class Broken(Hands):
        async def tell(self, text: str) -> Told | Abstain:
            raise RuntimeError("no eyes")

    MarketStore(tmp_path).texts.append([text("Bitcoin news", T0)], seen())
    reading = Reading(Reader(Broken(1), 60), MarketStore(tmp_path), MemoryBus(), ManualClock(T0 + HOUR_NS), at_once=3)
    with pytest.raises(RuntimeError, match="no eyes"):
        await reading.run()
