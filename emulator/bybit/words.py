"""Bybit's words: states and refusals, and how a parameter is read."""

from emulator.orders import Cause, Status

STATUS = {
    Status.NEW: "New",
    Status.PARTIAL: "PartiallyFilled",
    Status.FILLED: "Filled",
    Status.CANCELLED: "Cancelled",
    Status.EXPIRED: "Cancelled",
    Status.REJECTED: "Rejected",
    Status.PREVENTED: "Cancelled",
}
REFUSALS = {
    Cause.UNKNOWN_SYMBOL: (10001, "Not supported symbols"),
    Cause.PRICE_GRID: (170134, "Order price has too many decimals."),
    Cause.PRICE_BAND: (170193, "Buy order price cannot be higher than the maximum."),
    Cause.LOT_GRID: (170137, "Order quantity has too many decimals or is out of range."),
    Cause.NOTIONAL: (170140, "Order value exceeded lower limit."),
    Cause.ICEBERG: (10001, "Request parameter error."),
    Cause.FUNDS: (170131, "Insufficient balance."),
    Cause.DUPLICATE: (170141, "Duplicate clientOrderId"),
    Cause.WOULD_TAKE: (170218, "The LIMIT-MAKER order is rejected due to invalid price."),
    Cause.WOULD_TRIGGER: (170312, "TriggerPrice cannot be met immediately."),
    Cause.NO_LIQUIDITY: (170136, "No liquidity."),
    Cause.UNKNOWN_ORDER: (170213, "Order does not exist."),
    Cause.NOT_OPEN: (170213, "Order does not exist."),
    Cause.FROZEN: (10024, "The product or service you are seeking to access is not available to you."),
    Cause.BAD_PARAMETER: (10001, "Request parameter error."),
}


class BybitError(Exception):
    """Goes out as {"retCode": ..., "retMsg": ...} with status 200."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def spot_only(params: dict[str, str]) -> None:
    if params.get("category") != "spot":
        raise BybitError(10001, "Illegal category")


def whole(params: dict[str, str], key: str) -> int | None:
    value = params.get(key)
    if value is None or value == "":
        return None
    if not value.isdigit():
        raise BybitError(10001, f"Request parameter error: {key}.")
    return int(value)
