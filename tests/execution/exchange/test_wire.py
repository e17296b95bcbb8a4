"""What else goes with an order, its digits, deadlines and timers, as the pinned ccxt sends them."""

from collections.abc import Mapping

import pytest

from core.errors import ExchangeRejected
from core.orders import TimeInForce
from execution.venues.exchange.facts import PROVEN
from tests.execution.exchange.loopback import COIN, PERPETUAL, SPOT, SWAP, order, wired
from tests.execution.exchange.test_facts import KIND, PLACED, VENUES, sent

IOC, FOK = TimeInForce.IOC, TimeInForce.FOK

# ── what else goes with an order ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("quantity", ["0.00001", "0.01234", "123456789.12345", "0.3"])
@pytest.mark.parametrize("venue", VENUES)
async def test_the_wire_carries_exactly_the_approved_digits(venue: str, quantity: str) -> None:
    asked = await sent(venue, quantity=quantity, at="98765432109.87")
    if venue == "coinbase":
        asked = asked["order_configuration"]["limit_limit_gtc"]
    found = [asked[key] for key in ("quantity", "volume", "base_size", "sz", "qty") if key in asked]
    prices = [asked[key] for key in ("price", "limit_price", "px") if key in asked]
    assert (found, prices) == ([quantity], ["98765432109.87"])


@pytest.mark.parametrize(("quantity", "price"), [("0.012345", "5"), ("0.00000001", "5"), ("0.1", "5.001")])
@pytest.mark.parametrize("venue", VENUES)
async def test_what_ccxt_would_round_is_not_sent(venue: str, quantity: str, price: str) -> None:
    kind = KIND.get(venue, SPOT)
    async with wired(venue, kind) as (adapter, _, server):
        with pytest.raises(ExchangeRejected):
            await adapter.place(order(quantity=quantity, at=price, kind=kind))
        assert server.requests == []


async def test_an_okx_contract_is_a_hundredth_of_a_bitcoin() -> None:
    asked = await sent("okx", kind=PERPETUAL, quantity="0.12345")
    assert (asked["sz"], asked["tdMode"], asked["instId"]) == ("12.345", "isolated", "BTC-USDT-SWAP")


@pytest.mark.parametrize(
    ("venue", "tif", "wire"),
    [
        ("binance", IOC, {"timeInForce": "IOC", "type": "LIMIT"}),
        ("binance", FOK, {"timeInForce": "FOK"}),
        ("binanceusdm", IOC, {"timeInForce": "IOC"}),
        ("kraken", IOC, {"timeinforce": "IOC", "ordertype": "limit"}),
        ("okx", IOC, {"ordType": "ioc"}),
        ("okx", FOK, {"ordType": "fok"}),
        ("bybit", IOC, {"timeInForce": "IOC"}),
        ("bybit", FOK, {"timeInForce": "FOK"}),
    ],
)
async def test_time_in_force_arrives(venue: str, tif: TimeInForce, wire: Mapping[str, str]) -> None:
    asked = await sent(venue, times=tif)
    assert {key: asked[key] for key in wire} == wire


@pytest.mark.parametrize(("tif", "name"), [(IOC, "sor_limit_ioc"), (FOK, "limit_limit_fok")])
async def test_time_in_force_at_coinbase_is_another_configuration(tif: TimeInForce, name: str) -> None:
    assert list((await sent("coinbase", times=tif))["order_configuration"]) == [name]


async def test_kraken_has_no_fill_or_kill_and_is_not_asked_for_one() -> None:
    async with wired("kraken") as (adapter, _, server):
        with pytest.raises(ExchangeRejected, match="no fok orders"):
            await adapter.place(order(times=FOK))
        assert server.requests == []


@pytest.mark.parametrize(
    ("venue", "wire"),
    [
        ("binance", {"type": "MARKET", "quantity": "0.01234"}),
        ("kraken", {"ordertype": "market", "volume": "0.01234"}),
        ("okx", {"ordType": "market", "sz": "0.01234", "tgtCcy": "base_ccy"}),
        ("bybit", {"orderType": "Market", "qty": "0.01234", "marketUnit": "baseCoin"}),
    ],
)
async def test_a_market_buy_is_sized_in_coins(venue: str, wire: Mapping[str, str]) -> None:
    asked = await sent(venue, at=None)
    assert {key: asked[key] for key in wire} == wire
    assert "quoteOrderQty" not in asked


async def test_coinbase_would_size_a_market_buy_in_money_and_is_not_asked() -> None:
    async with wired("coinbase") as (adapter, _, server):
        with pytest.raises(ExchangeRejected, match="quote currency"):
            await adapter.place(order(at=None))
        assert server.requests == []
    assert (await sent("coinbase", at=None, side="sell"))["order_configuration"] == {
        "market_market_ioc": {"base_size": "0.01234"}
    }


@pytest.mark.parametrize(
    ("venue", "wire"),
    [
        ("binance", {"type": "STOP_LOSS", "stopPrice": "48000.5"}),
        ("kraken", {"ordertype": "stop-loss", "price": "48000.5"}),
    ],
)
async def test_a_stop_that_rests_carries_its_trigger(venue: str, wire: Mapping[str, str]) -> None:
    asked = await sent(venue, side="sell", stop="48000.5")
    assert {key: asked[key] for key in wire} == wire


@pytest.mark.parametrize("venue", ["binanceusdm", "coinbase", "okx", "bybit"])
async def test_a_stop_is_not_sent_where_none_is_known_to_rest(venue: str) -> None:
    kind = KIND.get(venue, SPOT)
    async with wired(venue, kind) as (adapter, _, server):
        assert not adapter.rests_stops
        with pytest.raises(ExchangeRejected, match="no stop order rests"):
            await adapter.place(order(side="sell", stop="48000", kind=kind))
        assert server.requests == []


@pytest.mark.parametrize("venue", ["binance", "kraken", "coinbase", "okx", "bybit"])
async def test_a_reducing_sale_of_coins_is_a_plain_sale(venue: str) -> None:
    """Spot venues know no "reduce only": they refuse the parameter, and ccxt's Coinbase would close a position."""
    asked = await sent(venue, side="sell", reduce_only=True)
    assert not {"reduceOnly", "reduce_only"} & asked.keys()


async def test_a_buy_that_may_only_reduce_is_refused_on_spot() -> None:
    async with wired("binance") as (adapter, _, server):
        with pytest.raises(ExchangeRejected, match="no short position"):
            await adapter.place(order(reduce_only=True))
        assert server.requests == []


@pytest.mark.parametrize(
    ("venue", "wire"),
    [("binanceusdm", "true"), ("okx", True), ("bybit", True)],
)
async def test_a_reducing_order_of_a_perpetual_says_so(venue: str, wire: object) -> None:
    asked = await sent(venue, side="sell", quantity="0.012", reduce_only=True, kind=PERPETUAL)
    assert asked["reduceOnly"] == wire


@pytest.mark.parametrize(
    ("venue", "wire"),
    [
        ("binance", {"type": "LIMIT_MAKER"}),
        ("binanceusdm", {"timeInForce": "GTX"}),
        ("kraken", {"oflags": "post"}),
        ("okx", {"ordType": "post_only"}),
        ("bybit", {"timeInForce": "PostOnly"}),
    ],
)
async def test_post_only_through_ccxt(venue: str, wire: Mapping[str, str]) -> None:
    kind = KIND.get(venue, SPOT)
    async with wired(venue, kind) as (_, client, server):
        server.tell(PLACED[venue])
        await client.create_order(COIN if kind is SPOT else SWAP, "limit", "buy", "0.1", "5", {"postOnly": True})
        assert {key: server.last.sent[key] for key in wire} == wire


async def test_kraken_is_told_to_charge_in_quote_currency() -> None:
    """ccxt reads every fee as quote currency, and Kraken would charge a sale in base."""
    assert (await sent("kraken"))["oflags"] == "fciq"


# ── deadlines and timers ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("venue", ["binance", "binanceusdm"])
async def test_a_late_order_dies_by_its_window(venue: str) -> None:
    assert (await sent(venue))["recvWindow"] == "5000"


async def test_a_late_order_dies_by_its_deadline_at_kraken() -> None:
    assert (await sent("kraken"))["deadline"].endswith("Z")


async def test_a_late_order_dies_by_its_header_at_bybit() -> None:
    async with wired("bybit") as (adapter, _, server):
        server.tell(PLACED["bybit"])
        await adapter.place(order())
        assert server.last.headers["X-BAPI-RECV-WINDOW"] == "5000"


@pytest.mark.parametrize("venue", VENUES)
def test_absence_can_be_believed_only_where_late_orders_die(venue: str) -> None:
    facts = PROVEN[venue]
    assert facts.absence.final is (facts.deadline is not None)
    assert facts.absence.spread_ns >= 10 * 10**9
    assert facts.absence.looks == 3


@pytest.mark.parametrize(
    ("venue", "path", "key", "value"),
    [
        ("kraken", "/0/private/CancelAllOrdersAfter", "timeout", "60"),
        ("okx", "/api/v5/trade/cancel-all-after", "timeOut", 60),
    ],
)
async def test_the_mass_cancel_timer_is_in_seconds_on_the_wire(venue: str, path: str, key: str, value: object) -> None:
    async with wired(venue) as (adapter, _, server):
        server.tell({"error": [], "result": {}, "code": "0", "data": []})
        assert await adapter.keep_alive(60)
        assert (server.last.path, server.last.sent[key]) == (path, value)


@pytest.mark.parametrize("venue", ["binance", "binanceusdm", "coinbase", "bybit"])
async def test_without_a_timer_nothing_is_asked(venue: str) -> None:
    async with wired(venue, KIND.get(venue, SPOT)) as (adapter, _, server):
        assert not await adapter.keep_alive(60)
        assert server.requests == []


async def test_bybit_s_timer_would_cover_derivatives_only() -> None:
    """Why it is not used: spot orders would rest on."""
    async with wired("bybit") as (_, client, server):
        server.tell({"retCode": 0})
        client.options.pop("defaultType")
        await client.cancel_all_orders_after(60_000)
        assert server.last.sent["product"] == "DERIVATIVES"
