"""What a simulation is told beside prices and targets: terms of trade, limits, ways out, loss tiers. Plain numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Final

from core.errors import ConfigError
from core.time import SECOND_NS
from risk.breakers import Breaker
from risk.readings import Reading
from risk.states import Kind
from tools.simulation import layout

# In the order of the kernel's columns.
READINGS: Final = {
    Reading.DAY_LOSS: layout.DAY_LOSS,
    Reading.LOSS_24H: layout.LOSS_24H,
    Reading.START_LOSS: layout.START_LOSS,
    Reading.DRAWDOWN: layout.DRAWDOWN,
    Reading.LOSING_STREAK: layout.STREAK,
}


@dataclass(frozen=True, slots=True)
class Tier:
    """A breaker of the policy as the kernel has it: what it reads, from which loss on, and what it leaves allowed.

    `limit` is a fraction of equity (of losing streaks, trips); `lasts_s` is None for a latch and 0 until midnight UTC.
    """

    reads: Reading
    limit: float
    severity: int
    caps: float
    lasts_s: int | None


def tiers_of(breakers: Iterable[Breaker]) -> tuple[Tier, ...]:
    """Those of a policy's breakers that read equity or round trips. All others need a venue to look at."""
    return tuple(
        Tier(
            breaker.reads,
            float(breaker.limit),
            breaker.state.severity,
            float(breaker.caps),
            None if breaker.kind is Kind.LATCH else 0 if breaker.window == "day" else breaker.lasts_s,
        )
        for breaker in breakers
        if breaker.reads in READINGS
    )


@dataclass(frozen=True, slots=True)
class Terms:
    """Costs, limits and habits of a simulated account, the same for all parameter sets.

    `capital` and `units` are quote currency and base units, `fee`, `slippage`, `maintenance` and `liquidation_fee`
    fractions, `impact` bar ranges that trading a whole bar's volume would move the price by, `participation` the
    largest share of a bar's volume (infinity: volume does not bound). `max_asset` and `max_gross` are fractions of
    equity. `units` above 0 trades so many for an exposure of 1, instead of a share of equity; a change of exposure up
    to `band` is not traded. `closes` lets a halt close what is held; `rearm_bars` re-arms latches (0: never).
    """

    capital: float = 10_000.0
    fee: float = 0.001
    slippage: float = 0.0005
    impact: float = 1.0
    participation: float = 0.1
    latency_ms: float = 2_000.0
    leverage: float = 1.0
    maintenance: float = 0.005
    liquidation_fee: float = 0.005
    max_asset: float = 1.0
    max_gross: float = 1.0
    max_positions: float = math.inf
    shorts: bool = False
    units: float = 0.0
    band: float = 0.0
    tiers: tuple[Tier, ...] = ()
    closes: bool = False
    rearm_bars: int = 0
    lots: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # lot size and least notional, by symbol

    def __post_init__(self) -> None:
        above = ("capital", "leverage", "participation", "max_asset", "max_gross", "max_positions")
        for name in above:
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} is more than 0, found {getattr(self, name):g}")
        for name in ("fee", "slippage", "maintenance", "liquidation_fee"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"{name} is a fraction from 0 to below 1, found {getattr(self, name):g}")
        for name in ("impact", "latency_ms", "units", "band", "rearm_bars"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(f"{name} is 0 or more, found {getattr(self, name):g}")
        if not (math.isfinite(self.capital) and self.leverage < math.inf and self.leverage >= 1):
            raise ConfigError(f"capital is finite and leverage 1 or more, found {self.capital:g} and {self.leverage:g}")
        if not (self.participation <= 1 or math.isinf(self.participation)):
            raise ConfigError(f"participation is a share of a bar's volume, found {self.participation:g}")

    def told(self) -> dict[str, float]:
        """The numbers by name, as a report shows them. Infinity is left out: it bounds nothing."""
        numbers = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in ("tiers", "lots")}
        return {name: float(value) for name, value in numbers.items() if math.isfinite(value)}

    def root_latency(self, interval_ns: int) -> float:
        """The square root of the share of a bar that passes between a decision and its arrival."""
        return math.sqrt(min(1.0, self.latency_ms * SECOND_NS / 1_000 / interval_ns))


@dataclass(frozen=True, slots=True)
class Exits:
    """Ways out of a position beside the strategy's own. None, or no rung, leaves one unused.

    `stop` and `trail` are fractions of the entry price and of the best price since; `chandelier` hangs so many average
    true ranges of `chandelier_bars` bars; `break_even` is the gain from which the stop no longer lets the trade lose;
    `hold_bars` how many bars it may stay without profit. `take` is a ladder: (gain, share of the position) each.
    """

    stop: float | None = None
    trail: float | None = None
    chandelier: float | None = None
    chandelier_bars: int = 22
    break_even: float | None = None
    hold_bars: float | None = None
    take: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        for name in ("stop", "trail"):
            value = getattr(self, name)
            if value is not None and not 0 < value < 1:
                raise ConfigError(f"{name} is a fraction above 0 and below 1, found {value:g}")
        for name in ("chandelier", "break_even", "hold_bars"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ConfigError(f"{name} is more than 0, found {value:g}")
        if not (self.chandelier_bars == int(self.chandelier_bars) and 1 <= self.chandelier_bars <= 500):
            raise ConfigError(f"chandelier_bars is a whole number from 1 to 500, found {self.chandelier_bars:g}")
        gains = [gain for gain, _ in self.take]
        shares = [share for _, share in self.take]
        rising = gains == sorted(set(gains)) and all(0 < gain < math.inf for gain in gains)
        if not rising or any(not share > 0 for share in shares) or sum(shares) > 1 + 1e-9:
            raise ConfigError(f"take-profits rise and close at most all of a position, found {self.take}")
