"""The oracle's arithmetic: exact fractions of what a scene holds. It shares no code with the rules."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any

from core.instruments import ContractKind, Instrument
from core.orders import OrderType, Side
from core.quotes import Level, Quote
from fuzz.scene import Scene, Working

Limits = Mapping[str, Any]

ABSURD = 400  # decimal places: a number beyond them is no amount of anything
NOTHING = Fraction(0)


def exactly(number: Decimal | int | None) -> Fraction | None:
    """None for what is missing, not finite, or of an absurd magnitude."""
    if number is None or isinstance(number, int):
        return None if number is None else Fraction(number)
    if not number.is_finite() or abs(number.adjusted()) > ABSURD:
        return None
    return Fraction(number)


def known(number: Fraction) -> Decimal:
    """As money, with as many digits as money has."""
    return Decimal(number.numerator) / Decimal(number.denominator)


def apart(value: Fraction, reference: Fraction | None) -> Fraction | None:
    """Distance from a reference as a fraction of it; None where the reference is no price."""
    return None if reference is None or reference <= 0 else abs(value - reference) / reference


class Account:
    """What is held and what may come to be held, at the worst: every open order that adds has filled, dearly."""

    def __init__(self) -> None:
        self.by_side: dict[Side, dict[str, Fraction]] = {Side.BUY: {}, Side.SELL: {}}
        self.held: dict[Side, Fraction] = {Side.BUY: NOTHING, Side.SELL: NOTHING}
        self.by_venue: dict[str, Fraction] = {}
        self.perpetuals = NOTHING

    def add(self, instrument: Instrument, side: Side, worth: Fraction, *, held: bool) -> None:
        self.held[side] += worth if held else NOTHING
        assets = self.by_side[side]
        assets[instrument.base] = assets.get(instrument.base, NOTHING) + worth
        self.by_venue[instrument.venue] = self.by_venue.get(instrument.venue, NOTHING) + worth
        if instrument.kind is ContractKind.PERPETUAL:
            self.perpetuals += worth

    def on(self, side: Side) -> Fraction:
        return sum(self.by_side[side].values(), NOTHING)

    def net(self, side: Side) -> Fraction:
        """One way, less what is held the other way: an open order may never fill, and hedges nothing."""
        return self.on(side) - self.held[side.opposite]

    @property
    def gross(self) -> Fraction:
        return self.on(Side.BUY) + self.on(Side.SELL)

    def of(self, base: str) -> Fraction:
        return sum((assets.get(base, NOTHING) for assets in self.by_side.values()), NOTHING)


class Case:
    """A scene under limits, in exact numbers. None is what cannot be known."""

    def __init__(self, scene: Scene, limits: Limits) -> None:
        order = scene.order
        self.scene = scene
        self.limits = limits
        self.order = order
        self.buys = order.side is Side.BUY
        self.sign = 1 if self.buys else -1
        self.instrument = scene.instruments.get(order.symbol)
        self.perpetual = self.instrument is not None and self.instrument.kind is ContractKind.PERPETUAL
        self.quote = scene.quotes.get(order.symbol)
        self.position = next((p for p in scene.positions if p.symbol == order.symbol), None)
        self.quantity = exactly(order.quantity)
        self.limit = exactly(order.limit_price)
        self.trigger = exactly(order.trigger_price)
        self.asked = self.limit or self.trigger
        self.caps = Fraction(scene.caps)

    def allowed(self, name: str) -> Fraction:
        return Fraction(self.limits[name])

    @cached_property
    def last(self) -> Fraction | None:
        return _price(self.quote, "last")

    @cached_property
    def bid(self) -> Fraction | None:
        return _price(self.quote, "bid")

    @cached_property
    def ask(self) -> Fraction | None:
        return _price(self.quote, "ask")

    @cached_property
    def mid(self) -> Fraction | None:
        return None if self.bid is None or self.ask is None else (self.bid + self.ask) / 2

    @cached_property
    def equity(self) -> Fraction | None:
        worth = exactly(self.scene.equity)
        return worth if worth is not None and worth > 0 else None

    @cached_property
    def price(self) -> Fraction | None:
        """The dearer of what it asks for and what the book asks for."""
        return None if self.ask is None else max(self.ask, self.asked or self.ask)

    @cached_property
    def worth(self) -> Fraction | None:
        return None if self.price is None or self.quantity is None else self.quantity * self.price

    @cached_property
    def size(self) -> Fraction | None:
        """Of the order, as a fraction of equity."""
        return None if self.worth is None or self.equity is None else self.worth / self.equity

    @cached_property
    def spread_bps(self) -> Fraction | None:
        if self.bid is None or self.ask is None or self.mid is None or self.ask < self.bid:
            return None
        return (self.ask - self.bid) / self.mid * 10_000

    @cached_property
    def free_of_exits(self) -> Fraction | None:
        """Base units of the position that no other open order on this side is there to close."""
        held = self.position
        if held is None or held.side is self.order.side:
            return NOTHING
        left = exactly(held.quantity)
        for other in self.beside:
            remaining = exactly(other.remaining)
            left = None if left is None or remaining is None else left - remaining
        return None if left is None else max(NOTHING, left)

    @property
    def reduces(self) -> bool:
        """Whether it is proven to make the position smaller, whatever else fills."""
        return self.quantity is not None and 0 < self.quantity <= (self.free_of_exits or NOTHING)

    @cached_property
    def beside(self) -> list[Working]:
        """Our open orders on the same side of the same book."""
        return self._working(self.order.side)

    @cached_property
    def against(self) -> list[Working]:
        return self._working(Side.SELL if self.buys else Side.BUY)

    @cached_property
    def account(self) -> Account | None:
        """At the worst, before this order; None where one thing in it cannot be known."""
        account = Account()
        for held in self.scene.positions:
            quantity, last = exactly(held.quantity), _price(self.scene.quotes.get(held.symbol), "last")
            instrument = self.scene.instruments.get(held.symbol)
            if quantity is None or last is None or instrument is None:
                return None
            account.add(instrument, held.side, quantity * last, held=True)
        for symbol, side in {(o.symbol, o.side) for o in self.scene.working}:
            adds, instrument = self._adds(symbol, side), self.scene.instruments.get(symbol)
            if adds is None or instrument is None:
                return None
            account.add(instrument, side, adds, held=False)
        return account

    def rests(self) -> bool:
        """Whether it would wait in the book: a limit on the passive side of the best price."""
        if self.order.type is not OrderType.LIMIT or self.limit is None or self.ask is None or self.bid is None:
            return False
        return self.limit < self.ask if self.buys else self.limit > self.bid

    def levels(self) -> tuple[Level, ...] | None:
        """The side of the book that it takes from."""
        found: tuple[Level, ...] | None = self.scene.market.get("asks" if self.buys else "bids")
        return found

    def _working(self, side: Side) -> list[Working]:
        return [o for o in self.scene.working if o.symbol == self.order.symbol and o.side is side]

    def _adds(self, symbol: str, side: Side) -> Fraction | None:
        """Worth of what one side's open orders add beyond closing what is held on the other."""
        orders = [o for o in self.scene.working if o.symbol == symbol and o.side is side]
        entries = [o for o in orders if not o.reduce_only]
        ask = _price(self.scene.quotes.get(symbol), "ask")
        if ask is None or not entries:
            return None if ask is None else NOTHING
        held = next((p.quantity for p in self.scene.positions if p.symbol == symbol and p.side is not side), Decimal(0))
        room, dearest = exactly(held), max((ask, *(exactly(o.worst_price) or ask for o in entries)))
        # Where nothing is held, what only reduces adds nothing, whatever is left of it.
        left = [exactly(o.remaining) for o in (orders if room else entries)]
        known = [remaining for remaining in left if remaining is not None]
        if room is None or len(known) < len(left) or any(exactly(o.worst_price) is None for o in entries):
            return None
        if room:
            return max(NOTHING, sum(known, NOTHING) - room) * dearest
        worst = (max(ask, exactly(o.worst_price) or ask) for o in entries)
        return sum((remaining * price for remaining, price in zip(known, worst, strict=True)), NOTHING)


def _price(quote: Quote | None, name: str) -> Fraction | None:
    """One of a quote's prices, where it is one."""
    price = None if quote is None else exactly(getattr(quote, name))
    return price if price is not None and price > 0 else None
