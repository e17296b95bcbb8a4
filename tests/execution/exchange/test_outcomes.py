"""Placed, refused or unknown: each row of what a failed request proves, on a real connection."""

import asyncio
import json
from typing import Any

import pytest
from ccxt.base import errors

from core.errors import AccountRestricted, DeskError, ExchangeRejected, ExchangeUnavailable, OrderStateUnknown
from execution.venues.exchange.facts import PROVEN, facts_of
from execution.venues.exchange.outcomes import Outcome, classify, shown
from tests.execution.exchange.loopback import COIN, OURS, SPOT, Told, order, wired
from tests.execution.exchange.test_facts import KIND, PLACED

REFUSED, RESTRICTED, UNKNOWN = ExchangeRejected, AccountRestricted, OrderStateUnknown
PAGE = "<!DOCTYPE html><html><body>Just a moment...</body></html>"


def body(venue: str, code: str, text: str = "") -> Any:
    """A refusal in the venue's own form."""
    match venue:
        case "binance" | "binanceusdm":
            return {"code": int(code), "msg": text or "refused"}
        case "okx":
            return {"code": "1", "msg": "", "data": [{"sCode": code, "sMsg": text}]}
        case "bybit":
            return {"retCode": int(code), "retMsg": text or "refused", "result": {}}
        case "kraken":
            return {"error": [code]}
        case _:
            return {"success": False, "error_response": {"error": code, "preview_failure_reason": text or code}}


async def outcome(venue: str, *answers: Any, timeout_ms: int = 2_000) -> type[DeskError] | None:
    """The error that placing an order ends with, exactly."""
    kind = KIND.get(venue, SPOT)
    async with wired(venue, kind, timeout_ms=timeout_ms) as (adapter, _, server):
        server.tell(*answers)
        try:
            await adapter.place(order(kind=kind))
        except DeskError as error:
            assert len(server.requests) <= len(answers), "nothing was sent again"
            return type(error)
        return None


# ── surely not placed ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "error",
    [
        errors.ArgumentsRequired("x"),
        errors.BadSymbol("x"),
        errors.NotSupported("x"),
        errors.InvalidOrder("x"),
        errors.NetworkError("x"),
        KeyError("x"),
    ],
)
@pytest.mark.parametrize("venue", list(PROVEN))
def test_what_never_left_is_not_placed_whatever_it_raised(venue: str, error: Exception) -> None:
    assert classify(error, PROVEN[venue], sent=False) is Outcome.REJECTED


async def test_a_connection_that_is_refused_carried_nothing() -> None:
    async with wired("binance") as (adapter, client, _):
        client.urls["api"] = dict.fromkeys(client.urls["api"], "http://127.0.0.1:1")
        with pytest.raises(ExchangeRejected):
            await adapter.place(order())


@pytest.mark.parametrize(
    "error",
    [
        errors.InsufficientFunds("x"),
        errors.AuthenticationError("x"),
        errors.AccountNotEnabled("x"),
        errors.OrderImmediatelyFillable("x"),
        errors.OrderNotFillable("x"),
        errors.MarketClosed("x"),
        errors.RestrictedLocation("x"),
        errors.BadSymbol("x"),
        errors.InvalidOrder("x"),
        errors.BadRequest("x"),
        errors.InvalidNonce("x"),
        errors.InvalidProxySettings("x"),
    ],
)
@pytest.mark.parametrize("venue", [*PROVEN, "gate"])
def test_a_class_that_can_only_be_a_refusal_is_one(venue: str, error: Exception) -> None:
    assert classify(error, facts_of(venue, KIND.get(venue, SPOT)), sent=True) is Outcome.REJECTED


@pytest.mark.parametrize(
    "error", [errors.AccountSuspended("x"), errors.PermissionDenied("x"), errors.ManualInteractionNeeded("x")]
)
@pytest.mark.parametrize("venue", list(PROVEN))
def test_account_trouble_is_restricted(venue: str, error: Exception) -> None:
    assert classify(error, PROVEN[venue], sent=True) is Outcome.RESTRICTED


@pytest.mark.parametrize(
    ("venue", "code", "text", "status", "expected"),
    [
        ("binance", "-2010", "Account has insufficient balance for requested action.", 400, REFUSED),
        ("binance", "-2010", "Order would immediately match and take.", 400, REFUSED),
        ("binance", "-1013", "Filter failure: NOTIONAL", 400, REFUSED),
        ("binance", "-1021", "Timestamp for this request is outside of the recvWindow.", 400, REFUSED),
        ("binance", "-2015", "Invalid API-key, IP, or permissions for action.", 401, REFUSED),
        ("binance", "-1003", "Too many requests.", 429, REFUSED),
        ("binance", "-1003", "IP banned until 1.", 418, REFUSED),
        ("binance", "-1015", "Too many new orders.", 400, REFUSED),
        ("binance", "-2010", "This action is disabled on this account.", 400, RESTRICTED),
        ("binance", "-2010", "This account may not place or cancel orders.", 400, RESTRICTED),
        ("binance", "-1000", "An unknown error occurred.", 400, UNKNOWN),
        ("binance", "-1001", "Internal error.", 400, UNKNOWN),
        ("binance", "-1006", "An unexpected response was received; execution status unknown.", 400, UNKNOWN),
        ("binance", "-1007", "Timeout waiting for response; execution status unknown.", 400, UNKNOWN),
        ("binance", "-1008", "Server is currently overloaded.", 400, UNKNOWN),
        ("binance", "-9999", "Something that nobody wrote down.", 400, UNKNOWN),
        ("binanceusdm", "-5022", "Post only order will be rejected.", 400, REFUSED),
        ("binanceusdm", "-2019", "Margin is insufficient.", 400, REFUSED),
        ("binanceusdm", "-1007", "Timeout waiting for response.", 400, UNKNOWN),
        ("kraken", "EOrder:Insufficient funds", "", 200, REFUSED),
        ("kraken", "EOrder:Post only order", "", 200, REFUSED),
        ("kraken", "EAPI:Invalid nonce", "", 200, REFUSED),
        ("kraken", "EGeneral:Invalid arguments", "", 200, REFUSED),
        ("kraken", "EGeneral:Permission denied", "", 200, RESTRICTED),
        ("kraken", "ETrade:User Locked", "", 200, RESTRICTED),
        ("kraken", "EAccount:Invalid permissions", "", 200, RESTRICTED),
        ("kraken", "EService:Timeout", "", 200, UNKNOWN),
        ("kraken", "EService:Deadline elapsed", "", 200, UNKNOWN),
        ("kraken", "EService:Unavailable", "", 200, UNKNOWN),
        ("kraken", "EService:Market in cancel_only mode", "", 200, UNKNOWN),
        ("kraken", "EGeneral:Internal error", "", 200, UNKNOWN),
        ("kraken", "EAPI:Rate limit exceeded", "", 200, UNKNOWN),
        ("kraken", "EOrder:Rate limit exceeded", "", 200, UNKNOWN),
        ("kraken", "EWhatever:New", "", 200, UNKNOWN),
        ("coinbase", "INSUFFICIENT_FUND", "", 200, REFUSED),
        ("coinbase", "INVALID_LIMIT_PRICE_POST_ONLY", "", 200, REFUSED),
        ("coinbase", "PERMISSION_DENIED", "", 200, RESTRICTED),
        ("coinbase", "UNKNOWN_FAILURE_REASON", "", 200, UNKNOWN),
        ("coinbase", "SOMETHING_NEW", "", 200, UNKNOWN),
        ("okx", "51008", "Insufficient balance", 200, REFUSED),
        ("okx", "50102", "Timestamp request expired", 200, REFUSED),
        ("okx", "50011", "Too Many Requests", 200, REFUSED),
        ("okx", "51149", "Order timed out. Please try again later.", 200, UNKNOWN),
        ("okx", "50004", "API endpoint request timeout", 200, UNKNOWN),
        ("okx", "50013", "Systems are busy.", 200, UNKNOWN),
        ("okx", "50001", "Service temporarily unavailable.", 200, UNKNOWN),
        ("bybit", "170131", "Insufficient balance.", 200, REFUSED),
        ("bybit", "170218", "The LIMIT-MAKER order is rejected due to invalid price.", 200, REFUSED),
        ("bybit", "10002", "The request time exceeds the time window range.", 200, REFUSED),
        ("bybit", "10024", "The product or service is not available to you.", 200, RESTRICTED),
        *[
            ("bybit", code, "proves nothing", 200, UNKNOWN)
            for code in ("10000", "10006", "10016", "10019", "10403", "10429", "20003", "20006", "429", "500000")
        ],
        *[
            ("bybit", code, "proves nothing", 200, UNKNOWN)
            for code in ("170001", "170005", "170007", "170032", "170146", "170147")
        ],
    ],
)
async def test_a_venue_s_code_proves_what_it_proves(
    venue: str, code: str, text: str, status: int, expected: type[DeskError]
) -> None:
    assert await outcome(venue, Told(body(venue, code, text), status)) is expected


async def test_binance_turns_a_ban_into_bad_keys_and_ccxt_turns_it_back() -> None:
    async with wired("binance") as (adapter, client, server):
        client.options["hasAlreadyAuthenticatedSuccessfully"] = True
        server.tell(Told(body("binance", "-2015", "Invalid API-key, IP, or permissions for action."), 401))
        with pytest.raises(ExchangeRejected, match="DDoSProtection"):
            await adapter.place(order())


@pytest.mark.parametrize(
    ("venue", "status", "expected"),
    [
        ("binance", 429, REFUSED),
        ("binance", 418, REFUSED),
        ("coinbase", 429, REFUSED),
        ("okx", 429, UNKNOWN),  # a page: ccxt calls it "not available"; its own code 50011 refuses, above
        ("bybit", 429, UNKNOWN),
        ("kraken", 429, UNKNOWN),
    ],
)
async def test_too_many_requests_refuses_only_where_the_venue_says_so(
    venue: str, status: int, expected: type[DeskError]
) -> None:
    assert await outcome(venue, Told(PAGE, status)) is expected


# ── there is one already ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("venue", "code", "text", "status"),
    [
        ("binance", "-2010", "Duplicate order sent.", 400),
        ("binance", "-4116", "ClientOrderId is duplicated.", 400),
        ("binanceusdm", "-4116", "ClientOrderId is duplicated.", 400),
        ("kraken", "EOrder:cl_ord_id must be unique per user", "", 200),
        ("okx", "51016", "Duplicated client order ID", 200),
        ("bybit", "110072", "OrderLinkedID is duplicate", 200),
        ("bybit", "170141", "Duplicate clientOrderId", 200),
        ("coinbase", "DUPLICATE_CLIENT_ORDER_ID", "", 200),
    ],
)
async def test_a_duplicate_is_looked_up_and_never_refused(venue: str, code: str, text: str, status: int) -> None:
    kind = KIND.get(venue, SPOT)
    async with wired(venue, kind) as (adapter, _, server):
        # The look finds nothing that can be read: then it is not known, and certainly not free to try again.
        server.tell(Told(body(venue, code, text), status), Told(PAGE, 502))
        with pytest.raises(OrderStateUnknown):
            await adapter.place(order(kind=kind))
        assert len(server.requests) > 1


async def test_a_duplicate_that_is_found_was_placed() -> None:
    there = {**PLACED["binance"], "origQty": "1", "executedQty": "0", "side": "BUY", "type": "LIMIT", "time": 1}
    answers = Told(body("binance", "-2010", "Duplicate order sent."), 400), Told(there)
    assert await outcome("binance", *answers) is None


def test_the_class_for_duplicates_is_one_where_a_venue_has_it() -> None:
    assert classify(errors.DuplicateOrderId("x"), facts_of("gate", SPOT), sent=True) is Outcome.DUPLICATE


# ── unknown ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "error",
    [
        errors.RequestTimeout("x"),
        errors.ExchangeNotAvailable("x"),
        errors.NetworkError("x"),
        errors.OnMaintenance("x"),
        errors.OperationFailed("x"),
        errors.BadResponse("x"),
        errors.NullResponse("x"),
        errors.ExchangeError("x"),
        errors.BaseError("x"),
        KeyError("x"),
        TypeError("x"),
        TimeoutError(),
        asyncio.CancelledError(),
    ],
)
@pytest.mark.parametrize("venue", [*PROVEN, "gate"])
def test_everything_else_that_was_sent_is_unknown(venue: str, error: BaseException) -> None:
    assert classify(error, facts_of(venue, KIND.get(venue, SPOT)), sent=True) is Outcome.UNKNOWN


@pytest.mark.parametrize("status", [400, 403, 404, 405, 408, 409, 451, 500, 502, 503, 504, 520])
@pytest.mark.parametrize("venue", ["binance", "kraken", "coinbase", "okx", "bybit"])
async def test_a_page_of_somebody_in_between_proves_nothing(venue: str, status: int) -> None:
    assert await outcome(venue, Told(PAGE, status)) is UNKNOWN


@pytest.mark.parametrize("answer", [PAGE, "", "{}", "[]", '{"code":'])
@pytest.mark.parametrize("venue", ["binance", "kraken", "coinbase", "okx", "bybit"])
async def test_an_answer_without_an_order_in_it_proves_nothing(venue: str, answer: str) -> None:
    assert await outcome(venue, Told(answer)) is UNKNOWN


@pytest.mark.parametrize("venue", ["binance", "kraken", "coinbase", "okx", "bybit"])
async def test_an_answer_that_was_cut_in_the_middle_proves_nothing(venue: str) -> None:
    assert await outcome(venue, Told(json.dumps(PLACED[venue])[:20], cut=True)) is UNKNOWN


async def test_an_order_under_another_name_is_unknown_and_not_ours_to_forget() -> None:
    assert await outcome("binance", {**PLACED["binance"], "clientOrderId": "x-another"}) is UNKNOWN


async def test_an_id_goes_out_once_even_if_it_is_asked_for_twice() -> None:
    async with wired("binance") as (adapter, _, server):
        server.tell(Told(PAGE, 502))
        with pytest.raises(OrderStateUnknown):
            await adapter.place(order())
        with pytest.raises(OrderStateUnknown):
            await adapter.place(order())
        assert [request.method for request in server.requests] == ["POST", "GET"]


async def test_what_was_refused_unsent_may_be_tried_again() -> None:
    async with wired("binance") as (adapter, client, server):
        original, client.urls["api"] = client.urls["api"], dict.fromkeys(client.urls["api"], "http://127.0.0.1:1")
        with pytest.raises(ExchangeRejected):
            await adapter.place(order())
        client.urls["api"] = original
        server.tell(PLACED["binance"])
        await adapter.place(order())
        assert server.last.sent["newClientOrderId"] == OURS


async def test_an_await_that_is_given_up_leaves_the_id_used() -> None:
    async with wired("binance") as (adapter, client, server):
        entered = asyncio.Event()

        async def hang(*_: Any) -> None:
            entered.set()
            await asyncio.Event().wait()

        client.create_order = hang
        task = asyncio.create_task(adapter.place(order()))
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        server.tell(Told(PAGE, 502))
        with pytest.raises(OrderStateUnknown):
            await adapter.place(order())
        assert {request.method for request in server.requests} == {"GET"}


# ── words ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_error_shows_no_signature_and_chains_none() -> None:
    async with wired("binance") as (adapter, _, server):
        server.tell(Told(PAGE, 502))
        with pytest.raises(ExchangeUnavailable) as raised:
            await adapter.report(OURS, COIN)
        assert "signature" not in str(raised.value)
        assert raised.value.__cause__ is None
        assert raised.value.__suppress_context__


def test_a_long_page_is_cut() -> None:
    assert len(shown(ValueError("x" * 5_000))) < 400
