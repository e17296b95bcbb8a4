"""What the market shows: one snapshot, and the recent bars as a table."""

from pydantic import Field

from core.bars import Bars
from core.money import exact
from core.time import SECOND_NS, show_time
from tools.context import ToolContext
from tools.spec import Answer, Number, SymbolInput, ToolSpec, Unavailable, check_symbol, number

HISTORY_BARS = 200


class MarketSnapshot(Answer):
    """`age_s` counts beyond the feed's own cadence; returns are fractions over closed bars, null before history."""

    symbol: str
    last: Number
    bid: Number
    ask: Number
    spread_bps: Number | None
    spread_modelled: bool
    age_s: Number
    timeframe: str
    bars: int
    missing_bars: int
    return_1: Number | None
    return_24: Number | None
    return_168: Number | None


class RecentBarsInput(SymbolInput):
    n: int = Field(24, ge=1, le=100, description="how many closed bars")


class RecentBars(Answer):
    """One row a bar, oldest first, in the order of `columns`; prices in quote currency, volume in base units."""

    symbol: str
    timeframe: str
    missing_bars: int
    columns: tuple[str, ...]
    rows: tuple[tuple[str, Number, Number, Number, Number, Number], ...]


def market_snapshot(context: ToolContext, given: SymbolInput) -> Answer:
    """Last price, spread, age and recent returns of one symbol."""
    check_symbol(context, given.symbol)
    quote = context.market.quote(given.symbol, as_of_ns=context.as_of_ns)
    if quote is None:
        return Unavailable(unavailable=f"no quote of {given.symbol} is known at this time")
    bars = history(context, given.symbol)
    late_ns = context.as_of_ns - quote.ts_event_ns - quote.cadence_ns
    return MarketSnapshot(
        symbol=given.symbol,
        last=quote.last,
        bid=quote.bid,
        ask=quote.ask,
        spread_bps=None if quote.spread_bps is None else number(quote.spread_bps),
        spread_modelled=quote.modelled_spread,
        age_s=number(max(late_ns, 0) / SECOND_NS),
        timeframe=context.timeframe.value,
        bars=len(bars),
        missing_bars=bars.missing,
        return_1=_return_over(bars, 1),
        return_24=_return_over(bars, 24),
        return_168=_return_over(bars, 168),
    )


def recent_bars(context: ToolContext, given: RecentBarsInput) -> Answer:
    """The last closed bars of one symbol as a compact table."""
    check_symbol(context, given.symbol)
    bars = history(context, given.symbol, given.n)
    if not len(bars):
        return Unavailable(
            unavailable=f"no closed {context.timeframe.value} bar of {given.symbol} is known at this time"
        )
    times = [show_time(int(open_ns)) for open_ns in bars.open_ns]
    columns = [[number(value) for value in side] for side in (bars.open, bars.high, bars.low, bars.close, bars.volume)]
    return RecentBars(
        symbol=given.symbol,
        timeframe=context.timeframe.value,
        missing_bars=bars.missing,
        columns=("opened", "open", "high", "low", "close", "volume"),
        rows=tuple(zip(times, *columns, strict=True)),
    )


def history(context: ToolContext, symbol: str, n: int = HISTORY_BARS) -> Bars:
    """The last `n` closed bars of the timeframe that the desk decides on."""
    return context.market.bars(symbol, context.timeframe, as_of_ns=context.as_of_ns, n=n)


def _return_over(bars: Bars, n: int) -> Number | None:
    if len(bars) <= n:
        return None
    return number(exact(bars.close[-1]) / exact(bars.close[-1 - n]) - 1)


TOOLS = (
    ToolSpec(
        "market_snapshot",
        "Last price, bid, ask, spread, age of the data and returns over 1, 24 and 168 bars of one symbol.",
        SymbolInput,
        MarketSnapshot,
        market_snapshot,
    ),
    ToolSpec(
        "recent_bars",
        "The last n closed bars (at most 100) of one symbol as a table of time, open, high, low, close, volume.",
        RecentBarsInput,
        RecentBars,
        recent_bars,
        cost=2,
    ),
)
