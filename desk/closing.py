"""A person's way out: the exit of one position, or of everything. They pass the gate like anybody's orders."""

from typing import NamedTuple

from core import identity
from core.errors import ConfigError
from core.money import ZERO, Quantity, text_of
from core.orders import Order, OrderType, Position, Proposal, Side
from core.verdicts import Receipt
from desk.build import Desk
from execution import orderbook, parents
from execution.exits import at_once
from execution.orderbook import Attempt
from execution.parents import Parent
from execution.snapshot import usable_quote
from memory.books import ledger
from risk.shaping import is_dust

OWNER = "person"


async def close(desk: Desk, symbol: str, *, by: str, reason: str, key: str) -> list[Receipt]:
    """Sells what is held of a symbol at the market, or buys it back. What works or rests there goes first.

    In as many orders as the venue wants it in. Standing instructions that trade it are paused.
    """
    position = next((p for p in _positions(desk) if p.symbol == symbol), None)
    if position is None:
        held = ", ".join(p.symbol for p in _positions(desk)) or "nothing"
        raise ConfigError(f"account {desk.account_id} holds no {symbol}, it holds {held}")
    await desk.instructions.pause_each({symbol}, by=by, reason=reason)
    await desk.watch.algorithms.cancel([p.parent_id for p in _parents(desk) if p.order.symbol == symbol], reason)
    await desk.gate.cancel_each([a for a in _live(desk) if a.symbol == symbol and a.side is position.side.opposite])
    return [await _exit(desk, symbol, part, by, reason, key) for part in _parts(desk, symbol)]


async def flatten(desk: Desk, *, by: str, reason: str, key: str) -> tuple[list[Receipt], list[str]]:
    """Cancels every order and closes every position: the answers, and why some of it has none.

    Every standing instruction is paused.
    """
    await desk.instructions.pause_each(None, by=by, reason=reason)
    await desk.watch.algorithms.cancel([p.parent_id for p in _parents(desk)], reason)
    await desk.gate.cancel_each(_live(desk))
    receipts, left = [], []
    for position in _positions(desk):
        try:
            parts = _parts(desk, position.symbol)
        except ConfigError as nothing_to_do:
            left.append(str(nothing_to_do))
            continue
        receipts += [await _exit(desk, position.symbol, part, by, reason, key) for part in parts]
    return receipts, left


async def _exit(desk: Desk, symbol: str, part: "_Part", by: str, reason: str, key: str) -> Receipt:
    order = Order(
        proposal_id=identity.person_proposal_id(desk.account_id, by, f"{key}{part.suffix}", symbol),
        account_id=desk.account_id,
        owner=OWNER,
        symbol=symbol,
        side=part.side,
        type=OrderType.MARKET,
        quantity=part.quantity,
        reduce_only=True,
    )
    source = f"person:{by}:{key}"
    return await desk.gate.propose(Proposal(order, source, decided_ns=desk.clock.now_ns(), thesis=reason))


class _Part(NamedTuple):
    """What one order closes. The first has the name of the request, so that the same request is the same order."""

    side: Side
    quantity: Quantity
    suffix: str


def _parts(desk: Desk, symbol: str) -> list[_Part]:
    """All that nothing closes yet, in quantities that the venue takes at once."""
    instrument = desk.market.instrument(symbol)
    position = next((p for p in _positions(desk) if p.symbol == symbol), None)
    if position is None:
        raise ConfigError(f"{symbol} was closed meanwhile: the exit that rested had filled")
    if instrument is None:
        raise ConfigError(f"{symbol} is held, and this market does not know it")
    side = position.side.opposite
    closing = sum((a.remaining for a in _live(desk) if a.symbol == symbol and a.side is side), ZERO)
    if closing >= position.quantity:
        raise ConfigError(f"all of {symbol} is being closed already, by orders that could not be cancelled")
    left, quote = position.quantity - closing, usable_quote(desk.market, symbol, desk.clock.now_ns())
    if quote is not None and is_dust(left, quote.last, instrument):
        raise ConfigError(f"{text_of(left)} of {symbol} is dust, less than the venue takes in one order: it is left")
    parts = [_Part(side, at_once(left, instrument), "")]
    while parts[-1].quantity and (left := left - parts[-1].quantity) >= instrument.lot_size:
        parts.append(_Part(side, at_once(left, instrument), f".{len(parts)}"))
    return parts


def _positions(desk: Desk) -> tuple[Position, ...]:
    return desk.books.read(lambda conn: ledger.positions(conn, desk.account_id))


def _parents(desk: Desk) -> list[Parent]:
    return desk.books.read(lambda conn: parents.unended(conn, desk.account_id))


def _live(desk: Desk) -> list[Attempt]:
    return desk.books.read(lambda conn: orderbook.live_attempts(conn, desk.account_id))
