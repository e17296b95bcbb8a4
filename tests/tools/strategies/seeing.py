"""What a working strategy sees, for tests: one coin at a price, and orders of its own that were placed before."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from core.instruments import Instrument
from core.money import ZERO, Price
from core.orders import Side
from core.quotes import Quote
from core.time import parse_time
from tools.strategies.shapes import Child, ChildState, Intent, Place, Seen, Working

T0 = parse_time("2021-05-19T13:00Z")
BTC, ETH = "BTC/USDT", "ETH/USDT"


def instrument(symbol: str = BTC) -> Instrument:
    base, _, quote = symbol.partition("/")
    steps = {"tick_size": Decimal("0.01"), "lot_size": Decimal("0.00001"), "min_quantity": Decimal("0.00001")}
    return Instrument(symbol, base, quote, **steps, min_notional=Decimal(5))


def quote(symbol: str, last: str, at_ns: int = T0) -> Quote:
    price = Decimal(last)
    return Quote(symbol, Price(price), Price(price), Price(price), at_ns, at_ns)


def seen(price: str | None = "100", *orders: Child, after_ns: int = 0, **more: Any) -> Seen:
    """BTC at a price, `after_ns` after the start."""
    now_ns = T0 + after_ns
    quotes = {} if price is None else {BTC: quote(BTC, price, now_ns)}
    return Seen(now_ns, T0, quotes, {BTC: instrument()}, orders=orders, **more)


def child(slot: str, state: ChildState = ChildState.OVER, **more: Any) -> Child:
    known = Child(slot, BTC, Side.BUY, state, Decimal(1), ZERO, ZERO, ZERO, T0)
    return replace(known, **more)


def wants(strategy: Working[Any], event: Seen, state: Any = None) -> tuple[Intent, ...]:
    return strategy.step(strategy.begin() if state is None else state, event)[1]


def placed(strategy: Working[Any], event: Seen, state: Any = None) -> Place:
    """The one order that it wants."""
    (only,) = wants(strategy, event, state)
    assert isinstance(only, Place)
    return only
