"""An Ethereum node and a Bitcoin indexer on 127.0.0.1, with chains that a test writes and rewrites."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web as aio

from core.time import SECOND_NS
from market.sources.chain.ethereum import TRANSFER
from tests.market.web.clocks import NOON

BINANCE = "0x28c6c06298d514db089934071355e5743bf21d60"
BITFINEX = "0x742d35cc6634c0532925a3b844bc454e4438f44e"
SOMEBODY = "0x" + "1" * 40
USDT = "0xdac17f958d2ee523a2206206994597c13d831ec7"
ETHER = 10**18
START = NOON // SECOND_NS - 7200


def name_of(height: int, branch: str = "a") -> str:
    return "0x" + f"{branch}{height:x}".rjust(64, "0")


def sent(sender: str, receiver: str, wei: int, name: str = "0xt1") -> dict[str, Any]:
    return {"hash": name, "from": sender, "to": receiver, "value": hex(wei)}


def transfer(sender: str, receiver: str, amount: int, name: str = "0xt1", index: int = 0) -> dict[str, Any]:
    padded = ["0x" + address[2:].rjust(64, "0") for address in (sender, receiver)]
    return {
        "address": USDT,
        "topics": [TRANSFER, *padded],
        "data": "0x" + f"{amount:x}".rjust(64, "0"),
        "transactionHash": name,
        "logIndex": hex(index),
        "removed": False,
    }


@dataclass
class EthereumNode:
    """Answers JSON-RPC over its blocks; `refuse` may answer in place of it."""

    blocks: dict[int, dict[str, Any]] = field(default_factory=dict)
    logs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    asked: list[tuple[str, list[Any]]] = field(default_factory=list)
    refuse: Callable[[str, list[Any]], Any] = lambda method, params: None
    answers: dict[str, Any] = field(default_factory=dict)

    def mine(
        self,
        height: int,
        *moved: dict[str, Any],
        logs: list[dict[str, Any]] | None = None,
        branch: str = "a",
        parent: str = "a",
        at: int | None = None,
    ) -> None:
        """Puts a block at a height, in place of what stood there."""
        name = name_of(height, branch)
        self.blocks[height] = {
            "number": hex(height),
            "hash": name,
            "parentHash": name_of(height - 1, parent),
            "timestamp": hex(START + 12 * height if at is None else at),
            "transactions": list(moved),
        }
        self.logs[name] = [{**log, "blockHash": name, "blockNumber": hex(height)} for log in logs or []]

    async def __call__(self, request: aio.Request) -> aio.StreamResponse:
        question = json.loads(await request.read())
        method, params = question["method"], question["params"]
        self.asked.append((method, params))
        refused = self.refuse(method, params)
        if isinstance(refused, aio.StreamResponse):
            return refused
        body = {"jsonrpc": "2.0", "id": question["id"]}
        if refused is not None:
            return aio.json_response({**body, "error": refused})
        return aio.json_response({**body, "result": self._result(method, params)})

    def _result(self, method: str, params: list[Any]) -> Any:
        if method in self.answers:
            return self.answers[method]
        if method == "eth_blockNumber":
            return hex(max(self.blocks))
        if method == "eth_getBlockByNumber":
            return self.blocks.get(max(self.blocks) if params[0] == "latest" else int(params[0], 16))
        if method == "eth_getLogs":
            return [
                log for log in self.logs.get(params[0]["blockHash"], []) if _matches(log["topics"], params[0]["topics"])
            ]
        raise AssertionError(method)


def _matches(topics: list[str], wanted: list[Any]) -> bool:
    return all(
        want is None or topic in (want if isinstance(want, list) else [want])
        for topic, want in zip(topics, wanted, strict=False)
    )
