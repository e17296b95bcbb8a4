"""Events as bytes and back, for a bus between processes: JSON with the event's name, money as text, no floats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

import orjson

from core.bars import Bar
from core.errors import DataRefused
from core.money import Price, Quantity
from core.orders import Side
from core.quotes import Book, Level
from core.taint import Taint
from core.time import Timeframe
from market.sources.items import TextItem
from market.streams.events import BookState, BookView, Candle, Ticker, Trade

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Kind:
    name: str
    to_fields: Callable[[Any], Fields]
    of_fields: Callable[[Fields], object]


def encode(event: object) -> bytes:
    """Raises TypeError for an event that has no form on the wire."""
    if isinstance(event, BookView):
        # Looked at here, where it leaves the process: states are conflated before they get this far.
        event = event.look()
    kind = _BY_TYPE.get(type(event))
    if kind is None:
        raise TypeError(f"{type(event).__name__} has no form on the wire, known are {', '.join(_BY_NAME)}")
    return orjson.dumps({"kind": kind.name, **kind.to_fields(event)})


def decode(content: bytes) -> object:
    """Raises DataRefused for what `encode` did not write."""
    try:
        fields = orjson.loads(content)
        return _BY_NAME[fields.pop("kind")].of_fields(fields)
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError) as wrong:
        raise DataRefused(f"found {content[:80]!r} on the bus: {type(wrong).__name__}: {wrong}") from None


def _trade(f: Fields) -> Trade:
    return Trade(
        ts_event_ns=f["event"],
        known_at_ns=f["known"],
        trade_id=f["id"],
        side=Side(f["side"]),
        price=Price(Decimal(f["price"])),
        quantity=Quantity(Decimal(f["quantity"])),
    )


def _candle(f: Fields) -> Candle:
    prices = [Decimal(f[name]) for name in ("open", "high", "low", "close", "volume")]
    return Candle(Bar(f["symbol"], Timeframe(f["timeframe"]), f["open_ns"], *prices), f["known"])


def _candle_fields(candle: Candle) -> Fields:
    bar = candle.bar
    prices = {name: str(getattr(bar, name)) for name in ("open", "high", "low", "close", "volume")}
    return {
        "symbol": bar.symbol,
        "timeframe": bar.timeframe.value,
        "open_ns": bar.open_ns,
        "known": candle.known_at_ns,
        **prices,
    }


def _ticker(f: Fields) -> Ticker:
    bid, ask, last = (None if f[name] is None else Price(Decimal(f[name])) for name in ("bid", "ask", "last"))
    return Ticker(ts_event_ns=f["event"], known_at_ns=f["known"], bid=bid, ask=ask, last=last)


def _ticker_fields(ticker: Ticker) -> Fields:
    prices = {"bid": ticker.bid, "ask": ticker.ask, "last": ticker.last}
    shown = {name: None if price is None else str(price) for name, price in prices.items()}
    return {"event": ticker.ts_event_ns, "known": ticker.known_at_ns, **shown}


def _book_fields(state: BookState) -> Fields:
    book = state.book
    fields: Fields = {
        "state": state.state,
        "reason": state.reason,
        "detail": state.detail,
        "update_id": state.update_id,
        "received": state.received_ns,
        "book": None,
    }
    if book is not None:
        sides = {"bids": book.bids, "asks": book.asks}
        levels = {name: [[str(level.price), str(level.quantity)] for level in side] for name, side in sides.items()}
        fields["book"] = {"symbol": book.symbol, "event": book.ts_event_ns, **levels}
    return fields


def _book_state(f: Fields) -> BookState:
    told = f["book"]
    book = None
    if told is not None:
        book = Book(told["symbol"], told["event"], _levels(told["bids"]), _levels(told["asks"]))
    return BookState(f["state"], f["reason"], f["detail"], f["update_id"], f["received"], book)


def _levels(levels: list[list[str]]) -> tuple[Level, ...]:
    return tuple(Level(Price(Decimal(price)), Quantity(Decimal(quantity))) for price, quantity in levels)


def _trade_fields(trade: Trade) -> Fields:
    return {
        "event": trade.ts_event_ns,
        "known": trade.known_at_ns,
        "id": trade.trade_id,
        "side": trade.side.value,
        "price": str(trade.price),
        "quantity": str(trade.quantity),
    }


def _text(f: Fields) -> TextItem:
    lists = {"assets": tuple(f["assets"]), "concealed": tuple((kind, count) for kind, count in f["concealed"])}
    return TextItem(**{**f, **lists, "taint": Taint(f["taint"])})


_BY_TYPE: dict[type, _Kind] = {
    Trade: _Kind("trade", _trade_fields, _trade),
    Candle: _Kind("candle", _candle_fields, _candle),
    Ticker: _Kind("ticker", _ticker_fields, _ticker),
    BookState: _Kind("book", _book_fields, _book_state),
    TextItem: _Kind("text", asdict, _text),
}
_BY_NAME = {kind.name: kind for kind in _BY_TYPE.values()}
