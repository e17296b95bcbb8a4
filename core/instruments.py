"""What can be traded, with the venue's increments and minima."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class ContractKind(StrEnum):
    SPOT = "spot"
    PERPETUAL = "perpetual"  # linear, margined in the quote currency


@dataclass(frozen=True, slots=True)
class Instrument:
    """One tradable pair of one venue. Prices in `quote`, quantities in `base`.

    `tick_size` and `lot_size` are the increments of price and quantity; `min_notional` is in quote currency; fees are
    fractions of notional, and so is `maintenance_margin`, below which a perpetual is liquidated. `max_quantity` None
    says that the venue states none.
    """

    symbol: str
    base: str
    quote: str
    tick_size: Decimal
    lot_size: Decimal
    min_quantity: Decimal
    min_notional: Decimal
    kind: ContractKind = ContractKind.SPOT
    maker_fee: Decimal = Decimal("0.001")
    taker_fee: Decimal = Decimal("0.001")
    tradable: bool = True
    venue: str = "paper"
    max_quantity: Decimal | None = None
    maintenance_margin: Decimal = Decimal("0.005")
