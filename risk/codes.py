"""Every reason for a denial, and the one table of the sentences that a person reads."""

from enum import StrEnum


class DenialCode(StrEnum):
    # form
    FINITE = "FINITE"
    POSITIVE = "POSITIVE"
    FIELDS = "FIELDS"
    INSTRUMENT = "INSTRUMENT"
    CURRENCY = "CURRENCY"
    INCREMENT = "INCREMENT"
    MIN_QUANTITY = "MIN_QUANTITY"
    MIN_NOTIONAL = "MIN_NOTIONAL"
    PRICE_COLLAR = "PRICE_COLLAR"
    PROPOSAL_ID = "PROPOSAL_ID"
    # sanity
    TRADABLE = "TRADABLE"
    ALLOW_LIST = "ALLOW_LIST"
    ORDER_SIZE = "ORDER_SIZE"
    ORDER_NOTIONAL = "ORDER_NOTIONAL"
    ORDER_QUANTITY = "ORDER_QUANTITY"
    MID_COLLAR = "MID_COLLAR"
    WINDOW_COLLAR = "WINDOW_COLLAR"
    PRICE_JUMP = "PRICE_JUMP"
    FORECAST = "FORECAST"
    NEAR_DUPLICATE = "NEAR_DUPLICATE"
    ORDERS_SECOND = "ORDERS_SECOND"
    ORDERS_MINUTE = "ORDERS_MINUTE"
    ORDERS_DAY = "ORDERS_DAY"
    MESSAGES_SECOND = "MESSAGES_SECOND"
    MESSAGES_MINUTE = "MESSAGES_MINUTE"
    MESSAGES_DAY = "MESSAGES_DAY"
    # account
    TRADING_STATE = "TRADING_STATE"
    FREE_BALANCE = "FREE_BALANCE"
    ASSET_EXPOSURE = "ASSET_EXPOSURE"
    VENUE_EXPOSURE = "VENUE_EXPOSURE"
    GROSS_EXPOSURE = "GROSS_EXPOSURE"
    NET_EXPOSURE = "NET_EXPOSURE"
    LEVERAGE = "LEVERAGE"
    OPEN_ORDERS = "OPEN_ORDERS"
    POSITIONS = "POSITIONS"
    CLUSTER_EXPOSURE = "CLUSTER_EXPOSURE"
    SHORTFALL = "SHORTFALL"
    STRESS_LOSS = "STRESS_LOSS"
    DEPEG_LOSS = "DEPEG_LOSS"
    REDUCE_ONLY = "REDUCE_ONLY"
    FLIP = "FLIP"
    UNMANAGED = "UNMANAGED"
    MANAGED_CAPITAL = "MANAGED_CAPITAL"
    # market
    NO_PRICE = "NO_PRICE"
    PRICE_AGE = "PRICE_AGE"
    STREAM_AGE = "STREAM_AGE"
    LOOP_LAG = "LOOP_LAG"
    SPREAD = "SPREAD"
    BOOK = "BOOK"
    VOLATILITY = "VOLATILITY"
    DEPTH = "DEPTH"
    SLIPPAGE = "SLIPPAGE"
    DIVERGENCE = "DIVERGENCE"
    DEPEG = "DEPEG"
    FUNDING = "FUNDING"
    LIQUIDATION = "LIQUIDATION"
    VENUE_STATUS = "VENUE_STATUS"
    # conduct
    SELF_TRADE = "SELF_TRADE"
    CANCEL_RATIO = "CANCEL_RATIO"
    QUICK_CANCELS = "QUICK_CANCELS"
    LAYERING = "LAYERING"
    RESTRICTED = "RESTRICTED"
    ACCOUNT_RESTRICTED = "ACCOUNT_RESTRICTED"
    # provenance
    TAINT = "TAINT"
    TEXT_ALONE = "TEXT_ALONE"
    THESIS = "THESIS"
    STOP = "STOP"
    PREDICATES = "PREDICATES"
    VIEW_AGE = "VIEW_AGE"
    EVIDENCE = "EVIDENCE"
    CALIBRATION = "CALIBRATION"
    REPEATED = "REPEATED"


TEXTS: dict[DenialCode, str] = {
    DenialCode.FINITE: "a number in the order is not finite",
    DenialCode.POSITIVE: "a price or the quantity is zero or negative",
    DenialCode.FIELDS: "a price that this order type needs is missing, or one that it must not have is set",
    DenialCode.INSTRUMENT: "the venue does not know this instrument",
    DenialCode.CURRENCY: "it is priced in a currency that the account is not kept in",
    DenialCode.INCREMENT: "a price or the quantity is off the instrument's increments",
    DenialCode.MIN_QUANTITY: "the quantity is below the instrument's minimum",
    DenialCode.MIN_NOTIONAL: "the order is worth less than the instrument's minimum",
    DenialCode.PRICE_COLLAR: "the limit price is too far from the last known price",
    DenialCode.PROPOSAL_ID: "this proposal id was used for a different order",
    DenialCode.TRADABLE: "the instrument is not open for trading",
    DenialCode.ALLOW_LIST: "the symbol is not on the allow-list",
    DenialCode.ORDER_SIZE: "the order is larger than the account",
    DenialCode.ORDER_NOTIONAL: "the order is worth more than any order may be",
    DenialCode.ORDER_QUANTITY: "the quantity is more than the venue takes in one order",
    DenialCode.MID_COLLAR: "the price is too far from the middle of the book",
    DenialCode.WINDOW_COLLAR: "the price is too far from the mean of the last bars",
    DenialCode.PRICE_JUMP: "the price jumped further than prices do: the data are wrong",
    DenialCode.FORECAST: "the forecast behind it expects a move that is not plausible",
    DenialCode.NEAR_DUPLICATE: "an order like it was placed moments ago",
    DenialCode.ORDERS_SECOND: "too many orders in a second",
    DenialCode.ORDERS_MINUTE: "too many orders in a minute",
    DenialCode.ORDERS_DAY: "too many orders today",
    DenialCode.MESSAGES_SECOND: "too many orders and cancels in a second",
    DenialCode.MESSAGES_MINUTE: "too many orders and cancels in a minute",
    DenialCode.MESSAGES_DAY: "too many orders and cancels today",
    DenialCode.TRADING_STATE: "the desk is not open for new risk",
    DenialCode.FREE_BALANCE: "the free balance does not cover the order with its fees",
    DenialCode.ASSET_EXPOSURE: "too much of the account would depend on one asset",
    DenialCode.VENUE_EXPOSURE: "too much of the account would be at one venue",
    DenialCode.GROSS_EXPOSURE: "the account's gross exposure would be too high",
    DenialCode.NET_EXPOSURE: "the account's net exposure would be too high",
    DenialCode.LEVERAGE: "perpetuals would be worth too many times the account",
    DenialCode.OPEN_ORDERS: "too many orders would be open at once",
    DenialCode.POSITIONS: "too many symbols would be held at once",
    DenialCode.CLUSTER_EXPOSURE: "too much of the account would depend on assets that move together",
    DenialCode.SHORTFALL: "the account would lose too much in its worst days",
    DenialCode.STRESS_LOSS: "the account would lose too much if the whole market fell",
    DenialCode.DEPEG_LOSS: "the account would lose too much if stablecoins lost their peg",
    DenialCode.REDUCE_ONLY: "a reduce-only order goes beyond what is proven to be held",
    DenialCode.FLIP: "it would close the position and open the opposite one in one step",
    DenialCode.UNMANAGED: "it sells coins that the desk was not given to manage",
    DenialCode.MANAGED_CAPITAL: "it uses more than the capital that the desk was given",
    DenialCode.NO_PRICE: "there is no price to judge the order by",
    DenialCode.PRICE_AGE: "the newest price is too old",
    DenialCode.STREAM_AGE: "one of the market's streams is too old",
    DenialCode.LOOP_LAG: "the desk itself is running late",
    DenialCode.SPREAD: "the spread is too wide, crossed or one-sided",
    DenialCode.BOOK: "the book is crossed or one-sided",
    DenialCode.VOLATILITY: "the market moves far more than is usual for it",
    DenialCode.DEPTH: "the order is too large for what rests in the book",
    DenialCode.SLIPPAGE: "trading this size would cost too much",
    DenialCode.DIVERGENCE: "other sources show another price",
    DenialCode.DEPEG: "a stablecoin in the trade has left its peg",
    DenialCode.FUNDING: "holding it would cost too much funding",
    DenialCode.LIQUIDATION: "liquidation would be too near",
    DenialCode.VENUE_STATUS: "the venue is in safe mode",
    DenialCode.SELF_TRADE: "it would trade with our own resting order",
    DenialCode.CANCEL_RATIO: "its owner cancels too many orders for what it trades",
    DenialCode.QUICK_CANCELS: "its owner cancels too many orders at once after sending them",
    DenialCode.LAYERING: "its owner has too many orders on this side of the book",
    DenialCode.RESTRICTED: "the symbol is on the restricted list",
    DenialCode.ACCOUNT_RESTRICTED: "the venue has frozen or restricted the account",
    DenialCode.TAINT: "it rests on text that nobody we trust has vouched for",
    DenialCode.TEXT_ALONE: "it rests on text alone",
    DenialCode.THESIS: "new risk needs a thesis",
    DenialCode.STOP: "new risk needs a stop on the losing side of the price",
    DenialCode.PREDICATES: "new risk needs conditions that end its thesis, in words that code can check",
    DenialCode.VIEW_AGE: "the views that it rests on are past their horizon",
    DenialCode.EVIDENCE: "it cites evidence that the record does not have",
    DenialCode.CALIBRATION: "its size rests on a confidence that was never calibrated",
    DenialCode.REPEATED: "this plan was executed too often without a person",
}


def text_for(code: str) -> str:
    """The sentence for a code; a plug-in rule's own code stands for itself."""
    return TEXTS[DenialCode(code)] if code in DenialCode.__members__ else code
