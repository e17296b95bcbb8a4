"""Whose coins an order would sell: what a standing instruction holds is no cycle's to sell, nor the other way round.

A person's exit and a stop reach all that is held: they are how everything is left.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from sqlalchemy import Connection

from core.money import ZERO
from core.orders import Position, Proposal
from execution import actions, orderbook
from execution.provenance import PERSON
from memory.books import owners
from risk.facts import OpenOrder


def own(conn: Connection, proposal: Proposal, positions: Sequence[Position]) -> Decimal | None:
    """Base units of the position that an order closes which are its proposer's to sell; None where all of them are."""
    order = proposal.order
    position = next((p for p in positions if p.symbol == order.symbol and p.side is not order.side), None)
    if position is None or _source(conn, proposal).startswith((PERSON, actions.STOP)):
        return None
    held = [one for one in owners.held(conn, order.account_id) if one.symbol == order.symbol]
    if owners.is_instruction(order.owner):
        return sum((one.quantity for one in held if one.owner == order.owner), ZERO)
    return max(ZERO, position.quantity - sum((one.quantity for one in held), ZERO)) if held else None


def told_apart(proposal: Proposal, live: Sequence[OpenOrder]) -> tuple[OpenOrder, ...]:
    """The open orders, with those marked that close what is somebody else's than the proposer's."""
    owner = proposal.order.owner
    return tuple(replace(other, apart=True) if owners.are_apart(owner, other.owner) else other for other in live)


def _source(conn: Connection, proposal: Proposal) -> str:
    """A slice reaches what its parent does."""
    parent_id = actions.parent_of(proposal)
    whole = None if parent_id is None else orderbook.find_proposal(conn, parent_id)
    return proposal.source if whole is None else orderbook.stored_proposal(whole.body).source
