"""Which market a command looks at, as data: enough to build it again in another process, and to name a run by."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from core.canonical import JSON
from core.errors import ConfigError
from core.ports import MarketFacts, MarketView
from core.time import Timeframe
from market.recorded import RecordedMarket
from market.settings import MarketSettings
from market.simulated import SimulatedMarket
from market.store.store import MarketStore
from market.stored import StoredMarket

LIVE = "live"  # of a run: at a venue, by the wall's time
Market = RecordedMarket | SimulatedMarket


class AnyMarket(MarketView, MarketFacts, Protocol):
    """What a desk looks at: of the past, or as it is now."""


@dataclass(frozen=True, slots=True)
class Stored:
    """Candles of one venue and timeframe in the store under `root`."""

    root: str
    venue: str
    timeframe: str


@dataclass(frozen=True, slots=True)
class MarketSpec:
    """`candles` maps symbol to file for a recorded market, or `stored` says where; `seed` makes a simulated one."""

    kind: Literal["simulated", "recorded"]
    symbols: tuple[str, ...]
    seed: int = 0
    candles: Mapping[str, str] | None = None
    stored: Stored | None = None

    def open(self, settings: MarketSettings) -> Market:
        if self.kind == "simulated":
            return SimulatedMarket(self.seed, self.symbols, regime=settings.regime)
        spread = settings.assumed_spread_bps
        if self.stored is not None:
            store, timeframe = MarketStore(Path(self.stored.root)), Timeframe(self.stored.timeframe)
            return StoredMarket(store, self.stored.venue, self.symbols, timeframe, assumed_spread_bps=spread)
        files = {symbol: Path(path) for symbol, path in (self.candles or {}).items()}
        missing = [s for s in self.symbols if s not in files]
        if missing:
            raise ConfigError(f"no candles were given for {', '.join(missing)}; name a file for each symbol")
        return RecordedMarket.from_files({symbol: files[symbol] for symbol in self.symbols}, assumed_spread_bps=spread)

    @classmethod
    def of(cls, stored: JSON) -> "MarketSpec":
        if stored["kind"] == LIVE:
            raise ConfigError("this account works at a venue: its market is there")
        where = stored.get("stored")  # absent from the runs of older versions
        where = None if where is None else Stored(**where)
        return cls(stored["kind"], tuple(stored["symbols"]), stored["seed"], stored["candles"], where)
