import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError
from core.ports import Delivery, Lost
from market.bus.memory import MemoryBus, MemoryInbox
from market.bus.policies import POLICIES, TopicPolicy

BOOK, TRADES, CANDLES = "book:binance:BTC/USDT", "trades:binance:BTC/USDT", "candles:binance:BTC/USDT"


async def taken(inbox: MemoryInbox, n: int) -> list[object]:
    return [(await asyncio.wait_for(anext(inbox), 30)).event for _ in range(n)]


def test_a_topic_of_no_known_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match="found a topic 'weather', allowed kinds are book"):
        MemoryBus().subscribe("weather", group="desk")


def test_publishing_for_nobody_does_nothing() -> None:
    bus = MemoryBus()
    bus.publish(TRADES, 1)
    assert bus.backlog() == 0


async def test_a_slow_consumer_of_a_book_wakes_for_the_newest_state_alone() -> None:
    bus = MemoryBus()
    inbox = bus.subscribe(BOOK, group="desk")
    for state in range(1_000):
        bus.publish(BOOK, state)
    assert await taken(inbox, 1) == [999]
    assert bus.backlog() == 0
    assert (inbox.counts.put, inbox.counts.taken, inbox.counts.conflated, inbox.counts.lost) == (1_000, 1, 999, 0)


async def test_every_trade_arrives_in_the_order_in_which_it_was_published() -> None:
    bus = MemoryBus()
    inbox = bus.subscribe(TRADES, group="desk")
    for trade in range(1_000):
        bus.publish(TRADES, trade)
    assert bus.backlog() == 1_000
    assert await taken(inbox, 1_000) == list(range(1_000))


async def test_what_did_not_fit_is_counted_and_told_before_what_follows() -> None:
    bus = MemoryBus({**POLICIES, "trades": TopicPolicy(conflate=False, bound=3)})
    inbox = bus.subscribe(TRADES, group="desk")
    for trade in range(5):
        bus.publish(TRADES, trade)
    assert await taken(inbox, 4) == [Lost(2), 2, 3, 4]
    assert inbox.counts.lost == 2


async def test_a_flood_of_trades_does_not_starve_the_book() -> None:
    bus = MemoryBus()
    inbox = bus.subscribe(TRADES, BOOK, CANDLES, group="desk")
    for trade in range(100):
        bus.publish(TRADES, trade)
    bus.publish(BOOK, "state")
    bus.publish(CANDLES, "candle")
    assert await taken(inbox, 3) == [0, "state", "candle"]


async def test_each_group_sees_everything_and_members_of_one_group_share() -> None:
    bus = MemoryBus()
    first, second = bus.subscribe(TRADES, group="desk"), bus.subscribe(TRADES, group="desk")
    other = bus.subscribe(TRADES, group="recorder")
    waiting = [asyncio.create_task(taken(inbox, 2)) for inbox in (first, second)]
    await asyncio.sleep(0)
    for trade in range(4):
        bus.publish(TRADES, trade)
    shared = await asyncio.gather(*waiting)
    assert sorted(trade for some in shared for trade in some) == [0, 1, 2, 3]  # type: ignore[type-var]
    assert await taken(other, 4) == [0, 1, 2, 3]


async def test_the_same_message_id_is_the_same_event() -> None:
    bus = MemoryBus()
    inbox = bus.subscribe(TRADES, group="desk")
    bus.publish(TRADES, "a")
    bus.publish(TRADES, "b")
    assert [await anext(inbox), await anext(inbox)] == [
        Delivery(TRADES, f"{TRADES}#1", "a"),
        Delivery(TRADES, f"{TRADES}#2", "b"),
    ]


async def test_a_consumer_that_waits_is_woken_once_for_what_one_turn_published() -> None:
    bus = MemoryBus()
    inbox = bus.subscribe(BOOK, group="desk")
    waiting = asyncio.create_task(taken(inbox, 1))
    await asyncio.sleep(0.01)
    for state in range(50):
        bus.publish(BOOK, state)
    assert await waiting == [49]
    assert inbox.counts.wakes == 1


async def test_a_closed_inbox_ends_and_leaves_no_mailbox_behind() -> None:
    bus = MemoryBus()
    inbox = bus.subscribe(TRADES, group="desk")
    waiting = asyncio.create_task(_all(inbox))
    await asyncio.sleep(0)
    bus.publish(TRADES, 1)
    await asyncio.sleep(0.01)
    await inbox.close()
    await inbox.close()
    assert await waiting == [1]
    bus.publish(TRADES, 2)
    assert bus.backlog() == 0


async def _all(inbox: MemoryInbox) -> list[object]:
    return [delivery.event async for delivery in inbox]


@given(steps=st.lists(st.sampled_from(["publish trade", "publish book", "take"]), max_size=80))
async def test_whatever_the_pace_every_event_is_delivered_or_told_to_be_lost_and_the_last_state_arrives(
    steps: list[str],
) -> None:
    bus = MemoryBus({**POLICIES, "trades": TopicPolicy(conflate=False, bound=4)})
    inbox = bus.subscribe(TRADES, BOOK, group="desk")
    trades = books = 0
    got: list[Delivery] = []
    for step in [*steps, *["take"] * len(steps) * 2]:
        if step == "publish trade":
            bus.publish(TRADES, trades := trades + 1)
        elif step == "publish book":
            bus.publish(BOOK, books := books + 1)
        elif bus.backlog() or inbox.holds:
            got.append(await anext(inbox))
    seen = 0
    for delivery in got:
        if delivery.topic == TRADES:
            seen += delivery.event.count if isinstance(delivery.event, Lost) else 1
            assert isinstance(delivery.event, Lost) or delivery.event == seen
    states = [delivery.event for delivery in got if delivery.topic == BOOK]
    assert seen == trades
    assert states == sorted(states)  # type: ignore[type-var]
    assert states[-1:] == [books] * bool(books)
