"""What a key may do, as the venue itself tells it. There is no unified way of ccxt: one small reading a venue.

An answer that lacks a field, or has another shape, is unreadable: what is not told is not taken for "no".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from core.instruments import ContractKind
from core.time import SECOND_NS
from execution.venues.exchange.facts import VenueFacts
from execution.venues.exchange.outcomes import shown
from execution.venues.exchange.reading import MS_NS


@dataclass(frozen=True, slots=True)
class Scope:
    """`ip_bound` and `expires_ns` (UTC) are None where the venue does not say, or where the key never expires."""

    can_read: bool
    can_trade: bool
    can_withdraw: bool
    ip_bound: bool | None = None
    expires_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Nobody can say what the key may do, and why."""

    reason: str


async def probe(client: Any, facts: VenueFacts, kind: ContractKind) -> Scope | Unreadable:
    """Asks the venue. `kind` is what the key is to trade. Never raises for what a venue answers."""
    method, reading = facts.key_scopes, _READINGS.get(facts.name)
    if method is None or reading is None:
        return Unreadable(f"nobody has checked how {facts.name} tells what a key may do")
    try:
        answer = await getattr(client, method)()
    except Exception as failure:  # noqa: BLE001  # whatever broke, the scopes are not known
        return Unreadable(f"{facts.name} did not tell: {shown(failure)}")
    try:
        return reading(answer, kind)
    except (KeyError, IndexError, TypeError, ValueError) as wrong:
        # Not the answer itself: it repeats the key.
        return Unreadable(f"{facts.name} told it in an unknown shape ({type(wrong).__name__})")


def _binance(told: Any, kind: ContractKind) -> Scope:
    trade = "enableFutures" if kind is ContractKind.PERPETUAL else "enableSpotAndMarginTrading"
    return Scope(
        can_read=_flag(told, "enableReading"),
        can_trade=_flag(told, trade),
        can_withdraw=_flag(told, "enableWithdrawals"),
        ip_bound=_flag(told, "ipRestrict"),
        expires_ns=_after_zero(told.get("tradingAuthorityExpirationTime"), MS_NS),
    )


def _bybit(told: Any, kind: ContractKind) -> Scope:
    key = told["result"]
    may = key["permissions"]
    trade = ("ContractTrade", "Order") if kind is ContractKind.PERPETUAL else ("Spot", "SpotTrade")
    writes = {0: True, 1: False}[int(key["readOnly"])]
    return Scope(
        can_read=True,
        can_trade=writes and trade[1] in may[trade[0]],
        can_withdraw=writes and "Withdraw" in may["Wallet"],
        ip_bound="*" not in key["ips"],
        expires_ns=_moment(key.get("expiredAt")),
    )


def _okx(told: Any, kind: ContractKind) -> Scope:
    (account,) = told["data"]
    may = set(_text(account["perm"]).split(","))
    ip_bound = bool(_text(account["ip"]))
    return Scope("read_only" in may, "trade" in may, "withdraw" in may, ip_bound)


def _kraken(told: Any, kind: ContractKind) -> Scope:
    key = told["result"]
    may = {_text(each) for each in key["permissions"]}
    bound = key.get("ip_allowlist", key.get("ipAllowlist"))
    return Scope(
        can_read={"query-funds", "query-open-trades", "query-closed-trades"} <= may,
        can_trade={"modify-trades", "close-trades"} <= may,
        can_withdraw=any(each.startswith("withdraw") for each in may),
        ip_bound=None if bound is None else bool(bound),
        expires_ns=_after_zero(key.get("valid_until", key.get("validUntil")), SECOND_NS),
    )


def _coinbase(told: Any, kind: ContractKind) -> Scope:
    return Scope(_flag(told, "can_view"), _flag(told, "can_trade"), _flag(told, "can_transfer"))


_READINGS: Final[Mapping[str, Callable[[Any, ContractKind], Scope]]] = {
    "binance": _binance,
    "binanceusdm": _binance,
    "bybit": _bybit,
    "coinbase": _coinbase,
    "kraken": _kraken,
    "okx": _okx,
}


def _flag(told: Mapping[str, Any], name: str) -> bool:
    value = told[name]
    if not isinstance(value, bool):
        raise TypeError(name)
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(type(value).__name__)
    return value


def _after_zero(value: Any, unit_ns: int) -> int | None:
    """A time in units since 1970; none, or 0, is never."""
    return int(value) * unit_ns if value is not None and int(value) else None


def _moment(value: Any) -> int | None:
    return int(datetime.fromisoformat(value).timestamp()) * SECOND_NS if value else None
