"""What a key may do is read from each venue's own answer, and what is not told is not taken for "no"."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from core.instruments import ContractKind
from core.time import SECOND_NS
from desk.clock import SystemClock
from emulator.server import Emulator
from execution.venues.exchange.budget import RateBudget
from execution.venues.exchange.checkup import CheckUp, check_up
from execution.venues.exchange.client import Access, Keys
from execution.venues.exchange.facts import PROVEN, unproven
from execution.venues.exchange.scopes import Scope, Unreadable, probe
from tests.execution.exchange.emulated import DIALECTS

SPOT, PERPETUAL = ContractKind.SPOT, ContractKind.PERPETUAL

BINANCE = {
    "ipRestrict": True,
    "enableReading": True,
    "enableWithdrawals": False,
    "enableFutures": False,
    "enableSpotAndMarginTrading": True,
}
BYBIT = {
    "result": {
        "readOnly": 0,
        "permissions": {"Spot": ["SpotTrade"], "ContractTrade": [], "Wallet": ["AccountTransfer"]},
        "ips": ["10.0.0.1"],
        "expiredAt": "2099-01-01T00:00:00Z",
    }
}
OKX = {"data": [{"perm": "read_only,trade", "ip": "10.0.0.1"}]}
KRAKEN = {
    "result": {
        "permissions": ["query-funds", "query-open-trades", "query-closed-trades", "modify-trades", "close-trades"],
        "ip_allowlist": [],
        "valid_until": "0",
    }
}
COINBASE = {"can_view": True, "can_trade": True, "can_transfer": False}


async def read(venue: str, answer: Any, kind: ContractKind = SPOT) -> Scope | Unreadable:
    facts = PROVEN[venue]

    async def told() -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert facts.key_scopes is not None
    return await probe(SimpleNamespace(**{facts.key_scopes: told}), facts, kind)


async def scope(venue: str, answer: Any, kind: ContractKind = SPOT) -> Scope:
    found = await read(venue, answer, kind)
    assert isinstance(found, Scope), found
    return found


@pytest.mark.parametrize(
    ("venue", "answer", "safe"),
    [
        ("binance", BINANCE, Scope(True, True, False, ip_bound=True)),
        ("bybit", BYBIT, Scope(True, True, False, ip_bound=True, expires_ns=4_070_908_800 * SECOND_NS)),
        ("okx", OKX, Scope(True, True, False, ip_bound=True)),
        ("kraken", KRAKEN, Scope(True, True, False, ip_bound=False)),
        ("coinbase", COINBASE, Scope(True, True, False)),
    ],
)
async def test_a_key_that_trades_and_cannot_withdraw(venue: str, answer: Any, safe: Scope) -> None:
    assert await read(venue, answer) == safe


def withdrawing(venue: str) -> Any:
    match venue:
        case "bybit":
            permissions = {**BYBIT["result"]["permissions"], "Wallet": ["Withdraw"]}  # type: ignore[dict-item]
            return {"result": {**BYBIT["result"], "permissions": permissions}}
        case "okx":
            return {"data": [{"perm": "read_only,withdraw,trade", "ip": ""}]}
        case "kraken":
            may = [*KRAKEN["result"]["permissions"], "withdraw-funds"]
            return {"result": {**KRAKEN["result"], "permissions": may}}
        case "coinbase":
            return {**COINBASE, "can_transfer": True}
        case _:
            return {**BINANCE, "enableWithdrawals": True}


@pytest.mark.parametrize("venue", sorted(PROVEN))
async def test_a_key_that_can_withdraw_is_seen(venue: str) -> None:
    assert (await scope(venue, withdrawing(venue))).can_withdraw


@pytest.mark.parametrize("venue", sorted(PROVEN))
@pytest.mark.parametrize("answer", [{}, [], None, "<html>", {"result": {}, "data": []}, {"result": None, "data": None}])
async def test_an_answer_of_another_shape_is_unreadable(venue: str, answer: Any) -> None:
    assert isinstance(await read(venue, answer), Unreadable)


@pytest.mark.parametrize("wrong", [None, "false", 0, "no"])
async def test_a_word_that_is_no_yes_or_no_is_unreadable(wrong: Any) -> None:
    assert isinstance(await read("binance", {**BINANCE, "enableWithdrawals": wrong}), Unreadable)
    assert isinstance(await read("coinbase", {**COINBASE, "can_transfer": wrong}), Unreadable)


async def test_what_counts_as_trading_is_the_contracts_own() -> None:
    assert not (await scope("binance", BINANCE, PERPETUAL)).can_trade
    assert not (await scope("bybit", BYBIT, PERPETUAL)).can_trade
    assert (await scope("binance", {**BINANCE, "enableFutures": True}, PERPETUAL)).can_trade


async def test_a_read_only_key_of_bybit_neither_trades_nor_withdraws() -> None:
    told = withdrawing("bybit")
    told["result"]["readOnly"] = 1
    found = await scope("bybit", told)
    assert (found.can_trade, found.can_withdraw) == (False, False)


async def test_a_venue_that_nobody_checked_is_unreadable() -> None:
    found = await probe(SimpleNamespace(), unproven("hyperspace"), SPOT)
    assert isinstance(found, Unreadable)
    assert "nobody has checked" in found.reason


# At an emulated venue


@pytest_asyncio.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with Emulator() as found:
        yield found


async def checked(dialect: str, emulator: Emulator, *, timeout_s: float = 10, secret: str | None = None) -> CheckUp:
    keys = Keys(emulator.api_key, secret or emulator.api_secret)
    access = Access({"rest": emulator.base_url, "ws": emulator.ws_url})
    return await check_up(dialect, SPOT, keys, RateBudget(1e6), SystemClock(), access, timeout_s=timeout_s)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_the_key_of_an_emulated_venue_is_read(dialect: str, emulator: Emulator) -> None:
    found = await checked(dialect, emulator)
    assert isinstance(found.scope, Scope)
    assert (found.scope.can_trade, found.scope.can_withdraw, found.scope.ip_bound) == (True, False, True)
    assert found.skew_s is not None
    assert abs(found.skew_s) < Decimal(5)
    emulator.exchange.accounts[emulator.api_key].may.withdraw = True
    again = (await checked(dialect, emulator)).scope
    assert isinstance(again, Scope)
    assert again.can_withdraw


async def test_a_wrong_secret_is_unreadable_and_named_without_it(emulator: Emulator) -> None:
    found = (await checked("binance", emulator, secret="wrong-secret-planted")).scope
    assert isinstance(found, Unreadable)
    assert "wrong-secret-planted" not in found.reason
    assert "signature=" not in found.reason


async def test_a_venue_that_hangs_is_given_up_in_time(emulator: Emulator) -> None:
    emulator.faults.add("hang", path="/api/v3/time")
    async with asyncio.timeout(5):
        found = await checked("binance", emulator, timeout_s=0.3)
    assert found.trouble == "binance did not answer in 0.3 s"
    assert found.scope == Unreadable(found.trouble)
