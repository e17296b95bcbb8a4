"""Each row of the table against what the pinned ccxt really sends: the name of an order, on its way and looked up."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from ccxt.base import errors

from core.errors import ConfigError
from core.instruments import ContractKind
from core.orders import OrderState
from emulator.server import Emulator
from execution.venues.exchange.asking import venue_id
from execution.venues.exchange.facts import PROVEN, Deadline, VenueFacts, facts_of, unproven
from tests.execution.exchange.emulated import place_at
from tests.execution.exchange.loopback import COIN, OURS, PERPETUAL, SPOT, SWAP, Told, order, wired

VENUES = ("binance", "binanceusdm", "kraken", "coinbase", "okx", "bybit")
KIND = {"binanceusdm": PERPETUAL}
# What each venue answers to a new order.
PLACED: dict[str, Any] = {
    "binance": {"symbol": "BTCUSDT", "orderId": 7, "clientOrderId": OURS, "status": "NEW"},
    "binanceusdm": {"symbol": "BTCUSDT", "orderId": 7, "clientOrderId": OURS, "status": "NEW"},
    "kraken": {"error": [], "result": {"txid": ["OABCDE-12345-ABCDEF"], "descr": {"order": "buy 1 XBTUSDT @ limit 5"}}},
    "coinbase": {"success": True, "success_response": {"order_id": "7", "client_order_id": OURS}},
    "okx": {"code": "0", "data": [{"ordId": "7", "clOrdId": OURS, "sCode": "0"}]},
    "bybit": {"retCode": 0, "result": {"orderId": "7", "orderLinkId": OURS}},
}
# The parameter of the wire that carries our id into a new order.
CARRIED = {
    "binance": "newClientOrderId",
    "binanceusdm": "newClientOrderId",
    "kraken": "cl_ord_id",
    "coinbase": "client_order_id",
    "okx": "clOrdId",
    "bybit": "orderLinkId",
}


async def sent(venue: str, **asked: Any) -> Mapping[str, Any]:
    """The parameters of the request for a new order, as they left."""
    kind = asked.get("kind", KIND.get(venue, SPOT))
    async with wired(venue, kind) as (adapter, _, server):
        server.tell(PLACED[venue])
        await adapter.place(order(**{**asked, "kind": kind}))
        assert len(server.requests) == 1, "placing an order is one request"
        return server.last.sent


# ── the name of a new order ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("venue", VENUES)
async def test_a_new_order_carries_our_id(venue: str) -> None:
    assert (await sent(venue))[CARRIED[venue]] == OURS


@pytest.mark.parametrize(
    ("venue", "makes_one_up"),
    [
        ("binance", True),
        ("binanceusdm", True),
        ("kraken", False),
        ("coinbase", True),
        ("okx", True),
        ("bybit", False),
    ],
)
async def test_without_an_id_ccxt_makes_one_up_or_sends_none(venue: str, makes_one_up: bool) -> None:
    kind = KIND.get(venue, SPOT)
    async with wired(venue, kind) as (_, client, server):
        server.tell(PLACED[venue])
        await client.create_order(COIN if kind is SPOT else SWAP, "limit", "buy", "0.1", "5")
        assert (CARRIED[venue] in server.last.sent) is makes_one_up


async def test_coinbase_drops_the_unified_name_and_sends_another_id() -> None:
    async with wired("coinbase") as (_, client, server):
        server.tell(PLACED["coinbase"])
        await client.create_order(COIN, "limit", "buy", "0.1", "5", {"clientOrderId": OURS})
        assert server.last.sent["client_order_id"] != OURS


@pytest.mark.parametrize("venue", VENUES)
def test_an_id_of_ours_is_within_every_venue_s_length_and_alphabet(venue: str) -> None:
    shown = venue_id(OURS, PROVEN[venue])
    assert shown == OURS
    assert len(shown) == 32
    assert shown.isalnum()


def test_a_venue_that_wants_hyphens_gets_the_same_id_as_a_uuid() -> None:
    facts = VenueFacts(name="x", kinds=frozenset({SPOT}), hyphens=True)
    assert venue_id(OURS, facts) == str(UUID(OURS))


# ── looking it up ───────────────────────────────────────────────────────────────────────────────────────────────────

OPEN_EMPTY: dict[str, Any] = {
    "kraken": {"error": [], "result": {"open": {}, "closed": {}, "trades": {}}},
    "coinbase": {"orders": [], "fills": []},
    "bybit": {"retCode": 0, "result": {"list": []}},
}


@pytest.mark.parametrize(
    ("venue", "path", "carried"),
    [
        ("binance", "/api/v3/order", {"symbol": "BTCUSDT", "origClientOrderId": OURS}),
        ("binanceusdm", "/fapi/v1/order", {"symbol": "BTCUSDT", "origClientOrderId": OURS}),
        ("okx", "/api/v5/trade/order", {"instId": "BTC-USDT", "clOrdId": OURS}),
    ],
)
async def test_a_venue_that_finds_by_our_id_is_asked_for_it(venue: str, path: str, carried: Mapping[str, str]) -> None:
    async with wired(venue, KIND.get(venue, SPOT)) as (adapter, client, server):
        server.tell(Told({"code": -2013, "msg": "Order does not exist."}, 400))
        with pytest.raises(errors.BaseError):
            await client.fetch_order(None, COIN if venue != "binanceusdm" else SWAP, {adapter._facts.find_by: OURS})
        assert server.last.path == path
        assert {key: server.last.sent[key] for key in carried} == carried
        assert "orderId" not in server.last.sent
        assert "ordId" not in server.last.sent


@pytest.mark.parametrize(
    ("venue", "lists"),
    [
        ("kraken", ["/0/private/OpenOrders", "/0/private/ClosedOrders"]),
        ("bybit", ["/v5/order/realtime", "/v5/order/history"]),
    ],
)
async def test_a_venue_whose_lists_can_be_filtered_is_asked_with_our_id(venue: str, lists: list[str]) -> None:
    async with wired(venue) as (adapter, _, server):
        server.tell(OPEN_EMPTY[venue])
        assert await adapter._reader.order(OURS, COIN, 0) is None
        assert [request.path for request in server.requests] == lists
        assert [request.sent[CARRIED[venue]] for request in server.requests] == [OURS, OURS]


async def test_coinbase_s_lists_are_read_and_searched() -> None:
    when = {"created_time": "2026-11-21T17:00:00Z", "status": "FILLED"}
    rows = [{"order_id": "6", "client_order_id": "theirs", **when}, {"order_id": "7", "client_order_id": OURS, **when}]
    async with wired("coinbase") as (adapter, _, server):
        server.tell({"orders": []}, {"orders": rows})
        found = await adapter._reader.order(OURS, COIN, 0)
        assert found is not None
        assert found["id"] == "7"
        assert all("client_order_id" not in request.sent for request in server.requests)


async def test_kraken_s_unified_look_up_asks_for_another_number() -> None:
    """Why its lists are asked instead: the id would go out as `userref`, which is a whole number of the user's."""
    async with wired("kraken") as (_, client, server):
        server.tell({"error": [], "result": {}})
        with pytest.raises(errors.OrderNotFound):
            await client.fetch_order("", COIN, {"clientOrderId": OURS})
        assert server.last.sent["userref"] == OURS
        assert "cl_ord_id" not in server.last.sent


async def test_bybit_does_not_translate_the_unified_name() -> None:
    """Why `orderLinkId` is written out."""
    async with wired("bybit") as (_, client, server):
        server.tell(OPEN_EMPTY["bybit"])
        await client.fetch_open_orders(COIN, params={"clientOrderId": OURS})
        assert "orderLinkId" not in server.last.sent


async def test_coinbase_finds_nothing_by_our_id() -> None:
    """Why its lists are searched: the id goes out as a parameter that the venue does not know."""
    async with wired("coinbase") as (_, client, server):
        server.tell({"order": {}})
        await client.fetch_order("none", COIN, {"client_order_id": OURS})
        assert server.last.path.endswith("/orders/historical/none")


# ── cancelling it ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("venue", "method", "path", "carried"),
    [
        ("binance", "DELETE", "/api/v3/order", {"symbol": "BTCUSDT", "origClientOrderId": OURS}),
        ("binanceusdm", "DELETE", "/fapi/v1/order", {"symbol": "BTCUSDT", "origClientOrderId": OURS}),
        ("kraken", "POST", "/0/private/CancelOrder", {"cl_ord_id": OURS}),
        ("okx", "POST", "/api/v5/trade/cancel-order", {"instId": "BTC-USDT", "clOrdId": OURS}),
        ("bybit", "POST", "/v5/order/cancel", {"symbol": "BTCUSDT", "category": "spot", "orderLinkId": OURS}),
    ],
)
async def test_a_cancel_names_the_order_by_our_id_alone(
    venue: str, method: str, path: str, carried: Mapping[str, str]
) -> None:
    kind = KIND.get(venue, SPOT)
    async with wired(venue, kind) as (adapter, _, server):
        server.tell(PLACED[venue])
        await adapter.cancel(OURS, COIN if kind is SPOT else SWAP)
        (request,) = server.requests
        assert (request.method, request.path) == (method, path)
        assert {key: request.sent.get(key) for key in carried} == carried
        assert not {"orderId", "ordId", "txid"} & request.sent.keys()


async def test_coinbase_cancels_by_its_own_id_which_is_looked_up() -> None:
    async with wired("coinbase") as (adapter, _, server):
        server.tell({"orders": [{"order_id": "7", "client_order_id": OURS}]}, {"results": [{"success": True}]})
        await adapter.cancel(OURS, COIN)
        assert server.last.path.endswith("/orders/batch_cancel")
        assert server.last.sent["order_ids"] == ["7"]


@pytest.mark.parametrize("venue", ["bybit"])
async def test_the_unified_cancel_of_bybit_does_not_name_the_order(venue: str) -> None:
    async with wired(venue) as (_, client, server):
        server.tell(PLACED[venue])
        await client.cancel_order(None, COIN, {"clientOrderId": OURS})
        assert "orderLinkId" not in server.last.sent


# ── the table itself ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("venue", VENUES)
async def test_the_probe_of_the_key_s_scopes_exists(venue: str) -> None:
    async with wired(venue, KIND.get(venue, SPOT)) as (_, client, server):
        server.tell({"error": [], "retCode": 0, "code": "0", "result": {}, "data": []})
        probe = PROVEN[venue].key_scopes
        assert probe is not None
        await getattr(client, probe)()
        assert len(server.requests) == 1


@pytest.mark.parametrize("venue", [venue for venue in VENUES if venue != "binanceusdm"])
async def test_a_sandbox_is_there_or_not_as_stated(venue: str) -> None:
    async with wired(venue) as (_, client, _server):
        assert (client.urls.get("test") is not None) is PROVEN[venue].sandbox


async def test_ccxt_refuses_the_testnet_of_binance_s_futures() -> None:
    async with wired("binanceusdm", PERPETUAL) as (_, client, _server):
        client.set_sandbox_mode(True)
        with pytest.raises(errors.NotSupported):
            client.sign("order", ["fapiPrivate"], "POST", {})
        assert not PROVEN["binanceusdm"].sandbox


def test_a_venue_that_nobody_checked_proves_no_absence_and_has_no_deadline() -> None:
    facts = unproven("gate")
    assert not facts.proven
    assert not facts.absence.final
    assert facts.deadline is None
    assert facts.cancel_by is None


@pytest.mark.parametrize(
    ("venue", "kind", "words"),
    [("binance", PERPETUAL, "its perpetuals are binanceusdm"), ("kraken", PERPETUAL, "expected spot contracts")],
)
def test_a_kind_of_contract_that_was_not_checked_is_refused(venue: str, kind: ContractKind, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        facts_of(venue, kind)


def test_every_deadline_of_the_table_is_one_that_ccxt_carries() -> None:
    assert {facts.deadline for facts in PROVEN.values()} == {*Deadline, None}


async def test_an_iceberg_shows_its_part_at_a_venue_that_hides_the_rest() -> None:
    async with Emulator() as emulator, place_at("binance", emulator) as at:
        whole = replace(at.resting(quantity="1"), display_quantity=Decimal("0.2000004"))
        assert at.venue.iceberg_parts == 10
        await at.venue.place(whole)
        report = await at.venue.report(OURS, COIN)
        (held,) = [o for account in emulator.exchange.accounts.values() for o in account.orders.values()]
    assert report is not None
    assert report.state is OrderState.OPEN
    assert (held.display, held.quantity) == (Decimal("0.2"), 1)
