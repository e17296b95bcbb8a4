"""A venue's market, as ccxt tells it, as an instrument of ours."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from core.errors import DataRefused
from core.instruments import ContractKind, Instrument
from market.streams.tapes import positive


def instrument_of(venue: str, market: Mapping[str, Any]) -> Instrument:
    """Of ccxt's market structure, with increments as steps. DataRefused for one that states none."""
    precision, limits = market["precision"], market["limits"]
    try:
        tick, lot = positive(precision["price"]), positive(precision["amount"])
    except ValueError as wrong:
        raise DataRefused(f"{venue} states no increments of {market['symbol']}: {wrong}") from None
    least, most, cost = limits["amount"].get("min"), limits["amount"].get("max"), limits["cost"].get("min")
    return Instrument(
        symbol=market["symbol"],
        base=market["base"],
        quote=market["quote"],
        tick_size=tick,
        lot_size=lot,
        min_quantity=lot if least is None else positive(least, or_zero=True) or lot,
        min_notional=Decimal(0) if cost is None else positive(cost, or_zero=True),
        kind=ContractKind.PERPETUAL if market.get("swap") else ContractKind.SPOT,
        maker_fee=Decimal(str(market.get("maker") or "0.001")),
        taker_fee=Decimal(str(market.get("taker") or "0.001")),
        tradable=market.get("active") is not False,
        venue=venue,
        max_quantity=None if most is None else positive(most, or_zero=True) or None,
    )
