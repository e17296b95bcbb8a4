"""The attempt at its worst case, and the entry of its review: written in the section, before anything leaves."""

from decimal import Decimal

from sqlalchemy import Connection

from core import identity
from core.money import ZERO
from core.orders import Order, Proposal
from execution import actions, orderbook
from execution.judged import Judged
from memory.books import journal
from risk.arithmetic import cost_with_fee
from risk.candidate import unit_cost
from risk.facts import Facts
from risk.review import Ruling
from risk.settings import RiskSettings


def reserve(
    conn: Connection, proposal: Proposal, ruling: Ruling, policy: RiskSettings, venue: str, *, vouched: bool = False
) -> str:
    """Writes the attempt, and answers its client order id; from here on every review counts it."""
    order, facts = ruling.candidate.order, ruling.candidate.facts
    attempt = orderbook.next_attempt(conn, order.proposal_id)
    client_order_id = identity.client_order_id(order.proposal_id, attempt)
    orderbook.write_attempt(
        conn,
        order,
        client_order_id,
        attempt=attempt,
        venue=venue,
        reserved=worst_case(order, facts, policy),
        reduce_only=order.reduce_only or ruling.candidate.reducing,
        protective=proposal.source.startswith(actions.STOP),
        plan=proposal.plan_id,
        vouched=vouched,
        now_ns=facts.now_ns,
    )
    return client_order_id


def worst_case(order: Order, facts: Facts, policy: RiskSettings) -> tuple[str, Decimal]:
    instrument, quote = facts.instruments[order.symbol], facts.quotes.get(order.symbol)
    cost = unit_cost(order, instrument, quote, policy.market_slippage)
    if cost is None:
        # Only an exit passes without a price: it frees margin, and takes none.
        return instrument.quote, ZERO
    currency, price, fee_rate = cost
    return currency, cost_with_fee(order.quantity, price, fee_rate)


def note(conn: Connection, judged: Judged) -> None:
    """The answer and what denied it."""
    verdict, order = judged.review, judged.proposal.order
    entry = {
        "proposal_id": order.proposal_id,
        "order_hash": verdict.order_hash,
        "answer": judged.kind,
        "state": verdict.state,
        "denied": [v.code for v in verdict.denials],
        "alarms": {v.code: v.alarm for v in verdict.verdicts if v.alarm is not None},
    }
    journal.append(conn, order.account_id, "review", entry, ts_ns=judged.facts.now_ns)
