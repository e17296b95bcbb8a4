"""Round trips from an account's fills, for reports: flat to flat, with what they cost and why they ended.

The books keep profit by average cost, trip by trip; a report wants to know when a trade began, what its fills cost
against the price that was asked for, and which way out it took.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection, RowMapping, select

from core.errors import DataRefused
from core.fills import realised
from core.money import ZERO
from core.orders import Side
from execution.venues.paperbooks import LIQUIDATION
from memory.books import tables
from tools.simulation.outcome import ExitReason, Trade

# The price that an order was measured against: of a symbol, as it was known at a time; None where there was none.
Asked = Callable[[str, int], float | None]
_WAYS = {"took profit": ExitReason.TARGET, "time stop": ExitReason.TIME, "thesis ended": ExitReason.SIGNAL}


@dataclass(frozen=True, slots=True)
class BookedFill:
    """A fill and its order. `trigger` is that of a stop order, `stop` the trigger of the stop that guards an entry."""

    symbol: str
    side: Side
    at_ns: int
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_quantity: Decimal
    reason: ExitReason
    source: str
    created_ns: int
    trigger: Decimal | None
    stop: Decimal | None

    def slippage(self, asked: Asked) -> Decimal:
        """What it cost against the trigger, or against the last price when it was ordered; below zero it gained."""
        at = self.trigger
        if at is None:
            last = asked(self.symbol, self.created_ns)
            if last is None:
                return ZERO
            at = Decimal(str(last))
        return self.side.sign * (self.price - at) * self.quantity


def fills_of(conn: Connection, account_id: str) -> list[BookedFill]:
    """Every fill of an account, oldest first. Raises DataRefused where the worth of a fee is not known."""
    fills, orders, proposals, stops = tables.fills, tables.orders, tables.proposals, tables.stops
    columns = (orders.c.protective, orders.c.created_ns, orders.c.trigger_price, proposals.c.body)
    query = (
        select(fills, *columns, stops.c.trigger_price.label("stop"))
        .outerjoin(orders, orders.c.client_order_id == fills.c.client_order_id)
        .outerjoin(proposals, proposals.c.proposal_id == orders.c.proposal_id)
        .outerjoin(stops, stops.c.proposal_id == orders.c.proposal_id)
        .where(fills.c.account_id == account_id)
        .order_by(fills.c.ts_event_ns, fills.c.trade_id)
    )
    return [_fill(row) for row in conn.execute(query).mappings()]


def _fill(row: RowMapping) -> BookedFill:
    if row["fee_worth"] is None:
        raise DataRefused(f"the fee of fill {row['trade_id']} was paid in {row['fee_currency']}, which had no price")
    in_base = row["fee_currency"] == row["symbol"].partition("/")[0]
    return BookedFill(
        symbol=row["symbol"],
        side=row["side"],
        at_ns=row["ts_event_ns"],
        quantity=row["quantity"],
        price=row["price"],
        fee=row["fee_worth"],
        fee_quantity=row["fee"] if in_base else ZERO,
        reason=_reason(row),
        source=(row["body"] or {}).get("source", ""),
        created_ns=row["created_ns"] or row["ts_event_ns"],
        trigger=row["trigger_price"],
        stop=row["stop"],
    )


def _reason(row: RowMapping) -> ExitReason:
    if row["client_order_id"].startswith(LIQUIDATION):
        return ExitReason.LIQUIDATION
    thesis = str((row["body"] or {}).get("thesis", ""))
    named = next((way for words, way in _WAYS.items() if thesis.startswith(words)), None)
    return named or (ExitReason.STOP if row["protective"] else ExitReason.SIGNAL)


@dataclass(frozen=True, slots=True)
class Payment:
    """Funding that a perpetual paid (negative: received), quote currency."""

    symbol: str
    at_ns: int
    paid: Decimal


def payments_of(conn: Connection, account_id: str) -> list[Payment]:
    """Every funding payment of an account, oldest first."""
    table = tables.funding_payments
    query = select(table).where(table.c.account_id == account_id).order_by(table.c.ts_event_ns)
    return [Payment(row.symbol, row.ts_event_ns, row.payment) for row in conn.execute(query)]


@dataclass(slots=True)
class _Trip:
    """One on its way: what came in and what went out, in base units and quote currency."""

    first: BookedFill
    held: Decimal = ZERO
    entered: Decimal = ZERO
    paid: Decimal = ZERO
    left: Decimal = ZERO
    taken: Decimal = ZERO
    fees: Decimal = ZERO
    slippage: Decimal = ZERO

    def take(self, fill: BookedFill, asked: Asked) -> None:
        worth = fill.quantity * fill.price
        if fill.side is self.first.side:
            self.held += fill.quantity - fill.fee_quantity
            self.entered, self.paid = self.entered + fill.quantity, self.paid + worth
        else:
            self.held -= fill.quantity
            self.left, self.taken = self.left + fill.quantity, self.taken + worth
        self.fees += fill.fee
        self.slippage += fill.slippage(asked)

    def closed(self, at_ns: int, reason: ExitReason, payments: Sequence[Payment]) -> Trade:
        sign, entry, exit_ = self.first.side.sign, self.paid / self.entered, self.taken / self.left
        # What a fee took in coins was bought, and is in the fees: only what was sold again earned anything.
        gained = realised(sign, entry, exit_, self.left)
        opened_ns, symbol = self.first.at_ns, self.first.symbol
        funding = sum((p.paid for p in payments if p.symbol == symbol and opened_ns <= p.at_ns <= at_ns), ZERO)
        return Trade(
            symbol=symbol,
            direction=sign,
            opened_ns=opened_ns,
            closed_ns=at_ns,
            quantity=float(self.left),
            entry=float(entry),
            exit=float(exit_),
            fees=float(self.fees),
            slippage=float(self.slippage),
            funding=float(funding),
            profit=float(gained - self.fees - funding),
            reason=reason,
            stop=None if self.first.stop is None else float(self.first.stop),
            strategy=self.first.source.partition(":")[0],
        )


def round_trips(
    fills: Sequence[BookedFill],
    payments: Sequence[Payment],
    steps: Mapping[str, Decimal],
    asked: Asked,
    end_ns: int,
) -> tuple[Trade, ...]:
    """Trades in the order of their end. What is still held at the end is closed on paper at the last price.

    `steps` are lot sizes by symbol: less than one cannot be sold, and is as good as nothing.
    """
    found: list[Trade] = []
    going: dict[str, _Trip] = {}
    for fill in fills:
        trip = going.setdefault(fill.symbol, _Trip(fill))
        trip.take(fill, asked)
        if fill.side is not trip.first.side and trip.held < steps[fill.symbol]:
            found.append(going.pop(fill.symbol).closed(fill.at_ns, fill.reason, payments))
    for symbol, trip in going.items():
        last = asked(symbol, end_ns)
        if last is not None and trip.held > 0:
            trip.left, trip.taken = trip.left + trip.held, trip.taken + trip.held * Decimal(str(last))
            found.append(trip.closed(end_ns, ExitReason.END, payments))
    return tuple(sorted(found, key=lambda trade: (trade.closed_ns, trade.symbol)))
