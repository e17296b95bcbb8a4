"""The client of ccxt as we build it, and what it does before the first order."""

from typing import Any

import pytest

from core.errors import ConfigError, ExchangeUnavailable
from execution.venues.exchange.budget import RateBudget
from execution.venues.exchange.client import Access, Keys, build, prepare
from execution.venues.exchange.facts import PROVEN, facts_of
from tests.execution.exchange.loopback import PERPETUAL, SECRET, SPOT, SWAP, Told, market_row, order, wired

KEYS = Keys("key", SECRET, "pass")


def test_keys_are_not_shown() -> None:
    assert SECRET not in repr(KEYS)
    assert "pass" not in repr(KEYS)


@pytest.mark.parametrize("venue", list(PROVEN))
def test_ccxt_sends_nothing_again(venue: str) -> None:
    facts = PROVEN[venue]
    client = build(facts, min(facts.kinds), KEYS, RateBudget(1), Access())
    assert client.options["maxRetriesOnFailure"] == 0


@pytest.mark.parametrize("venue", ["kraken", "coinbase", "binanceusdm"])
def test_a_testnet_that_does_not_exist_is_refused(venue: str) -> None:
    facts = PROVEN[venue]
    with pytest.raises(ConfigError, match="no testnet"):
        build(facts, min(facts.kinds), KEYS, RateBudget(1), Access(testnet=True))


def test_a_testnet_is_another_address() -> None:
    client = build(PROVEN["binance"], SPOT, KEYS, RateBudget(1), Access(testnet=True))
    assert "testnet" in client.urls["api"]["private"]


def test_a_venue_that_ccxt_does_not_know_is_refused() -> None:
    with pytest.raises(ConfigError, match="binance"):
        build(facts_of("binanse", SPOT), SPOT, KEYS, RateBudget(1), Access())


async def test_every_request_is_charged_to_the_shared_budget() -> None:
    budget = RateBudget(1e6)
    async with wired("binance", budget=budget) as (adapter, _, server):
        server.tell({"symbol": "BTCUSDT", "orderId": 7})
        spent: list[float] = []
        original = budget.spend

        async def spend(cost: float) -> None:
            spent.append(cost)
            await original(cost)

        budget.spend = spend  # type: ignore[method-assign]
        await adapter.place(order())
        assert len(spent) == 1
        assert spent[0] > 0


async def prepared(venue: str, *answers: Any) -> list[tuple[str, dict[str, Any]]]:
    async with wired(venue, PERPETUAL) as (adapter, client, server):
        client.has["fetchTime"] = False
        client.markets_loading = None

        async def loaded(*_: Any, **__: Any) -> Any:
            client.set_markets([market_row(client, venue, PERPETUAL)])

        client.load_markets = loaded
        server.tell(*answers)
        await prepare(client, adapter._facts, PERPETUAL, [SWAP], 1)
        return [(request.path, request.sent) for request in server.requests]


async def test_a_perpetual_is_one_way_isolated_and_at_its_leverage() -> None:
    asked = await prepared("binanceusdm", {"code": 200, "msg": "success"})
    assert [path.rsplit("/", 1)[1] for path, _ in asked] == ["dual", "marginType", "leverage"]
    assert asked[0][1]["dualSidePosition"] == "false"
    assert asked[1][1]["marginType"] == "ISOLATED"
    assert asked[2][1]["leverage"] == "1"


async def test_okx_is_told_the_leverage_of_isolated_margin() -> None:
    asked = await prepared("okx", {"code": "0", "data": []})
    assert asked[-1][1]["mgnMode"] == "isolated"
    assert str(asked[-1][1]["lever"]) == "1"


@pytest.mark.parametrize(
    ("venue", "answer"),
    [
        ("binanceusdm", Told({"code": -4059, "msg": "No need to change position side."}, 400)),
        ("binanceusdm", Told({"code": -4046, "msg": "No need to change margin type."}, 400)),
        ("bybit", Told({"retCode": 110043, "retMsg": "Set leverage not modified"})),
    ],
)
async def test_a_setting_that_is_so_already_is_as_good_as_done(venue: str, answer: Told) -> None:
    assert len(await prepared(venue, answer)) == 3


async def test_a_setting_that_is_refused_fails_the_start_and_no_order() -> None:
    with pytest.raises(ExchangeUnavailable, match="could not be prepared"):
        await prepared("binanceusdm", Told({"code": -4047, "msg": "Margin type cannot be changed."}, 400))


async def test_the_wallet_of_a_perpetual_account_leaves_out_what_is_not_realised() -> None:
    row = {"asset": "USDT", "walletBalance": "100.5", "marginBalance": "170", "availableBalance": "1"}
    async with wired("binanceusdm", PERPETUAL) as (adapter, _, server):
        server.tell({"assets": [{**row, "initialMargin": "2", "updateTime": 5}], "positions": []})
        assert {code: str(total) for code, total in (await adapter.balances()).items()} == {"USDT": "100.5"}
