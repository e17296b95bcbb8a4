"""How the paper venue treats an order."""

from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from risk.ceilings import MAX_LEVERAGE


class PaperSettings(BaseModel):
    """Costs and delays of simulated fills. Fees are the instrument's own (0.1 % where the market says nothing)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    slippage: Decimal = Field(Decimal("0.0005"), ge=0, lt=1, description="fraction of price on bars, before impact")
    impact: Decimal = Field(Decimal("1"), ge=0, description="bar ranges that trading a whole bar's volume would move")
    participation: Decimal = Field(Decimal("0.1"), gt=0, le=1, description="largest share of a bar's volume per order")
    decision_latency_ms: int = Field(2_000, ge=0, le=60_000, description="from decision to arrival at the venue")
    leverage: Decimal = Field(
        Decimal("1"), ge=1, le=MAX_LEVERAGE, description="of perpetuals: their worth, times the margin posted for it"
    )
    liquidation_fee: Decimal = Field(
        Decimal("0.005"), ge=0, lt=1, description="fraction of notional, taken out of the margin that is lost"
    )
    rests_stops: bool = Field(True, description="protective stops wait at the venue, as at any exchange that can")


class ExecutionSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    paper: PaperSettings = PaperSettings()
    quiet_s: int = Field(5, ge=0, le=60, description="what was active less long ago is not reconciled yet")
    reconcile_every_s: int = Field(60, gt=0, le=3600, description="seconds between two reconciliations")
    ticket_ttl_s: int = Field(5, gt=0, le=30, description="seconds between a review and its send")
