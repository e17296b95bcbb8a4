"""What no setting can loosen. Settings may only tighten; changing a line here is a change of the product."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from risk.readings import EQUITY_READINGS, Reading
from risk.states import Kind, Standing, TradingState

MAX_ASSET_EXPOSURE: Final = Decimal("0.20")  # of equity, per asset
MAX_VENUE_EXPOSURE: Final = Decimal("1")  # of equity, per venue
MAX_GROSS_EXPOSURE: Final = Decimal("1")  # of equity: nothing is borrowed
MAX_NET_EXPOSURE: Final = Decimal("1")  # of equity, in one direction
MAX_LEVERAGE: Final = Decimal("3")  # of equity, in perpetuals
MAX_CLUSTER_EXPOSURE: Final = Decimal("0.60")  # of equity, in assets that move together
MAX_CLUSTER_CORRELATION: Final = Decimal("0.90")  # from which two assets count as one
MAX_EXPECTED_SHORTFALL: Final = Decimal("0.15")  # of equity, a day
MIN_ASSUMED_SHORTFALL: Final = Decimal("0.30")  # of worth, where an asset has too little history
MAX_STRESS_LOSS: Final = Decimal("0.30")  # of equity
MAX_DEPEG_LOSS: Final = Decimal("0.10")  # of equity
MAX_ORDER_SIZE: Final = Decimal("1")  # of equity, one order
MAX_ORDER_NOTIONAL: Final = Decimal("10000000")  # in the numeraire, one order
MAX_UNCALIBRATED_SIZE: Final = Decimal("0.10")  # of equity, an order sized by a confidence without a record
MAX_OPEN_ORDERS: Final = 50
MAX_POSITIONS: Final = 50
MAX_ORDERS_SECOND: Final = 20
MAX_ORDERS_MINUTE: Final = 200
MAX_ORDERS_DAY: Final = 10_000
MAX_MESSAGES_SECOND: Final = 50
MAX_MESSAGES_MINUTE: Final = 500
MAX_MESSAGES_DAY: Final = 50_000
MAX_REPEATS: Final = 1_000  # executions of one plan without a person
MAX_PRICE_AGE_S: Final = 300
MAX_STREAM_AGE_S: Final = 300
MAX_LOOP_LAG_S: Final = Decimal("10")
MAX_SPREAD_BPS: Final = Decimal("100")
MAX_SLIPPAGE_BPS: Final = Decimal("200")
MAX_DEPTH_SHARE: Final = Decimal("1")
MAX_VOLATILITY_RATIO: Final = Decimal("20")
MAX_DIVERGENCE: Final = Decimal("0.05")
MAX_DEPEG: Final = Decimal("0.05")
MAX_FUNDING_RATE: Final = Decimal("0.01")  # an interval
MIN_LIQUIDATION_DISTANCE: Final = Decimal("0.10")  # of the mark
MAX_PRICE_DEVIATION: Final = Decimal("0.10")  # limit price against the last known price
MAX_MID_DEVIATION: Final = Decimal("0.10")  # limit or trigger against a fresh mid
MAX_WINDOW_DEVIATION: Final = Decimal("0.50")  # price against the mean of the last bars
MAX_JUMP: Final = Decimal("0.50")  # of a price, in a minute
MAX_FORECAST_SIGMAS: Final = Decimal("8")
MAX_CANCEL_RATIO: Final = Decimal("100")  # cancels a fill
MAX_QUICK_CANCELS: Final = 200
MAX_LAYERS: Final = 10
MIN_DUPLICATE_WINDOW_S: Final = 10
MAX_APPROVAL_DRIFT: Final = Decimal("0.02")
MAX_APPROVAL_TTL_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Required:
    """A breaker that every policy has: as early, as strict and as lasting as this, or more.

    `limit` is the loosest threshold; with `beyond` exactly the limit may still pass. `lasts_s` is the shortest window
    or quiet period, `samples` the most that a policy may wait for.
    """

    reads: Reading
    limit: Decimal
    sets: Standing
    kind: Kind
    lasts_s: int = 0
    beyond: bool = False
    samples: int = 1


_REDUCING: Final = Standing(TradingState.REDUCING)
_HALTED: Final = Standing(TradingState.HALTED)
_DAY_S: Final = 86_400

BREAKERS: Final = (
    Required(Reading.KILL, Decimal(1), _HALTED, Kind.LATCH),
    Required(Reading.MISMATCHES, Decimal(1), _HALTED, Kind.LATCH),
    Required(Reading.IRREGULARITIES, Decimal(1), _REDUCING, Kind.LATCH),
    Required(Reading.START_LOSS, Decimal("0.15"), _HALTED, Kind.LATCH, beyond=True),
    Required(Reading.DAY_LOSS, Decimal("0.05"), _HALTED, Kind.LATCH),
    Required(Reading.DAY_LOSS, Decimal("0.035"), _REDUCING, Kind.WINDOW, lasts_s=_DAY_S),
    Required(Reading.DAY_LOSS, Decimal("0.02"), Standing(caps=Decimal("0.5")), Kind.WINDOW, lasts_s=_DAY_S),
    Required(Reading.LOSS_24H, Decimal("0.06"), _REDUCING, Kind.WINDOW, lasts_s=_DAY_S),
    Required(Reading.DRAWDOWN, Decimal("0.15"), _REDUCING, Kind.LATCH),
    Required(Reading.LOSING_STREAK, Decimal(5), _REDUCING, Kind.LATCH),
    Required(Reading.EQUITY_UNKNOWN, Decimal(1), _REDUCING, Kind.CONDITION),
    Required(Reading.VENUE_FAILURES, Decimal(3), _REDUCING, Kind.CONDITION, lasts_s=60),
    Required(Reading.VENUE_FAILURE_RATE, Decimal("0.10"), _REDUCING, Kind.CONDITION, lasts_s=60, samples=50),
    Required(Reading.DATA_QUALITY, Decimal(1), _REDUCING, Kind.CONDITION),
    Required(Reading.CLOCK_SKEW_S, Decimal(2), _REDUCING, Kind.CONDITION, beyond=True),
    Required(Reading.MODEL_DRIFT, Decimal(1), _REDUCING, Kind.CONDITION),
)

# A missing reading trips its breaker, but for these, which another breaker covers: equity_unknown and venue_failures.
MAY_BE_MISSING: Final = EQUITY_READINGS | {Reading.VENUE_FAILURE_RATE}
