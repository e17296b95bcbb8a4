"""Binance's words for what the core knows: decimal texts of eight places, order and trade rows."""

from decimal import Decimal
from typing import Any

from core.money import ZERO
from core.orders import Side
from emulator.binance.reading import SPOT_TYPES
from emulator.exchange import Exchange
from emulator.market import Delta, Market, PublicTrade
from emulator.orders import Fill, SelfTrade, Status, VenueOrder

_PLACES = Decimal("0.00000001")
_SCALE = 10**8

STATUS = {
    Status.NEW: "NEW",
    Status.PARTIAL: "PARTIALLY_FILLED",
    Status.FILLED: "FILLED",
    Status.CANCELLED: "CANCELED",
    Status.EXPIRED: "EXPIRED",
    Status.REJECTED: "REJECTED",
    Status.PREVENTED: "EXPIRED_IN_MATCH",
}


def text(number: Decimal) -> str:
    return f"{number.quantize(_PLACES):f}"


class Grid:
    """Whole ticks or lots to text, in integers."""

    def __init__(self, increment: Decimal) -> None:
        self.unit = int(increment * _SCALE)

    def __call__(self, count: int) -> str:
        whole, part = divmod(count * self.unit, _SCALE)
        return f"{whole}.{part:08d}"


def order_type(order: VenueOrder) -> str:
    if order.trigger is not None:
        stops = (order.side is Side.BUY) is order.trigger.rises
        return ("STOP_LOSS" if stops else "TAKE_PROFIT") + ("" if order.limit_price is None else "_LIMIT")
    if order.limit_price is None:
        return "MARKET"
    return "LIMIT_MAKER" if order.post_only else "LIMIT"


def self_trade(order: VenueOrder) -> str:
    return "NONE" if order.self_trade is SelfTrade.NONE else f"EXPIRE_{order.self_trade.upper()}"


def trigger_price(order: VenueOrder) -> Decimal:
    return ZERO if order.trigger is None else order.trigger.price


def order_row(order: VenueOrder, market_id: str) -> dict[str, Any]:
    """GET /api/v3/order, /openOrders, /allOrders."""
    return {
        "symbol": market_id,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.client_id,
        "price": text(order.limit_price or ZERO),
        "origQty": text(order.quantity),
        "executedQty": text(order.filled),
        "origQuoteOrderQty": "0.00000000",
        "cummulativeQuoteQty": text(order.cost),
        "status": STATUS[order.status],
        "timeInForce": order.time_in_force.value.upper(),
        "type": order_type(order),
        "side": order.side.value.upper(),
        "stopPrice": text(trigger_price(order)),
        "icebergQty": text(order.display or ZERO),
        "time": order.created_ms,
        "updateTime": order.updated_ms,
        "isWorking": not order.waiting,
        "workingTime": -1 if order.waiting else order.created_ms,
        "selfTradePreventionMode": self_trade(order),
    }


def placed_row(order: VenueOrder, market_id: str) -> dict[str, Any]:
    """POST /api/v3/order with newOrderRespType=FULL."""
    row = order_row(order, market_id)
    for gone in ("stopPrice", "icebergQty", "time", "updateTime", "isWorking"):
        del row[gone]
    fills = [
        {
            "price": text(fill.price),
            "qty": text(fill.quantity),
            "commission": text(fill.fee),
            "commissionAsset": fill.fee_currency,
            "tradeId": fill.trade_id,
        }
        for fill in order.fills
    ]
    return row | {"transactTime": order.updated_ms, "fills": fills}


def cancelled_row(order: VenueOrder, market_id: str, request_id: str) -> dict[str, Any]:
    """DELETE /api/v3/order."""
    row = placed_row(order, market_id)
    del row["fills"]
    return row | {"origClientOrderId": order.client_id, "clientOrderId": request_id}


def my_trade_row(order: VenueOrder, fill: Fill, market_id: str) -> dict[str, Any]:
    """GET /api/v3/myTrades."""
    return {
        "symbol": market_id,
        "id": fill.trade_id,
        "orderId": order.order_id,
        "orderListId": -1,
        "price": text(fill.price),
        "qty": text(fill.quantity),
        "quoteQty": text(fill.price * fill.quantity),
        "commission": text(fill.fee),
        "commissionAsset": fill.fee_currency,
        "time": fill.ts_ms,
        "isBuyer": order.side is Side.BUY,
        "isMaker": fill.maker,
        "isBestMatch": True,
    }


def trade_row(market: Market, trade: PublicTrade) -> dict[str, Any]:
    """GET /api/v3/trades."""
    price, quantity = market.price(trade.ticks), market.quantity(trade.lots)
    return {
        "id": trade.trade_id,
        "price": text(price),
        "qty": text(quantity),
        "quoteQty": text(price * quantity),
        "time": trade.ts_ms,
        "isBuyerMaker": trade.taker is Side.SELL,
        "isBestMatch": True,
    }


def agg_trade_row(market: Market, trade: PublicTrade) -> dict[str, Any]:
    """GET /api/v3/aggTrades; each trade stands alone here."""
    return {
        "a": trade.trade_id,
        "p": text(market.price(trade.ticks)),
        "q": text(market.quantity(trade.lots)),
        "f": trade.trade_id,
        "l": trade.trade_id,
        "T": trade.ts_ms,
        "m": trade.taker is Side.SELL,
        "M": True,
    }


def delta_row(market: Market, market_id: str, delta: Delta) -> dict[str, Any]:
    """<symbol>@depth@100ms."""
    price, lots = Grid(market.listing.instrument.tick_size), Grid(market.listing.instrument.lot_size)
    return {
        "e": "depthUpdate",
        "E": delta.ts_ms,
        "s": market_id,
        "U": delta.first_id,
        "u": delta.last_id,
        "b": [[price(t), lots(n)] for t, n in delta.bids],
        "a": [[price(t), lots(n)] for t, n in delta.asks],
    }


def symbol_row(exchange: Exchange, symbol: str) -> dict[str, Any]:
    """One symbol of GET /api/v3/exchangeInfo, with its filters."""
    item = exchange.listing(symbol)
    instrument = item.instrument
    most = instrument.max_quantity or Decimal(1)
    return {
        "symbol": item.market_id,
        "status": "TRADING" if instrument.tradable else "BREAK",
        "baseAsset": instrument.base,
        "baseAssetPrecision": 8,
        "quoteAsset": instrument.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": list(SPOT_TYPES),
        "icebergAllowed": True,
        "ocoAllowed": False,
        "otoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": True,
        "amendAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": text(instrument.tick_size),
                "maxPrice": "1000000.00000000",
                "tickSize": text(instrument.tick_size),
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": text(instrument.min_quantity),
                "maxQty": text(most),
                "stepSize": text(instrument.lot_size),
            },
            {"filterType": "ICEBERG_PARTS", "limit": 10},
            {
                "filterType": "MARKET_LOT_SIZE",
                "minQty": "0.00000000",
                "maxQty": text(most),
                "stepSize": "0.00000000",
            },
            {
                "filterType": "PERCENT_PRICE_BY_SIDE",
                "bidMultiplierUp": "5",
                "bidMultiplierDown": "0.2",
                "askMultiplierUp": "5",
                "askMultiplierDown": "0.2",
                "avgPriceMins": 5,
            },
            {
                "filterType": "NOTIONAL",
                "minNotional": text(instrument.min_notional),
                "applyMinToMarket": True,
                "maxNotional": "9000000.00000000",
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            },
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
    }
