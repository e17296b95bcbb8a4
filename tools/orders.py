"""The one verb that agents have: propose. It shapes an order to the instrument and hands it to the order desk."""

from dataclasses import replace
from decimal import Decimal
from typing import Protocol

from core.algorithms import ExecutionPlan
from core.exits import ExitPlan
from core.instruments import Instrument
from core.money import Price, Quantity, nearest_tick, round_price, round_quantity
from core.orders import Expectation, Order, OrderType, Proposal, Side
from core.ports import OrderDesk
from core.taint import Taint
from core.verdicts import Receipt
from core.working import Working


class Wish(Protocol):
    """What somebody wants to trade, before it is shaped."""

    @property
    def symbol(self) -> str: ...
    @property
    def side(self) -> Side: ...
    @property
    def type(self) -> OrderType: ...
    @property
    def quantity(self) -> Decimal: ...
    @property
    def limit_price(self) -> Decimal | None: ...
    @property
    def stop_price(self) -> Decimal | None: ...
    @property
    def target_price(self) -> Decimal | None: ...
    @property
    def reduce_only(self) -> bool: ...
    @property
    def thesis(self) -> str: ...
    @property
    def invalidation(self) -> tuple[str, ...]: ...
    @property
    def evidence(self) -> tuple[str, ...]: ...
    @property
    def taint(self) -> Taint: ...
    @property
    def exits(self) -> ExitPlan: ...
    @property
    def confidence(self) -> Decimal | None: ...
    @property
    def execution(self) -> ExecutionPlan | None: ...


def shape(
    wish: Wish,
    instrument: Instrument | None,
    *,
    proposal_id: str,
    account_id: str,
    owner: str,
    source: str,
    decided_ns: int,
    views_until_ns: int | None = None,
    expectation: Expectation | None = None,
    work: Working | None = None,
    last: Decimal | None = None,
) -> Proposal:
    """A proposal on the instrument's increments: quantity toward zero, limit price toward the passive side.

    `views_until_ns` is when the first of the views behind it is past its horizon, `expectation` what they forecast.
    `work` says how an order is worked whose wish says nothing of that, `last` (quote currency) what it is worth where
    it has no limit price. An unknown instrument leaves the numbers as they are, and the gate denies it by name.
    """
    order = Order(
        proposal_id=proposal_id,
        account_id=account_id,
        owner=owner,
        symbol=wish.symbol,
        side=wish.side,
        type=wish.type,
        quantity=Quantity(wish.quantity),
        limit_price=None if wish.limit_price is None else Price(wish.limit_price),
        reduce_only=wish.reduce_only,
        execution=wish.execution,
    )
    if work is not None and order.execution is None:
        order = work.worked(order, last)
    stop, target = wish.stop_price, wish.target_price
    if instrument is not None:
        order = _on_increments(order, instrument)
        stop = None if stop is None else nearest_tick(stop, instrument.tick_size)
        target = None if target is None else nearest_tick(target, instrument.tick_size)
    return Proposal(
        order,
        source=source,
        decided_ns=decided_ns,
        thesis=wish.thesis,
        stop_price=None if stop is None else Price(stop),
        target_price=None if target is None else Price(target),
        invalidation=wish.invalidation,
        evidence=wish.evidence,
        taint=wish.taint,
        views_until_ns=views_until_ns,
        expectation=expectation,
        confidence=wish.confidence,
        exits=wish.exits,
    )


def _on_increments(order: Order, instrument: Instrument) -> Order:
    limit = order.limit_price
    return replace(
        order,
        quantity=round_quantity(order.quantity, instrument.lot_size),
        limit_price=None if limit is None else round_price(limit, instrument.tick_size, order.side),
    )


async def propose(desk: OrderDesk, proposal: Proposal) -> Receipt:
    """Puts a proposal before the gate. The answer says what became of it; nothing else can be done with it."""
    return await desk.propose(proposal)
