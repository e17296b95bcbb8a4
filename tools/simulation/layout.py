"""Which column of the kernel's arrays holds what. Plain integers, so that they are constants to the compiler."""

from typing import Final

from risk.codes import DenialCode
from tools.simulation.outcome import ExitReason

# The house rules of a simulation, one row for all parameter sets.
(
    CAPITAL,
    FEE,
    SLIPPAGE,
    IMPACT,
    PARTICIPATION,
    ROOT_LATENCY,
    LEVERAGE,
    MAINTENANCE,
    LIQUIDATION_FEE,
    MAX_ASSET,
    MAX_GROSS,
    MAX_POSITIONS,
    SHORTS,
    UNITS,
    BAND,
    CLOSES,
    REARM,
) = range(17)
RULES: Final = 17

# What may differ between sets beside their exposures. NaN where a way out is not used.
STOP, TRAIL, HANG, HANG_ROW, EVEN, HOLD = range(6)
EXITS: Final = 6

# A loss tier.
READS, LIMIT, SEVERITY, CAPS, LASTS = range(5)
DAY_LOSS, LOSS_24H, START_LOSS, DRAWDOWN, STREAK = range(5)
LATCH, UNTIL_MIDNIGHT = -1, 0

# The state of one asset. Amounts of money are in quote currency, quantities in base units.
(
    QTY,  # held, signed
    COST,  # average entry price
    MARGIN,  # posted, less funding paid
    WANT,  # signed quantity that the pending order is to end at
    WHY,  # the pending order's reason
    FRESH,  # 1 until the pending order has met its first bar
    ACTED,  # the exposure last acted on; NaN: look again
    REFUSED,  # the exposure that was last denied
    BARRED,  # the side that was stopped out, until the strategy wants another
    TRIGGER,
    FIRST,  # the first stop of the trip
    BEST,  # price since entry
    BANKRUPT,  # mark at which it is liquidated, NaN where it never is
    OPENED,  # bar of the first fill
    TAKEN,  # rungs that are done
    RUNG_LEFT,  # of the rung that is being filled
    IN_QTY,
    IN_WORTH,
    OUT_QTY,
    OUT_WORTH,
    PAID,  # fees of the trip
    SLIPPED,
    FUNDED,
) = range(23)
ASSET: Final = 23

# The state of the account.
WALLET, POSTED, TURNOVER, FEES, SLIPPING, FUNDING, TRIPS, WINS, LOSING, TRADES, STATE, SCALE, LIVE = range(13)
ACCOUNT: Final = 13

# What comes out of one set; ratios of one bar.
(
    EQUITY_OUT,
    SUM,
    SQUARES,
    BARS_OUT,
    DRAWDOWN_OUT,
    TRIPS_OUT,
    WINS_OUT,
    FEES_OUT,
    SLIPPING_OUT,
    FUNDING_OUT,
    TURNOVER_OUT,
    HELD_OUT,
) = range(12)
SUMMARY: Final = 12

# One row of the trade table.
(
    T_ASSET,
    T_SIDE,
    T_OPENED,
    T_CLOSED,
    T_QTY,
    T_ENTRY,
    T_EXIT,
    T_FEES,
    T_SLIPPAGE,
    T_FUNDING,
    T_PROFIT,
    T_WHY,
    T_STOP,
) = range(13)
TRADE: Final = 13

REASONS: Final = tuple(ExitReason)
# As doubles, since a function is compiled anew for every integer constant that it is called with.
R_SIGNAL, R_STOP, R_TARGET, R_TIME, R_TIER, R_LIQUIDATION, R_END = 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0

VETOES: Final = (
    DenialCode.TRADING_STATE,
    DenialCode.ASSET_EXPOSURE,
    DenialCode.GROSS_EXPOSURE,
    DenialCode.POSITIONS,
    DenialCode.FREE_BALANCE,
    DenialCode.MIN_NOTIONAL,
)
V_STATE, V_ASSET, V_GROSS, V_POSITIONS, V_BALANCE, V_NOTIONAL = range(6)
