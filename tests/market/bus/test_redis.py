"""The bus over Redis Streams, against fakeredis and, where it is installed, a real server on a free port."""

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fakeredis import FakeAsyncRedis, FakeServer
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from core.errors import ConfigError
from core.money import Price, Quantity
from core.orders import Side
from core.ports import Delivery, Lost
from market.bus.memory import MemoryBus
from market.bus.opened import open_bus
from market.bus.policies import POLICIES, TopicPolicy
from market.bus.redis_inbox import RedisInbox
from market.bus.redis_streams import RedisBus
from market.streams.events import BookState, Trade

BOOK, TRADES = "book:binance:BTC/USDT", "trades:binance:BTC/USDT"
Connect = Callable[[], Any]


async def at_once(_: float) -> None:
    await asyncio.sleep(0)


def trade(number: int) -> Trade:
    return Trade(number, number, str(number), Side.BUY, Price(Decimal(number)), Quantity(Decimal("0.10")))


def state(number: int) -> BookState:
    return BookState("valid", None, "", number, number, None)


class Server:
    """A real redis-server that a test may stop and start again."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"]
        self._process = subprocess.Popen(
            [*command, "--appendfsync", "always", "--dir", str(self._folder)], stdout=subprocess.DEVNULL
        )
        for _ in range(1500):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError("redis-server did not start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(5)
            self._process = None

    def connect(self) -> Any:
        return Redis(host="127.0.0.1", port=self.port, socket_timeout=5, retry=Retry(NoBackoff(), 0))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    server = Server(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=["fakeredis", "redis-server"])
def connect(request: pytest.FixtureRequest) -> Connect:
    if request.param == "fakeredis":
        shared = FakeServer()
        return lambda: FakeAsyncRedis(server=shared)
    real: Server = request.getfixturevalue("server")
    return real.connect


async def taken(inbox: RedisInbox, n: int) -> list[Delivery]:
    return [await asyncio.wait_for(anext(inbox), 30) for _ in range(n)]


def ids(deliveries: list[Delivery]) -> list[str]:
    return [d.event.trade_id if isinstance(d.event, Trade) else repr(d.event) for d in deliveries]


@asynccontextmanager
async def buses(connect: Connect, n: int, **options: Any) -> AsyncIterator[list[RedisBus]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(RedisBus(connect(), **options)) for _ in range(n)]


async def test_every_trade_arrives_in_order_and_digit_by_digit(connect: Connect) -> None:
    async with buses(connect, 2) as (market, desk):
        for number in range(1_200):
            market.publish(TRADES, trade(number))
        await market.flushed()
        inbox = desk.subscribe(TRADES, group="desk")
        got = await taken(inbox, 1_200)
        assert [d.event for d in got] == [trade(number) for number in range(1_200)]
        assert len({d.message_id for d in got}) == 1_200
        assert (market.counts.published, desk.counts.lost, desk.counts.repeated) == (1_200, 0, 0)


async def test_a_slow_consumer_of_a_book_gets_the_newest_state_alone(connect: Connect) -> None:
    async with buses(connect, 2) as (market, desk):
        inbox = desk.subscribe(BOOK, group="desk")
        for number in range(500):
            market.publish(BOOK, state(number))
        await market.flushed()
        assert (await taken(inbox, 1))[0].event == state(499)
        # Two more writes while the consumer is busy are one read.
        for number in (500, 501):
            market.publish(BOOK, state(number))
            await market.flushed()
        assert (await taken(inbox, 1))[0].event == state(501)


async def test_groups_see_everything_and_members_share(connect: Connect) -> None:
    async with buses(connect, 4) as (market, first, second, recorder):
        inboxes = [bus.subscribe(TRADES, group="desk") for bus in (first, second)]
        other = recorder.subscribe(TRADES, group="recorder")
        for number in range(20):
            market.publish(TRADES, trade(number))
        await market.flushed()
        assert ids(await taken(other, 20)) == [str(number) for number in range(20)]
        shared = await taken(inboxes[0], 20)
        assert ids(shared) == [str(number) for number in range(20)]
        for number in range(20, 23):
            market.publish(TRADES, trade(number))
        assert ids(await taken(inboxes[1], 3)) == ["20", "21", "22"]


async def test_what_a_consumer_had_not_dealt_with_comes_again_when_it_comes_back(connect: Connect) -> None:
    async with buses(connect, 1) as (market,):
        for number in range(5):
            market.publish(TRADES, trade(number))
        await market.flushed()
        async with RedisBus(connect(), consumer="one") as before:
            inbox = before.subscribe(TRADES, group="desk")
            first = await taken(inbox, 3)
            await inbox.close()
        async with RedisBus(connect(), consumer="one") as after:
            again = await taken(after.subscribe(TRADES, group="desk"), 3)
        # The third was in work when it stopped.
        assert ids(first) == ["0", "1", "2"]
        assert ids(again) == ["2", "3", "4"]
        assert first[2].message_id == again[0].message_id


async def test_a_repeated_write_is_delivered_once(connect: Connect) -> None:
    async with buses(connect, 2) as (market, desk):
        market.publish(TRADES, trade(1))
        await market.flushed()
        redis = connect()
        [(_, fields)] = await redis.xrange(market.key(TRADES))
        await redis.xadd(market.key(TRADES), fields, id="1-*")
        market.publish(TRADES, trade(2))
        await market.flushed()
        assert ids(await taken(desk.subscribe(TRADES, group="desk"), 2)) == ["1", "2"]
        assert desk.counts.repeated == 1
        await redis.aclose()


async def test_a_stream_is_bounded_and_what_was_cut_is_counted_on_both_sides(connect: Connect) -> None:
    policies = {**POLICIES, "trades": TopicPolicy(conflate=False, bound=10)}
    async with buses(connect, 2, policies=policies) as (market, desk):
        inbox = desk.subscribe(TRADES, group="desk")
        market.publish(TRADES, trade(0))
        await market.flushed()
        assert ids(await taken(inbox, 1)) == ["0"]
        for number in range(1, 26):
            market.publish(TRADES, trade(number))
            await market.flushed()
        assert market.counts.trimmed == {TRADES: 16}
        got = await taken(inbox, 11)
        assert got[0].event == Lost(15)
        assert ids(got[1:]) == [str(number) for number in range(16, 26)]
        assert desk.counts.lost == 15


async def busy_members(
    connect: Connect, policies: dict[str, TopicPolicy], n: int, slow_s: float
) -> list[list[Delivery]]:
    """What each of three live members of one group was given of `n` trades, each slower than the last."""
    told: list[list[Delivery]] = [[], [], []]

    async def member(bus: RedisBus, mine: list[Delivery], pause_s: float) -> None:
        async for delivery in bus.subscribe(TRADES, group="desk"):
            mine.append(delivery)
            await asyncio.sleep(pause_s)

    async with buses(connect, 4, policies=policies) as (market, *members):
        tasks = [
            asyncio.create_task(member(bus, mine, slow_s * i))
            for i, (bus, mine) in enumerate(zip(members, told, strict=True))
        ]
        redis = connect()
        while not await redis.exists(f"{market.key(TRADES)}#desk"):
            await asyncio.sleep(0.01)  # what is cut before a group begins was never its own
        await redis.aclose()
        for number in range(n):
            market.publish(TRADES, trade(number))
            if number % 7 == 0:
                await market.flushed()
        # Every one of them was given to somebody, or told to somebody as lost.
        ends = time.monotonic() + 30
        while sum(counted(delivery) for mine in told for delivery in mine) < n:
            assert time.monotonic() < ends, [len(mine) for mine in told]
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)  # for what should not come
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return told


def counted(delivery: Delivery) -> int:
    return delivery.event.count if isinstance(delivery.event, Lost) else 1


async def test_live_members_that_share_a_group_are_told_of_no_loss_where_there_is_none(server: Server) -> None:
    told = await busy_members(server.connect, POLICIES, 300, 0.0001)
    assert sum(bool(mine) for mine in told) > 1, "one member alone shows nothing"
    assert not [d for mine in told for d in mine if isinstance(d.event, Lost)]
    assert sorted(int(number) for mine in told for number in ids(mine)) == list(range(300))


async def test_what_was_cut_before_any_of_several_members_read_it_is_told_once(connect: Connect) -> None:
    policies = {**POLICIES, "trades": TopicPolicy(conflate=False, bound=20)}
    async with buses(connect, 3, policies=policies) as (market, first, second):
        inboxes = [bus.subscribe(TRADES, group="desk") for bus in (first, second)]
        for number, inbox in enumerate(inboxes):
            market.publish(TRADES, trade(number))
            await market.flushed()
            assert ids(await taken(inbox, 1)) == [str(number)]
        for number in range(2, 52):
            market.publish(TRADES, trade(number))
            await market.flushed()
        # The next two were in work when they were cut, and are dealt with all the same.
        got = await taken(inboxes[1], 21)
        assert got[0].event == Lost(30)
        assert ids(got[1:]) == [str(number) for number in range(32, 52)]
        market.publish(TRADES, trade(52))
        assert ids(await taken(inboxes[0], 1)) == ["52"]
    assert (first.counts.lost, second.counts.lost) == (0, 30)


async def test_members_and_losses_together_account_for_every_event_once(server: Server) -> None:
    policies = {**POLICIES, "trades": TopicPolicy(conflate=False, bound=5)}
    told = await busy_members(server.connect, policies, 400, 0.01)
    assert sum(counted(delivery) for mine in told for delivery in mine) == 400
    given = [int(d.event.trade_id) for mine in told for d in mine if isinstance(d.event, Trade)]
    assert len(set(given)) == len(given) < 400


async def test_what_a_publisher_had_no_room_for_is_told_to_who_reads_on(connect: Connect) -> None:
    policies = {**POLICIES, "trades": TopicPolicy(conflate=False, bound=10)}
    async with buses(connect, 2, policies=policies) as (market, desk):
        inbox = desk.subscribe(TRADES, group="desk")
        market.publish(TRADES, trade(100))
        assert ids(await taken(inbox, 1)) == ["100"]
        for number in range(25):
            market.publish(TRADES, trade(number))  # the writer has no turn in between
        await market.flushed()
        got = await taken(inbox, 11)
    assert got[0].event == Lost(15)
    assert ids(got[1:]) == [str(number) for number in range(15, 25)]
    assert (market.counts.lost, desk.counts.lost) == (15, 15)


async def test_an_account_of_a_stream_that_is_gone_counts_for_nothing(server: Server) -> None:
    connect = server.connect
    async with buses(connect, 2) as (market, desk):
        inbox = desk.subscribe(TRADES, group="desk")
        for number in range(3):
            market.publish(TRADES, trade(number))
        assert ids(await taken(inbox, 3)) == ["0", "1", "2"]
        redis = connect()
        await redis.delete(market.key(TRADES))  # as a server does that makes room, its account left behind
        market.publish(TRADES, trade(3))
        assert ids(await taken(inbox, 1)) == ["3"]
        assert desk.counts.lost == 0
        await redis.aclose()


async def test_what_is_no_event_of_ours_is_counted_and_passed_over(connect: Connect) -> None:
    async with buses(connect, 2) as (market, desk):
        redis = connect()
        await redis.xadd(market.key(TRADES), {"p": "x", "n": 1, "e": "nonsense"}, id="1-*")
        await redis.xadd(market.key(TRADES), {"nothing": "of ours"}, id="1-*")
        market.publish(TRADES, {"no": "form"})
        market.publish(TRADES, trade(1))
        await market.flushed()
        assert ids(await taken(desk.subscribe(TRADES, group="desk"), 1)) == ["1"]
        assert (desk.counts.refused, market.counts.refused) == (1, 1)
        await redis.aclose()


async def test_publishing_never_waits_for_a_server_that_is_away_and_nothing_is_lost() -> None:
    pauses: list[float] = []

    async def no_sleep(seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.sleep(0)

    shared = FakeServer()
    shared.connected = False
    async with RedisBus(FakeAsyncRedis(server=shared), sleep=no_sleep) as bus:
        for number in range(50):
            bus.publish(TRADES, trade(number))
            bus.publish(BOOK, state(number))
        async with asyncio.timeout(30):
            while bus.counts.reconnects <= 2:
                await asyncio.sleep(0.01)
        assert bus.backlog() == 51
        shared.connected = True
        await asyncio.wait_for(bus.flushed(), 30)
        got = await taken(bus.subscribe(TRADES, BOOK, group="desk"), 51)
    assert [d.event for d in got if d.topic == TRADES] == [trade(number) for number in range(50)]
    assert [d.event for d in got if d.topic == BOOK] == [state(49)]
    # Each pause up to twice the last, never in step, at most half a minute.
    assert all(0.1 <= pause <= 30 for pause in pauses)
    assert pauses[0] <= 0.2 < pauses[2]


async def test_a_server_that_is_stopped_and_started_again_costs_nothing_but_time(server: Server) -> None:
    async def short(_: float) -> None:
        await asyncio.sleep(0.02)

    options: dict[str, Any] = {"sleep": short}
    async with buses(server.connect, 2, **options) as (market, desk):
        inbox = desk.subscribe(TRADES, group="desk")
        market.publish(TRADES, trade(1))
        assert ids(await taken(inbox, 1)) == ["1"]
        server.stop()
        market.publish(TRADES, trade(2))
        reading = asyncio.create_task(taken(inbox, 2))
        await asyncio.sleep(0.1)
        server.start()
        market.publish(TRADES, trade(3))
        assert ids(await reading) == ["2", "3"]
        assert market.counts.reconnects > 0
        assert desk.counts.reconnects > 0


async def test_a_server_that_lost_its_data_is_begun_again(connect: Connect) -> None:
    async with buses(connect, 2) as (market, desk):
        inbox = desk.subscribe(TRADES, group="desk")
        market.publish(TRADES, trade(1))
        assert ids(await taken(inbox, 1)) == ["1"]
        redis = connect()
        await redis.flushall()
        market.publish(TRADES, trade(2))
        await market.flushed()
        assert ids(await taken(inbox, 1)) == ["2"]
        await redis.aclose()


async def test_an_answer_that_was_lost_on_its_way_comes_again(connect: Connect) -> None:
    async with buses(connect, 1) as (market,):
        for number in range(3):
            market.publish(TRADES, trade(number))
        await market.flushed()
        client = connect()
        read, cut = client.xreadgroup, list[int]()

        async def once_cut(group: str, consumer: str, streams: dict[str, str], **options: Any) -> Any:
            answer = await read(group, consumer, streams, **options)
            if ">" in streams.values() and not cut:
                cut.append(1)
                raise RedisConnectionError("the server had read it for us, and the line broke")
            return answer

        client.xreadgroup = once_cut
        async with RedisBus(client, sleep=at_once) as desk:
            got = await taken(desk.subscribe(TRADES, group="desk"), 3)
    assert ids(got) == ["0", "1", "2"]
    assert (desk.counts.reconnects, desk.counts.lost) == (1, 0)


async def test_a_server_that_refuses_writes_for_a_while_does_not_end_the_writer(connect: Connect) -> None:
    client = connect()
    execute, refusals = client.pipeline, 3

    def full(**options: Any) -> Any:
        nonlocal refusals
        refusals -= 1
        if refusals >= 0:
            raise ResponseError("OOM command not allowed when used memory > 'maxmemory'")
        return execute(**options)

    client.pipeline = full
    async with RedisBus(client, sleep=at_once) as market:
        market.publish(TRADES, trade(1))
        await asyncio.wait_for(market.flushed(), 30)
        assert ids(await taken(market.subscribe(TRADES, group="desk"), 1)) == ["1"]
    assert (market.counts.refused_writes, market.counts.lost) == (3, 0)
    assert "OOM" in market.last_failure


async def test_what_was_published_last_is_written_before_the_bus_closes(connect: Connect) -> None:
    async with buses(connect, 1) as (market,):
        market.publish(TRADES, trade(1))
        async with RedisBus(connect()) as other:
            other.publish(TRADES, trade(2))
        got = await taken(market.subscribe(TRADES, group="desk"), 2)
    assert sorted(ids(got)) == ["1", "2"]


async def test_what_could_not_be_written_when_the_bus_closes_is_counted_as_lost() -> None:
    shared = FakeServer()
    shared.connected = False
    async with RedisBus(FakeAsyncRedis(server=shared), sleep=at_once, farewell_s=0.02) as bus:
        for number in range(5):
            bus.publish(TRADES, trade(number))
    assert bus.counts.lost == 5


async def test_what_a_member_that_died_had_taken_is_taken_over_while_the_others_run(connect: Connect) -> None:
    async with buses(connect, 2, idle_ms=30) as (market, survivor):
        alive = survivor.subscribe(TRADES, group="desk")
        for number in range(250):
            market.publish(TRADES, trade(number))
        await market.flushed()
        # It reads them all, deals with none, and never comes back.
        dead = connect()
        await dead.xgroup_create(market.key(TRADES), "desk", id="0")
        await dead.xreadgroup("desk", "dead", {market.key(TRADES): ">"}, count=250)
        await dead.aclose()
        market.publish(TRADES, trade(250))
        await market.flushed()
        got = await taken(alive, 251)
    assert sorted(ids(got), key=int) == [str(number) for number in range(251)]


async def test_a_consumer_that_comes_back_is_told_what_was_trimmed_while_it_was_away(connect: Connect) -> None:
    policies = {**POLICIES, "trades": TopicPolicy(conflate=False, bound=5)}
    async with buses(connect, 1, policies=policies) as (market,):
        for number in range(2):
            market.publish(TRADES, trade(number))
        await market.flushed()
        async with RedisBus(connect(), consumer="one", policies=policies) as before:
            inbox = before.subscribe(TRADES, group="desk")
            await taken(inbox, 2)
            await inbox.close()
        for number in range(2, 22):
            market.publish(TRADES, trade(number))
            await market.flushed()
        async with RedisBus(connect(), consumer="one", policies=policies) as after:
            got = await taken(after.subscribe(TRADES, group="desk"), 6)
        fresh = await taken(market.subscribe(TRADES, group="recorder"), 1)
    # The second was in work when it stopped, the 15 after it nobody had read.
    assert got[0].event == Lost(16)
    assert ids(got[1:]) == [str(number) for number in range(17, 22)]
    assert after.counts.lost == 16
    # A group that begins now was never away.
    assert ids(fresh) == ["17"]


async def test_an_entry_without_our_numbers_is_counted_and_passed_over(connect: Connect) -> None:
    async with buses(connect, 2) as (market, desk):
        redis = connect()
        await redis.xadd(market.key(TRADES), {"p": "x", "n": "many", "e": "{}"}, id="1-*")
        await redis.xadd(market.key(TRADES), {"e": "{}"}, id="1-*")
        market.publish(TRADES, trade(1))
        await market.flushed()
        assert ids(await taken(desk.subscribe(TRADES, group="desk"), 1)) == ["1"]
        assert desk.counts.refused == 2
        await redis.aclose()


async def test_the_address_in_the_settings_opens_the_bus(server: Server) -> None:
    async with open_bus(f"redis://127.0.0.1:{server.port}/0") as bus:
        bus.publish(TRADES, trade(1))
        inbox = bus.subscribe(TRADES, group="desk")
        assert (await asyncio.wait_for(anext(inbox), 30)).event == trade(1)
    async with open_bus("memory") as bus:
        assert isinstance(bus, MemoryBus)


def test_an_address_of_no_known_bus_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"found the bus\.url 'kafka://x', allowed are memory"):
        open_bus("kafka://x")
