"""What one fill does to one position: average cost, fees and profit of the trip from flat to flat. Pure arithmetic."""

from dataclasses import dataclass, replace
from decimal import Decimal

from core.fills import average_price, realised
from core.money import ZERO
from core.orders import Side


@dataclass(frozen=True, slots=True)
class Trip:
    """An open position with what its trip has closed so far. All amounts are in quote currency, quantities in base.

    `entry_fees` were paid on what is still open; `realised` is what the closed part earned, net of its fees on both
    sides; `funding` is what the trip paid, net of what it received.
    """

    side: Side
    quantity: Decimal
    average_price: Decimal
    opened_ns: int
    entry_fees: Decimal = ZERO
    funding: Decimal = ZERO
    closed_quantity: Decimal = ZERO
    closed_cost: Decimal = ZERO
    closed_proceeds: Decimal = ZERO
    realised: Decimal = ZERO

    @property
    def pnl(self) -> Decimal:
        """What the trip has earned so far, net of fees and funding, without what is still open."""
        return self.realised - self.funding

    @property
    def flat(self) -> bool:
        return self.quantity == 0


@dataclass(frozen=True, slots=True)
class Trade:
    """One fill as a position sees it: `fee` is its worth in quote currency."""

    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    ts_ns: int


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
    return _opened(replace(trade, quantity=rest, fee=trade.fee - _share(trade.fee, closing, trade.quantity))), ended


def gross(trip: Trip | None, trade: Trade) -> Decimal:
    """What a trade earns by closing, before fees: 0 where it closes nothing."""
    if trip is None or trip.side is trade.side:
        return ZERO
    return realised(trip.side.sign, trip.average_price, trade.price, min(trade.quantity, trip.quantity))


def _opened(trade: Trade) -> Trip:
    return Trip(trade.side, trade.quantity, trade.price, trade.ts_ns, entry_fees=trade.fee)


def _added(trip: Trip, trade: Trade) -> Trip:
    price = average_price(trip.quantity, trip.average_price, trade.quantity, trade.price)
    return replace(
        trip,
        quantity=trip.quantity + trade.quantity,
        average_price=price,
        entry_fees=trip.entry_fees + trade.fee,
    )


def _closed(trip: Trip, trade: Trade, closing: Decimal) -> Trip:
    entry_fees = _share(trip.entry_fees, closing, trip.quantity)
    exit_fees = _share(trade.fee, closing, trade.quantity)
    return replace(
        trip,
        quantity=trip.quantity - closing,
        entry_fees=trip.entry_fees - entry_fees,
        closed_quantity=trip.closed_quantity + closing,
        closed_cost=trip.closed_cost + closing * trip.average_price,
        closed_proceeds=trip.closed_proceeds + closing * trade.price,
        realised=trip.realised + gross(trip, trade) - entry_fees - exit_fees,
    )


def _share(amount: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    # The last part takes what is left exactly: a division would leave a digit behind.
    return amount if part == whole else amount * part / whole
