"""What a cancel that failed and a look that could not be read prove: never that an order is gone."""

import pytest

from core.errors import AccountRestricted, DeskError, ExchangeRejected, ExchangeUnavailable
from tests.execution.exchange.loopback import COIN, OURS, Told, wired
from tests.execution.exchange.test_facts import OPEN_EMPTY
from tests.execution.exchange.test_outcomes import PAGE, body

# ── of a cancel ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("venue", "answer", "expected"),
    [
        ("binance", Told(body("binance", "-2011", "Unknown order sent."), 400), None),
        ("kraken", Told(body("kraken", "EOrder:Unknown order")), None),
        ("kraken", Told(body("kraken", "EOrder:Cancel pending")), None),
        ("okx", Told(body("okx", "51400", "Cancellation failed")), None),
        ("bybit", Told(body("bybit", "170213", "Order does not exist.")), None),
        ("binance", Told(PAGE, 502), ExchangeUnavailable),
        ("binance", Told(""), ExchangeUnavailable),
        ("binance", Told(body("binance", "-1003"), 429), ExchangeUnavailable),
        ("binance", Told(body("binance", "-1021"), 400), ExchangeUnavailable),
        ("binance", Told(body("binance", "-1102", "Mandatory parameter was not sent."), 400), ExchangeRejected),
        ("kraken", Told(body("kraken", "EGeneral:Permission denied")), AccountRestricted),
    ],
)
async def test_a_cancel_that_failed_is_over_refused_or_to_be_repeated(
    venue: str, answer: Told, expected: type[DeskError] | None
) -> None:
    async with wired(venue) as (adapter, _, server):
        server.tell(answer)
        if expected is None:
            await adapter.cancel(OURS, COIN)
            return
        with pytest.raises(expected) as raised:
            await adapter.cancel(OURS, COIN)
        assert raised.type is expected


async def test_a_cancel_that_never_left_is_to_be_repeated() -> None:
    async with wired("binance") as (adapter, client, _):
        client.urls["api"] = dict.fromkeys(client.urls["api"], "http://127.0.0.1:1")
        with pytest.raises(ExchangeUnavailable):
            await adapter.cancel(OURS, COIN)


async def test_coinbase_cannot_cancel_what_it_does_not_list_yet() -> None:
    async with wired("coinbase") as (adapter, _, server):
        server.tell(OPEN_EMPTY["coinbase"])
        with pytest.raises(ExchangeUnavailable, match="does not list"):
            await adapter.cancel(OURS, COIN)


# ── of a look ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "answer", [Told(PAGE, 502), Told(PAGE), Told(""), Told("{}"), Told('{"code":'), Told("[]", 500)]
)
@pytest.mark.parametrize("venue", ["binance", "kraken", "coinbase", "okx", "bybit"])
async def test_a_look_that_could_not_be_read_never_says_absent(venue: str, answer: Told) -> None:
    async with wired(venue) as (adapter, _, server):
        server.tell(answer)
        with pytest.raises(ExchangeUnavailable):
            await adapter.report(OURS, COIN)
        with pytest.raises(ExchangeUnavailable):
            await adapter.open_orders()
        with pytest.raises(ExchangeUnavailable):
            await adapter.fills(COIN, 1_795_280_900_000_000_000)


@pytest.mark.parametrize("broken", [1, 2])
async def test_a_read_error_in_a_later_look_is_no_proof_of_absence(broken: int) -> None:
    not_there = Told(body("binance", "-2013", "Order does not exist."), 400)
    answers = [not_there, Told("[]")][:broken]
    async with wired("binance") as (adapter, _, server):
        server.tell(*answers, Told(PAGE, 502))
        with pytest.raises(ExchangeUnavailable):
            await adapter.report(OURS, COIN)


async def test_nothing_in_any_list_and_no_error_is_none() -> None:
    async with wired("binance") as (adapter, _, server):
        server.tell(Told(body("binance", "-2013", "Order does not exist."), 400), Told("[]"))
        assert await adapter.report(OURS, COIN) is None
        assert {request.path for request in server.requests} == {
            "/api/v3/order",
            "/api/v3/openOrders",
            "/api/v3/myTrades",
        }
