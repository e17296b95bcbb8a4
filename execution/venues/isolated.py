"""Isolated positions in linear perpetuals, as a venue keeps them: their margin and its loss. Pure arithmetic."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from core.fills import liquidation_price
from core.instruments import Instrument
from core.money import ONE, ZERO, Price, Quantity, share_of
from core.orders import Side
from execution.ports import VenuePosition
from memory.books.positions import Trade, Trip, after, gross


@dataclass(frozen=True, slots=True)
class Isolated:
    """One position and the `margin` posted for it, in quote currency: all that it can lose.

    Whole bars count against it if they opened at `since_ns` or later, of those before only their close; up to
    `seen_ns` that is done.
    """

    instrument: Instrument
    trip: Trip
    margin: Decimal
    since_ns: int
    seen_ns: int

    @property
    def side(self) -> Side:
        return self.trip.side

    @property
    def quantity(self) -> Decimal:
        return self.trip.quantity

    @property
    def _margin_per_unit(self) -> Decimal:
        return self.margin / self.quantity

    def liquidated(self, low: Decimal, high: Decimal) -> bool:
        """Whether the mark went where the margin is down to the venue's maintenance."""
        entry, keep = self.trip.average_price, self.instrument.maintenance_margin
        at = liquidation_price(self.side.sign, entry, self._margin_per_unit, keep)
        return low <= at if self.side is Side.BUY else high >= at

    def bankrupt(self, fee_rate: Decimal) -> Price:
        """Where closing loses the margin, all of it, with the fee for closing.

        Bybit, *Bankruptcy price*: the fee to close is part of what the margin covers.
        """
        sign = self.side.sign
        return Price((sign * self.trip.average_price - self._margin_per_unit) / (sign - fee_rate))

    def paid(self, payment: Decimal) -> "Isolated":
        """Funding comes out of the margin, or adds to it."""
        return replace(self, margin=self.margin - payment)

    def told(self, leverage: Decimal) -> VenuePosition:
        price, quantity = Price(self.trip.average_price), Quantity(self.quantity)
        return VenuePosition(self.instrument.symbol, self.side, quantity, price, self.margin, leverage, isolated=True)


def traded(
    held: Isolated | None, instrument: Instrument, trade: Trade, leverage: Decimal, since_ns: int
) -> tuple[Isolated | None, Decimal]:
    """The position after a trade, with the margin that this posts or frees, and what the trade earned by closing."""
    trip = None if held is None else held.trip
    now, ended = after(trip, trade, may_open=True)
    earned = gross(trip, trade)
    if now is None:
        return None, earned
    if held is None or ended is not None:
        return Isolated(instrument, now, share_of(now.cost, ONE, leverage), since_ns, since_ns), earned
    if now.quantity < held.quantity:
        return replace(held, trip=now, margin=share_of(held.margin, now.quantity, held.quantity)), earned
    posted = share_of(trade.quantity * trade.price, ONE, leverage)
    return replace(held, trip=now, margin=held.margin + posted), earned


def payable(
    held: Isolated | None,
    side: Side,
    instrument: Instrument,
    price: Decimal,
    fee_rate: Decimal,
    leverage: Decimal,
    purse: Mapping[str, Decimal],
    *,
    reduce_only: bool,
) -> Decimal:
    """The largest quantity that can trade: what it closes, and beyond that what the free cash posts the margin for."""
    closing = held.quantity if held is not None and held.side is not side else ZERO
    if reduce_only:
        return closing
    free = purse.get(instrument.quote, ZERO)
    if held is not None and closing:
        trade = Trade(side, closing, price, ZERO, held.seen_ns)
        free += held.margin + gross(held.trip, trade) - closing * price * fee_rate
    return closing + max(ZERO, free) / (price * (ONE / leverage + fee_rate))
