"""How orders are worked, and how the paper venue treats them."""

from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from core.algorithms import MAX_DURATION_S, MAX_SLICES
from core.money import ONE
from core.working import Working
from risk.ceilings import MAX_LEVERAGE

_MOST_REACH = Decimal("0.05")  # of a price: no limit is further from a fresh mid than that, by the shipped policy


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


class WorkSettings(BaseModel):
    """How what the desk plans is worked from a worth on. Stops, and what a person asks for, are always sent whole."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Literal["whole", "twap", "chase", "iceberg"] = Field("whole", description="whole: all are sent at once")
    above_notional: Decimal = Field(
        Decimal("10000"),
        ge=0,
        description="quote currency, at the limit price or the last; exactly it is sent whole",
    )
    duration_s: int = Field(1_800, ge=1, le=MAX_DURATION_S, description="of a TWAP, and of a chase that then gives up")
    slices: int = Field(6, ge=1, le=MAX_SLICES, description="of a TWAP, evenly over its duration, the first at once")
    every_s: int = Field(10, ge=1, validate_default=True, description="seconds between two moves of a chase, at least")
    display_share: Decimal = Field(
        Decimal("0.1"), ge=ONE / MAX_SLICES, le=1, description="of an iceberg's quantity, shown at a time"
    )
    jitter: Decimal = Field(
        Decimal("0"),
        ge=0,
        lt=1,
        description="of an interval a slice may be late, of a display it may be smaller",
    )
    reach: Decimal = Field(
        Decimal("0.005"),
        gt=0,
        le=_MOST_REACH,
        description="of the last price: no further is a market order chased",
    )

    @field_validator("every_s")
    @classmethod
    def _within(cls, every_s: int, known: ValidationInfo) -> int:
        """A chase moves within its duration, and no more often than a parent may have slices."""
        duration_s = known.data.get("duration_s")
        if known.data.get("kind") == "chase" and duration_s and not every_s <= duration_s <= every_s * MAX_SLICES:
            least = -(-duration_s // MAX_SLICES)
            raise ValueError(f"a chase of {duration_s} s moves every {least} to {duration_s} s, found {every_s}")
        return every_s

    def rule(self) -> Working | None:
        """None where every order is sent whole."""
        if self.kind == "whole":
            return None
        return Working(
            kind=self.kind,
            above_notional=self.above_notional,
            duration_s=self.duration_s,
            slices=self.slices,
            every_s=self.every_s,
            display_share=self.display_share,
            jitter=self.jitter,
            reach=self.reach,
        )


class ExecutionSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    paper: PaperSettings = PaperSettings()
    work: WorkSettings = WorkSettings()
    quiet_s: int = Field(5, ge=0, le=60, description="what was active less long ago is not reconciled yet")
    reconcile_every_s: int = Field(60, gt=0, le=3600, description="seconds between two reconciliations")
    ticket_ttl_s: int = Field(5, gt=0, le=30, description="seconds between a review and its send")
