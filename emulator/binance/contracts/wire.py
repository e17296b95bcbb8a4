"""The words of USD-margined contracts: order, conditional order, trade and position rows.

Source: developers.binance.com/docs/derivatives/usds-margined-futures.
"""

from decimal import Decimal
from typing import Any

from core.money import ZERO, text_of
from core.orders import Side
from emulator.accounts import Position
from emulator.binance.reading import CONTRACT_TYPES, STOP_TYPES
from emulator.binance.wire import STATUS
from emulator.listings import Listing
from emulator.market import Market
from emulator.money import PLACES
from emulator.orders import Fill, VenueOrder


def money(amount: Decimal) -> str:
    return f"{amount.quantize(PLACES):f}"


def plain_type(order: VenueOrder) -> str:
    return "MARKET" if order.limit_price is None else "LIMIT"


def stop_type(order: VenueOrder) -> str:
    """The type of a conditional order."""
    stops = order.trigger is not None and (order.side is Side.BUY) is order.trigger.rises
    if stops:
        return "STOP_MARKET" if order.limit_price is None else "STOP"
    return "TAKE_PROFIT_MARKET" if order.limit_price is None else "TAKE_PROFIT"


def time_in_force(order: VenueOrder) -> str:
    return "GTX" if order.post_only else order.time_in_force.value.upper()


def order_row(order: VenueOrder, market_id: str) -> dict[str, Any]:
    """GET /fapi/v1/order, /openOrders, /allOrders; POST with newOrderRespType=RESULT."""
    average = order.cost / order.filled if order.filled else ZERO
    return {
        "orderId": order.order_id,
        "symbol": market_id,
        "status": "EXPIRED" if STATUS[order.status] == "REJECTED" else STATUS[order.status],
        "clientOrderId": order.client_id,
        "price": text_of(order.limit_price or ZERO),
        "avgPrice": money(average),
        "origQty": text_of(order.quantity),
        "executedQty": text_of(order.filled),
        "cumQuote": money(order.cost),
        "timeInForce": time_in_force(order),
        "type": plain_type(order),
        "reduceOnly": order.reduce_only,
        "closePosition": False,
        "side": order.side.value.upper(),
        "positionSide": "BOTH",
        "stopPrice": "0",
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": plain_type(order),
        "priceMatch": "NONE",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "goodTillDate": 0,
        "time": order.created_ms,
        "updateTime": order.updated_ms,
    }


def algo_row(order: VenueOrder, market_id: str) -> dict[str, Any]:
    """POST and GET /fapi/v1/algoOrder, /openAlgoOrders: a conditional order before and after its trigger."""
    status = STATUS[order.status]
    if order.triggered:
        status = "TRIGGERED" if order.status.open else "FINISHED"
    return {
        "algoId": order.order_id,
        "clientAlgoId": order.client_id,
        "algoType": "CONDITIONAL",
        "orderType": stop_type(order),
        "symbol": market_id,
        "side": order.side.value.upper(),
        "positionSide": "BOTH",
        "timeInForce": time_in_force(order),
        "quantity": text_of(order.quantity),
        "algoStatus": status,
        "actualOrderId": str(order.order_id) if order.triggered else "",
        "actualPrice": "0",
        "triggerPrice": text_of(order.trigger.price if order.trigger else ZERO),
        "price": text_of(order.limit_price or ZERO),
        "icebergQuantity": None,
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "workingType": "CONTRACT_PRICE",
        "priceMatch": "NONE",
        "closePosition": False,
        "priceProtect": False,
        "reduceOnly": order.reduce_only,
        "createTime": order.created_ms,
        "updateTime": order.updated_ms,
        "triggerTime": order.updated_ms if order.triggered else 0,
        "goodTillDate": 0,
    }


def trade_row(order: VenueOrder, fill: Fill, market_id: str) -> dict[str, Any]:
    """GET /fapi/v1/userTrades."""
    return {
        "symbol": market_id,
        "id": fill.trade_id,
        "orderId": order.order_id,
        "side": order.side.value.upper(),
        "price": text_of(fill.price),
        "qty": text_of(fill.quantity),
        "realizedPnl": money(fill.realized),
        "quoteQty": money(fill.price * fill.quantity),
        "commission": money(fill.fee),
        "commissionAsset": fill.fee_currency,
        "time": fill.ts_ms,
        "positionSide": "BOTH",
        "buyer": order.side is Side.BUY,
        "maker": fill.maker,
    }


def position_row(position: Position, market: Market) -> dict[str, Any]:
    """GET /fapi/v3/positionRisk; v2 has the leverage and the kind of margin beside it."""
    mark, item = market.mid, market.listing
    maintenance = abs(position.quantity) * mark * item.instrument.maintenance_margin
    profit = position.profit_at(mark)
    isolated = position.margin if position.isolated else ZERO
    return {
        "symbol": item.market_id,
        "positionSide": "BOTH",
        "positionAmt": text_of(position.quantity),
        "entryPrice": money(position.entry_price),
        "breakEvenPrice": money(position.entry_price),
        "markPrice": money(mark),
        "unRealizedProfit": money(profit),
        "liquidationPrice": money(_liquidation(position, item)),
        "isolatedMargin": money(isolated + profit) if position.isolated else "0",
        "notional": money(position.quantity * mark),
        "marginAsset": item.instrument.quote,
        "isolatedWallet": money(isolated) if position.isolated else "0",
        "initialMargin": money(abs(position.quantity) * mark / position.leverage),
        "maintMargin": money(maintenance),
        "positionInitialMargin": money(abs(position.quantity) * mark / position.leverage),
        "openOrderInitialMargin": "0",
        "adl": 0,
        "bidNotional": "0",
        "askNotional": "0",
        "updateTime": position.updated_ms,
    }


def v2_columns(position: Position) -> dict[str, Any]:
    return {
        "leverage": str(position.leverage),
        "maxNotionalValue": "1000000000",
        "marginType": "isolated" if position.isolated else "cross",
        "isAutoAddMargin": "false",
        "isolated": position.isolated,
        "adlQuantile": 0,
    }


def asset_row(
    account_wallet: Decimal, unrealized: Decimal, margin: Decimal, orders: Decimal, now: int
) -> dict[str, Any]:
    """One asset of GET /fapi/v3/account."""
    return {
        "asset": "USDT",
        "walletBalance": money(account_wallet),
        "unrealizedProfit": money(unrealized),
        "marginBalance": money(account_wallet + unrealized),
        "maintMargin": "0",
        "initialMargin": money(margin + orders),
        "positionInitialMargin": money(margin),
        "openOrderInitialMargin": money(orders),
        "crossWalletBalance": money(account_wallet - margin),
        "crossUnPnl": "0",
        "availableBalance": money(account_wallet - margin - orders),
        "maxWithdrawAmount": money(account_wallet - margin - orders),
        "updateTime": now,
    }


def symbol_row(item: Listing) -> dict[str, Any]:
    """One symbol of GET /fapi/v1/exchangeInfo."""
    instrument = item.instrument
    most = text_of(instrument.max_quantity or Decimal(1000))
    return {
        "symbol": item.market_id,
        "pair": item.market_id,
        "contractType": "PERPETUAL",
        "deliveryDate": 4_133_404_800_000,
        "onboardDate": item.listed_ms,
        "status": "TRADING",
        "maintMarginPercent": text_of(instrument.maintenance_margin * 100),
        "requiredMarginPercent": "5.0000",
        "baseAsset": instrument.base,
        "quoteAsset": instrument.quote,
        "marginAsset": instrument.quote,
        "pricePrecision": 8,
        "quantityPrecision": 8,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "triggerProtect": "0.0500",
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": text_of(instrument.tick_size),
                "maxPrice": "1000000",
                "tickSize": text_of(instrument.tick_size),
            },
            *(
                {
                    "filterType": kind,
                    "minQty": text_of(instrument.min_quantity),
                    "maxQty": most,
                    "stepSize": text_of(instrument.lot_size),
                }
                for kind in ("LOT_SIZE", "MARKET_LOT_SIZE")
            ),
            {"filterType": "MAX_NUM_ORDERS", "limit": 200},
            {"filterType": "MIN_NOTIONAL", "notional": text_of(instrument.min_notional)},
            {"filterType": "PERCENT_PRICE", "multiplierUp": "5", "multiplierDown": "0.2", "multiplierDecimal": "4"},
        ],
        "orderTypes": [*CONTRACT_TYPES, *STOP_TYPES],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }


def _liquidation(position: Position, item: Listing) -> Decimal:
    """Where margin and loss meet the maintenance margin; 0 for a shared margin, which other positions move."""
    if not position.quantity or not position.isolated:
        return ZERO
    size, sign = abs(position.quantity), 1 if position.quantity > 0 else -1
    return max(
        ZERO, (position.cost - sign * position.margin) / (size * (1 - sign * item.instrument.maintenance_margin))
    )
