"""Kraken's account and orders."""

import re
import secrets
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from core.money import ZERO, text_of
from core.orders import Side, TimeInForce
from emulator.accounts import Account
from emulator.calls import decimal_of
from emulator.exchange import Exchange
from emulator.kraken.public import PublicData
from emulator.kraken.words import (
    ASSETS,
    STATUS,
    KrakenError,
    described,
    fee_of,
    kind_of,
    pair_id,
    txid,
)
from emulator.orders import Fill, Request, Trigger, VenueOrder

Params = dict[str, str]
PAGE = 50  # closed orders and trades at a time, `ofs` on
_KINDS = ("limit", "market", "iceberg", "stop-loss", "stop-loss-limit", "take-profit", "take-profit-limit")
_CLIENT_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[ -~]{1,18}", re.IGNORECASE)


class PrivateData:
    """Each method takes a proven account and parameters."""

    def __init__(self, exchange: Exchange, public: PublicData) -> None:
        self._exchange = exchange
        self._public = public

    def balance(self, account: Account, params: Params) -> Any:
        self._exchange.advance()
        return {ASSETS.get(c, c): text_of(h.free + h.locked) for c, h in sorted(account.holdings.items())}

    def balance_ex(self, account: Account, params: Params) -> Any:
        self._exchange.advance()
        return {
            ASSETS.get(c, c): {"balance": text_of(h.free + h.locked), "hold_trade": text_of(h.locked)}
            for c, h in sorted(account.holdings.items())
        }

    def key_info(self, account: Account, params: Params) -> Any:
        may = account.may
        allowed = ["query-funds", "query-open-trades", "query-closed-trades", "query-ledger"]
        allowed += ["modify-trades", "close-trades"] if may.trade else []
        allowed += ["withdraw-funds"] if may.withdraw else []
        return {
            "api_key_name": "emulated",
            "api_key": account.key,
            "nonce": "0",
            "nonce_window": 0,
            "permissions": allowed,
            "ip_allowlist": ["127.0.0.1"] if may.ip_bound else [],
            "valid_until": "0",
        }

    # ── orders ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def add_order(self, account: Account, params: Params) -> Any:
        self._in_time(params)
        request = self._request(params)
        if params.get("validate") in ("true", "1"):
            return {"descr": {"order": described(request, request.quantity or request.funds or ZERO)}}
        order = self._exchange.place(account, request)
        return {"txid": [txid(order)], "descr": {"order": described(order, order.quantity)}}

    def cancel_order(self, account: Account, params: Params) -> Any:
        self._exchange.cancel(account, self._find(account, params.get("txid"), params.get("cl_ord_id")))
        return {"count": 1}

    def cancel_all(self, account: Account, params: Params) -> Any:
        self._exchange.advance()
        return {"count": len([self._exchange.cancel(account, order) for order in account.open_orders()])}

    def cancel_all_after(self, account: Account, params: Params) -> Any:
        """Cancel everything in `timeout` seconds unless asked again; 0 stops the count."""
        timeout_s, now = int(params["timeout"]), self._exchange.clock.now_ms()
        if timeout_s:
            account.cancel_at_ms[None] = now + timeout_s * 1000
        else:
            account.cancel_at_ms.pop(None, None)
        return {"currentTime": _instant(now), "triggerTime": _instant(now + timeout_s * 1000) if timeout_s else "0"}

    def open_orders(self, account: Account, params: Params) -> Any:
        wanted = params.get("cl_ord_id")
        found = [o for o in self._exchange.open_orders(account) if wanted in (None, o.client_id)]
        return {"open": {txid(order): _order_row(order) for order in found}}

    def closed_orders(self, account: Account, params: Params) -> Any:
        """Newest first, a page at a time; `count` is of all."""
        wanted, first = params.get("cl_ord_id"), int(params.get("ofs", "0"))
        found = [
            order
            for order in reversed(self._exchange.orders(account))
            if not order.status.open and wanted in (None, order.client_id) and _within(order.updated_ms, params)
        ]
        return {"closed": {txid(o): _order_row(o) for o in found[first : first + PAGE]}, "count": len(found)}

    def query_orders(self, account: Account, params: Params) -> Any:
        names = params.get("txid", "").split(",")
        found = [self._exchange.seen(account, self._find(account, name, params.get("cl_ord_id"))) for name in names]
        return {txid(order): _order_row(order) for order in found}

    def trades_history(self, account: Account, params: Params) -> Any:
        """Newest first, a page at a time; `count` is of all."""
        first = int(params.get("ofs", "0"))
        found = [
            (fill, order)
            for order in self._exchange.orders(account)
            for fill in order.fills
            if _within(fill.ts_ms, params)
        ]
        found.sort(key=lambda pair: pair[0].ts_ms, reverse=True)
        return {
            "trades": {_trade_id(fill, order): _trade_row(fill, order) for fill, order in found[first : first + PAGE]},
            "count": len(found),
        }

    # ── money that came and went ────────────────────────────────────────────────────────────────────────────────────

    def deposit_status(self, account: Account, params: Params) -> Any:
        return self._transfers(account, params, 1)

    def withdraw_status(self, account: Account, params: Params) -> Any:
        return self._transfers(account, params, -1)

    def _transfers(self, account: Account, params: Params, sign: int) -> Any:
        return [
            {
                "method": made.currency,
                "aclass": "currency",
                "asset": ASSETS.get(made.currency, made.currency),
                "refid": made.transfer_id,
                "txid": f"tx-{made.transfer_id}",
                "info": "emulated",
                "amount": text_of(abs(made.amount)),
                "fee": "0",
                "time": made.ts_ms // 1000,
                "status": "Success",
            }
            for made in reversed(account.transfers)
            if made.amount * sign > 0
            and params.get("asset") in (None, ASSETS.get(made.currency, made.currency))
            and _within(made.ts_ms, params)
        ]

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _in_time(self, params: Params) -> None:
        """`deadline`: after it the venue takes the order no more."""
        if "deadline" not in params:
            return
        due = datetime.fromisoformat(params["deadline"].replace("Z", "+00:00"))
        if due.timestamp() * 1000 < self._exchange.clock.claimed_ms():
            raise KrakenError("EService:Deadline elapsed")

    def _request(self, params: Params) -> Request:
        kind, volume = params.get("ordertype", ""), decimal_of(params.get("volume"))
        if params.get("type") not in set(Side) or kind not in _KINDS or volume is None:
            raise KrakenError("EGeneral:Invalid arguments")
        client_id = params.get("cl_ord_id") or secrets.token_hex(16)
        if not _CLIENT_ID.fullmatch(client_id):
            raise KrakenError("EGeneral:Invalid arguments:cl_ord_id")
        side, price, flags = Side(params["type"]), decimal_of(params.get("price")), params.get("oflags", "").split(",")
        trigger = None
        if kind.startswith(("stop", "take")):
            if price is None:
                raise KrakenError("EGeneral:Invalid arguments:price")
            trigger = Trigger(price, rises=(side is Side.BUY) is kind.startswith("stop"))
            price = decimal_of(params.get("price2"))
        needs_price = kind in ("limit", "iceberg") or kind.endswith("-limit")
        if needs_price and price is None:
            raise KrakenError("EGeneral:Invalid arguments:price")
        return Request(
            symbol=self._public.symbol(params),
            side=side,
            quantity=None if "viqc" in flags else volume,
            funds=volume if "viqc" in flags else None,
            limit_price=price if needs_price else None,
            client_id=client_id,
            time_in_force=TimeInForce(params.get("timeinforce", "GTC").lower()),
            post_only="post" in flags,
            trigger=trigger,
            display=decimal_of(params.get("displayvol")) if kind == "iceberg" else None,
            fee_in_quote=True,
        )

    def _find(self, account: Account, name: str | None, client_id: str | None) -> VenueOrder:
        digits = (name or "").replace("-", "")[1:]
        return self._exchange.find(account, order_id=int(digits, 36) if digits.isalnum() else None, client_id=client_id)


def _within(ts_ms: int, params: Params) -> bool:
    """`start` and `end` in seconds; the start itself is outside, as at the venue."""
    start, end = decimal_of(params.get("start")), decimal_of(params.get("end"))
    return (start is None or Decimal(ts_ms) / 1000 > start) and (end is None or Decimal(ts_ms) / 1000 <= end)


def _order_row(order: VenueOrder) -> dict[str, Any]:
    closed = not order.status.open
    return {
        "refid": None,
        "userref": None,
        "cl_ord_id": order.client_id,
        "status": STATUS[order.status],
        "reason": order.status.value if closed and order.remaining else None,
        "opentm": order.created_ms / 1000,
        "starttm": 0,
        "expiretm": 0,
        **({"closetm": order.updated_ms / 1000} if closed else {}),
        "descr": {
            "pair": pair_id(order.symbol),
            "type": order.side.value,
            "ordertype": kind_of(order),
            "price": text_of(order.trigger.price if order.trigger else order.limit_price or ZERO),
            "price2": text_of(order.limit_price or ZERO) if order.trigger else "0",
            "leverage": "none",
            "order": described(order, order.quantity),
            "close": "",
        },
        "vol": text_of(order.quantity),
        "vol_exec": text_of(order.filled),
        "cost": text_of(order.cost),
        "fee": text_of(sum((fee_of(order, fill) for fill in order.fills), ZERO)),
        "price": text_of(order.cost / order.filled if order.filled else ZERO),
        "stopprice": text_of(order.trigger.price) if order.trigger else "0",
        "limitprice": "0",
        "misc": "",
        "oflags": "fciq,post" if order.post_only else "fciq",
        "trades": [_trade_id(fill, order) for fill in order.fills],
    }


def _trade_row(fill: Fill, order: VenueOrder) -> dict[str, Any]:
    return {
        "ordertxid": txid(order),
        "pair": pair_id(order.symbol),
        "time": fill.ts_ms / 1000,
        "type": order.side.value,
        "ordertype": kind_of(order),
        "price": text_of(fill.price),
        "cost": text_of(fill.price * fill.quantity),
        "fee": text_of(fee_of(order, fill)),
        "vol": text_of(fill.quantity),
        "margin": "0.00000",
        "misc": "",
        "maker": fill.maker,
    }


def _trade_id(fill: Fill, order: VenueOrder) -> str:
    """The core numbers trades by market; Kraken's ids are its own for all."""
    return f"T{pair_id(order.symbol)}-{fill.trade_id:012d}"


def _instant(ts_ms: int) -> str:
    return datetime.fromtimestamp(ts_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
