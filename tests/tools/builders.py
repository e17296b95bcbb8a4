"""A small desk for tools: a market held in memory, an account, and effects that keep what they were told."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from inspect import isawaitable

from agents.forecasting import ask_forecasters
from core.bars import Bars
from core.canonical import JSON, canonical_text
from core.instruments import Instrument
from core.money import Price, Quantity, exact
from core.orders import Position, Side
from core.ports import Forecaster
from core.quotes import NewsItem, OutsideSignal, Quote
from core.taint import Taint
from core.time import Timeframe
from memory.recall.items import Found, Item
from models.learners.naive import Drift, LastSign
from models.scores import until
from models.settings import ModelSettings
from models.validation.trials import TrialsInMemory
from risk.sizing import TrackRecord
from tests.models.builders import walk
from tools.context import AccountView, ToolContext
from tools.registry import bind
from tools.toolbox import Toolbox

BTC = Instrument(
    symbol="BTC/USDT",
    base="BTC",
    quote="USDT",
    tick_size=Decimal("0.01"),
    lot_size=Decimal("0.00001"),
    min_quantity=Decimal("0.0001"),
    min_notional=Decimal("10"),
)


class MemoryMarket:
    """Keeps the port's promise: a bar is known at its close, a quote from `known_at_ns` on."""

    def __init__(
        self, bars: Bars | None, quote: Quote | None, instrument: Instrument | None = BTC, symbol: str = "BTC/USDT"
    ) -> None:
        self._bars, self._quote, self._instrument, self._symbol = bars, quote, instrument, symbol

    def symbols(self) -> tuple[str, ...]:
        return (self._symbol,)

    def instrument(self, symbol: str) -> Instrument | None:
        return self._instrument

    def bars(self, symbol: str, timeframe: Timeframe, *, as_of_ns: int, n: int) -> Bars:
        if self._bars is None or symbol != self._symbol:
            return until(walk(1), 0)
        closed = int((self._bars.open_ns + timeframe.ns <= as_of_ns).sum())
        first = max(closed - n, 0)
        known = until(self._bars, closed)
        return replace(
            known,
            open_ns=known.open_ns[first:],
            open=known.open[first:],
            high=known.high[first:],
            low=known.low[first:],
            close=known.close[first:],
            volume=known.volume[first:],
        )

    def quote(self, symbol: str, *, as_of_ns: int) -> Quote | None:
        known = self._quote is not None and symbol == self._symbol and self._quote.known_at_ns <= as_of_ns
        return self._quote if known else None

    def texts(self, symbol: str, *, since_ns: int, as_of_ns: int) -> tuple[NewsItem, ...]:
        return ()

    def signals(self, symbol: str, *, since_ns: int, as_of_ns: int) -> tuple[OutsideSignal, ...]:
        return ()


class MemoryEffects:
    """Stores answers as canonical text under (node, lane, sequence), and gives them as read back."""

    def __init__(self) -> None:
        self.stored: dict[tuple[str, str, int], tuple[str, str]] = {}
        self._sequence: dict[tuple[str, str], int] = {}

    async def perform(self, node: str, lane: str, request: JSON, run: Callable[[], JSON | Awaitable[JSON]]) -> JSON:
        sequence = self._sequence.get((node, lane), 0)
        self._sequence[node, lane] = sequence + 1
        answer = run()
        if isawaitable(answer):
            answer = await answer
        self.stored[node, lane, sequence] = (canonical_text(request), canonical_text(answer))
        return json.loads(self.stored[node, lane, sequence][1])


class ReplayedEffects:
    """Answers from what another one stored, and never runs anything."""

    def __init__(self, stored: Mapping[tuple[str, str, int], tuple[str, str]]) -> None:
        self._stored = stored
        self._sequence: dict[tuple[str, str], int] = {}

    async def perform(self, node: str, lane: str, request: JSON, run: Callable[[], JSON | Awaitable[JSON]]) -> JSON:
        sequence = self._sequence.get((node, lane), 0)
        self._sequence[node, lane] = sequence + 1
        asked, answer = self._stored[node, lane, sequence]
        assert asked == canonical_text(request)
        return json.loads(answer)


class Lessons:
    """A memory that finds everything in it that was known, and keeps what it was asked."""

    def __init__(self, *items: Item) -> None:
        self.items = items
        self.asked: list[tuple[str, str, int, int]] = []

    async def about(self, text: str, *, symbol: str, as_of_ns: int, n: int) -> tuple[Found, ...]:
        self.asked.append((text, symbol, as_of_ns, n))
        return tuple(Found(item, Decimal("0.912")) for item in self.items if item.known_at_ns <= as_of_ns)[:n]


class Papers:
    """One document about whatever is asked."""

    fields = ("supply.maximum", "use.purpose")

    def newest(self, token: str, *, as_of_ns: int) -> JSON:
        stated = [{"field": "supply.maximum", "value": "21000000"}]
        return {"content_hash": "0" * 64, "reader": "rules/1", "known_at_ns": 0, "fields": stated}


def a_lesson(trust: Taint = Taint.TRUSTED, known_at_ns: int = 0, n: int = 3) -> Item:
    return Item("it fell", "lesson", "proposal:one", trust, known_at_ns, symbol="BTC/USDT", topic="long, rising", n=n)


def judge(
    *forecasters: Forecaster, signals: Sequence[OutsideSignal] = (), bars: Bars | None = None
) -> Callable[[str], Awaitable[JSON]]:
    """What the forecast stage would ask, over these bars."""

    async def ask(symbol: str) -> JSON:
        seen = walk(300) if bars is None else bars
        return ask_forecasters(symbol, seen, signals, forecasters, ModelSettings())

    return ask


def whole(context: ToolContext) -> Toolbox:
    """Every tool with something to answer from."""
    heard = judge(LastSign(), Drift())
    return bind(context, memory=Lessons(a_lesson()), judge=heard, documents=Papers(), trials=TrialsInMemory())


def end_of(bars: Bars) -> int:
    return int(bars.open_ns[-1]) + bars.timeframe.ns


def quote_at(last: str, ts_event_ns: int, *, bid: str | None = None, ask: str | None = None) -> Quote:
    return Quote(
        symbol="BTC/USDT",
        last=Price(Decimal(last)),
        bid=Price(Decimal(bid or last)),
        ask=Price(Decimal(ask or last)),
        ts_event_ns=ts_event_ns,
        known_at_ns=ts_event_ns,
    )


def holding(quantity: str, at: str, side: Side = Side.BUY) -> Position:
    return Position("paper", "BTC/USDT", side, Quantity(Decimal(quantity)), Price(Decimal(at)))


def account(
    equity: str = "10000",
    cash: str | None = None,
    *positions: Position,
    asset_exposure: str | None = "0.20",
    track_record: TrackRecord | None = None,
) -> AccountView:
    limits = {} if asset_exposure is None else {"ASSET_EXPOSURE": Decimal(asset_exposure)}
    return AccountView(
        Decimal(equity), Decimal("10000"), Decimal(cash or equity), "USDT", positions, limits, track_record
    )


def context(
    bars: Bars | None = None,
    quote: Quote | None = None,
    *,
    held: AccountView | None = None,
    instrument: Instrument | None = BTC,
) -> ToolContext:
    """At the close of the last bar. Without a quote, the last close is quoted."""
    bars = walk(300) if bars is None else bars
    as_of_ns = end_of(bars)
    quote = quote_at(str(round(exact(bars.close[-1]), 2)), as_of_ns) if quote is None else quote
    return ToolContext(
        MemoryMarket(bars, quote, instrument), as_of_ns, bars.timeframe, held or account(), MemoryEffects()
    )


def without_quote() -> ToolContext:
    bars = walk(300)
    return ToolContext(MemoryMarket(bars, None), end_of(bars), bars.timeframe, account(), MemoryEffects())
