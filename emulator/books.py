"""The venue's own books as plain data: what a judge holds a desk's ledger against. Amounts are exact text."""

from typing import Any

from core.money import text_of
from emulator.accounts import Account
from emulator.exchange import Exchange
from emulator.orders import Fill, VenueOrder


def books(exchange: Exchange) -> dict[str, Any]:
    """Every account with its money, orders, fills, positions and transfers."""
    clock = exchange.clock
    return {
        "now_ms": clock.now_ms(),
        "market_ms": clock.market_ms(),
        "accounts": {key: _account(account) for key, account in exchange.accounts.items()},
    }


def _account(account: Account) -> dict[str, Any]:
    futures = account.futures
    return {
        "holdings": {
            currency: {"free": text_of(holding.free), "locked": text_of(holding.locked)}
            for currency, holding in sorted(account.holdings.items())
        },
        "orders": [_order(order) for order in account.orders.values()],
        "transfers": [
            {"transfer_id": t.transfer_id, "currency": t.currency, "amount": text_of(t.amount), "ts_ms": t.ts_ms}
            for t in account.transfers
        ],
        "futures": {
            "currency": futures.currency,
            "wallet": text_of(futures.wallet),
            "positions": {
                symbol: {
                    "quantity": text_of(p.quantity),
                    "cost": text_of(p.cost),
                    "margin": text_of(p.margin),
                    "leverage": p.leverage,
                    "isolated": p.isolated,
                }
                for symbol, p in sorted(futures.positions.items())
            },
            "incomes": [
                {"kind": i.kind, "symbol": i.symbol, "amount": text_of(i.amount), "ts_ms": i.ts_ms}
                for i in futures.incomes
            ],
        },
    }


def _order(order: VenueOrder) -> dict[str, Any]:
    return {
        "order_id": order.order_id,
        "client_id": order.client_id,
        "symbol": order.symbol,
        "side": order.side.value,
        "quantity": text_of(order.quantity),
        "limit_price": None if order.limit_price is None else text_of(order.limit_price),
        "trigger_price": None if order.trigger is None else text_of(order.trigger.price),
        "time_in_force": order.time_in_force.value,
        "reduce_only": order.reduce_only,
        "status": order.status.value,
        "filled": text_of(order.filled),
        "cost": text_of(order.cost),
        "created_ms": order.created_ms,
        "updated_ms": order.updated_ms,
        "fills": [_fill(fill) for fill in order.fills],
    }


def _fill(fill: Fill) -> dict[str, Any]:
    return {
        "trade_id": fill.trade_id,
        "price": text_of(fill.price),
        "quantity": text_of(fill.quantity),
        "fee": text_of(fill.fee),
        "fee_currency": fill.fee_currency,
        "realized": text_of(fill.realized),
        "maker": fill.maker,
        "ts_ms": fill.ts_ms,
    }
