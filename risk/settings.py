"""The risk policy: a file's limits, each no looser than its ceiling."""

from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from core.canonical import digest
from risk import ceilings


class RiskSettings(BaseModel):
    """Limits of one account. Fractions are of equity unless the description says otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    approval: Literal["never", "always"] = Field("never", description="which orders wait for a person")
    approval_ttl_s: int = Field(900, gt=0, le=ceilings.MAX_APPROVAL_TTL_S, description="seconds a person has")
    approval_drift: Decimal = Field(
        Decimal("0.01"), gt=0, le=ceilings.MAX_APPROVAL_DRIFT, description="price move that voids an approval"
    )
    max_asset_exposure: Decimal = Field(Decimal("0.20"), gt=0, le=ceilings.MAX_ASSET_EXPOSURE)
    max_gross_exposure: Decimal = Field(Decimal("1"), gt=0, le=ceilings.MAX_GROSS_EXPOSURE)
    max_order_size: Decimal = Field(Decimal("1"), gt=0, le=ceilings.MAX_ORDER_SIZE)
    max_open_orders: int = Field(20, gt=0, le=ceilings.MAX_OPEN_ORDERS)
    max_price_age_s: int = Field(90, gt=0, le=ceilings.MAX_PRICE_AGE_S, description="beyond the feed's own cadence")
    max_spread_bps: Decimal = Field(Decimal("30"), gt=0, le=ceilings.MAX_SPREAD_BPS)
    max_price_deviation: Decimal = Field(Decimal("0.05"), gt=0, le=ceilings.MAX_PRICE_DEVIATION)
    duplicate_window_s: int = Field(60, ge=ceilings.MIN_DUPLICATE_WINDOW_S)
    duplicate_tolerance: Decimal = Field(Decimal("0.01"), ge=0, lt=1, description="fraction of the earlier quantity")
    market_slippage: Decimal = Field(
        Decimal("0.01"), ge=Decimal("0.001"), lt=1, description="beyond the best price, reserved for a market order"
    )
    min_equity_fraction: Decimal = Field(
        Decimal("0.85"), ge=ceilings.MIN_EQUITY_FRACTION, lt=1, description="of start equity; below it the desk halts"
    )
    max_losing_streak: int = Field(
        5, gt=0, le=ceilings.MAX_LOSING_STREAK, description="losing round trips in a row before entries stop"
    )

    @property
    def policy_hash(self) -> str:
        return digest(self)
