"""Increments of well-known spot pairs, and of the linear perpetuals on them.

A recorded candle does not say on which increments its venue trades, and learning them from the prices of a whole file
would read the future. So they are stated here.
"""

from dataclasses import replace
from decimal import Decimal

from core.errors import ConfigError
from core.instruments import ContractKind, Instrument

# Binance spot, GET /api/v3/exchangeInfo: PRICE_FILTER.tickSize, LOT_SIZE.stepSize. Older prices may lie between ticks.
_INCREMENTS = {
    "BTC/USDT": ("0.01", "0.00001"),
    "ETH/USDT": ("0.01", "0.0001"),
    "BNB/USDT": ("0.1", "0.001"),
    "SOL/USDT": ("0.01", "0.001"),
    "XRP/USDT": ("0.0001", "0.1"),
    "ADA/USDT": ("0.0001", "0.1"),
    "DOGE/USDT": ("0.00001", "1"),
    "AVAX/USDT": ("0.01", "0.01"),
    "LINK/USDT": ("0.001", "0.01"),
    "LTC/USDT": ("0.01", "0.001"),
    "DOT/USDT": ("0.001", "0.01"),
    "TRX/USDT": ("0.0001", "0.1"),
    "BCH/USDT": ("0.1", "0.001"),
    "UNI/USDT": ("0.001", "0.01"),
    "AAVE/USDT": ("0.01", "0.001"),
    "NEAR/USDT": ("0.001", "0.1"),
    "USDC/USDT": ("0.0001", "1"),
}
# The finest that spot venues use: it can hide no price that a file holds.
_FINEST = ("0.00000001", "0.00000001")
_MIN_NOTIONAL = Decimal("5")
# Binance USD-M futures, the first tier of fees.
_MAKER, _TAKER = Decimal("0.0002"), Decimal("0.0005")


def listed(symbol: str) -> Instrument:
    """A spot pair such as BTC/USDT, or a linear perpetual such as BTC/USDT:USDT."""
    return perpetual(symbol) if ":" in symbol else spot(symbol)


def perpetual(symbol: str) -> Instrument:
    """The linear perpetual on a spot pair, settled in its quote, with the pair's increments."""
    pair, _, settled = symbol.partition(":")
    on = spot(pair)
    if settled != on.quote:
        raise ConfigError(f"expected a perpetual such as BTC/USDT:USDT, settled in its quote, found {symbol!r}")
    return replace(on, symbol=symbol, kind=ContractKind.PERPETUAL, maker_fee=_MAKER, taker_fee=_TAKER)


def spot(symbol: str) -> Instrument:
    """The spot pair `symbol`, such as BTC/USDT, with the increments of its venue, or the finest if it is not listed."""
    base, slash, quote = symbol.partition("/")
    if not (slash and base.isalnum() and quote.isalnum() and symbol.isupper()):
        raise ConfigError(f"expected a symbol such as BTC/USDT, found {symbol!r}")
    tick, lot = _INCREMENTS.get(symbol, _FINEST)
    return Instrument(
        symbol=symbol,
        base=base,
        quote=quote,
        tick_size=Decimal(tick),
        lot_size=Decimal(lot),
        min_quantity=Decimal(lot),
        min_notional=_MIN_NOTIONAL,
    )
