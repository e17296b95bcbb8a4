from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web as aio

from core.time import SECOND_NS
from market.sources.chain.bitcoin import Bitcoin
from market.sources.chain.flows import Flows
from market.sources.chain.wallets import Wallets
from market.web import Unavailable
from tests.market.sources.chain.node import START
from tests.market.sources.desk import Patience, Server, context_of, web_of

COLD, HOT, SOMEBODY = (
    "34xp4vRoCGJym3xR7yCVPFHoCNxv4Twseo",
    "1Kr6QSydW9bFQG1mXiPNNu6WpJGmUa9i1g",
    "1BoatSLRHtKNngkdXEeobR76b53LETtpyT",
)
KNOWN = Wallets({COLD: "binance", HOT: "bitfinex"}, {}, (), "7-test")
COIN = 10**8


def name_of(height: int, branch: str = "a") -> str:
    return f"{branch}{height:x}".rjust(64, "0")


def paid(txid: str, height: int, inputs: dict[str, int], outputs: dict[str, int], branch: str = "a") -> dict[str, Any]:
    return {
        "txid": txid,
        "status": {"confirmed": True, "block_height": height, "block_hash": name_of(height, branch)},
        "vin": [{"prevout": {"scriptpubkey_address": a, "value": v}} for a, v in inputs.items()] or [{"prevout": None}],
        "vout": [{"scriptpubkey_address": a, "value": v} for a, v in outputs.items()],
    }


class Esplora:
    def __init__(self) -> None:
        self.blocks: dict[int, str] = {}
        self.paid: list[dict[str, Any]] = []

    def mine(self, height: int, *moved: dict[str, Any], branch: str = "a") -> None:
        self.blocks[height] = branch
        self.paid = [tx for tx in self.paid if tx["status"]["block_height"] != height] + list(moved)

    async def __call__(self, request: aio.Request) -> aio.StreamResponse:
        parts = request.path.split("/")[2:]
        tip = max(self.blocks)
        if parts[:3] == ["blocks", "tip", "height"]:
            return aio.Response(text=str(tip))
        if parts[:3] == ["blocks", "tip", "hash"]:
            return aio.Response(text=name_of(tip, self.blocks[tip]))
        if parts[0] == "block-height":
            height = int(parts[1])
            return (
                aio.Response(text=name_of(height, self.blocks[height]))
                if height in self.blocks
                else aio.Response(status=404)
            )
        if parts[0] == "block":
            height = next(h for h, branch in self.blocks.items() if name_of(h, branch) == parts[1])
            parent = name_of(height - 1, self.blocks.get(height - 1, "a"))
            return aio.json_response({"height": height, "timestamp": START + 60 * height, "previousblockhash": parent})
        own = [tx for tx in reversed(self.paid) if parts[1] in str(tx)]
        if len(parts) > 4:
            own = own[[tx["txid"] for tx in own].index(parts[4]) + 1 :]
        return aio.json_response(own[:25])


def flows_at(server: Server, web: Any, patience: Patience) -> Flows:
    context = context_of(server, web, patience, flow_window_s=120, confirmations=0, large_transfer={"BTC": 100})
    return Flows("bitcoin-flows", context, Bitcoin(context, KNOWN), KNOWN.version)


async def test_net_inflow_counts_change_and_leaves_out_what_stays_inside() -> None:
    patience, chain = Patience(), Esplora()
    async with Server(fallback=chain) as server, web_of(patience, per_minute=6_000, burst=500) as web:
        flows = flows_at(server, web, patience)
        chain.mine(1)
        await flows.poll(0)
        chain.mine(2, paid("t1", 2, {SOMEBODY: 5 * COIN}, {COLD: 3 * COIN, SOMEBODY: COIN}))
        chain.mine(
            3, paid("t2", 3, {HOT: 9 * COIN}, {SOMEBODY: 2 * COIN, HOT: 6 * COIN}), paid("cb", 3, {}, {SOMEBODY: COIN})
        )
        chain.mine(4, paid("t3", 4, {COLD: 150 * COIN}, {HOT: 150 * COIN}))
        batch = await flows.poll(0)
        told = {(r.series, r.reference, r.event_ns // SECOND_NS - START): r.value for r in batch.readings}
        # 3 come to Binance, 3 leave Bitfinex (2 paid and 1 of fee).
        assert told == {
            ("exchange_net_inflow", "", 240): Decimal(0),
            ("exchange_transfer", "binance:t3:binance", 240): Decimal(-150),
            ("exchange_transfer", "bitfinex:t3:bitfinex", 240): Decimal(150),
        }


async def test_a_busy_wallet_is_paged_and_one_that_is_too_busy_abstains() -> None:
    patience, chain = Patience(), Esplora()
    async with Server(fallback=chain) as server, web_of(patience, per_minute=6_000, burst=500) as web:
        flows = flows_at(server, web, patience)
        chain.mine(1)
        await flows.poll(0)
        chain.mine(2, *(paid(f"t{n}", 2, {SOMEBODY: COIN}, {COLD: COIN}) for n in range(60)))
        chain.mine(3)
        chain.mine(4)
        assert [r.value for r in (await flows.poll(0)).readings] == [60]
        chain.mine(5, *(paid(f"u{n}", 5, {SOMEBODY: COIN}, {COLD: COIN}) for n in range(300)))
        with pytest.raises(Unavailable, match="moves more often than 200 times since block 5"):
            await flows.poll(0)


async def test_a_reorganisation_is_read_again() -> None:
    patience, chain = Patience(), Esplora()
    async with Server(fallback=chain) as server, web_of(patience, per_minute=6_000, burst=500) as web:
        flows = flows_at(server, web, patience)
        chain.mine(1)
        await flows.poll(0)
        chain.mine(2)
        chain.mine(3, paid("t1", 3, {SOMEBODY: 500 * COIN}, {COLD: 500 * COIN}))
        assert [r.retracted for r in (await flows.poll(0)).readings] == [False]
        chain.mine(3, branch="b")
        chain.mine(4, branch="b")
        batch = await flows.poll(0)
        assert [(r.series, r.retracted) for r in batch.readings if r.series == "exchange_transfer"] == [
            ("exchange_transfer", True)
        ]
        assert [r.value for r in batch.readings if r.series == "exchange_net_inflow"] == [0]


@pytest.mark.parametrize("height", ["", "<html>", "9" * 20])
async def test_an_indexer_that_says_no_height_is_not_believed(height: str) -> None:
    async def odd(_: aio.Request) -> aio.StreamResponse:
        return aio.Response(text=height)

    patience = Patience()
    async with Server(fallback=odd) as server, web_of(patience) as web:
        with pytest.raises(Unavailable, match="no number"):
            await flows_at(server, web, patience).poll(0)
