"""Binance's error codes and texts.

Source: github.com/binance/binance-spot-api-docs, errors.md and filters.md.
"""

import orjson

from emulator.calls import Answer
from emulator.exchange import Cause, Refusal


class BinanceError(Exception):
    """An answer of the form {"code": -1121, "msg": "Invalid symbol."}."""

    def __init__(self, code: int, message: str, status: int = 400, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.headers = headers or {}

    @property
    def payload(self) -> dict[str, object]:
        return {"code": self.code, "msg": self.message}

    def answer(self) -> Answer:
        return Answer(orjson.dumps(self.payload), self.status, self.headers)


_REFUSALS = {
    Cause.UNKNOWN_SYMBOL: (-1121, "Invalid symbol."),
    Cause.PRICE_GRID: (-1013, "Filter failure: PRICE_FILTER"),
    Cause.PRICE_BAND: (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    Cause.LOT_GRID: (-1013, "Filter failure: LOT_SIZE"),
    Cause.NOTIONAL: (-1013, "Filter failure: NOTIONAL"),
    Cause.FUNDS: (-2010, "Account has insufficient balance for requested action."),
    Cause.DUPLICATE: (-2010, "Duplicate order sent."),
    Cause.WOULD_TAKE: (-2010, "Order would immediately match and take."),
    Cause.NO_LIQUIDITY: (-2010, "Market is closed."),
    Cause.UNKNOWN_ORDER: (-2013, "Order does not exist."),
    Cause.NOT_OPEN: (-2011, "Unknown order sent."),
    Cause.FROZEN: (-2010, "This action is disabled on this account."),
    Cause.BAD_PARAMETER: (-1102, "A mandatory parameter was not sent, was empty/null, or malformed."),
}


def refused(refusal: Refusal) -> BinanceError:
    return BinanceError(*_REFUSALS[refusal.cause])


def missing(name: str) -> BinanceError:
    return BinanceError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def illegal(name: str) -> BinanceError:
    return BinanceError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'.")
