import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from core.time import SECOND_NS
from market.sources.chain.wallets import wallets
from market.sources.chain.watching import Watch, Watcher
from market.sources.items import Abstention, Batch, Reading
from market.sources.settings import ContractSettings, SourcesSettings
from tests.market.sources.chain.node import BINANCE, BITFINEX, ETHER, SOMEBODY, sent
from tests.market.sources.desk import NOON, Patience

CONTRACT, TOPIC = "0x" + "c" * 40, "0x" + "7" * 64
Script = Callable[[ServerConnection, int], Any]


@asynccontextmanager
async def node_of(script: Script, refuse: str = "") -> AsyncIterator[str]:
    """A node that accepts every subscription as sub1, sub2, … and then does what the test scripts, by connection."""
    connections = 0

    async def handle(socket: ServerConnection) -> None:
        nonlocal connections
        connections += 1
        subscriptions = 0
        while subscriptions < 2:
            question = json.loads(await socket.recv())
            subscriptions += 1
            if refuse and question["params"][0] == refuse:
                await socket.send(
                    json.dumps({"id": question["id"], "error": {"code": -32601, "message": "no such thing"}})
                )
                return
            await socket.send(json.dumps({"jsonrpc": "2.0", "id": question["id"], "result": f"sub{subscriptions}"}))
        await script(socket, connections)

    async with serve(handle, "127.0.0.1", 0, close_timeout=0.1) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ws-s3cr3t-4711"


def note(subscription: int, result: Any) -> str:
    params = {"subscription": f"sub{subscription}", "result": result}
    return json.dumps({"jsonrpc": "2.0", "method": "eth_subscription", "params": params})


def event(removed: bool = False, block: str = "0xb1", **more: Any) -> dict[str, Any]:
    return {
        "address": CONTRACT, "topics": [TOPIC], "transactionHash": "0xt1", "logIndex": "0x0", "blockHash": block,
        "blockNumber": "0x10", "removed": removed, **more,
    }  # fmt: skip


def watcher(url: str, patience: Patience, silence_s: float = 2.0) -> Watcher:
    settings = SourcesSettings(
        watch_pending=True, contracts=(ContractSettings(name="bridge", address=CONTRACT, topic=TOPIC),)
    )
    return Watcher(
        url, patience.clock, settings, wallets(), sleep=patience.sleep, chance=random.Random(7), silence_s=silence_s
    )


async def first(watching: Watcher, count: int) -> list[Reading]:
    found: list[Reading] = []
    readings = watching.readings()
    try:
        async with asyncio.timeout(30):
            async for reading in readings:
                found.append(reading)
                if len(found) == count:
                    break
    finally:
        await readings.aclose()  # type: ignore[attr-defined]
    return found


async def stay(socket: ServerConnection) -> None:
    await socket.wait_closed()


async def test_a_large_transfer_is_told_while_it_is_pending_with_its_direction() -> None:
    async def script(socket: ServerConnection, _: int) -> None:
        await socket.send(note(1, sent(SOMEBODY, SOMEBODY, 9_000 * ETHER, "0xother")))
        await socket.send(note(1, sent(SOMEBODY, BINANCE, 999 * ETHER, "0xsmall")))
        await socket.send(note(1, sent(SOMEBODY, BINANCE, 1_000 * ETHER, "0xin")))
        await socket.send(note(1, sent(SOMEBODY, BINANCE, 1_000 * ETHER, "0xin")))
        await socket.send(note(1, sent(BITFINEX, SOMEBODY, 2_000 * ETHER, "0xout")))
        await stay(socket)

    async with node_of(script) as url:
        watching = watcher(url, Patience())
        found = await first(watching, 2)
        assert [(reading.reference, reading.value) for reading in found] == [
            ("binance:0xin", 1000),
            ("bitfinex:0xout", -2000),
        ]
        assert {(reading.series, reading.event_ns) for reading in found} == {("pending_exchange_transfer", NOON)}
        assert watching.counts == {"pending": 2, "duplicates": 1}


async def test_an_event_of_a_removed_block_is_taken_back_under_its_own_time() -> None:
    async def script(socket: ServerConnection, _: int) -> None:
        await socket.send(note(2, event(blockTimestamp=hex(NOON // SECOND_NS - 12))))
        await socket.send(note(2, event(removed=True)))
        await socket.send(note(2, event(removed=True, transactionHash="0xnever")))
        await socket.send(note(2, event(block="0xb2")))
        await stay(socket)

    async with node_of(script) as url:
        watching = watcher(url, Patience())
        told, taken, again = await first(watching, 3)
        assert (told.series, told.retracted, told.event_ns) == ("event:bridge", False, NOON - 12 * SECOND_NS)
        assert (taken.retracted, taken.event_ns, taken.reference) == (True, told.event_ns, told.reference)
        assert (again.retracted, again.event_ns) == (False, NOON)
        assert watching.counts["removals of unknown events"] == 1


async def test_junk_is_counted_and_the_next_message_still_read() -> None:
    async def script(socket: ServerConnection, _: int) -> None:
        for junk in (
            "{",
            "[]",
            "7",
            note(9, {}),
            note(1, "x"),
            note(1, {"value": "lots"}),
            note(2, event(address=SOMEBODY)),
            b"\xff",
        ):
            await socket.send(junk)
        await socket.send(note(1, sent(SOMEBODY, BINANCE, 1_000 * ETHER, "0xin")))
        await stay(socket)

    async with node_of(script) as url:
        watching = watcher(url, Patience())
        assert len(await first(watching, 1)) == 1
        assert watching.counts["unreadable"] == 8


async def test_a_cut_connection_is_made_again_and_nothing_is_told_twice() -> None:
    async def script(socket: ServerConnection, connection: int) -> None:
        await socket.send(note(1, sent(SOMEBODY, BINANCE, 1_000 * ETHER, "0x1")))
        if connection > 1:
            await socket.send(note(1, sent(SOMEBODY, BINANCE, 1_000 * ETHER, "0x2")))
            await stay(socket)

    patience = Patience()
    async with node_of(script) as url:
        watching = watcher(url, patience)
        assert [reading.reference for reading in await first(watching, 2)] == ["binance:0x1", "binance:0x2"]
        assert (watching.counts["reconnects"], watching.counts["duplicates"]) == (1, 1)
        assert 0.5 <= patience.slept[0] <= 1


async def test_silence_ends_a_connection() -> None:
    async def script(socket: ServerConnection, connection: int) -> None:
        if connection > 1:
            await socket.send(note(1, sent(SOMEBODY, BINANCE, 1_000 * ETHER, "0x1")))
        await stay(socket)

    async with node_of(script) as url:
        watching = watcher(url, Patience(), silence_s=0.1)
        assert len(await first(watching, 1)) == 1
        assert watching.counts["reconnects"] == 1


async def test_a_node_that_is_not_there_is_told_without_its_key_and_asked_ever_less_often() -> None:
    patience = Patience()
    watching = watcher("ws://127.0.0.1:1/ws-s3cr3t-4711", patience)
    task = asyncio.create_task(first(watching, 1))
    while len(patience.slept) < 9:
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert watching.trouble == "ConnectionRefusedError"
    assert patience.slept[8] > 30 > patience.slept[3] > patience.slept[0]
    assert max(patience.slept) <= 60


@pytest.mark.parametrize("refused", ["newPendingTransactions", "logs"])
async def test_a_subscription_that_is_refused_is_told(refused: str) -> None:
    async def script(socket: ServerConnection, _: int) -> None:
        await stay(socket)

    patience = Patience()
    async with node_of(script, refuse=refused) as url:
        watching = watcher(url, patience)
        task = asyncio.create_task(first(watching, 1))
        while not patience.slept:
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert watching.trouble == f"the node does not subscribe to {refused}: no such thing"


async def test_as_a_source_it_hands_over_what_it_heard_and_says_why_it_hears_nothing() -> None:
    heard = asyncio.Event()

    async def script(socket: ServerConnection, _: int) -> None:
        await socket.send(note(1, sent(SOMEBODY, BINANCE, 1_000 * ETHER, "0xin")))
        await socket.send("junk")
        heard.set()
        await stay(socket)

    patience = Patience()
    async with node_of(script) as url:
        watching = watcher(url, patience)
        watch = Watch(watching, patience.clock)
        first_answer = await watch.poll(0)
        assert isinstance(first_answer, Abstention)
        assert first_answer.reason == "it is not connected yet"
        await heard.wait()
        while watching.counts["unreadable"] == 0:
            await asyncio.sleep(0.01)
        batch = await watch.poll(0)
        assert isinstance(batch, Batch)
        assert [(reading.source, reading.reference) for reading in batch.readings] == [
            ("ethereum-watch:pending", "binance:0xin")
        ]
        assert batch.counts == {"pending": 1, "unreadable": 1}
        assert await watch.poll(0) == Batch()
        await watch.aclose()
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_a_watch_that_broke_says_so_once_and_listens_again() -> None:
    class Breaking:
        def __init__(self) -> None:
            self.counts: Counter[str] = Counter()
            self.trouble = ""
            self.begun = 0

        async def readings(self) -> AsyncIterator[Reading]:
            self.begun += 1
            if self.begun == 1:
                raise ArithmeticError("a number of the node's")
            await asyncio.Event().wait()
            yield  # type: ignore[misc]

    watcher = Breaking()
    watch = Watch(watcher, Patience().clock)  # type: ignore[arg-type]
    with pytest.raises(ArithmeticError):
        await watch.poll(0)
    assert await watch.poll(0) == Batch()
    assert watcher.begun == 2
    await watch.aclose()
