"""Ethereum's blocks by JSON-RPC: ether in transactions, tokens in Transfer logs, both to and from known wallets."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from core.time import SECOND_NS
from market.sources.chain.blocks import Block, Transfer
from market.sources.chain.flows import Flows
from market.sources.chain.gas import ethereum_url
from market.sources.chain.rpc import Node, quantity_of
from market.sources.chain.wallets import Token, Wallets, wallets
from market.sources.context import Context
from market.sources.fields import tables, words
from market.web import Unavailable

# keccak256("Transfer(address,address,uint256)"), ERC-20.
TRANSFER: Final = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
_WEI: Final = Decimal(10) ** -18


class Ethereum:
    """Whole blocks with their transactions, and the token transfers that touch a known wallet.

    Ether that a contract passes on inside a transaction is seen by no log: such inflows are missing, and said to be.
    """

    def __init__(self, context: Context, known: Wallets) -> None:
        self._node = Node(context.web, ethereum_url(context))
        self._wallets = known
        wanted = set(context.settings.assets) | {"USDT", "USDC"}
        self._tokens = {token.address: token for token in known.tokens if token.asset in wanted}
        self.assets = ("ETH", *(token.asset for token in self._tokens.values()))

    async def newest(self) -> int:
        return await self._node.quantity("eth_blockNumber")

    async def block(self, height: int) -> Block:
        found = await self._node.call("eth_getBlockByNumber", hex(height), True)
        if not isinstance(found, dict):
            raise Unavailable(f"the node has no block {height} yet")
        name, parent = words(found, "hash"), words(found, "parentHash")
        if not name or not parent or quantity_of(found.get("number"), "eth_getBlockByNumber") != height:
            raise Unavailable(f"the node answered another block than {height}")
        moved = [*self._ether(found), *self._token_transfers(await self._logs(name))]
        time_ns = quantity_of(found.get("timestamp"), "eth_getBlockByNumber") * SECOND_NS
        return Block(height, name, parent, time_ns, tuple(moved))

    async def _logs(self, block_hash: str) -> list[dict[str, Any]]:
        """Transfers to, then from, known wallets in one block: by its hash, so that no other block's come instead."""
        if not self._tokens:
            return []
        padded = [f"0x{address[2:]:0>64}" for address in self._wallets.ethereum]
        found: dict[str, dict[str, Any]] = {}
        for topics in ([TRANSFER, None, padded], [TRANSFER, padded]):
            question = {"blockHash": block_hash, "address": list(self._tokens), "topics": topics}
            logs = await self._node.call("eth_getLogs", question)
            if not isinstance(logs, list):
                raise Unavailable("eth_getLogs: the node answered no list")
            for log in tables(logs):
                if log.get("removed") is not True and words(log, "blockHash") == block_hash:
                    found[words(log, "logIndex")] = log
        return list(found.values())

    def _ether(self, block: dict[str, Any]) -> Iterator[Transfer]:
        for sent in tables(block, "transactions"):
            amount = quantity_of(sent.get("value"), "eth_getBlockByNumber")
            if amount:
                yield from self._moves(
                    "ETH", words(sent, "from"), words(sent, "to"), amount * _WEI, words(sent, "hash")
                )

    def _token_transfers(self, logs: list[dict[str, Any]]) -> Iterator[Transfer]:
        for log in logs:
            token = self._tokens.get(words(log, "address").lower())
            topics = log.get("topics")
            if token is None or not isinstance(topics, list) or len(topics) != 3:
                continue
            amount = _amount(log, token)
            reference = f"{words(log, 'transactionHash')}:{words(log, 'logIndex')}"
            yield from self._moves(token.asset, f"0x{topics[1][-40:]}", f"0x{topics[2][-40:]}", amount, reference)

    def _moves(self, asset: str, sender: str, receiver: str, amount: Decimal, reference: str) -> Iterator[Transfer]:
        known = self._wallets.ethereum
        paid_by, paid_to = known.get(sender.lower()), known.get(receiver.lower())
        # Between two wallets of one exchange nothing comes and nothing goes.
        if paid_by == paid_to:
            return
        if paid_to is not None:
            yield Transfer(asset, paid_to, amount, True, reference)
        if paid_by is not None:
            yield Transfer(asset, paid_by, amount, False, reference)


def _amount(log: dict[str, Any], token: Token) -> Decimal:
    data = words(log, "data")
    return Decimal(quantity_of(data[:66] if data != "0x" else "0x0", "eth_getLogs")).scaleb(-token.decimals)


def flows_of(context: Context) -> tuple[Flows, ...]:
    """The flows of Ethereum's exchanges, or none where there is no node to ask or no wallet to look at."""
    known = wallets(context.settings.wallets)
    if not ethereum_url(context) or not known.ethereum:
        return ()
    return (Flows("ethereum-flows", context, Ethereum(context, known), known.version),)
