"""Requests of people to a desk that is at work: short rows that the desk which holds the account consumes."""

import time

from sqlalchemy import Connection, and_, insert, select, update

from core.canonical import JSON
from core.errors import ConfigError, DeskBusy, DeskError
from core.verdicts import Receipt
from desk.build import Desk
from desk.clock import SystemClock
from memory.books import tables
from memory.books.database import Books
from memory.books.words import RequestState

_WAIT_S = 20.0
_POLL_S = 0.1


async def serve(desk: Desk) -> None:
    """Answers every pending request of this account, oldest first."""
    table = tables.requests
    pending = select(table).where(and_(table.c.account_id == desk.account_id, table.c.state == RequestState.PENDING))
    for row in desk.books.read(lambda conn: conn.execute(pending.order_by(table.c.id)).all()):
        try:
            receipt = await desk.gate.answer(**row.arguments)
            state, answer = RequestState.DONE, shown(receipt)
        except DeskError as refused:
            state, answer = RequestState.FAILED, {"error": str(refused)}

        def write(conn: Connection, at: int = row.id, state: RequestState = state, answer: JSON = answer) -> None:
            conn.execute(update(table).where(table.c.id == at).values(state=state, answer=answer))

        desk.books.write(write)


def ask(books: Books, account_id: str, arguments: JSON) -> JSON:
    """Leaves a request for the desk that holds the account, and waits for its answer."""
    table = tables.requests
    created_ns = SystemClock().now_ns()

    def leave(conn: Connection) -> int:
        row = {"account_id": account_id, "verb": "answer", "arguments": arguments, "created_ns": created_ns}
        left = insert(table).values(**row, state=RequestState.PENDING).returning(table.c.id)
        return int(conn.execute(left).scalar_one())

    request = books.write(leave)
    until = time.monotonic() + _WAIT_S
    while time.monotonic() < until:
        row = books.read(lambda conn: conn.execute(select(table).where(table.c.id == request)).one())
        if row.state is RequestState.DONE:
            return row.answer
        if row.state is RequestState.FAILED:
            raise ConfigError(str((row.answer or {}).get("error")))
        time.sleep(_POLL_S)
    raise DeskBusy(f"the desk that holds {account_id} has not answered in {_WAIT_S:.0f} s; the request stays with it")


def shown(receipt: Receipt) -> JSON:
    """What a person is told of a proposal."""
    return {
        "proposal_id": receipt.proposal_id,
        "kind": receipt.kind.value,
        "detail": receipt.detail,
        "state": receipt.review.state,
        "denials": [v.code for v in receipt.review.denials],
    }
