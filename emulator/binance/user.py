"""Binance's account told as it changes: the events of the spot user data stream.

Source: github.com/binance/binance-spot-api-docs, user-data-stream.md.
"""

from typing import Any, NamedTuple

from core.money import ZERO
from emulator.accounts import Account, MoneyChange, OrderChange
from emulator.binance import wire
from emulator.exchange import Exchange

_EXECUTIONS = {"EXPIRED_IN_MATCH": "TRADE_PREVENTION", "PARTIALLY_FILLED": "NEW"}


class Told(NamedTuple):
    """One message, and what the faults know it by."""

    row: dict[str, Any]
    event: str
    client_id: str = ""


def spot_events(exchange: Exchange, change: OrderChange | MoneyChange) -> list[Told]:
    """What the account is told of one change."""
    if isinstance(change, MoneyChange):
        made = change.transfer
        row = {
            "e": "balanceUpdate",
            "E": made.ts_ms,
            "a": made.currency,
            "d": wire.text(made.amount),
            "T": made.ts_ms,
        }
        return [
            Told(row, "BALANCE"),
            Told(_position(change.account, (made.currency,), made.ts_ms), "POSITION"),
        ]
    report = _execution_report(exchange, change)
    currencies = tuple(change.order.symbol.split("/"))
    position = _position(change.account, currencies, change.ts_ms)
    return [
        Told(report, report["x"], change.order.client_id),
        Told(position, "POSITION", change.order.client_id),
    ]


def _position(account: Account, currencies: tuple[str, ...], ts_ms: int) -> dict[str, Any]:
    balances = [
        {"a": currency, "f": wire.text(holding.free), "l": wire.text(holding.locked)}
        for currency, holding in sorted(account.holdings.items())
        if currency in currencies
    ]
    return {"e": "outboundAccountPosition", "E": ts_ms, "u": ts_ms, "B": balances}


def _execution_report(exchange: Exchange, change: OrderChange) -> dict[str, Any]:
    """executionReport of the user data stream."""
    order, fill = change.order, change.fill
    row = wire.order_row(order, exchange.listing(order.symbol).market_id)
    kind = "TRADE" if fill else _EXECUTIONS.get(row["status"], row["status"])
    return {
        "e": "executionReport",
        "E": change.ts_ms,
        "s": row["symbol"],
        "c": order.client_id,
        "S": row["side"],
        "o": row["type"],
        "f": row["timeInForce"],
        "q": row["origQty"],
        "p": row["price"],
        "P": row["stopPrice"],
        "F": row["icebergQty"],
        "g": -1,
        "C": order.client_id if kind == "CANCELED" else "",
        "x": kind,
        "X": row["status"],
        "r": "NONE",
        "i": order.order_id,
        "l": wire.text(fill.quantity) if fill else "0.00000000",
        "z": row["executedQty"],
        "L": wire.text(fill.price) if fill else "0.00000000",
        "n": wire.text(fill.fee if fill else ZERO),
        "N": fill.fee_currency if fill else None,
        "T": change.ts_ms,
        "t": fill.trade_id if fill else -1,
        "I": order.order_id * 2,
        "w": order.status.open and not order.waiting,
        "m": fill.maker if fill else False,
        "M": False,
        "O": order.created_ms,
        "Z": row["cummulativeQuoteQty"],
        "Y": wire.text(fill.quantity * fill.price) if fill else "0.00000000",
        "Q": "0.00000000",
        "W": order.created_ms,
        "V": row["selfTradePreventionMode"],
    }
