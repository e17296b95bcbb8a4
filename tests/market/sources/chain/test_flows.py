import asyncio
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.time import SECOND_NS
from market.sources.chain.blocks import Block, Chain, Transfer
from market.sources.chain.ethereum import Ethereum
from market.sources.chain.flows import Flows
from market.sources.chain.wallets import wallets
from market.sources.items import Reading
from market.web import Unavailable
from tests.market.sources.chain.node import BINANCE, BITFINEX, ETHER, SOMEBODY, START, EthereumNode, sent, transfer
from tests.market.sources.desk import Patience, Server, context_of, web_of

MINUTE = 5  # blocks


def flows_at(server: Server, web: Any, patience: Patience, **settings: Any) -> Flows:
    context = context_of(server, web, patience, flow_window_s=60, confirmations=0, **settings)
    known = wallets()
    return Flows("ethereum-flows", context, Ethereum(context, known), known.version)


def inflows(readings: tuple[Reading, ...], asset: str = "ETH") -> list[tuple[int, Decimal]]:
    """Seconds since the start at which a window ends, and its net inflow."""
    return [
        (reading.event_ns // SECOND_NS - START, reading.value)
        for reading in readings
        if reading.series == "exchange_net_inflow" and reading.asset == asset
    ]


async def test_net_inflow_is_told_for_whole_windows_that_a_later_block_closed() -> None:
    patience, node = Patience(), EthereumNode()
    async with Server({"/ethereum": node}) as server, web_of(patience, per_minute=6_000, burst=500) as web:
        flows = flows_at(server, web, patience)
        node.mine(1)
        assert (await flows.poll(0)).readings == ()
        for height in range(2, 11):
            node.mine(height)
        node.mine(
            6, sent(SOMEBODY, BINANCE, 3 * ETHER), sent(BITFINEX, SOMEBODY, ETHER), sent(SOMEBODY, SOMEBODY, ETHER)
        )
        node.mine(7, sent(BINANCE, BITFINEX, 5 * ETHER), logs=[transfer(SOMEBODY, BINANCE, 2_500_000)])
        first = (await flows.poll(0)).readings
        # The window in which reading began is not whole; the next one is, once a block past its end is known.
        assert inflows(first) == [(120, Decimal(2))]
        assert inflows(first, "USDT") == [(120, Decimal("2.5"))]
        assert all(reading.known_at_ns == patience.clock.now_ns() >= reading.event_ns for reading in first)
        assert (await flows.poll(0)).readings == ()


async def test_calm_is_told_as_nothing_moved_not_left_out() -> None:
    patience, node = Patience(), EthereumNode()
    async with Server({"/ethereum": node}) as server, web_of(patience, per_minute=6_000, burst=500) as web:
        flows = flows_at(server, web, patience)
        node.mine(1)
        await flows.poll(0)
        for height in range(2, 16):
            node.mine(height)
        assert inflows((await flows.poll(0)).readings) == [(120, Decimal(0)), (180, Decimal(0))]


async def test_a_transfer_inside_one_exchange_is_no_flow() -> None:
    patience, node = Patience(), EthereumNode()
    other = next(address for address, name in wallets().ethereum.items() if name == "binance" and address != BINANCE)
    async with Server({"/ethereum": node}) as server, web_of(patience, per_minute=6_000) as web:
        node.mine(1, sent(BINANCE, other, 5_000 * ETHER))
        assert (await flows_at(server, web, patience).poll(0)).readings == ()


async def test_a_large_transfer_is_told_on_its_own_with_its_direction() -> None:
    patience, node = Patience(), EthereumNode()
    async with Server({"/ethereum": node}) as server, web_of(patience, per_minute=6_000) as web:
        node.mine(
            1,
            sent(SOMEBODY, BINANCE, 1_000 * ETHER, "0xin"),
            sent(BITFINEX, SOMEBODY, 2_000 * ETHER, "0xout"),
            sent(SOMEBODY, BINANCE, 999 * ETHER, "0xsmall"),
        )
        found = (await flows_at(server, web, patience).poll(0)).readings
        assert [(reading.reference, reading.value) for reading in found] == [
            ("binance:0xin", 1000),
            ("bitfinex:0xout", -2000),
        ]
        assert all(reading.source.startswith("ethereum-flows:1-") for reading in found)


async def test_a_removed_block_takes_back_what_it_said_and_the_window_is_told_again() -> None:
    patience, node = Patience(), EthereumNode()
    async with Server({"/ethereum": node}) as server, web_of(patience, per_minute=6_000, burst=500) as web:
        flows = flows_at(server, web, patience)
        node.mine(1)
        await flows.poll(0)
        for height in range(2, 11):
            node.mine(height)
        node.mine(9, sent(SOMEBODY, BINANCE, 4_000 * ETHER, "0xbig"))
        before = (await flows.poll(0)).readings
        assert inflows(before) == [(120, Decimal(4_000))]
        node.mine(9, sent(SOMEBODY, BINANCE, 1 * ETHER, "0xlittle"), branch="b")
        node.mine(10, branch="b", parent="b")
        node.mine(11, parent="b")
        patience.clock.advance_to(patience.clock.now_ns() + 60 * SECOND_NS)
        batch = await flows.poll(0)
        assert batch.counts == {"blocks": 3, "removed blocks": 2}
        assert inflows(batch.readings) == [(120, Decimal(1))]
        (taken,) = [reading for reading in batch.readings if reading.series == "exchange_transfer"]
        told = next(reading for reading in before if reading.series == "exchange_transfer")
        assert (taken.retracted, taken.event_ns, taken.reference) == (True, told.event_ns, told.reference)
        assert taken.known_at_ns > told.known_at_ns


async def test_blocks_are_read_below_the_newest_by_the_confirmations() -> None:
    patience, node = Patience(), EthereumNode()
    async with Server({"/ethereum": node}) as server, web_of(patience, per_minute=6_000) as web:
        for height in range(1, 8):
            node.mine(height)
        context = context_of(server, web, patience, confirmations=3)
        await Flows("ethereum-flows", context, Ethereum(context, wallets()), "1").poll(0)
        assert [int(params[0], 16) for method, params in node.asked if method == "eth_getBlockByNumber"] == [4]


async def test_a_node_that_answers_another_block_is_not_believed() -> None:
    patience, node = Patience(), EthereumNode()
    node.mine(5)
    node.answers["eth_getBlockByNumber"] = {**node.blocks[5], "number": "0x4"}
    async with Server({"/ethereum": node}) as server, web_of(patience) as web:
        with pytest.raises(Unavailable, match="another block than 5"):
            await flows_at(server, web, patience).poll(0)


async def test_logs_of_another_block_or_removed_ones_do_not_count() -> None:
    patience, node = Patience(), EthereumNode()
    async with Server({"/ethereum": node}) as server, web_of(patience, per_minute=6_000) as web:
        big = 5_000_000 * 10**6
        node.mine(
            1,
            logs=[
                transfer(SOMEBODY, BINANCE, big),
                transfer(SOMEBODY, BINANCE, big, index=1),
                transfer(SOMEBODY, BINANCE, big, index=2),
            ],
        )
        (logs,) = node.logs.values()
        logs[0]["removed"] = True
        logs[1]["blockHash"] = "0xother"
        found = (await flows_at(server, web, patience).poll(0)).readings
        assert [reading.reference for reading in found] == ["binance:0xt1:0x2"]


def block(height: int, branch: int, parent: int) -> Block:
    moved = Transfer("ETH", "x", Decimal(1), True, f"{height}-{branch}")
    return Block(height, f"{height}-{branch}", f"{height - 1}-{parent}", height * SECOND_NS, (moved,))


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 5)), min_size=1, max_size=25))
async def test_what_was_told_and_not_taken_back_is_always_the_chain_as_it_stands(steps: list[tuple[int, int]]) -> None:
    """Each step adds blocks after dropping some: whatever happens, the blocks told form the present chain."""
    chain, told, canon = Chain(keep_ns=10**18), set[str](), [(0, 0)]

    async def read(height: int) -> Block:
        number, branch = canon[height]
        return block(number, branch, canon[height - 1][1] if height else 0)

    for step, (more, fewer) in enumerate(steps, 1):
        del canon[max(1, len(canon) - fewer) :]
        canon += [(len(canon) + n, step) for n in range(more)]
        removed, added = await chain.advance(len(canon) - 1, read)
        assert not {gone.name for gone in removed} - told
        told = told - {gone.name for gone in removed} | {new.name for new in added}
        if chain.height is not None and chain.height == len(canon) - 1:
            assert told == {held.name for held in chain}
            held = list(chain)
            assert all(one.name == two.parent for one, two in pairwise(held))


async def test_a_block_that_came_and_went_while_reading_is_told_to_nobody() -> None:
    chain, reads = Chain(keep_ns=10**18), list[int]()

    async def read(height: int) -> Block:
        reads.append(height)
        # Block 2 is first read on a branch that is gone by the time that block 3 is read.
        first = reads.count(2) == 1
        return block(height, 1 if height >= 2 and not (height == 2 and first) else 0, 1 if height >= 3 else 0)

    await chain.advance(1, read)
    removed, added = await chain.advance(3, read)
    assert removed == []
    assert [new.name for new in added] == ["2-1", "3-1"]
    assert reads == [1, 2, 3, 2, 3]


async def test_what_was_read_before_a_poll_was_cancelled_is_told_by_the_next() -> None:
    chain, hang = Chain(keep_ns=10**18), asyncio.Event()

    async def read(height: int) -> Block:
        if height == 3:
            await hang.wait()
        return block(height, 0, 0)

    await chain.advance(1, read)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await chain.advance(5, read)
    hang.set()
    assert [new.height for new in (await chain.advance(5, read))[1]] == [2, 3, 4, 5]


async def test_a_chain_that_changed_deeper_than_is_remembered_takes_all_back_and_begins_anew() -> None:
    chain = Chain(keep_ns=10**18)

    async def one(height: int) -> Block:
        return block(height, 0, 0)

    async def other(height: int) -> Block:
        return block(height, 1, 1)

    await chain.advance(8, one)
    await chain.advance(10, one)
    removed, added = await chain.advance(11, other)
    assert ([gone.height for gone in removed], added, chain.height) == ([8, 9, 10], [], None)
    assert [new.name for new in (await chain.advance(11, other))[1]] == ["11-1"]


async def test_a_read_that_fails_midway_keeps_what_went_well() -> None:
    chain = Chain(keep_ns=10**18)

    async def read(height: int) -> Block:
        if height == 3:
            raise Unavailable("busy")
        return block(height, 0, 0)

    await chain.advance(1, read)
    assert [new.height for new in (await chain.advance(5, read))[1]] == [2]
    with pytest.raises(Unavailable, match="busy"):
        await chain.advance(5, read)
