"""What came of a signal: where the price was when its horizon ended, and what it touched on the way.

Only closed candles that were known by then are asked, of the market that the signal was made on.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from core.bars import Bars
from core.canonical import JSON, plain
from core.errors import DeskError
from core.money import significant
from core.time import SECOND_NS, Timeframe
from desk.home import Home
from desk.markets import LIVE, MarketSpec
from desk.runs import settings_of
from market.store.store import MarketStore
from memory.books.records import Run

SCHEMA: Final = 1
_MOST_BARS: Final = 10_000

# The closed candles of a symbol between two moments, as far as they were known at the second.
Candles = Callable[[str, int, int], Bars | None]


def candles_of(home: Home, run: Run) -> Candles:
    """Where the prices of a run are: its market of the past, or what its venue's stream left in the store."""
    if run.command["market"]["kind"] != LIVE:
        return _past(run)
    store, venue = MarketStore(home.candles), run.command["arguments"]["venue"]

    def stored(symbol: str, since_ns: int, until_ns: int) -> Bars | None:
        try:
            return store.candles.bars(venue, symbol, Timeframe.M1, as_of_ns=until_ns, n=_count(since_ns, until_ns))
        except DeskError:
            return None

    return stored


def _past(run: Run) -> Candles:
    try:
        market = MarketSpec.of(run.command["market"]).open(settings_of(run).market)
    except DeskError:
        return lambda symbol, since_ns, until_ns: None
    step_ns = market.base_timeframe.ns

    def past(symbol: str, since_ns: int, until_ns: int) -> Bars | None:
        n = min(_MOST_BARS, (until_ns - since_ns) // step_ns)
        return market.bars(symbol, market.base_timeframe, as_of_ns=until_ns, n=max(1, n))

    return past


def outcome_of(signal: JSON, bars: Bars | None) -> JSON:
    """None where the price at the end is not known: a signal without an issue price, or a gap in the candles."""
    if signal["price"] is None or bars is None or not len(bars):
        return None
    end_ns, since_ns = signal["expires_ns"], signal["as_of_ns"]
    step_ns = bars.timeframe.ns
    if int(bars.open_ns[-1]) + 2 * step_ns <= end_ns:
        return None  # the candle at the end is missing
    inside = bars.open_ns >= since_ns
    if not inside.any():
        return None
    highs, lows, last = bars.high[inside], bars.low[inside], float(bars.close[-1])
    # The candle in which it was issued began before it: what is before cannot be told from what is after.
    price = Decimal(signal["price"])
    moved = Decimal(significant(last)) / price - 1
    lean = _lean(signal)
    return plain(
        {
            "schema": SCHEMA,
            "signal_id": signal["signal_id"],
            "ended_ns": end_ns,
            "price": Decimal(significant(last)),
            "change": round(moved, 9),
            "high": Decimal(significant(float(highs.max()))),
            "low": Decimal(significant(float(lows.min()))),
            "right": None if not lean or not moved else (moved > 0) == (lean > 0),
            "first_touched": _touched(signal, highs.tolist(), lows.tolist()),
        }
    )


def _lean(signal: JSON) -> int:
    if signal["side"] is not None:
        return 1 if signal["side"] == "buy" else -1
    strength = Decimal(signal["strength"] or 0)
    return int(strength > 0) - int(strength < 0)


def _touched(signal: JSON, highs: list[float], lows: list[float]) -> str | None:
    """Which of stop and target a candle reached first. Where one candle has both, the stop: the worse is assumed."""
    if signal["stop"] is None and signal["target"] is None:
        return None
    down = signal["side"] == "sell"
    stop = None if signal["stop"] is None else float(signal["stop"])
    target = None if signal["target"] is None else float(signal["target"])
    for high, low in zip(highs, lows, strict=True):
        if stop is not None and (high >= stop if down else low <= stop):
            return "stop"
        if target is not None and (low <= target if down else high >= target):
            return "target"
    return None


def _count(since_ns: int, until_ns: int) -> int:
    return max(1, min(_MOST_BARS, (until_ns - since_ns) // (60 * SECOND_NS)))
