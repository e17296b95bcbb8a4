"""A window onto a chain that may still change its mind: blocks by height, taken back where the chain reorganised.

Heights are read up to some blocks below the newest. Where a block's parent is not the block we hold, ours was removed:
it is dropped, and so is what it said.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from core.errors import DeskError


@dataclass(frozen=True, slots=True)
class Transfer:
    """One movement to or from an exchange. `amount` is in units of the asset, positive; `inward` is to the exchange."""

    asset: str
    exchange: str
    amount: Decimal
    inward: bool
    reference: str  # transaction and position, the same in whatever block it lands


@dataclass(frozen=True, slots=True)
class Block:
    height: int
    name: str  # its hash
    parent: str
    time_ns: int
    transfers: tuple[Transfer, ...]


_DEEPEST: Final = 64  # two epochs of Ethereum: what is below is final


class Chain:
    """The last blocks as we know them. `advance` reads on; what it drops and adds is for the caller to tell."""

    def __init__(self, keep_ns: int) -> None:
        self._keep_ns = keep_ns
        self._blocks: OrderedDict[int, Block] = OrderedDict()
        self._removed: list[Block] = []  # not yet told
        self._added: dict[int, Block] = {}

    @property
    def height(self) -> int | None:
        return next(reversed(self._blocks), None)

    def __iter__(self) -> Iterator[Block]:
        return iter(self._blocks.values())

    async def advance(self, to: int, read: Callable[[int], Awaitable[Block]]) -> tuple[list[Block], list[Block]]:
        """Reads up to a height: the blocks that were removed, and those that are new, both by height.

        A chain that changed deeper than is remembered leaves nothing held: the next call begins anew. Where a read
        fails or is cancelled after others went well, those count: now, or with the next call.
        """
        height = to if self.height is None else self.height + 1
        while height <= to:
            try:
                block = await read(height)
            except DeskError:
                if self._added or self._removed:
                    break
                raise
            before = self._blocks.get(height - 1)
            if before is None or before.name == block.parent:
                self._blocks[height] = self._added[height] = block
                height += 1
                continue
            del self._blocks[height - 1]
            # A block that came and went before it was told was told to nobody.
            if self._added.pop(height - 1, None) is None:
                self._removed.append(before)
            height -= 1
            if len(self._removed) > _DEEPEST:
                self._removed += self._blocks.values()
                self._blocks.clear()
            if not self._blocks:
                break
        removed, added = sorted(self._removed, key=lambda gone: gone.height), list(self._added.values())
        self._removed, self._added = [], {}
        return removed, added

    def forget(self) -> None:
        """Lets go of blocks that are older than any open window, and deeper than any reorganisation."""
        newest = next(reversed(self._blocks.values()), None)
        while newest is not None and len(self._blocks) > _DEEPEST:
            oldest = next(iter(self._blocks.values()))
            if oldest.time_ns >= newest.time_ns - self._keep_ns:
                return
            self._blocks.popitem(last=False)
