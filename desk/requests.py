"""Requests of people to a desk that is at work: short rows that the desk which holds the account consumes."""

import time

from sqlalchemy import Connection, and_, insert, select, update

from core.canonical import JSON, plain
from core.errors import ConfigError, DeskBusy, DeskError, DeskHalted
from core.verdicts import Receipt
from desk.build import Desk
from desk.clock import SystemClock
from execution import orderbook
from memory.books import tables
from memory.books.database import Books
from memory.books.words import RequestState

_WAIT_S = 20.0
_POLL_S = 0.1


async def serve(desk: Desk) -> None:
    """Answers every pending request of this account, oldest first, each in one step with what it did."""
    table = tables.requests
    pending = select(table).where(and_(table.c.account_id == desk.account_id, table.c.state == RequestState.PENDING))
    for row in desk.books.read(lambda conn: conn.execute(pending.order_by(table.c.id)).all()):
        try:
            with desk.books.step():
                answer = await perform(desk, row.verb, row.arguments)
                _answer(desk.books, row.id, RequestState.DONE, answer)
        except DeskError as refused:
            _answer(desk.books, row.id, RequestState.FAILED, {"error": str(refused)})


async def perform(desk: Desk, verb: str, arguments: JSON) -> JSON:
    """One verb of a person on a desk: `answer` a proposal, or `rearm` a latch."""
    if verb == "rearm":
        return await _rearm(desk, **arguments)
    receipt = await desk.gate.answer(**arguments)
    return shown(desk, receipt)


async def _rearm(desk: Desk, latch_id: int, by: str, reason: str) -> JSON:
    if desk.home.kill_file.exists():
        raise DeskHalted(f"the kill file {desk.home.kill_file} is present: remove it before re-arming")
    if not await desk.gate.rearm(latch_id, by=by, reason=reason):
        raise ConfigError(f"no live latch #{latch_id} in account {desk.account_id}: `warden risk status` shows them")
    return {"account": desk.account_id, "latch": latch_id, "by": by, "reason": reason}


def _answer(books: Books, request: int, state: RequestState, answer: JSON) -> None:
    table = tables.requests
    told = update(table).where(table.c.id == request).values(state=state, answer=answer)
    books.write(lambda conn: conn.execute(told))


def ask(books: Books, account_id: str, verb: str, arguments: JSON) -> JSON:
    """Leaves a request for the desk that holds the account, and waits for its answer."""
    table = tables.requests
    created_ns = SystemClock().now_ns()

    def leave(conn: Connection) -> int:
        row = {"account_id": account_id, "verb": verb, "arguments": arguments, "created_ns": created_ns}
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


def shown(desk: Desk, receipt: Receipt) -> JSON:
    """What a person is told of a proposal, with what has filled of it."""
    tried = desk.books.read(lambda conn: orderbook.attempts(conn, receipt.proposal_id))
    last = tried[-1] if tried else None
    return plain(
        {
            "proposal_id": receipt.proposal_id,
            "kind": receipt.kind,
            "detail": receipt.detail,
            "state": receipt.review.state,
            "denials": [v.code for v in receipt.review.denials],
            "order": None if last is None else last.state,
            "filled": None if last is None else last.filled_quantity,
            "average_price": None if last is None else last.average_price,
        }
    )
