"""The market of a recorded decision, opened again from what is still stored; what is not stored says so when asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, cast

from core.bars import Bars
from core.errors import DeskError, LedgerBroken
from core.ports import MarketView
from core.quotes import Quote
from core.time import Timeframe, show_time
from desk.home import Home
from desk.markets import LIVE, MarketSpec
from desk.settings import Settings
from market.store.store import MarketStore
from market.stored import StoredMarket
from memory.books.records import Run


def past_market(home: Home, settings: Settings, run: Run, timeframe: Timeframe, as_of_ns: int) -> MarketView:
    """What the run looked at. Where its files or its store are gone, every question raises LedgerBroken and says so."""
    command = run.command
    try:
        if command["market"]["kind"] != LIVE:
            return MarketSpec.of(command["market"]).open(settings.market)
        named: dict[str, Any] = command["arguments"]
        return cast(MarketView, _streamed(home, settings, named["venue"], named["symbols"], timeframe, as_of_ns))
    except (DeskError, OSError) as gone:
        return cast(MarketView, _Gone(str(gone)))


def _streamed(
    home: Home, settings: Settings, venue: str, symbols: Sequence[str], timeframe: Timeframe, as_of_ns: int
) -> "_Streamed":
    spread = settings.market.assumed_spread_bps
    stored = StoredMarket(MarketStore(home.candles), venue, symbols, timeframe, assumed_spread_bps=spread)
    return _Streamed(stored, as_of_ns)


@dataclass(frozen=True, slots=True)
class _Gone:
    """Stands where a market was."""

    reason: str

    def __getattr__(self, name: str) -> NoReturn:
        raise LedgerBroken(self.reason)


@dataclass(frozen=True, slots=True)
class _Streamed:
    """A live market, of which candles, texts and numbers are stored, and quotes are in the record alone."""

    stored: StoredMarket
    as_of_ns: int

    def quote(self, symbol: str, *, as_of_ns: int) -> Quote | None:
        raise LedgerBroken(f"the quotes of {symbol} came by a stream, and are not stored")

    def bars(self, symbol: str, timeframe: Timeframe, *, as_of_ns: int, n: int) -> Bars:
        bars = self.stored.bars(symbol, timeframe, as_of_ns=as_of_ns, n=n)
        # Closed candles of a stream are not stored: older ones would be another answer, and no difference.
        if not len(bars) or int(bars.open_ns[-1]) + 2 * timeframe.ns <= self.as_of_ns:
            ends = f"end at {show_time(int(bars.open_ns[-1]) + timeframe.ns)}" if len(bars) else "do not reach so far"
            raise LedgerBroken(f"the stored {timeframe} candles of {symbol} {ends}: `warden data fetch` brings more")
        return bars

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stored, name)
