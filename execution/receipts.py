"""What became of a proposal, as it stands in the books now."""

from typing import Any

from sqlalchemy import Connection, Row

from core.verdicts import AnswerKind, Receipt
from execution import actions, orderbook, parents
from memory.books import blobs


def stored_receipt(conn: Connection, proposal_id: str) -> Receipt | None:
    row = orderbook.find_proposal(conn, proposal_id)
    return None if row is None else receipt_of(conn, row)


def receipt_of(conn: Connection, row: Row[Any]) -> Receipt:
    """The answer as it stands now: an order that was working is done once no attempt of it lives."""
    kind, tried = row.kind, orderbook.attempts(conn, row.proposal_id)
    if (
        kind is AnswerKind.WORKING
        and tried
        and not tried[-1].state.live
        and parents.find(conn, row.proposal_id) is None
    ):
        kind = AnswerKind.DONE
    return Receipt(
        row.proposal_id, kind, actions.stored_review(row.review), blobs.get_json(conn, row.facts), row.detail
    )
