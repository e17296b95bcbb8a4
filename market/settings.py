"""Which market the desk looks at. Defaults need no file and no network."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from core.errors import ConfigError
from market.endpoints import checked
from market.regimes import Regime
from market.sources.settings import SourcesSettings
from market.streams.settings import StreamSettings


class MarketSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["simulated", "recorded"] = "simulated"
    seed: int = Field(7, ge=0, description="of the simulated market; the same seed is the same market on any machine")
    regime: Regime = Field(Regime.MIXED, description="of the simulated market: everyday life, or a rehearsal")
    assumed_spread_bps: Decimal = Field(
        Decimal("2"),
        gt=0,
        le=100,
        description="between bid and ask, where candles cannot show it; such quotes are marked",
    )
    streams: StreamSettings = StreamSettings()
    sources: SourcesSettings = SourcesSettings()


class VenueSettings(BaseModel):
    """Where venues are reached, if not at their own addresses: `[venue.endpoints.binance]` with rest, and ws."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoints: Mapping[str, Mapping[str, str]] = {}

    @field_validator("endpoints")
    @classmethod
    def _addresses(cls, endpoints: Mapping[str, Mapping[str, str]]) -> Mapping[str, Mapping[str, str]]:
        for venue, urls in endpoints.items():
            try:
                checked(urls)
            except ConfigError as refused:
                raise ValueError(f"{venue}: {refused}") from None
        return endpoints
