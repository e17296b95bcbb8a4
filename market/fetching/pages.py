"""One page of candles from a venue: asked for by range, read into arrays, and believed only after it was checked.

A read fails silently more often than loudly: an HTML page with status 200 became hundreds of rows of nothing in ccxt,
a venue may cut a page short, answer with its newest candles whatever was asked, or repeat the last row.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from core.bars import Bars
from core.time import SECOND_NS, Timeframe, show_time
from market.aggregate import window
from market.quality import PRICES, broken_rows

if TYPE_CHECKING:
    from core.bars import FloatArray, IntArray

MS_NS = 1_000_000
_UNKNOWN_LIMIT = 200
# docs.kraken.com, Get OHLC Data: "up to 720 of the most recent entries ... regardless of the value of since".
RECENT_ONLY = {"kraken": 720}
_BROKEN_SHARE = 0.02  # a page with more broken rows than this is junk, with fewer it is a page with broken rows
_COLUMNS = 6
_SIX = itemgetter(*range(_COLUMNS))


class JunkPage(Exception):
    """An answer that is no page of candles. It may be asked for again."""


class Range(NamedTuple):
    """Opens with `start_ns <= open < end_ns`."""

    start_ns: int
    end_ns: int

    def bars(self, timeframe: Timeframe) -> int:
        return max(0, (self.end_ns - self.start_ns) // timeframe.ns)


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


class Rows(list[Any]):
    """Rows of a page whose text went to numbers at once: `table`, float64 of shape (n_rows, 6), time first.

    A list, and empty, so that ccxt takes it for an answer without an error in it.
    """

    def __init__(self, table: FloatArray) -> None:
        super().__init__()
        self.table = table


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
    _listen(client)
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
        raise JunkPage(f"expected a list of candles, found {_shown(raw)}")
    times, columns = _columns(raw)
    if (times % timeframe.ns != 0).any():
        off = int(times[np.argmax(times % timeframe.ns != 0)])
        raise JunkPage(f"{show_time(off)} does not open a {timeframe} candle of UTC")
    if len(times) and (times.max() > newest_ns + timeframe.ns or times.min() < 0):
        raise JunkPage(f"candles run to {show_time(int(times.max()))}, and it is {show_time(newest_ns)}")
    falling, rising = (bool((np.diff(times) <= 0).all()), bool((np.diff(times) >= 0).all()))
    order = np.argsort(times, kind="stable")
    times, columns = times[order], [column[order] for column in columns]
    times, columns, repeated = _once(times, columns)
    inside = (times >= asked.start_ns) & (times < asked.end_ns)
    first = int(times[0]) if len(times) else None
    past = asked.end_ns <= newest_ns - 2 * timeframe.ns
    newest_only = past and bool(len(times)) and not inside.any() and int(times[-1]) >= newest_ns - timeframe.ns
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
        reordered=not (falling or rising),
        newest_only=newest_only,
        first_ns=first,
    )


def opens_of(raw: Any) -> tuple[int, int] | None:
    """First and last open of an answer, whatever its grid and order; None where it is empty. JunkPage if it is none."""
    if not isinstance(raw, list):
        raise JunkPage(f"expected a list of candles, found {_shown(raw)}")
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


def quick_rows(text: str) -> Rows | None:
    """A text of the form [[1577836800000,"7195.24",...],...] as numbers; None where it is anything else.

    Without its quotes it is JSON of numbers alone, which is twice as fast as texts that become numbers afterwards. The
    numbers are the same, to the last bit.
    """
    import orjson

    if not (text.startswith("[[") and text.endswith("]]")):
        return None
    try:
        rows = orjson.loads(text.replace('"', ""))
        flat = np.fromiter(chain.from_iterable(map(_SIX, rows)), np.float64, _COLUMNS * len(rows))
    except (TypeError, ValueError, IndexError):
        return None
    # JSON writes no NaN: where there is one, a null stood.
    return None if np.isnan(flat).any() else Rows(flat.reshape(-1, _COLUMNS))


class _Question(StrEnum):
    """Whose question is under way: whoever else uses the client gets what ccxt always gives."""

    FOREIGN = "foreign"
    OURS = "ours"
    OURS_FOR_ROWS = "ours, and the answer is the list of rows with nothing around it"


_QUESTION: ContextVar[_Question] = ContextVar("question", default=_Question.FOREIGN)
_STATUS: ContextVar[int] = ContextVar("status", default=0)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Stands where ccxt parses the text of an answer, which to ccxt may be no JSON and yet no error."""

    parse: Callable[[str], Any]

    def __call__(self, text: str) -> Any:
        question = _QUESTION.get()
        if question is _Question.FOREIGN:
            return self.parse(text)
        rows = quick_rows(text) if question is _Question.OURS_FOR_ROWS else None
        parsed = self.parse(text) if rows is None else rows
        if parsed is None and _STATUS.get() == 200:
            raise JunkPage(f"expected JSON, found {_shown(text)}")
        return parsed


def _listen(client: Any) -> None:
    if isinstance(client.parse_json, _Reader):
        return
    client.parse_json, came = _Reader(client.parse_json), client.on_rest_response

    def on_rest_response(code: int, *rest: Any) -> Any:
        _STATUS.set(code)
        return came(code, *rest)

    client.on_rest_response = on_rest_response


def _columns(raw: list[Any]) -> tuple[IntArray, list[Any]]:
    """Open times in ns, and open, high, low, close, volume as float64."""
    if isinstance(raw, Rows):
        return raw.table[:, 0].astype(np.int64) * MS_NS, list(np.ascontiguousarray(raw.table[:, 1:].T))
    try:
        # Numbers come as text or as numbers; a row that is shorter, or a word, raises.
        times = np.array([int(row[0]) for row in raw], dtype=np.int64) * MS_NS
        values = [np.array([float(row[n]) for row in raw], dtype=np.float64) for n in range(1, _COLUMNS)]
    except (TypeError, ValueError, KeyError, IndexError, OverflowError):
        wrong = next((row for row in raw if not _is_row(row)), raw[0])
        raise JunkPage(f"expected rows of time, open, high, low, close, volume; found {_shown(wrong)}") from None
    return times, values


def _is_row(row: Any) -> bool:
    try:
        return len([float(value) for value in row[:_COLUMNS]]) == _COLUMNS and not isinstance(row, str)
    except (TypeError, ValueError, KeyError):
        return False


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


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _ours(ask: Ask, question: _Question = _Question.OURS) -> Ask:
    """A question of ours: its answer is read by `_Reader`."""

    async def marked(asked: Range, limit: int) -> Any:
        before = _QUESTION.set(question)
        try:
            return await ask(asked, limit)
        finally:
            _QUESTION.reset(before)

    return marked


def _binance(client: Any, market: Any, interval: str) -> Ask:
    get = client.publicGetKlines if market["spot"] else client.fapiPublicGetKlines

    async def ask(asked: Range, limit: int) -> Any:
        params = {"symbol": market["id"], "interval": interval, "limit": limit}
        return await get(params | {"startTime": asked.start_ns // MS_NS, "endTime": asked.end_ns // MS_NS - 1})

    return _ours(ask, _Question.OURS_FOR_ROWS)


def _bybit(client: Any, market: Any, interval: str) -> Ask:
    category = "spot" if market["spot"] else "linear"

    async def ask(asked: Range, limit: int) -> Any:
        params = {"category": category, "symbol": market["id"], "interval": interval, "limit": limit}
        params |= {"start": asked.start_ns // MS_NS, "end": asked.end_ns // MS_NS - 1}
        answer = await client.publicGetV5MarketKline(params)
        return answer["result"]["list"]

    return _ours(ask)


def _kraken(client: Any, market: Any, interval: str) -> Ask:
    async def ask(asked: Range, limit: int) -> Any:
        # `since` is excluded, and in seconds.
        params = {"pair": market["id"], "interval": interval, "since": asked.start_ns // SECOND_NS - 1}
        answer = await client.publicGetOHLC(params)
        return [[row[0] * 1000, *row[1:5], row[6]] for row in answer["result"][market["id"]]]

    return _ours(ask)


def _unified(client: Any, symbol: str, timeframe: Timeframe) -> Ask:
    async def ask(asked: Range, limit: int) -> Any:
        return await client.fetch_ohlcv(symbol, timeframe.value, since=asked.start_ns // MS_NS, limit=limit)

    return _ours(ask)


_KNOWN: dict[str, Callable[[Any, Any, str], Ask]] = {
    "binance": _binance,
    "binanceus": _binance,
    "bybit": _bybit,
    "kraken": _kraken,
}
