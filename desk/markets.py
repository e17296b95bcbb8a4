"""Which market a command looks at, as data: enough to build it again in another process, and to name a run by."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.canonical import JSON
from core.errors import ConfigError
from market.recorded import RecordedMarket
from market.settings import MarketSettings
from market.simulated import SimulatedMarket

Market = RecordedMarket | SimulatedMarket


@dataclass(frozen=True, slots=True)
class MarketSpec:
    """`candles` maps symbol to file for a recorded market; `seed` makes a simulated one."""

    kind: Literal["simulated", "recorded"]
    symbols: tuple[str, ...]
    seed: int = 0
    candles: Mapping[str, str] | None = None

    def open(self, settings: MarketSettings) -> Market:
        if self.kind == "simulated":
            return SimulatedMarket(self.seed, self.symbols)
        files = {symbol: Path(path) for symbol, path in (self.candles or {}).items()}
        missing = [s for s in self.symbols if s not in files]
        if missing:
            raise ConfigError(f"no candles were given for {', '.join(missing)}; name a file for each symbol")
        return RecordedMarket.from_files(
            {symbol: files[symbol] for symbol in self.symbols}, assumed_spread_bps=settings.assumed_spread_bps
        )

    @classmethod
    def of(cls, stored: JSON) -> "MarketSpec":
        return cls(stored["kind"], tuple(stored["symbols"]), stored["seed"], stored["candles"])
