"""A person's way out: the exit of one position, or of everything. They pass the gate like anybody's orders."""

from contextlib import suppress

from sqlalchemy import Connection

from core import identity
from core.errors import ConfigError, ExchangeUnavailable
from core.money import ZERO, round_quantity
from core.orders import Order, OrderType, Position, Proposal
from core.verdicts import Receipt
from desk.build import Desk
from execution import orderbook
from execution.orderbook import Attempt
from memory.books import ledger

OWNER = "person"


async def close(desk: Desk, symbol: str, *, by: str, reason: str, key: str) -> Receipt:
    """Sells what is held of a symbol at the market, or buys it back. Exits that rest there are cancelled first."""
    position = next((p for p in _positions(desk) if p.symbol == symbol), None)
    if position is None:
        held = ", ".join(p.symbol for p in _positions(desk)) or "nothing"
        raise ConfigError(f"account {desk.account_id} holds no {symbol}, it holds {held}")
    await _cancel(desk, [a for a in _live(desk) if a.symbol == symbol and a.side is position.side.opposite])
    return await _exit(desk, symbol, by, reason, key)


async def flatten(desk: Desk, *, by: str, reason: str, key: str) -> tuple[list[Receipt], list[str]]:
    """Cancels every order and closes every position: the answers, and why some of it has none."""
    await _cancel(desk, _live(desk))
    receipts, left = [], []
    for position in _positions(desk):
        try:
            receipts.append(await _exit(desk, position.symbol, by, reason, key))
        except ConfigError as nothing_to_do:
            left.append(str(nothing_to_do))
    return receipts, left


async def _cancel(desk: Desk, attempts: list[Attempt]) -> None:
    """What cannot be reached stays, and the exit is smaller by it."""
    for attempt in attempts:
        with suppress(ExchangeUnavailable):
            await desk.gate.cancel(attempt.client_order_id, attempt.symbol)


async def _exit(desk: Desk, symbol: str, by: str, reason: str, key: str) -> Receipt:
    return await desk.gate.propose(desk.books.read(lambda conn: _proposal(conn, desk, symbol, by, reason, key)))


def _proposal(conn: Connection, desk: Desk, symbol: str, by: str, reason: str, key: str) -> Proposal:
    position = next((p for p in ledger.positions(conn, desk.account_id) if p.symbol == symbol), None)
    instrument = desk.market.instrument(symbol)
    if position is None:
        raise ConfigError(f"{symbol} was closed meanwhile: the exit that rested had filled")
    if instrument is None:
        raise ConfigError(f"{symbol} is held, and this market does not know it")
    live, _ = orderbook.open_orders(conn, desk.account_id)
    closing = sum((o.remaining for o in live if o.symbol == symbol and o.side is position.side.opposite), ZERO)
    if closing >= position.quantity:
        raise ConfigError(f"all of {symbol} is being closed already, by orders that could not be cancelled")
    order = Order(
        proposal_id=identity.person_proposal_id(desk.account_id, by, key, symbol),
        account_id=desk.account_id,
        owner=OWNER,
        symbol=symbol,
        side=position.side.opposite,
        type=OrderType.MARKET,
        quantity=round_quantity(position.quantity - closing, instrument.lot_size),
        reduce_only=True,
    )
    return Proposal(order, source=f"person:{by}:{key}", decided_ns=desk.clock.now_ns(), thesis=reason)


def _positions(desk: Desk) -> tuple[Position, ...]:
    return desk.books.read(lambda conn: ledger.positions(conn, desk.account_id))


def _live(desk: Desk) -> list[Attempt]:
    return desk.books.read(lambda conn: orderbook.live_attempts(conn, desk.account_id))
