"""Which market the desk looks at. Defaults need no file and no network."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from core.errors import ConfigError
from core.instruments import ContractKind
from market.endpoints import checked
from market.regimes import Regime
from market.sources.settings import SourcesSettings
from market.streams.settings import StreamSettings
from market.venues import refuse_unknown
from risk.ceilings import MAX_LEVERAGE


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
    """The venue that testnet and live work at, and where venues are reached, if not at their own addresses.

    Endpoints stand as `[venue.endpoints.binance]` with rest, and ws.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field("", description="as ccxt writes it; none is named on paper")
    kind: ContractKind = ContractKind.SPOT
    leverage: int = Field(1, ge=1, le=int(MAX_LEVERAGE), description="of perpetuals, set at the venue at every start")
    endpoints: Mapping[str, Mapping[str, str]] = {}

    @field_validator("name")
    @classmethod
    def _listed(cls, name: str) -> str:
        try:
            if name:
                refuse_unknown(name)
        except ConfigError as refused:
            raise ValueError(refused) from None
        return name

    @field_validator("endpoints")
    @classmethod
    def _addresses(cls, endpoints: Mapping[str, Mapping[str, str]]) -> Mapping[str, Mapping[str, str]]:
        for venue, urls in endpoints.items():
            try:
                checked(urls)
            except ConfigError as refused:
                raise ValueError(f"{venue}: {refused}") from None
        return endpoints
