"""Which market the desk looks at. Defaults need no file and no network."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

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


class RoutingSettings(BaseModel):
    """Further venues over which entries are routed, each with an account of its own. Nothing is routed without one."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    others: tuple[str, ...] = Field((), description="as ccxt writes them; spot alone")
    least_saving: Decimal = Field(Decimal("0.0002"), ge=0, lt=1, description="of the cost, for which it splits")
    slippage: Mapping[str, Decimal] = Field({}, description="expected beyond the book, a fraction, by venue")

    @field_validator("others")
    @classmethod
    def _listed(cls, others: tuple[str, ...]) -> tuple[str, ...]:
        if twice := sorted({name for name in others if others.count(name) > 1}):
            raise ValueError(f"{', '.join(twice)} stands there more than once: one account a venue")
        for name in others:
            try:
                refuse_unknown(name)
            except ConfigError as refused:
                raise ValueError(refused) from None
        return others

    @field_validator("slippage")
    @classmethod
    def _fractions(cls, slippage: Mapping[str, Decimal]) -> Mapping[str, Decimal]:
        if wrong := [f"{venue} = {share}" for venue, share in slippage.items() if not 0 <= share < 1]:
            raise ValueError(f"expected fractions from 0 to below 1, found {', '.join(wrong)}")
        return slippage


class VenueSettings(BaseModel):
    """The venue that testnet and live work at, and where venues are reached, if not at their own addresses.

    Endpoints stand as `[venue.endpoints.binance]` with rest, and ws.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field("", description="as ccxt writes it; none is named on paper")
    kind: ContractKind = ContractKind.SPOT
    leverage: int = Field(1, ge=1, le=int(MAX_LEVERAGE), description="of perpetuals, set at the venue at every start")
    endpoints: Mapping[str, Mapping[str, str]] = {}
    routing: RoutingSettings = RoutingSettings()

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

    @model_validator(mode="after")
    def _several(self) -> Self:
        """Further venues beside one that is named, and is none of them; slippage of no other."""
        others = self.routing.others
        if others and self.kind is not ContractKind.SPOT:
            raise ValueError(f"routing.others are for spot, found kind {self.kind.value}")
        if others and (not self.name or self.name in others):
            raise ValueError(f"routing.others are further venues, found {', '.join(others)} beside {self.name!r}")
        if strange := sorted(self.routing.slippage.keys() - {self.name, *others}):
            raise ValueError(f"routing.slippage names {', '.join(strange)}, which is no venue of the desk")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Every venue of the desk, the first one first."""
        return (self.name, *self.routing.others)
