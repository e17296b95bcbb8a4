"""Binance's error codes and texts.

Source: github.com/binance/binance-spot-api-docs, errors.md and filters.md; for contracts
developers.binance.com/docs/derivatives/usds-margined-futures/error-code.
"""

from typing import Any

import orjson

from emulator.calls import Answer
from emulator.orders import Cause, Refusal


class BinanceError(Exception):
    """An answer of the form {"code": -1121, "msg": "Invalid symbol."}."""

    def __init__(
        self,
        code: int,
        message: str,
        status: int = 400,
        headers: dict[str, str] | None = None,
        data: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.headers = headers or {}
        self.data = data

    @property
    def payload(self) -> dict[str, object]:
        return {"code": self.code, "msg": self.message} | ({} if self.data is None else {"data": self.data})

    def answer(self) -> Answer:
        return Answer(orjson.dumps(self.payload), self.status, self.headers)


_SPOT = {
    Cause.UNKNOWN_SYMBOL: (-1121, "Invalid symbol."),
    Cause.PRICE_GRID: (-1013, "Filter failure: PRICE_FILTER"),
    Cause.PRICE_BAND: (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    Cause.LOT_GRID: (-1013, "Filter failure: LOT_SIZE"),
    Cause.NOTIONAL: (-1013, "Filter failure: NOTIONAL"),
    Cause.ICEBERG: (-1013, "Filter failure: ICEBERG_PARTS"),
    Cause.FUNDS: (-2010, "Account has insufficient balance for requested action."),
    Cause.DUPLICATE: (-2010, "Duplicate order sent."),
    Cause.WOULD_TAKE: (-2010, "Order would immediately match and take."),
    Cause.WOULD_TRIGGER: (-2010, "Stop price would trigger immediately."),
    Cause.NO_LIQUIDITY: (-2010, "Market is closed."),
    Cause.UNKNOWN_ORDER: (-2013, "Order does not exist."),
    Cause.NOT_OPEN: (-2011, "Unknown order sent."),
    Cause.FROZEN: (-2010, "This action is disabled on this account."),
    Cause.BAD_PARAMETER: (-1102, "A mandatory parameter was not sent, was empty/null, or malformed."),
}


_CONTRACTS = _SPOT | {
    Cause.PRICE_GRID: (-4014, "Price not increased by tick size."),
    Cause.PRICE_BAND: (-4016, "Limit price can't be higher or lower than the band."),
    Cause.LOT_GRID: (-4023, "Quantity not increased by step size."),
    Cause.NOTIONAL: (-4164, "Order's notional must be no smaller than the minimum (unless you choose reduce only)."),
    Cause.MARGIN: (-2019, "Margin is insufficient."),
    Cause.DUPLICATE: (-4116, "ClientOrderId is duplicated."),
    Cause.WOULD_TAKE: (
        -5022,
        "Due to the order could not be executed as maker, the Post Only order will be rejected.",
    ),
    Cause.WOULD_TRIGGER: (-2021, "Order would immediately trigger."),
    Cause.REDUCE_ONLY: (-2022, "ReduceOnly Order is rejected."),
    Cause.FROZEN: (-4088, "User can not place order currently"),
}


def refused(refusal: Refusal, *, contracts: bool = False) -> BinanceError:
    return BinanceError(*(_CONTRACTS if contracts else _SPOT)[refusal.cause])


def missing(name: str) -> BinanceError:
    return BinanceError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def illegal(name: str) -> BinanceError:
    return BinanceError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'.")
