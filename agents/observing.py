"""Reads one symbol from the market as of a moment, as canonical JSON: the effect behind `observe`."""

from dataclasses import replace
from decimal import Decimal

from core.bars import Bars
from core.canonical import JSON, digest_bytes, plain
from core.money import significant
from core.ports import MarketView
from core.quotes import NewsItem, Quote
from core.taint import Taint
from core.time import SECOND_NS, Timeframe
from models.screening import gives_orders

HISTORY_BARS = 300


def read_symbol(
    market: MarketView,
    symbol: str,
    timeframe: Timeframe,
    *,
    as_of_ns: int,
    text_window_s: int,
    max_price_age_s: int,
    masked: bool = False,
) -> JSON:
    """Quote, bars (as a digest; tools read them again) and texts known at `as_of_ns`, and why nothing may be opened.

    For a `masked` model also the first price, which its scale is made of.
    """
    bars = market.bars(symbol, timeframe, as_of_ns=as_of_ns, n=HISTORY_BARS)
    quote = market.quote(symbol, as_of_ns=as_of_ns)
    overdue_s = None if quote is None else max(0, as_of_ns - quote.ts_event_ns - quote.cadence_ns) / SECOND_NS
    spread = None if quote is None else quote.spread_bps
    texts = market.texts(symbol, since_ns=as_of_ns - text_window_s * SECOND_NS, as_of_ns=as_of_ns)
    return plain(
        {
            "symbol": symbol,
            "instrument": market.instrument(symbol),
            "last": None if quote is None else quote.last,
            "bid": None if quote is None else quote.bid,
            "ask": None if quote is None else quote.ask,
            "ts_event_ns": None if quote is None else quote.ts_event_ns,
            "overdue_s": None if overdue_s is None else significant(overdue_s),
            "spread_bps": None if spread is None else significant(float(spread)),
            "bars": len(bars),
            "missing_bars": bars.missing,
            "bars_digest": bars_digest(bars),
            "unfit": _unfit(quote, overdue_s, max_price_age_s),
            "texts": [screened(text) for text in texts],
            **({"first": _first(bars, quote)} if masked else {}),
        }
    )


def _first(bars: Bars, quote: Quote | None) -> Decimal | None:
    if len(bars):
        return Decimal(significant(float(bars.close[0])))
    return None if quote is None else quote.last


def screened(text: NewsItem) -> NewsItem:
    """The text with its taint raised where it tries to give orders; taint only rises."""
    return replace(text, taint=Taint.HOSTILE) if gives_orders(text.headline) else text


def bars_digest(bars: Bars) -> str:
    """Names the exact bytes of the bars that were seen, without storing them."""
    arrays = (bars.open_ns, bars.open, bars.high, bars.low, bars.close, bars.volume)
    return digest_bytes(b"".join(array.tobytes() for array in arrays))


def _unfit(quote: Quote | None, overdue_s: float | None, max_price_age_s: int) -> str | None:
    if quote is None or overdue_s is None:
        return "no price was ever seen"
    if overdue_s > max_price_age_s:
        return f"the newest price is {overdue_s:.0f} s overdue, {max_price_age_s} s allowed"
    if quote.spread_bps is None:
        return "the quote is crossed or one-sided"
    return None
