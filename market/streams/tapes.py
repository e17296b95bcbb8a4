"""Where ccxt.pro puts what it has parsed: caches of its own kind that hand each item on, once and unmerged.

Its awaitables answer with what is new since the last call, of which some may be merged or overwritten; a cache sees
every item. So the venue's own parser is used, and none of its buffering.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from core.bars import Bar
from core.money import Price, Quantity, exact
from core.orders import Side
from core.time import Timeframe
from market.streams.events import Candle, Ticker, Trade
from market.streams.health import Stamps, StreamCounts

_MS_NS: Final = 1_000_000
_REMEMBERED: Final = 200  # ids a symbol: more than any venue repeats after a new subscription
# After its close, so long may a bar still change before it counts as final.
GRACE_NS: Final = 2_000 * _MS_NS

Now = Callable[[], int]


class TradeTape:
    """Takes the place of a trade cache. `consecutive`: the venue numbers a symbol's trades without holes."""

    def __init__(
        self, now: Now, counts: StreamCounts, publish: Callable[[Trade], object], *, consecutive: bool = False
    ) -> None:
        self._now, self._counts, self._publish, self._consecutive = now, counts, publish, consecutive
        self._had: dict[str, None] = {}
        self._last_number: int | None = None
        self.stamps = Stamps()
        self.last: Trade | None = None

    def append(self, row: Mapping[str, Any]) -> None:
        trade_id = str(row.get("id") or "")
        if trade_id and trade_id in self._had:
            self._counts.duplicates += 1
            return
        trade = Trade(
            ts_event_ns=int(row["timestamp"]) * _MS_NS,
            known_at_ns=self._now(),
            trade_id=trade_id,
            side=Side(row["side"]),
            price=Price(positive(row["price"])),
            quantity=Quantity(positive(row["amount"])),
        )
        if trade_id:
            self._remember(trade_id)
        self._counts.trades += 1
        self.stamps.mark(trade.known_at_ns, trade.ts_event_ns)
        if self.last is None or trade.ts_event_ns >= self.last.ts_event_ns:
            self.last = trade
        self._publish(trade)

    def _remember(self, trade_id: str) -> None:
        self._had[trade_id] = None
        if len(self._had) > _REMEMBERED:
            del self._had[next(iter(self._had))]
        if self._consecutive and trade_id.isdecimal():
            number = int(trade_id)
            if self._last_number is not None and number > self._last_number + 1:
                self._counts.trade_gaps += number - self._last_number - 1
            self._last_number = max(number, self._last_number or 0)

    def getLimit(self, _symbol: str | None, limit: int | None) -> int | None:  # noqa: N802  # ccxt's name
        return limit

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Any:
        return iter(())


class CandleTape:
    """Takes the place of a candle cache. A bar is published once closed: a later one came, or its time is over."""

    def __init__(
        self, symbol: str, timeframe: Timeframe, now: Now, counts: StreamCounts, publish: Callable[[Candle], object]
    ) -> None:
        self._symbol, self._timeframe = symbol, timeframe
        self._now, self._counts, self._publish = now, counts, publish
        self._forming: Bar | None = None
        self._closed: Bar | None = None
        self.stamps = Stamps()

    def append(self, row: list[Any]) -> None:
        open_ns = int(row[0]) * _MS_NS
        first, high, low, close = (positive(value) for value in row[1:5])
        volume = positive(row[5] or 0, or_zero=True)
        bar = Bar(self._symbol, self._timeframe, open_ns, first, high, low, close, volume)
        if not bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high:
            raise ValueError(f"found {bar.open}, {bar.high}, {bar.low}, {bar.close} as open, high, low, close")
        now_ns = self._now()
        self.stamps.mark(now_ns, open_ns)
        closed, forming = self._closed, self._forming
        if closed is not None and open_ns <= closed.open_ns:
            # A venue may still correct the bar that it closed last; older ones are the back-fill's.
            if open_ns == closed.open_ns and bar != closed:
                self._counts.candle_revisions += 1
                self._close(bar, now_ns)
            return
        if forming is not None and open_ns > forming.open_ns:
            self._close(forming, now_ns)
        self._forming = bar

    def interrupt(self) -> None:
        """The stream broke off: how the bar that was forming went on, nobody heard. It is a gap, unless it resumes."""
        self._forming = None

    def sweep(self, heard_ns: int, now_ns: int) -> None:
        """Closes the forming bar once its time, and a grace for late trades, is over: `heard_ns` is the venue's time
        up to which its stream was heard, so that none closes in a silence."""
        forming = self._forming
        if forming is not None and forming.close_ns + GRACE_NS <= heard_ns:
            self._close(forming, now_ns)
            self._forming = None

    def _close(self, bar: Bar, now_ns: int) -> None:
        last = self._closed
        if last is not None and bar.open_ns > last.close_ns:
            self._counts.candle_gaps += (bar.open_ns - last.close_ns) // self._timeframe.ns
        self._closed = bar
        self._counts.candles += 1
        self._publish(Candle(bar, now_ns))

    def getLimit(self, _symbol: str | None, limit: int | None) -> int | None:  # noqa: N802  # ccxt's name
        return limit

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Any:
        return iter(())


class TickerBoard(dict[str, Any]):
    """Takes the place of the tickers' dictionary; keeps the newest of each symbol as an event of ours."""

    def __init__(self, now: Now, counts: StreamCounts, publish: Callable[[str, Ticker], object]) -> None:
        super().__init__()
        self._now, self._counts, self._publish = now, counts, publish
        self.stamps: dict[str, Stamps] = {}
        self.last: dict[str, Ticker] = {}

    def __setitem__(self, symbol: str, told: Mapping[str, Any]) -> None:
        super().__setitem__(symbol, told)
        now_ns, event_ns = self._now(), int(told.get("timestamp") or 0) * _MS_NS
        ticker = Ticker(
            ts_event_ns=event_ns or now_ns,
            known_at_ns=now_ns,
            bid=_price(told.get("bid")),
            ask=_price(told.get("ask")),
            last=_price(told.get("last")),
        )
        self._counts.tickers += 1
        self.stamps.setdefault(symbol, Stamps()).mark(now_ns, event_ns)
        self.last[symbol] = ticker
        self._publish(symbol, ticker)


def positive(value: Any, *, or_zero: bool = False) -> Decimal:
    """The exact decimal of a venue's number. Raises ValueError for what is none, not finite or not above zero."""
    try:
        number = exact(value) if isinstance(value, float) else Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"found {value!r}, allowed is a number") from None
    if not number.is_finite() or number < 0 or (number == 0 and not or_zero):
        raise ValueError(f"found {value!r}, allowed is a finite number above zero")
    return number


def _price(value: Any) -> Price | None:
    return None if value is None else Price(positive(value))
