"""What a transaction on Ethereum costs: base fee and tip of the newest block, in gwei."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from core.time import SECOND_NS
from market.sources.chain.rpc import Node, quantity_of
from market.sources.context import Context
from market.sources.fields import items, pick
from market.sources.items import Batch, Reading
from market.web import Unavailable, Unwilling

GWEI: Final = Decimal(10) ** -9
_STALE_NS: Final = 300 * SECOND_NS  # a block comes every 12 seconds


class Gas:
    """eth_feeHistory where the node has it, else eth_gasPrice."""

    name, cadence_s = "gas", 60

    def __init__(self, context: Context) -> None:
        self._context = context
        self._node = Node(context.web, ethereum_url(context))

    async def poll(self, since_ns: int) -> Batch:
        now = self._context.clock.now_ns()
        block = await self._node.call("eth_getBlockByNumber", "latest", False)
        event_ns = quantity_of(pick(block, "timestamp"), "eth_getBlockByNumber") * SECOND_NS
        if now - event_ns > _STALE_NS:
            raise Unavailable(f"the node's newest block is {(now - event_ns) // SECOND_NS} s old: it is behind")
        try:
            history = await self._node.call("eth_feeHistory", "0x5", "latest", [50])
        except Unwilling:
            return Batch((), (self._reading("gas_price", event_ns, await self._node.quantity("eth_gasPrice")),))
        fees = items(history, "baseFeePerGas")
        tips = sorted(quantity_of(pick(row, 0), "eth_feeHistory") for row in items(history, "reward"))
        if not fees:
            raise Unavailable("eth_feeHistory: the node answered no base fee")
        base = quantity_of(fees[-1], "eth_feeHistory")  # of the block to come
        tip = tips[len(tips) // 2] if tips else 0
        return Batch(
            (),
            (
                self._reading("gas_base_fee", event_ns, base),
                self._reading("gas_tip", event_ns, tip),
                self._reading("gas_price", event_ns, base + tip),
            ),
        )

    def _reading(self, series: str, event_ns: int, wei: int) -> Reading:
        return Reading(series, "ETH", self.name, event_ns, self._context.clock.now_ns(), wei * GWEI, "gwei")


def ethereum_url(context: Context) -> str:
    """The operator's node: a secret where the URL holds a key, else a setting."""
    return context.secrets.get("ETHEREUM_RPC") or context.base("ethereum", "")


def gas_of(context: Context) -> tuple[Gas, ...]:
    """The source, or none where there is no node to ask."""
    return (Gas(context),) if ethereum_url(context) else ()
