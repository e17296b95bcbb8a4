"""The paper venue's own books: orders that it took, fills, positions, funding. Small functions on one transaction."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, delete, func, insert, select, update

from core.instruments import ContractKind, Instrument
from core.money import ZERO, Price, Quantity
from core.orders import LIVE_STATES, Fill, OrderState, Side
from core.ports import MarketFacts
from execution.ports import PlainOrder, VenueFunding, VenueOrder
from execution.venues.isolated import Isolated
from memory.books import accounts, tables
from memory.books.columns import insert_new, upsert
from memory.books.positions import Trip

VENUE = "paper"
# The client order id of an order that nobody of ours sent begins with it, as for any venue.
EXTERNAL = "external-"
LIQUIDATION = f"{EXTERNAL}liquidation-"

_orders, _fills = tables.paper_orders, tables.paper_fills
_positions, _fundings = tables.paper_positions, tables.paper_fundings
_KEPT = ("side", "quantity", "average_price", "cost", "margin", "opened_ns", "seen_ns")


# Orders.


def add_order(conn: Connection, account_id: str, order: PlainOrder, arrives_ns: int, **more: object) -> None:
    values: dict[str, object] = {
        "client_order_id": order.client_order_id,
        "account_id": account_id,
        "symbol": order.symbol,
        "side": order.side,
        "type": order.type,
        "quantity": order.quantity,
        "limit_price": order.limit_price,
        "trigger_price": order.trigger_price,
        "time_in_force": order.time_in_force,
        "reduce_only": order.reduce_only,
        "state": OrderState.OPEN,
        "filled_quantity": ZERO,
        "triggered": False,
        "decided_ns": order.decided_ns,
        "arrives_ns": arrives_ns,
        "matched_ns": order.decided_ns,
    }
    conn.execute(insert(_orders).values(values | more))


def find_order(conn: Connection, client_order_id: str) -> Row[Any] | None:
    return conn.execute(select(_orders).where(_orders.c.client_order_id == client_order_id)).first()


def order(conn: Connection, client_order_id: str) -> Row[Any]:
    return conn.execute(select(_orders).where(_orders.c.client_order_id == client_order_id)).one()


def live_orders(conn: Connection, account_id: str) -> Sequence[Row[Any]]:
    """Those that may still fill, in the order in which they arrived."""
    live = and_(_orders.c.account_id == account_id, _orders.c.state.in_(LIVE_STATES))
    return conn.execute(select(_orders).where(live).order_by(_orders.c.arrives_ns, _orders.c.client_order_id)).all()


def change(conn: Connection, client_order_id: str, **values: object) -> None:
    conn.execute(update(_orders).where(_orders.c.client_order_id == client_order_id).values(**values))


def name(client_order_id: str) -> str:
    """What the venue calls an order."""
    external = client_order_id.startswith(EXTERNAL)
    return client_order_id.removeprefix(EXTERNAL) if external else f"paper-{client_order_id[:12]}"


def listed(row: Row[Any]) -> VenueOrder:
    return VenueOrder(
        exchange_order_id=name(row.client_order_id),
        client_order_id=row.client_order_id,
        symbol=row.symbol,
        side=row.side,
        type=row.type,
        quantity=Quantity(row.quantity),
        limit_price=row.limit_price,
        trigger_price=row.trigger_price,
        time_in_force=row.time_in_force,
        reduce_only=row.reduce_only,
        state=row.state,
        filled_quantity=row.filled_quantity,
        ts_created_ns=row.decided_ns,
    )


# Fills.


def add_fill(
    conn: Connection,
    row: Row[Any],
    quantity: Decimal,
    price: Price,
    fee: Decimal,
    fee_currency: str,
    *,
    realised: Decimal,
    maker: bool,
    ts_ns: int,
) -> None:
    number = select(func.count()).select_from(_fills).where(_fills.c.client_order_id == row.client_order_id)
    conn.execute(
        insert(_fills).values(
            venue_trade_id=f"{row.client_order_id}:{conn.execute(number).scalar_one() + 1:04d}",
            client_order_id=row.client_order_id,
            quantity=quantity,
            price=price,
            fee=fee,
            fee_currency=fee_currency,
            realised=realised,
            maker=maker,
            ts_event_ns=ts_ns,
        )
    )


def fills_of(conn: Connection, client_order_id: str) -> tuple[Fill, ...]:
    """Of one order, oldest first."""
    return _told(conn, _traded().where(_fills.c.client_order_id == client_order_id))


def fills_since(conn: Connection, account_id: str, symbol: str, since_ns: int) -> tuple[Fill, ...]:
    """Of one symbol, oldest first."""
    ours = and_(_orders.c.account_id == account_id, _orders.c.symbol == symbol, _fills.c.ts_event_ns >= since_ns)
    return _told(conn, _traded().where(ours))


def taken(conn: Connection, row: Row[Any], since_ns: int) -> Decimal:
    """What an order's account took of its side of the book since it was seen."""
    ours = and_(_orders.c.account_id == row.account_id, _orders.c.symbol == row.symbol, _orders.c.side == row.side)
    query = select(_fills.c.quantity).join(_orders, _orders.c.client_order_id == _fills.c.client_order_id)
    return sum(conn.execute(query.where(and_(ours, _fills.c.ts_event_ns >= since_ns))).scalars(), ZERO)


def _traded() -> Select[Any]:
    joined = select(_fills, _orders.c.account_id, _orders.c.symbol, _orders.c.side)
    return joined.join(_orders, _orders.c.client_order_id == _fills.c.client_order_id)


def _told(conn: Connection, query: Select[Any]) -> tuple[Fill, ...]:
    rows = conn.execute(query.order_by(_fills.c.ts_event_ns, _fills.c.venue_trade_id))
    return tuple(
        Fill(
            venue=VENUE,
            trade_id=row.venue_trade_id,
            client_order_id=row.client_order_id,
            account_id=row.account_id,
            symbol=row.symbol,
            side=row.side,
            quantity=row.quantity,
            price=row.price,
            fee=row.fee,
            fee_currency=row.fee_currency,
            maker=row.maker,
            ts_event_ns=row.ts_event_ns,
            known_at_ns=row.ts_event_ns,
        )
        for row in rows
    )


# Positions in perpetuals, and the wallet.


def positions(conn: Connection, account_id: str, market: MarketFacts) -> list[Isolated]:
    """Open ones, by symbol."""
    query = select(_positions).where(_positions.c.account_id == account_id).order_by(_positions.c.symbol)
    found = ((market.instrument(row.symbol), row) for row in conn.execute(query))
    return [_isolated(instrument, row) for instrument, row in found if instrument is not None]


def position(conn: Connection, account_id: str, instrument: Instrument) -> Isolated | None:
    this = and_(_positions.c.account_id == account_id, _positions.c.symbol == instrument.symbol)
    row = conn.execute(select(_positions).where(this)).first()
    return None if row is None else _isolated(instrument, row)


def keep_position(conn: Connection, account_id: str, symbol: str, held: Isolated | None) -> None:
    if held is None:
        this = and_(_positions.c.account_id == account_id, _positions.c.symbol == symbol)
        conn.execute(delete(_positions).where(this))
        return
    trip = held.trip
    row = {"account_id": account_id, "symbol": symbol, "side": trip.side, "quantity": trip.quantity}
    row |= {"average_price": trip.average_price, "cost": trip.cost, "margin": held.margin}
    upsert(conn, _positions, row | {"opened_ns": held.since_ns, "seen_ns": held.seen_ns}, _KEPT)


def add_funding(conn: Connection, account_id: str, symbol: str, ts_event_ns: int, payment: Decimal) -> bool:
    """False where it was paid before."""
    row = {"account_id": account_id, "symbol": symbol, "ts_event_ns": ts_event_ns, "payment": payment}
    return insert_new(conn, _fundings, row)


def fundings_since(conn: Connection, account_id: str, since_ns: int) -> tuple[VenueFunding, ...]:
    ours = and_(_fundings.c.account_id == account_id, _fundings.c.ts_event_ns >= since_ns)
    rows = conn.execute(select(_fundings).where(ours).order_by(_fundings.c.ts_event_ns, _fundings.c.symbol))
    return tuple(VenueFunding(row.symbol, row.payment, row.ts_event_ns) for row in rows)


def wallet(conn: Connection, account_id: str, market: MarketFacts) -> dict[str, Decimal]:
    """The ledger's balances, with what the ledger has not heard of yet: the venue has no other purse."""
    found = accounts.balances(conn, account_id)
    for instrument, row in _unheard(conn, account_id, market):
        if not _is_perpetual(instrument):
            _add(found, instrument.base, row.side.sign * row.quantity)
            _add(found, instrument.quote, -row.side.sign * row.quantity * row.price)
        _add(found, instrument.quote, row.realised)
        _add(found, row.fee_currency, -row.fee)
    for symbol, payment in _unheard_fundings(conn, account_id):
        paid_by = market.instrument(symbol)
        if paid_by is not None:
            _add(found, paid_by.quote, -payment)
    return found


def _unheard(conn: Connection, account_id: str, market: MarketFacts) -> list[tuple[Instrument, Row[Any]]]:
    told = tables.fills
    query = _traded().outerjoin(told, and_(told.c.venue == VENUE, told.c.trade_id == _fills.c.venue_trade_id))
    rows = conn.execute(query.where(and_(_orders.c.account_id == account_id, told.c.trade_id.is_(None))))
    found = ((market.instrument(row.symbol), row) for row in rows)
    return [(instrument, row) for instrument, row in found if instrument is not None]


def _unheard_fundings(conn: Connection, account_id: str) -> list[tuple[str, Decimal]]:
    told = tables.funding_payments
    same = and_(
        told.c.account_id == _fundings.c.account_id,
        told.c.symbol == _fundings.c.symbol,
        told.c.ts_event_ns == _fundings.c.ts_event_ns,
    )
    query = select(_fundings.c.symbol, _fundings.c.payment).outerjoin(told, same)
    rows = conn.execute(query.where(and_(_fundings.c.account_id == account_id, told.c.symbol.is_(None))))
    return [(row.symbol, row.payment) for row in rows]


def _add(purse: dict[str, Decimal], currency: str, amount: Decimal) -> None:
    purse[currency] = purse.get(currency, ZERO) + amount


def _is_perpetual(instrument: Instrument) -> bool:
    return instrument.kind is ContractKind.PERPETUAL


def _isolated(instrument: Instrument, row: Row[Any]) -> Isolated:
    side: Side = row.side
    trip = Trip(side, row.quantity, row.average_price, row.opened_ns, row.cost)
    return Isolated(instrument, trip, row.margin, row.opened_ns, row.seen_ns)
