"""A market of ccxt as one of our instruments: exact, or refused."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from ccxt.base.decimal_to_precision import TICK_SIZE

from core.errors import DataRefused
from core.instruments import ContractKind, Instrument
from core.money import ONE, ZERO


def number(value: object) -> Decimal | None:
    """The finite decimal of a text or float of ccxt, by its shortest text; None where there is none."""
    if value is None or isinstance(value, bool):
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def contract_size(market: Mapping[str, Any]) -> Decimal:
    """Base units in one contract; 1 on spot. Raises DataRefused where a contract does not say."""
    if not market.get("contract"):
        return ONE
    size = number(market.get("contractSize"))
    if size is None or size <= 0:
        raise DataRefused(f"{market.get('symbol')}: the venue states no size of a contract")
    return size


def instrument_of(market: Mapping[str, Any], venue: str, precision_mode: int) -> Instrument:
    """Raises DataRefused where the market is no spot pair or linear perpetual, or an increment or fee is not stated."""
    symbol = str(market.get("symbol"))
    if precision_mode != TICK_SIZE:
        raise DataRefused(f"{symbol}: {venue} states its increments as digits, not as tick sizes")
    size = contract_size(market)
    lot = _positive(symbol, "increment of quantity", market["precision"].get("amount")) * size
    limits = market["limits"]
    return Instrument(
        symbol=symbol,
        base=str(market["base"]),
        quote=str(market["quote"]),
        tick_size=_positive(symbol, "increment of price", market["precision"].get("price")),
        lot_size=lot,
        min_quantity=max(lot, (number(limits["amount"].get("min")) or ZERO) * size),
        min_notional=number(limits["cost"].get("min")) or ZERO,
        kind=_kind(symbol, market),
        maker_fee=_stated(symbol, "maker fee", market.get("maker")),
        taker_fee=_stated(symbol, "taker fee", market.get("taker")),
        tradable=market.get("active") is not False,
        venue=venue,
        max_quantity=_most(limits["amount"].get("max"), size),
    )


def _kind(symbol: str, market: Mapping[str, Any]) -> ContractKind:
    if market.get("spot"):
        return ContractKind.SPOT
    if market.get("swap") and market.get("linear") and market.get("settle") == market.get("quote"):
        return ContractKind.PERPETUAL
    raise DataRefused(f"{symbol}: expected a spot pair or a linear perpetual, found {market.get('type')}")


def _stated(symbol: str, what: str, value: object) -> Decimal:
    found = number(value)
    if found is None:
        raise DataRefused(f"{symbol}: expected a {what}, found {value!r}")
    return found


def _positive(symbol: str, what: str, value: object) -> Decimal:
    found = _stated(symbol, what, value)
    if found <= 0:
        raise DataRefused(f"{symbol}: expected a positive {what}, found {found}")
    return found


def _most(value: object, size: Decimal) -> Decimal | None:
    found = number(value)
    return found * size if found else None  # 0 is how some venues say "no limit"
