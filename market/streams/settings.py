"""How a desk listens to its venue, and over what its processes talk. Defaults need no file."""

from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from market.streams.patience import Patience

Kind = Literal["book", "trades", "candles", "ticker"]


class StreamSettings(BaseModel):
    """Seconds are wall time. Looser than these bounds refuses to start."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kinds: tuple[Kind, ...] = Field(("book", "trades", "candles", "ticker"), min_length=1)
    silence_s: Decimal = Field(
        Decimal(30), gt=0, le=120, description="without market data before the connection is begun anew"
    )
    cross_check_s: Decimal = Field(
        Decimal(300), ge=10, le=3600, description="between two comparisons of a book with the venue's own snapshot"
    )
    skew_s: Decimal = Field(Decimal(3600), ge=60, le=86_400, description="between two questions for the venue's time")
    longest_retry_s: Decimal = Field(
        Decimal(60), ge=1, le=600, description="between two attempts at a venue that is away"
    )

    def patience(self) -> Patience:
        return Patience(
            silence_s=float(self.silence_s),
            cross_check_s=float(self.cross_check_s),
            skew_s=float(self.skew_s),
            longest_retry_s=float(self.longest_retry_s),
        )


class BusSettings(BaseModel):
    """`memory` for one process; `redis://…` when roles are split."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field("memory", pattern=r"^(memory$|rediss?://|unix://)")
