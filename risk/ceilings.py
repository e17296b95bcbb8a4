"""What no setting can loosen. Settings may only tighten; changing a line here is a change of the product."""

from decimal import Decimal
from typing import Final

MAX_ASSET_EXPOSURE: Final = Decimal("0.20")  # of equity, per asset
MAX_GROSS_EXPOSURE: Final = Decimal("1")  # of equity: no leverage
MAX_ORDER_SIZE: Final = Decimal("1")  # of equity, one order
MAX_OPEN_ORDERS: Final = 50
MAX_PRICE_AGE_S: Final = 300
MAX_SPREAD_BPS: Final = Decimal("100")
MAX_PRICE_DEVIATION: Final = Decimal("0.10")  # limit price against the last known price
MIN_DUPLICATE_WINDOW_S: Final = 10
MIN_EQUITY_FRACTION: Final = Decimal("0.85")  # of start equity, below which the desk halts
MAX_LOSING_STREAK: Final = 5  # round trips
MAX_APPROVAL_DRIFT: Final = Decimal("0.02")
MAX_APPROVAL_TTL_S: Final = 86_400
