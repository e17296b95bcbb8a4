"""What a person is asked about a proposal, and whether their answer still holds."""

from sqlalchemy import Connection

from core.errors import ConfigError
from core.orders import Order, Proposal
from core.time import SECOND_NS, show_time
from execution import orderbook
from memory.books.words import ApprovalState
from risk.facts import Facts
from risk.settings import RiskSettings


def ask(conn: Connection, order: Order, facts: Facts, policy: RiskSettings) -> None:
    """Opens the question, with the price that the person will have seen."""
    quote = facts.quotes.get(order.symbol)
    expires_ns = facts.now_ns + policy.approval_ttl_s * SECOND_NS
    orderbook.ask_person(conn, order, None if quote is None else quote.mid, facts.now_ns, expires_ns)


def awaited(conn: Connection, account_id: str, proposal_id: str, now_ns: int) -> Proposal:
    """The proposal that waits. Raises ConfigError where it does not, or no longer."""
    row = orderbook.approval(conn, proposal_id)
    if row is None:
        raise ConfigError(f"no proposal {proposal_id} waits for approval in account {account_id}")
    if row.state is not ApprovalState.WAITING:
        raise ConfigError(f"proposal {proposal_id} was {row.state.value} already; only a waiting one can be answered")
    if now_ns > row.expires_ns:
        raise ConfigError(
            f"proposal {proposal_id} expired at {show_time(row.expires_ns)} by the account's clock, "
            f"which shows {show_time(now_ns)}"
        )
    found = orderbook.find_proposal(conn, proposal_id)
    assert found is not None  # approvals reference proposals
    return orderbook.stored_proposal(found.body)


def drift(conn: Connection, proposal: Proposal, facts: Facts, policy: RiskSettings) -> str | None:
    """Why the price has left the band that the person saw; None while it is inside."""
    row, quote = orderbook.approval(conn, proposal.proposal_id), facts.quotes.get(proposal.order.symbol)
    if row is None or row.reference_price is None or quote is None:
        return "the price cannot be compared with the one that was shown"
    moved = abs(quote.mid / row.reference_price - 1)
    if moved <= policy.approval_drift:
        return None
    return f"the price moved {moved:.2%} since it was proposed, {policy.approval_drift:.2%} allowed"
