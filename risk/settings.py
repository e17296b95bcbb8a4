"""The risk policy: a file's limits, each no looser than its ceiling."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from core.canonical import digest
from risk import ceilings
from risk.breakers import STANDARD, Breaker, check

Approval = Literal["never", "tainted", "over", "always"]
Fraction = Decimal

STABLECOINS = ("USDT", "USDC", "DAI", "TUSD", "FDUSD", "USDE", "PYUSD", "BUSD", "USDP", "GUSD")


def _checked(breakers: tuple[Breaker, ...]) -> tuple[Breaker, ...]:
    check(breakers)
    return breakers


class ConductLimits(BaseModel):
    """Thresholds of market conduct: for everybody, or for one owner by name."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    max_cancel_ratio: Decimal = Field(
        Decimal("10"), gt=0, le=ceilings.MAX_CANCEL_RATIO, description="cancels for each fill of an owner, a day"
    )
    max_quick_cancels: int = Field(
        20, gt=0, le=ceilings.MAX_QUICK_CANCELS, description="orders an owner cancels at once after sending, a day"
    )
    max_layers: int = Field(3, gt=0, le=ceilings.MAX_LAYERS, description="orders of an owner on one side of a book")


class RiskSettings(ConductLimits):
    """Limits of one account. Fractions are of equity unless the description says otherwise."""

    # Who is asked.
    approval: Approval = Field("never", description="which orders that add risk wait for a person")
    approvals: dict[str, Approval] = Field(default_factory=dict, description="the same, by symbol")
    approval_over: Decimal = Field(
        Decimal("1000"), gt=0, description="worth from which `over` asks, with all of its asset, in the numeraire"
    )
    approval_ttl_s: int = Field(900, gt=0, le=ceilings.MAX_APPROVAL_TTL_S, description="seconds a person has")
    approval_drift: Fraction = Field(
        Decimal("0.01"), gt=0, le=ceilings.MAX_APPROVAL_DRIFT, description="price move that voids an approval"
    )

    # What may be traded at all.
    allowed_symbols: tuple[str, ...] | None = Field(None, description="every listed one where none is named")
    restricted: tuple[str, ...] = Field((), description="symbols and assets that nothing is opened in")
    managed_capital: Decimal | None = Field(None, gt=0, description="in the numeraire; none named is all of it")

    # One order.
    max_order_size: Fraction = Field(Decimal("1"), gt=0, le=ceilings.MAX_ORDER_SIZE)
    max_order_notional: Decimal = Field(
        Decimal("100000"), gt=0, le=ceilings.MAX_ORDER_NOTIONAL, description="in the numeraire"
    )
    max_uncalibrated_size: Fraction = Field(
        Decimal("0.05"), gt=0, le=ceilings.MAX_UNCALIBRATED_SIZE, description="sized by a confidence without a record"
    )
    max_price_deviation: Fraction = Field(
        Decimal("0.05"), gt=0, le=ceilings.MAX_PRICE_DEVIATION, description="of a limit price from the last known one"
    )
    max_mid_deviation: Fraction = Field(
        Decimal("0.05"), gt=0, le=ceilings.MAX_MID_DEVIATION, description="of a limit or trigger from a fresh mid"
    )
    max_window_deviation: Fraction = Field(
        Decimal("0.20"), gt=0, le=ceilings.MAX_WINDOW_DEVIATION, description="of a price from the mean of the last bars"
    )
    max_jump: Fraction = Field(Decimal("0.50"), gt=0, le=ceilings.MAX_JUMP, description="of a price in a minute")
    max_forecast_sigmas: Decimal = Field(
        Decimal("4"), gt=0, le=ceilings.MAX_FORECAST_SIGMAS, description="usual moves that a forecast may expect"
    )
    market_slippage: Fraction = Field(
        Decimal("0.01"), ge=Decimal("0.001"), lt=1, description="beyond the best price, reserved for a market order"
    )

    # How often.
    duplicate_window_s: int = Field(60, ge=ceilings.MIN_DUPLICATE_WINDOW_S)
    duplicate_tolerance: Fraction = Field(Decimal("0.01"), ge=0, lt=1, description="fraction of the earlier quantity")
    max_orders_second: int = Field(5, gt=0, le=ceilings.MAX_ORDERS_SECOND)
    max_orders_minute: int = Field(30, gt=0, le=ceilings.MAX_ORDERS_MINUTE)
    max_orders_day: int = Field(500, gt=0, le=ceilings.MAX_ORDERS_DAY, description="a UTC day")
    max_messages_second: int = Field(10, gt=0, le=ceilings.MAX_MESSAGES_SECOND, description="orders and cancels")
    max_messages_minute: int = Field(60, gt=0, le=ceilings.MAX_MESSAGES_MINUTE, description="orders and cancels")
    max_messages_day: int = Field(2_000, gt=0, le=ceilings.MAX_MESSAGES_DAY, description="orders and cancels")
    max_repeats: int = Field(
        100, gt=0, le=ceilings.MAX_REPEATS, description="executions of one plan since a person last looked"
    )

    # The account.
    max_asset_exposure: Fraction = Field(Decimal("0.20"), gt=0, le=ceilings.MAX_ASSET_EXPOSURE)
    max_venue_exposure: Fraction = Field(Decimal("1"), gt=0, le=ceilings.MAX_VENUE_EXPOSURE)
    max_gross_exposure: Fraction = Field(Decimal("1"), gt=0, le=ceilings.MAX_GROSS_EXPOSURE)
    max_net_exposure: Fraction = Field(Decimal("1"), gt=0, le=ceilings.MAX_NET_EXPOSURE)
    max_leverage: Decimal = Field(
        Decimal("1"), gt=0, le=ceilings.MAX_LEVERAGE, description="worth of perpetuals, times equity"
    )
    max_cluster_exposure: Fraction = Field(Decimal("0.40"), gt=0, le=ceilings.MAX_CLUSTER_EXPOSURE)
    cluster_correlation: Decimal = Field(
        Decimal("0.70"), ge=0, le=ceilings.MAX_CLUSTER_CORRELATION, description="from which two assets count as one"
    )
    max_expected_shortfall: Fraction = Field(
        Decimal("0.10"), gt=0, le=ceilings.MAX_EXPECTED_SHORTFALL, description="mean loss of the worst 2.5 % of days"
    )
    assumed_shortfall: Fraction = Field(
        Decimal("0.40"), ge=ceilings.MIN_ASSUMED_SHORTFALL, le=1, description="of worth, with too little history"
    )
    max_stress_loss: Fraction = Field(
        Decimal("0.25"), gt=0, le=ceilings.MAX_STRESS_LOSS, description="if everything fell by 30 %"
    )
    max_depeg_loss: Fraction = Field(
        Decimal("0.05"), gt=0, le=ceilings.MAX_DEPEG_LOSS, description="if bought stablecoins fell to 0.90"
    )
    stablecoins: tuple[str, ...] = STABLECOINS
    max_open_orders: int = Field(20, gt=0, le=ceilings.MAX_OPEN_ORDERS)
    max_positions: int = Field(10, gt=0, le=ceilings.MAX_POSITIONS)

    # The market.
    max_price_age_s: int = Field(90, gt=0, le=ceilings.MAX_PRICE_AGE_S, description="beyond the feed's own cadence")
    max_stream_age_s: int = Field(90, gt=0, le=ceilings.MAX_STREAM_AGE_S, description="beyond the stream's own cadence")
    max_loop_lag_s: Decimal = Field(Decimal("2"), gt=0, le=ceilings.MAX_LOOP_LAG_S)
    max_spread_bps: Decimal = Field(Decimal("30"), gt=0, le=ceilings.MAX_SPREAD_BPS)
    max_slippage_bps: Decimal = Field(Decimal("50"), gt=0, le=ceilings.MAX_SLIPPAGE_BPS)
    max_depth_share: Fraction = Field(
        Decimal("0.50"), gt=0, le=ceilings.MAX_DEPTH_SHARE, description="of the book's side, or of a bar's volume"
    )
    max_volatility_ratio: Decimal = Field(
        Decimal("5"), gt=1, le=ceilings.MAX_VOLATILITY_RATIO, description="times what is usual for the market"
    )
    max_divergence: Fraction = Field(
        Decimal("0.01"), gt=0, le=ceilings.MAX_DIVERGENCE, description="of our mid from any other source"
    )
    min_sources: int = Field(0, ge=0, le=10, description="other sources of a price that must answer")
    pegs: dict[str, str] = Field(default_factory=dict, description="stablecoin to the symbol that prices it")
    max_depeg: Fraction = Field(Decimal("0.02"), gt=0, le=ceilings.MAX_DEPEG, description="of a stablecoin from 1")
    max_funding_rate: Fraction = Field(
        Decimal("0.001"), gt=0, le=ceilings.MAX_FUNDING_RATE, description="of notional, an interval"
    )
    min_liquidation_distance: Fraction = Field(
        Decimal("0.25"), ge=ceilings.MIN_LIQUIDATION_DISTANCE, lt=1, description="of the mark"
    )

    # Conduct: the limits above hold for every owner that has none of its own.
    owners: dict[str, ConductLimits] = Field(default_factory=dict)
    least_cancels: int = Field(20, gt=0, le=100, description="cancels a day before the ratio is looked at")
    quick_cancel_s: int = Field(5, gt=0, le=60, description="an order that lives no longer was cancelled at once")

    # What closes the desk.
    breakers: Annotated[tuple[Breaker, ...], AfterValidator(_checked)] = STANDARD

    @property
    def policy_hash(self) -> str:
        return digest(self)

    def approval_for(self, symbol: str) -> Approval:
        """Which orders in a symbol wait for a person."""
        return self.approvals.get(symbol, self.approval)
