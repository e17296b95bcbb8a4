"""What one venue offers for an order: its proven book, fees, lots and balance, as far as its own gate would take it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from sqlalchemy import Connection

from core import identity
from core.money import ZERO, Quantity, nearest_tick, round_price, round_quantity
from core.orders import Position, Proposal, Side
from core.quotes import Level
from core.verdicts import Review
from desk.build import Desk
from execution.examiner import Examiner
from execution.routing import Place
from memory.books import ledger, owners
from risk.facts import Facts


def own(proposal: Proposal, desk: Desk, quantity: Decimal) -> Proposal:
    """One account's part of a proposal: a proposal of its own, on the increments of its venue, that names the whole."""
    order, instrument = proposal.order, desk.market.instrument(proposal.order.symbol)
    limit, stop, target = order.limit_price, proposal.stop_price, proposal.target_price
    if instrument is not None:
        tick = instrument.tick_size
        limit = None if limit is None else round_price(limit, tick, order.side)
        stop = None if stop is None else nearest_tick(stop, tick)
        target = None if target is None else nearest_tick(target, tick)
    part = replace(
        order,
        proposal_id=identity.part_proposal_id(proposal.proposal_id, desk.account_id),
        account_id=desk.account_id,
        quantity=Quantity(quantity),
        limit_price=limit,
    )
    return replace(proposal, order=part, stop_price=stop, target_price=target, part_of=proposal.proposal_id)


def entry(venue: str, desk: Desk, proposal: Proposal, slippage: Decimal) -> Place | str:
    """What a venue offers for more risk, else why it offers nothing.

    The levels end where the largest order would that the account's own rules pass over facts of now. The part that is
    proposed then is reviewed again.
    """
    order, now_ns = proposal.order, desk.clock.now_ns()
    instrument, book = desk.market.instrument(order.symbol), desk.market.book(order.symbol, as_of_ns=now_ns)
    if instrument is None:
        return f"it lists no {order.symbol}"
    if book is None:
        return "its book is not proven"
    asked = own(proposal, desk, round_quantity(order.quantity, instrument.lot_size))
    facts, review = desk.books.read(lambda conn: _reviewed(conn, desk, asked))
    most = asked.order.quantity if review.allowed else review.largest_allowed
    if not most:
        return f"its gate would deny it: {', '.join(verdict.code for verdict in review.denials)}"
    side, limit = order.side, asked.order.limit_price
    levels = book.asks if side is Side.BUY else book.bids
    paid_in = instrument.quote if side is Side.BUY else instrument.base
    return Place(
        venue=venue,
        levels=tuple(_up_to(_within(levels, side, limit), most)),
        taker_fee=instrument.taker_fee,
        lot_size=instrument.lot_size,
        min_quantity=instrument.min_quantity,
        min_notional=instrument.min_notional,
        balance=max(ZERO, facts.balances.get(paid_in, ZERO) - facts.reserved.get(paid_in, ZERO)),
        slippage=slippage,
        tradable=instrument.tradable,
    )


def way_out(venue: str, desk: Desk, proposal: Proposal, held: Decimal, slippage: Decimal) -> Place:
    """What a venue would pay for what is held there. No limit is asked about: it is an exit."""
    order, now_ns = proposal.order, desk.clock.now_ns()
    instrument, book = desk.market.instrument(order.symbol), desk.market.book(order.symbol, as_of_ns=now_ns)
    if instrument is None:
        return Place(venue, (), ZERO, ZERO, ZERO, ZERO, held, tradable=False)
    bids = () if book is None else _within(book.bids, Side.SELL, order.limit_price)
    sizes = (instrument.lot_size, instrument.min_quantity, instrument.min_notional)
    return Place(venue, bids, instrument.taker_fee, *sizes, held, slippage)


def held(desk: Desk, symbol: str) -> Decimal:
    """What a cycle may sell of a symbol, in base units on the venue's lots: not what standing instructions hold."""

    def read(conn: Connection) -> tuple[Position, ...]:
        theirs = owners.held(conn, desk.account_id)
        return owners.without(conn, ledger.positions(conn, desk.account_id), theirs)

    positions = desk.books.read(read)
    instrument = desk.market.instrument(symbol)
    total = sum((position.quantity for position in positions if position.symbol == symbol), ZERO)
    return total if instrument is None else round_quantity(total, instrument.lot_size)


def _reviewed(conn: Connection, desk: Desk, asked: Proposal) -> tuple[Facts, Review]:
    """The account's own review of what is asked, over facts of now: it reserves, books and trips nothing."""
    examiner = Examiner(desk.market, desk.rulebook, desk.clock, desk.breakers, desk.vitals, bare_market=False)
    facts = examiner.freeze(conn, asked)
    standing = desk.breakers.standing(conn, facts.now_ns, asked.order.symbol)
    return facts, examiner.judge(asked.order, facts, standing).review()


def _within(levels: Sequence[Level], side: Side, limit: Decimal | None) -> tuple[Level, ...]:
    """Levels that an order takes at once: no dearer than its limit, or no cheaper for a sale."""
    return tuple(level for level in levels if limit is None or side.sign * (level.price - limit) <= 0)


def _up_to(levels: Sequence[Level], most: Decimal) -> Iterator[Level]:
    left = most
    for level in levels:
        if left <= ZERO:
            return
        yield Level(level.price, Quantity(min(level.quantity, left)))
        left -= level.quantity
