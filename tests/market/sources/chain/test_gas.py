from decimal import Decimal

import pytest
from aiohttp import web as aio

from core.time import SECOND_NS
from market.sources.chain.gas import Gas
from market.sources.chain.rpc import Node, TooMuch
from market.web import Unavailable, Unwilling
from tests.market.sources.chain.node import EthereumNode
from tests.market.sources.desk import NOON, Patience, Server, context_of, web_of

GWEI = 10**9


def node_at(now: int = NOON // SECOND_NS) -> EthereumNode:
    node = EthereumNode()
    node.mine(600, at=now - 5)
    node.answers["eth_feeHistory"] = {
        "baseFeePerGas": [hex(n * GWEI) for n in (20, 21, 22, 23, 24, 30)],
        "reward": [[hex(n * GWEI)] for n in (1, 2, 9)],
    }
    return node


async def test_gas_is_the_next_base_fee_and_the_median_tip() -> None:
    patience = Patience()
    async with Server({"/ethereum": node_at()}) as server, web_of(patience) as web:
        found = (await Gas(context_of(server, web, patience)).poll(0)).readings
        assert {reading.series: reading.value for reading in found} == {
            "gas_base_fee": 30,
            "gas_tip": 2,
            "gas_price": 32,
        }
        assert {(reading.asset, reading.unit, reading.event_ns) for reading in found} == {
            ("ETH", "gwei", NOON - 5 * SECOND_NS)
        }


async def test_a_node_without_fee_history_is_asked_for_its_price() -> None:
    patience, node = Patience(), node_at()
    node.answers["eth_gasPrice"] = hex(33 * GWEI + 1)
    node.refuse = lambda method, _: (
        {"code": -32601, "message": "method not found"} if method == "eth_feeHistory" else None
    )
    async with Server({"/ethereum": node}) as server, web_of(patience) as web:
        (found,) = (await Gas(context_of(server, web, patience)).poll(0)).readings
        assert (found.series, found.value) == ("gas_price", Decimal("33.000000001"))


async def test_a_node_that_is_behind_says_nothing_about_now() -> None:
    patience = Patience()
    async with Server({"/ethereum": node_at(NOON // SECOND_NS - 3_600)}) as server, web_of(patience) as web:
        with pytest.raises(Unavailable, match="3605 s old: it is behind"):
            await Gas(context_of(server, web, patience)).poll(0)


@pytest.mark.parametrize(
    ("refusal", "error", "says"),
    [
        (
            {"code": -32005, "message": "daily request count exceeded, request rate limited"},
            Unavailable,
            "request rate limited",
        ),
        ({"code": -32005, "message": "query returned more than 10000 results"}, TooMuch, "10000"),
        ({"code": -32602, "message": "Log response size exceeded"}, TooMuch, "size"),
        ({"code": -32601, "message": "the method eth_x does not exist"}, Unwilling, "does not exist"),
        ({"code": -32000, "message": "header not found"}, Unavailable, "header"),
        ("odd", Unwilling, "no reason"),
    ],
)
async def test_each_refusal_of_a_node_says_what_to_do(refusal: object, error: type[Exception], says: str) -> None:
    node = EthereumNode(refuse=lambda *_: refusal)
    async with Server({"/secret-key-4711": node}) as server, web_of() as web:
        with pytest.raises(error, match=says) as refused:
            await Node(web, f"{server.base}/secret-key-4711").call("eth_x")
        assert "4711" not in str(refused.value)


async def test_a_refused_key_is_told_without_it() -> None:
    node = EthereumNode(refuse=lambda *_: aio.Response(status=401, text="invalid project id"))
    async with Server({"/secret-key-4711": node}) as server, web_of() as web:
        with pytest.raises(Unwilling, match=r"eth_x: the node does not accept the key \(401\)") as refused:
            await Node(web, f"{server.base}/secret-key-4711").call("eth_x")
        assert "4711" not in str(refused.value)


@pytest.mark.parametrize(
    "body",
    [{"id": 99, "result": "0x1"}, {"id": 1}, {"jsonrpc": "2.0", "id": 1, "result": 5}, {"id": 1, "result": "0xzz"}],
)
async def test_an_answer_to_something_else_is_none(body: object) -> None:
    async def odd(_: aio.Request) -> aio.StreamResponse:
        return aio.json_response(body)

    async with Server({"/": odd}) as server, web_of() as web:
        with pytest.raises(Unavailable):
            await Node(web, server.base + "/").quantity("eth_blockNumber")
