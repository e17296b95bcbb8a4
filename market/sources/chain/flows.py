"""Net inflow to exchanges, by asset and window, and single large transfers.

A window is told when a block past its end is known, and told again, as a revision, when a reorganisation or a late
block changed it. Only windows that were read from their first block on are told at all: half a window looks like calm.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Protocol

from core.money import ZERO
from core.time import SECOND_NS
from market.sources.chain.blocks import Block, Chain, Transfer
from market.sources.context import Context
from market.sources.items import Batch, Reading

MOST_BLOCKS: Final = 40  # of one poll; after a pause the chain is caught up with over several


class ChainReader(Protocol):
    """One chain's own way to say what its blocks move."""

    assets: tuple[str, ...]

    async def newest(self) -> int: ...
    async def block(self, height: int) -> Block: ...


@dataclass(frozen=True, slots=True)
class _Window:
    start_ns: int
    net: dict[str, Decimal]


class Flows:
    """Follows one chain and says what moved to and from the known wallets of exchanges."""

    cadence_s = 60

    def __init__(self, name: str, context: Context, reader: ChainReader, wallets_version: str) -> None:
        self.name = name
        self._context, self._reader = context, reader
        self._source = f"{name}:{wallets_version}"  # another list measures another thing
        self._length_ns = context.settings.flow_window_s * SECOND_NS
        self._chain = Chain(3 * self._length_ns)
        self._told: dict[tuple[int, str], Decimal] = {}
        self._first_ns: int | None = None

    async def poll(self, since_ns: int) -> Batch:
        target = await self._reader.newest() - self._context.settings.confirmations
        start = self._chain.height
        if start is not None:
            target = min(target, start + MOST_BLOCKS)
        if self._chain.height is None:
            self._first_ns = None  # begun, or begun anew: windows count from the first whole one
        removed, added = await self._chain.advance(target, self._reader.block)
        if self._first_ns is None and added:
            self._first_ns = added[0].time_ns
        now = self._context.clock.now_ns()
        readings = [*self._windows(now), *self._large(removed, added, now)]
        self._chain.forget()
        return Batch((), tuple(readings), counts={"blocks": len(added), "removed blocks": len(removed)})

    def _windows(self, now: int) -> Iterable[Reading]:
        for window in self._closed():
            for asset in self._reader.assets:
                net = window.net.get(asset, ZERO)
                if self._told.get((window.start_ns, asset)) != net:
                    self._told[window.start_ns, asset] = net
                    end = window.start_ns + self._length_ns
                    yield Reading("exchange_net_inflow", asset, self._source, end, now, net, asset)
        oldest = min((block.time_ns for block in self._chain), default=0)
        for key in [key for key in self._told if key[0] + self._length_ns < oldest]:
            del self._told[key]

    def _closed(self) -> list[_Window]:
        """Whole windows that a later block closed, among the blocks that are still held."""
        blocks = list(self._chain)
        if not blocks or self._first_ns is None:
            return []
        # The window in which reading began, and one whose first blocks were let go, are not whole.
        begun = max(self._first_ns, blocks[0].time_ns)
        last = max(block.time_ns for block in blocks) // self._length_ns
        windows = {
            at: _Window(at * self._length_ns, {}) for at in range(begun // self._length_ns + 1, last)
        }  # the newest is still open
        for block in blocks:
            window = windows.get(block.time_ns // self._length_ns)
            if window is not None:
                for moved in block.transfers:
                    signed = moved.amount if moved.inward else -moved.amount
                    window.net[moved.asset] = window.net.get(moved.asset, ZERO) + signed
        return list(windows.values())

    def _large(self, removed: list[Block], added: list[Block], now: int) -> Iterable[Reading]:
        stays = {(block.time_ns, moved.reference) for block in added for moved in block.transfers}
        for block in removed:
            for moved in block.transfers:
                if self._is_large(moved) and (block.time_ns, moved.reference) not in stays:
                    yield self._transfer(block, moved, now, retracted=True)
        for block in added:
            for moved in block.transfers:
                if self._is_large(moved):
                    yield self._transfer(block, moved, now, retracted=False)

    def _is_large(self, moved: Transfer) -> bool:
        least = self._context.settings.large_transfer.get(moved.asset)
        return least is not None and moved.amount >= least

    def _transfer(self, block: Block, moved: Transfer, now: int, *, retracted: bool) -> Reading:
        signed = moved.amount if moved.inward else -moved.amount
        reference = f"{moved.exchange}:{moved.reference}"
        return Reading(
            "exchange_transfer",
            moved.asset,
            self._source,
            block.time_ns,
            now,
            signed,
            moved.asset,
            reference,
            retracted,
        )
