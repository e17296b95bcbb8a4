"""One page of candles from a venue: asked for by range, read into arrays, and believed only after it was checked.

A read fails silently more often than loudly: an HTML page with status 200 became hundreds of rows of nothing in ccxt,
a venue may cut a page short, answer with its newest candles whatever was asked, or repeat the last row.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from core.bars import Bars
from core.time import SECOND_NS, Timeframe, show_time
from market.aggregate import window
from market.fetching.hearing import COLUMNS, JunkPage, Question, Rows, listen, ours, shown
from market.fetching.ranges import MS_NS, Range
from market.quality import PRICES, broken_rows

if TYPE_CHECKING:
    from core.bars import IntArray

_UNKNOWN_LIMIT = 200
# docs.kraken.com, Get OHLC Data: "up to 720 of the most recent entries ... regardless of the value of since".
RECENT_ONLY = {"kraken": 720}
_BROKEN_SHARE = 0.02  # a page with more broken rows than this is junk, with fewer it is a page with broken rows


@dataclass(frozen=True, slots=True)
class Page:
    """What one answer holds inside the range, oldest first. The counts say what was put right or left out.

    `newest_only`: the venue answered with its newest candles instead, the first of which opens at `first_ns`.
    """

    bars: Bars
    broken: tuple[int, ...] = ()  # opens of rows whose numbers cannot be
    repeated: int = 0
    outside: int = 0
    reordered: bool = False
    newest_only: bool = False
    first_ns: int | None = None


Ask = Callable[[Range, int], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one venue is asked for candles of one market: `ask(range, limit)` gives raw rows, `limit` a page's most.

    `proves`: an empty answer says that there is nothing. ccxt's unified reader also makes one of what it cannot read.
    """

    ask: Ask
    limit: int
    proves: bool


def dialect_of(client: Any, symbol: str, timeframe: Timeframe) -> Dialect:
    """The quickest way that is known for this venue, else ccxt's unified `fetch_ohlcv`. Markets must be loaded."""
    listen(client)
    market, limit = client.market(symbol), page_limit(client, symbol)
    known = _KNOWN.get(client.id)
    if known is not None and (market["spot"] or market.get("linear")):
        return Dialect(known(client, market, client.timeframes[timeframe.value]), limit, proves=True)
    return Dialect(_unified(client, symbol, timeframe), limit, proves=False)


def page_limit(client: Any, symbol: str) -> int:
    """Candles a page, as the class states it; a venue cuts what asks for more."""
    stated = client.feature_value(symbol, "fetchOHLCV", "limit", None)
    return int(stated) if stated else _UNKNOWN_LIMIT


def read_page(raw: Any, symbol: str, timeframe: Timeframe, asked: Range, newest_ns: int) -> Page:
    """The candles of an answer, checked; JunkPage if it is none. `newest_ns`: open of the newest that can exist."""
    if not isinstance(raw, list):
        raise JunkPage(f"expected a list of candles, found {shown(raw)}")
    times, columns = _columns(raw)
    if (times % timeframe.ns != 0).any():
        off = int(times[np.argmax(times % timeframe.ns != 0)])
        raise JunkPage(f"{show_time(off)} does not open a {timeframe} candle of UTC")
    if len(times) and (times.max() > newest_ns + timeframe.ns or times.min() < 0):
        raise JunkPage(f"candles run to {show_time(int(times.max()))}, and it is {show_time(newest_ns)}")
    times, columns, repeated, reordered = _in_order(times, columns)
    begins, ends = np.searchsorted(times, asked).tolist()
    inside = slice(begins, max(begins, ends))
    first = int(times[0]) if len(times) else None
    past = asked.end_ns <= newest_ns - 2 * timeframe.ns
    newest_only = past and bool(len(times)) and begins >= ends and int(times[-1]) >= newest_ns - timeframe.ns
    kept = [column[inside] for column in columns]
    broken = broken_rows(dict(zip((*PRICES, "volume"), kept, strict=True)))
    if broken.sum() > _BROKEN_SHARE * len(broken) + 1:
        raise JunkPage(f"{int(broken.sum())} of {len(broken)} candles have numbers that cannot be")
    opens = times[inside]
    return Page(
        bars=Bars(symbol, timeframe, opens[~broken], *(column[~broken] for column in kept)),
        broken=tuple(opens[broken].tolist()),
        repeated=repeated,
        outside=len(times) - len(opens),
        reordered=reordered,
        newest_only=newest_only,
        first_ns=first,
    )


def opens_of(raw: Any) -> tuple[int, int] | None:
    """First and last open of an answer, whatever its grid and order; None where it is empty. JunkPage if it is none."""
    if not isinstance(raw, list):
        raise JunkPage(f"expected a list of candles, found {shown(raw)}")
    times, _ = _columns(raw)
    return (int(times.min()), int(times.max())) if len(times) else None


def joined(pieces: list[Bars], symbol: str, timeframe: Timeframe) -> Bars:
    """Pieces of one range as one, in order; where two hold the same bar the later asked one counts."""
    names = ("open_ns", *PRICES, "volume")
    if not pieces:
        return Bars(symbol, timeframe, np.empty(0, np.int64), *(np.empty(0) for _ in range(5)))
    columns = [np.concatenate([getattr(piece, name) for piece in pieces]) for name in names]
    # Of equal times `unique` keeps the first, so the newest answers are put in front.
    _, last = np.unique(columns[0][::-1], return_index=True)
    keep = len(columns[0]) - 1 - last
    return Bars(symbol, timeframe, *(column[keep] for column in columns))


def closed(bars: Bars, bound_ns: int) -> Bars:
    """Only the bars whose close is not after `bound_ns`."""
    count = int(np.searchsorted(bars.open_ns, bound_ns - bars.timeframe.ns, side="right"))
    return bars if count == len(bars) else window(bars, 0, count)


def _columns(raw: list[Any]) -> tuple[IntArray, list[Any]]:
    """Open times in ns, and open, high, low, close, volume as float64."""
    if isinstance(raw, Rows):
        return raw.table[:, 0].astype(np.int64) * MS_NS, list(np.ascontiguousarray(raw.table[:, 1:].T))
    try:
        # Numbers come as text or as numbers; a row that is shorter, or a word, raises.
        times = np.array([int(row[0]) for row in raw], dtype=np.int64) * MS_NS
        values = [np.array([float(row[n]) for row in raw], dtype=np.float64) for n in range(1, COLUMNS)]
    except (TypeError, ValueError, KeyError, IndexError, OverflowError):
        wrong = next((row for row in raw if not _is_row(row)), raw[0])
        raise JunkPage(f"expected rows of time, open, high, low, close, volume; found {shown(wrong)}") from None
    return times, values


def _is_row(row: Any) -> bool:
    try:
        return len([float(value) for value in row[:COLUMNS]]) == COLUMNS and not isinstance(row, str)
    except (TypeError, ValueError, KeyError):
        return False


def _in_order(times: IntArray, columns: list[Any]) -> tuple[IntArray, list[Any], int, bool]:
    """Oldest first, each once; how many were there twice, and whether they came in no order at all."""
    steps = np.diff(times)
    if (steps > 0).all():
        return times, columns, 0, False
    order = np.argsort(times, kind="stable")
    reordered = not ((steps <= 0).all() or (steps >= 0).all())
    return *_once(times[order], [column[order] for column in columns]), reordered


def _once(times: IntArray, columns: list[Any]) -> tuple[IntArray, list[Any], int]:
    """Without rows that are there twice alike. Twice and different is junk: which one is right?"""
    again = np.flatnonzero(np.diff(times) == 0) + 1
    if not len(again):
        return times, columns, 0
    for column in columns:
        if (column[again] != column[again - 1]).any():
            raise JunkPage(f"{show_time(int(times[again[0]]))} is there twice with other numbers")
    keep = np.ones(len(times), dtype=bool)
    keep[again] = False
    return times[keep], [column[keep] for column in columns], len(again)


def _binance(client: Any, market: Any, interval: str) -> Ask:
    get = client.publicGetKlines if market["spot"] else client.fapiPublicGetKlines

    async def ask(asked: Range, limit: int) -> Any:
        params = {"symbol": market["id"], "interval": interval, "limit": limit}
        with ours(Question.OURS_FOR_ROWS):
            return await get(params | {"startTime": asked.start_ns // MS_NS, "endTime": asked.end_ns // MS_NS - 1})

    return ask


def _bybit(client: Any, market: Any, interval: str) -> Ask:
    category = "spot" if market["spot"] else "linear"

    async def ask(asked: Range, limit: int) -> Any:
        params = {"category": category, "symbol": market["id"], "interval": interval, "limit": limit}
        params |= {"start": asked.start_ns // MS_NS, "end": asked.end_ns // MS_NS - 1}
        with ours():
            answer = await client.publicGetV5MarketKline(params)
        return answer["result"]["list"]

    return ask


def _kraken(client: Any, market: Any, interval: str) -> Ask:
    async def ask(asked: Range, limit: int) -> Any:
        # `since` is excluded, and in seconds.
        params = {"pair": market["id"], "interval": interval, "since": asked.start_ns // SECOND_NS - 1}
        with ours():
            answer = await client.publicGetOHLC(params)
        return [[row[0] * 1000, *row[1:5], row[6]] for row in answer["result"][market["id"]]]

    return ask


def _unified(client: Any, symbol: str, timeframe: Timeframe) -> Ask:
    async def ask(asked: Range, limit: int) -> Any:
        with ours():
            return await client.fetch_ohlcv(symbol, timeframe.value, since=asked.start_ns // MS_NS, limit=limit)

    return ask


_KNOWN: dict[str, Callable[[Any, Any, str], Ask]] = {
    "binance": _binance,
    "binanceus": _binance,
    "bybit": _bybit,
    "kraken": _kraken,
}
