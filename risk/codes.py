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
    ORDER_SIZE = "ORDER_SIZE"
    NEAR_DUPLICATE = "NEAR_DUPLICATE"
    # account
    TRADING_STATE = "TRADING_STATE"
    FREE_BALANCE = "FREE_BALANCE"
    ASSET_EXPOSURE = "ASSET_EXPOSURE"
    GROSS_EXPOSURE = "GROSS_EXPOSURE"
    OPEN_ORDERS = "OPEN_ORDERS"
    REDUCE_ONLY = "REDUCE_ONLY"
    # market
    NO_PRICE = "NO_PRICE"
    PRICE_AGE = "PRICE_AGE"
    SPREAD = "SPREAD"
    # conduct
    SELF_TRADE = "SELF_TRADE"
    # provenance
    TAINT = "TAINT"
    STOP = "STOP"


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
    DenialCode.ORDER_SIZE: "the order is larger than the account",
    DenialCode.NEAR_DUPLICATE: "an order like it was placed moments ago",
    DenialCode.TRADING_STATE: "the desk is not open for new risk",
    DenialCode.FREE_BALANCE: "the free balance does not cover the order with its fees",
    DenialCode.ASSET_EXPOSURE: "too much of the account would depend on one asset",
    DenialCode.GROSS_EXPOSURE: "the account's gross exposure would be too high",
    DenialCode.OPEN_ORDERS: "too many orders would be open at once",
    DenialCode.REDUCE_ONLY: "a reduce-only order goes beyond what is proven to be held",
    DenialCode.NO_PRICE: "there is no price to judge the order by",
    DenialCode.PRICE_AGE: "the newest price is too old",
    DenialCode.SPREAD: "the spread is too wide, crossed or one-sided",
    DenialCode.SELF_TRADE: "it would trade with our own resting order",
    DenialCode.TAINT: "it rests on text that nobody we trust has vouched for",
    DenialCode.STOP: "new risk needs a stop on the losing side of the price",
}


def text_for(code: str) -> str:
    """The sentence for a code; a plug-in rule's own code stands for itself."""
    return TEXTS[DenialCode(code)] if code in DenialCode.__members__ else code
