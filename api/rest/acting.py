"""Routes that act: an answer to an approval, a halt, a re-arming. Each is a verb of the command line too.

Every one takes an `Idempotency-Key`: sent again with the same body, it does nothing and answers what it answered.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Final

import orjson
from fastapi import APIRouter, Header, Path, Request
from sqlalchemy import Connection, select
from starlette.responses import Response

from api.rest import schemas
from api.rest.guard import asker, needs
from api.rest.problems import MEDIA_TYPE, Problem, document, status_of, without_folders
from api.rest.reading import Named
from api.rest.served import Served, served
from core.canonical import JSON, digest
from core.errors import ConfigError, DeskError
from core.time import show_time
from desk import answering
from desk.access import Scope
from desk.settings import database_url
from memory.books import answers, tables
from memory.books.answers import Answer
from memory.books.database import Books
from memory.books.words import ApprovalState

router = APIRouter(prefix="/v1")
_PROBLEMS: Final = schemas.problems(400, 404, 409, 413, *schemas.GUARDED)
_HALT = needs(Scope.RISK_HALT)
_RESUME = needs(Scope.RISK_RESUME)
_APPROVE = needs(Scope.ORDERS_APPROVE)

Drawn = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=128,
        pattern=r"^[!-~]+$",
        description="Drawn by you, once for each thing that you want done.",
        examples=["3f0c6a1e-6c3c-4c0e-9e8e-6d1f2b3a4c5d"],
    ),
]
Proposal = Annotated[str, Path(max_length=36, pattern=r"^[0-9a-f-]{36}$")]
Act = Callable[[Books], Awaitable[JSON]]


@dataclass(frozen=True, slots=True)
class _Done:
    status: int
    body: bytes


@router.post(
    "/approvals/{proposal_id}/approve",
    tags=["approvals"],
    response_model=schemas.Answered,
    responses=_PROBLEMS,
    **_APPROVE,
)
async def approve(request: Request, proposal_id: Proposal, drawn: Drawn, said: schemas.Approve) -> Response:
    """Releases a proposal: it is reviewed again on fresh facts, and sent only if it still passes."""
    return await _answered(request, proposal_id, drawn, approve=True, reason=said.reason)


@router.post(
    "/approvals/{proposal_id}/reject",
    tags=["approvals"],
    response_model=schemas.Answered,
    responses=_PROBLEMS,
    **_APPROVE,
)
async def reject(request: Request, proposal_id: Proposal, drawn: Drawn, said: schemas.Reason) -> Response:
    """Refuses a proposal, with a reason that is journaled."""
    return await _answered(request, proposal_id, drawn, approve=False, reason=said.reason)


@router.post("/risk/halt", tags=["risk"], response_model=schemas.Halted, responses=_PROBLEMS, **_HALT)
async def halt(request: Request, drawn: Drawn, said: schemas.Reason, account: Named = None) -> Response:
    """Stops an account until a person re-arms it: no new risk, resting entries are cancelled, positions keep stops."""
    at, by = served(request), asker(request).principal
    account_id = at.books.read(lambda conn: at.account(conn, account)).account_id

    async def act(books: Books) -> JSON:
        return await answering.halt(at.home, books, account_id, by=by, reason=said.reason)

    return await _once(request, drawn, {"account": account_id, "reason": said.reason}, act)


@router.post("/risk/resume", tags=["risk"], response_model=schemas.Rearmed, responses=_PROBLEMS, **_RESUME)
async def resume(request: Request, drawn: Drawn, said: schemas.Resume, account: Named = None) -> Response:
    """Re-arms one latch. The state is then its next strictest cause. For keys of persons alone."""
    at, by = served(request), asker(request).principal
    account_id = at.books.read(lambda conn: at.account(conn, account)).account_id

    async def act(books: Books) -> JSON:
        latch = said.latch
        return await answering.rearm(at.home, books, account_id, latch, rebase=False, by=by, reason=said.reason)

    return await _once(request, drawn, {"account": account_id, **said.model_dump()}, act)


async def _answered(request: Request, proposal_id: str, drawn: str, *, approve: bool, reason: str) -> Response:
    at, by = served(request), asker(request).principal

    async def act(books: Books) -> JSON:
        books.read(lambda conn: _refuse_answered(conn, proposal_id))
        try:
            return await answering.answer(at.home, books, proposal_id, approve=approve, by=by, reason=reason)
        except ConfigError:
            # Between the look and the act somebody else may have answered: that is told as what it is.
            books.read(lambda conn: _refuse_answered(conn, proposal_id))
            raise

    return await _once(request, drawn, {"proposal": proposal_id, "approve": approve, "reason": reason}, act)


def _refuse_answered(conn: Connection, proposal_id: str) -> None:
    """Raises Problem for what is not there, and for what somebody answered: an answer acts once."""
    table = tables.approvals
    row = conn.execute(select(table).where(table.c.proposal_id == proposal_id)).first()
    if row is None:
        raise Problem(404, f"no approval has the id {proposal_id}")
    if row.state is not ApprovalState.WAITING:
        by = "" if row.answered_by is None else f" by {row.answered_by}"
        at = "" if row.answered_ns is None else f" at {show_time(row.answered_ns)}"
        told = f"it was {row.state.value} already{by}{at}; this answer changed nothing"
        raise Problem(409, told, type="already-answered", state=row.state.value, answered_by=row.answered_by)


async def _once(request: Request, drawn: str, asked: JSON, act: Act) -> Response:
    """Does it, unless the same key asked for it before: then what was answered, and nothing is done."""
    at, principal = served(request), asker(request).principal
    wanted = digest({"route": request.scope["route"].path, "asked": asked})
    before = await asyncio.to_thread(at.books.read, lambda conn: answers.find(conn, principal, drawn))
    if before is not None:
        if before.request != wanted:
            raise Problem(422, "this Idempotency-Key was used for something else: draw another", type="key-reused")
        return _response(_Done(before.status, before.body.encode()), replayed=True)
    if (principal, drawn) in at.in_flight:
        raise Problem(409, "the same request is being worked on: ask again in a moment", type="in-progress")
    at.in_flight.add((principal, drawn))
    # Whoever asked may go away: what was begun is finished, and its answer is kept for them.
    working = asyncio.create_task(_work(at, principal, drawn, wanted, act, request.scope["request_id"]))
    at.working.add(working)
    working.add_done_callback(at.working.discard)
    return _response(await asyncio.shield(working))


async def _work(at: Served, principal: str, drawn: str, wanted: str, act: Act, request_id: str) -> _Done:
    try:
        async with at.acting:
            done = await asyncio.to_thread(_perform, at, act, request_id)
            if done.status < 500:
                kept = Answer(principal, drawn, wanted, done.status, done.body.decode(), at.clock.now_ns())
                await asyncio.to_thread(at.books.write, lambda conn: answers.keep(conn, kept))
            return done
    finally:
        at.in_flight.discard((principal, drawn))


def _perform(at: Served, act: Act, request_id: str) -> _Done:
    """In a thread, on a loop and books of its own: building a desk takes a second that no other request waits for."""
    with Books.open(database_url(at.home, at.settings)) as books:
        try:
            return _Done(200, orjson.dumps(asyncio.run(act(books))))  # type: ignore[arg-type]
        except Problem as refused:
            more = {"type": refused.type, **refused.more}
            return _Done(refused.status_code, document(refused.status_code, str(refused.detail), request_id, **more))
        except DeskError as refused:
            told = without_folders(at.home, refused)
            status = 409 if isinstance(refused, ConfigError) else status_of(refused)
            return _Done(status, document(status, told, request_id))


def _response(done: _Done, *, replayed: bool = False) -> Response:
    headers = {"Idempotency-Replayed": "true"} if replayed else None
    return Response(done.body, done.status, headers, "application/json" if done.status < 400 else MEDIA_TYPE)
