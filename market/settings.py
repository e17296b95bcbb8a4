"""Which market the desk looks at. Defaults need no file and no network."""

from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class MarketSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["simulated", "recorded"] = "simulated"
    seed: int = Field(7, ge=0, description="of the simulated market; the same seed is the same market on any machine")
    assumed_spread_bps: Decimal = Field(
        Decimal("2"),
        gt=0,
        le=100,
        description="between bid and ask, where candles cannot show it; such quotes are marked",
    )
