"""What one fill does to one position: average cost, fees and profit of the trip from flat to flat. Pure arithmetic."""

from dataclasses import dataclass, replace
from decimal import Decimal

from core.money import ZERO, share_of
from core.orders import Side


@dataclass(frozen=True, slots=True)
class Trip:
    """An open position with what its trip has closed so far. All amounts are in quote currency, quantities in base.

    `cost` is what the open part was entered at, before fees: amounts are taken from it and never from the average
    price, which is a quotient. `entry_fees` were paid on what is still open; `realised` is what the closed part
    earned, net of its fees on both sides; `funding` is what the trip paid, net of what it received. `unvalued` says
    that a fee of it was paid in a currency that had no price: what it earned is then not known.
    """

    side: Side
    quantity: Decimal
    average_price: Decimal
    opened_ns: int
    cost: Decimal
    entry_fees: Decimal = ZERO
    funding: Decimal = ZERO
    closed_quantity: Decimal = ZERO
    closed_cost: Decimal = ZERO
    closed_proceeds: Decimal = ZERO
    realised: Decimal = ZERO
    unvalued: bool = False

    @property
    def pnl(self) -> Decimal | None:
        """What the trip has earned so far, net of fees and funding, without what is still open; None is not known."""
        return None if self.unvalued else self.realised - self.funding

    @property
    def flat(self) -> bool:
        return self.quantity == 0


@dataclass(frozen=True, slots=True)
class Trade:
    """One fill as a position sees it: `fee` is its worth in quote currency, None where nobody knows it."""

    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal | None
    ts_ns: int

    @property
    def known_fee(self) -> Decimal:
        """What can be added up; a trip that leaves something out says so."""
        return ZERO if self.fee is None else self.fee


def after(trip: Trip | None, trade: Trade, *, may_open: bool) -> tuple[Trip | None, Trip | None]:
    """The open trip after a trade, and the trip that it closed (flat, with its result), each None where there is none.

    `may_open` says whether a trade may open or extend a position on its side: on spot a sale cannot.
    """
    if trip is None:
        return (_opened(trade) if may_open else None), None
    if trip.side is trade.side:
        return _added(trip, trade), None
    closing = min(trade.quantity, trip.quantity)
    ended = _closed(trip, trade, closing)
    if not ended.flat:
        return ended, None
    rest = trade.quantity - closing
    if not rest or not may_open:
        return None, ended
    fee = None if trade.fee is None else trade.fee - share_of(trade.fee, closing, trade.quantity)
    return _opened(replace(trade, quantity=rest, fee=fee)), ended


def gross(trip: Trip | None, trade: Trade) -> Decimal:
    """What a trade earns by closing, before fees: 0 where it closes nothing."""
    if trip is None or trip.side is trade.side:
        return ZERO
    closing = min(trade.quantity, trip.quantity)
    return trip.side.sign * (closing * trade.price - share_of(trip.cost, closing, trip.quantity))


def _opened(trade: Trade) -> Trip:
    return Trip(
        side=trade.side,
        quantity=trade.quantity,
        average_price=trade.price,
        opened_ns=trade.ts_ns,
        cost=trade.quantity * trade.price,
        entry_fees=trade.known_fee,
        unvalued=trade.fee is None,
    )


def _added(trip: Trip, trade: Trade) -> Trip:
    quantity, cost = trip.quantity + trade.quantity, trip.cost + trade.quantity * trade.price
    return replace(
        trip,
        quantity=quantity,
        average_price=cost / quantity,
        cost=cost,
        entry_fees=trip.entry_fees + trade.known_fee,
        unvalued=trip.unvalued or trade.fee is None,
    )


def _closed(trip: Trip, trade: Trade, closing: Decimal) -> Trip:
    entry_fees = share_of(trip.entry_fees, closing, trip.quantity)
    exit_fees = share_of(trade.known_fee, closing, trade.quantity)
    cost = share_of(trip.cost, closing, trip.quantity)
    return replace(
        trip,
        quantity=trip.quantity - closing,
        cost=trip.cost - cost,
        entry_fees=trip.entry_fees - entry_fees,
        closed_quantity=trip.closed_quantity + closing,
        closed_cost=trip.closed_cost + cost,
        closed_proceeds=trip.closed_proceeds + closing * trade.price,
        realised=trip.realised + gross(trip, trade) - entry_fees - exit_fees,
        unvalued=trip.unvalued or trade.fee is None,
    )
