"""Requests of people to a desk that is at work: short rows that the desk which holds the account consumes.

A row is *begun*, durably, before anything is done for it: killed in the middle, a desk does it no second time. One that
nobody begins with for ten minutes is dropped: whoever asked has seen another market since. No halt is ever too old.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, Final

from sqlalchemy import Connection, Row, insert, select, update

from agents.instructions import parsed
from core import errors
from core.canonical import JSON, plain
from core.errors import ConfigError, DeskBusy, DeskError, DeskHalted, OrderStateUnknown
from core.time import MINUTE_NS
from core.verdicts import Receipt, Verdict
from desk import closing, instructed, ordering, proposing
from desk.build import Desk
from desk.clock import SystemClock
from desk.cycles import Across
from execution import orderbook, restriction
from memory.books import journal, lease, tables
from memory.books.database import Books
from memory.books.words import RequestState
from risk.codes import text_for

_WAIT_S = 20.0
_POLL_S = 0.1
_KEPT_NS: Final = 10 * MINUTE_NS
_HALT: Final = "halt"
DECIDE: Final = "decide"
LONG: Final = frozenset({DECIDE})  # may take minutes, which a watch that serves them does not have

Verb = Callable[..., Awaitable[JSON]]


async def serve(
    desk: Desk, *, in_steps: bool = True, leaving: Collection[str] = (), own: Mapping[str, Verb] | None = None
) -> None:
    """Answers every pending request of this account, oldest first, each in one step with what it did.

    Not `in_steps` where others write at the same time: then each write is durable on its own. One that breaks is
    answered too: those behind it are a halt, perhaps. Verbs in `leaving` are left to somebody else; with `own`, those
    in it are all that is answered, and by them.
    """
    for row in _rows(desk.books, desk.account_id, RequestState.PENDING):
        if row.verb in leaving or (own is not None and row.verb not in own):
            continue
        if row.verb != _HALT and SystemClock().now_ns() - row.created_ns > _KEPT_NS:
            _drop(desk.books, row.id, f"no desk began with it in {_KEPT_NS // MINUTE_NS} minutes: it was dropped")
            continue
        try:
            with desk.books.step() if in_steps else nullcontext():
                if not _turn(desk.books, row.id, RequestState.PENDING, RequestState.BEGUN):
                    continue  # whoever asked has gone meanwhile
                verb = _VERBS[row.verb] if own is None else own[row.verb]
                answer = await verb(desk, **row.arguments)
                _answer(desk.books, row.id, RequestState.DONE, answer)
        except DeskError as refused:
            told = {"error": str(refused), "class": type(refused).__name__}
            _answer(desk.books, row.id, RequestState.FAILED, told)
        except Exception as broken:  # noqa: BLE001  # whatever it was, it must not be asked for again and again
            told = {"error": f"{row.verb} broke: {broken!r}", "class": ConfigError.__name__}
            _answer(desk.books, row.id, RequestState.FAILED, told)


def take_over(books: Books, account_id: str) -> None:
    """At a start: what a desk that died had begun with is told as such, in the journal too, and not done again.

    But a halt: that stops what is stopped already, or what was to be.
    """
    for row in _rows(books, account_id, RequestState.BEGUN):
        if row.verb == _HALT:
            _turn(books, row.id, RequestState.BEGUN, RequestState.PENDING)
            continue
        why = (
            f"the desk ended while it was at it ({row.verb}): what came of it is in the books, and it is not done again"
        )
        told = {"error": why, "class": OrderStateUnknown.__name__}
        entry = {"request": row.id, "verb": row.verb, "arguments": row.arguments}

        def write(conn: Connection, row: Row[Any] = row, told: JSON = told, entry: JSON = entry) -> None:
            _set(conn, row.id, RequestState.BEGUN, RequestState.FAILED, told)
            journal.append(conn, account_id, "request_cut_off", entry, ts_ns=SystemClock().now_ns())

        books.write(write)


async def perform(desk: Desk, verb: str, arguments: JSON) -> JSON:
    """One verb of a person on a desk, with what it answers."""
    return await _VERBS[verb](desk, **arguments)


async def _release(desk: Desk, **said: JSON) -> JSON:
    return shown(desk, await desk.gate.answer(**said))


async def _rearm(desk: Desk, latch_id: int, rebase: bool, by: str, reason: str) -> JSON:
    if desk.kill():
        raise DeskHalted(f"the kill file {desk.kill.path} is present: remove it before re-arming")
    if not await desk.gate.rearm(latch_id, rebase=rebase, by=by, reason=reason):
        raise ConfigError(f"no live latch #{latch_id} in account {desk.account_id}: `warden risk status` shows them")
    return {"account": desk.account_id, "latch": latch_id, "rebase": rebase, "by": by, "reason": reason}


async def _lift(desk: Desk, by: str, reason: str) -> JSON:
    now_ns = desk.clock.now_ns()
    if not desk.books.write(lambda conn: restriction.lift(conn, desk.account_id, by=by, reason=reason, now_ns=now_ns)):
        raise ConfigError(f"account {desk.account_id} is not restricted by its venue")
    desk.vitals.lifts()
    return {"account": desk.account_id, "restricted": False, "by": by, "reason": reason}


async def _halt(desk: Desk, by: str, reason: str) -> JSON:
    await desk.gate.halt(by=by, reason=reason)
    return {"account": desk.account_id, "state": "halted", "by": by, "reason": reason}


async def _close(desk: Desk, symbol: str, by: str, reason: str, key: str) -> JSON:
    return _told(desk, await closing.close(desk, symbol, by=by, reason=reason, key=key), [])


async def _flatten(desk: Desk, by: str, reason: str, key: str) -> JSON:
    return _told(desk, *await closing.flatten(desk, by=by, reason=reason, key=key))


def _told(desk: Desk, receipts: Sequence[Receipt], left: Sequence[str]) -> JSON:
    return {"account": desk.account_id, "closed": [shown(desk, r) for r in receipts], "left": left}


async def _instruct(desk: Desk, body: JSON, key: str, by: str, reason: str) -> JSON:
    instruction, said = parsed(body), {"key": key, "by": by, "reason": reason}
    return _instruction(desk, desk.books.write(lambda conn: desk.instructions.add(conn, instruction, **said)))


async def _pause(desk: Desk, instruction: str, by: str, reason: str) -> JSON:
    return _instruction(desk, await desk.instructions.pause(instruction, by=by, reason=reason))


async def _resume(desk: Desk, instruction: str, by: str, reason: str) -> JSON:
    return _instruction(desk, desk.instructions.resume(instruction, by=by, reason=reason))


async def _end(desk: Desk, instruction: str, by: str, reason: str) -> JSON:
    return _instruction(desk, await desk.instructions.end(instruction, by=by, reason=reason))


async def _propose(desk: Desk, order: JSON, taint: int, by: str, key: str) -> JSON:
    return shown(desk, await proposing.propose(desk, order, taint, by, key))


async def _whatif(desk: Desk, order: JSON, taint: int, by: str) -> JSON:
    return proposing.whatif(desk, order, taint, by)


async def decide(desk: Desk, by: str, key: str, across: Across | None = None, run_id: str | None = None) -> JSON:
    """One cycle with what came of it, `across` the accounts of several venues where the desk has them.

    It is of `run_id`, the work of the desk that is asked; without one of the account's only run.
    """
    cycle_id = await proposing.decide(desk, by, key, across, run_id)
    told = desk.books.read(lambda conn: proposing.decided(conn, cycle_id))
    receipts = [await desk.gate.receipt(name) for name in told.pop("proposals")]
    return {**told, "answers": [shown(desk, receipt) for receipt in receipts if receipt is not None]}


def _instruction(desk: Desk, instruction_id: str) -> JSON:
    return desk.books.read(lambda conn: instructed.line(conn, desk.account_id, instruction_id))


_VERBS: Final[dict[str, Verb]] = {
    "answer": _release,
    "rearm": _rearm,
    "halt": _halt,
    "lift": _lift,
    "close": _close,
    "flatten": _flatten,
    "cancel": ordering.cancel,
    "cancel_all": ordering.cancel_all,
    "resolve": ordering.resolve,
    "reconcile": ordering.reconcile,
    "propose": _propose,
    "whatif": _whatif,
    DECIDE: decide,
    "instruct": _instruct,
    "pause": _pause,
    "resume": _resume,
    "end": _end,
}


def _answer(books: Books, request: int, state: RequestState, answer: JSON) -> None:
    table = tables.requests
    told = update(table).where(table.c.id == request).values(state=state, answer=answer)
    books.write(lambda conn: conn.execute(told))


class NobodyThere(DeskBusy):
    """The desk that a request was left for let go of the account before it looked; the request was taken back."""


async def ask(books: Books, account_id: str, verb: str, arguments: JSON, *, wait_s: float | None = None) -> JSON:
    """Leaves a request for the desk that holds the account, and waits for its answer.

    Whoever is cancelled takes it back, unless the desk has begun with it. Raises DeskBusy where no answer came in time,
    and NobodyThere as soon as no desk holds the account any more.
    """
    table = tables.requests
    created_ns = SystemClock().now_ns()

    def leave(conn: Connection) -> int:
        row = {"account_id": account_id, "verb": verb, "arguments": arguments, "created_ns": created_ns}
        left = insert(table).values(**row, state=RequestState.PENDING).returning(table.c.id)
        return int(conn.execute(left).scalar_one())

    request, patience_s = books.write(leave), _WAIT_S if wait_s is None else wait_s
    until = time.monotonic() + patience_s
    try:
        while time.monotonic() < until:
            row = books.read(lambda conn: conn.execute(select(table).where(table.c.id == request)).one())
            if row.state is RequestState.DONE:
                return row.answer
            if row.state is RequestState.FAILED:
                raise _refusal(row.answer or {})
            if not _held(books, account_id) and _take_back(books, request):
                raise NobodyThere(f"the desk that held {account_id} has gone")
            await asyncio.sleep(_POLL_S)
    except asyncio.CancelledError:
        _take_back(books, request)
        raise
    if _state(books, request) is RequestState.BEGUN:
        raise DeskBusy(
            f"the desk that holds {account_id} has begun with it and not ended in {patience_s:.0f} s: "
            "look at what came of it before it is asked for again"
        )
    kept = "until it begins with it" if verb == _HALT else f"for {_KEPT_NS // MINUTE_NS} minutes"
    raise DeskBusy(
        f"the desk that holds {account_id} has not answered in {patience_s:.0f} s; the request stays with it {kept}"
    )


def _held(books: Books, account_id: str) -> bool:
    return books.read(lambda conn: lease.held(conn, account_id, now_ns=SystemClock().now_ns()))


def _take_back(books: Books, request: int) -> bool:
    """Whether nobody had begun with it."""
    return _drop(books, request, "whoever asked for it took it back")


def _drop(books: Books, request: int, why: str) -> bool:
    """One that nobody has begun with."""
    gone = {"error": why, "class": ConfigError.__name__}
    return _turn(books, request, RequestState.PENDING, RequestState.FAILED, gone)


def _turn(books: Books, request: int, before: RequestState, to: RequestState, answer: JSON = None) -> bool:
    """Moves a request on; False where it is no longer what it was before."""
    return books.write(lambda conn: _set(conn, request, before, to, answer))


def _set(conn: Connection, request: int, before: RequestState, to: RequestState, answer: JSON) -> bool:
    table = tables.requests
    told = update(table).where(table.c.id == request, table.c.state == before).values(state=to, answer=answer)
    return conn.execute(told).rowcount == 1


def _rows(books: Books, account_id: str, state: RequestState) -> Sequence[Row[Any]]:
    """Oldest first."""
    table = tables.requests
    wanted = select(table).where(table.c.account_id == account_id, table.c.state == state).order_by(table.c.id)
    return books.read(lambda conn: conn.execute(wanted).all())


def _state(books: Books, request: int) -> RequestState:
    query = select(tables.requests.c.state).where(tables.requests.c.id == request)
    found: RequestState = books.read(lambda conn: conn.execute(query).scalar_one())
    return found


def _refusal(told: JSON) -> DeskError:
    """The error that the desk at work ended the request with, so that it has the same exit code here."""
    kind = getattr(errors, told.get("class", ""), ConfigError)
    raised: DeskError = kind(str(told.get("error")))
    return raised


def shown(desk: Desk, receipt: Receipt) -> JSON:
    """What a person is told of a proposal, with what has filled of it."""
    tried = desk.books.read(lambda conn: orderbook.attempts(conn, receipt.proposal_id))
    stored = desk.books.read(lambda conn: orderbook.find_proposal(conn, receipt.proposal_id))
    last, order = tried[-1] if tried else None, {} if stored is None else stored.body["order"]
    return plain(
        {
            "proposal_id": receipt.proposal_id,
            "kind": receipt.kind,
            "detail": receipt.detail,
            "state": receipt.review.state,
            "denials": [_denial(verdict) for verdict in receipt.review.denials],
            "largest_allowed": receipt.review.largest_allowed,
            "symbol": order.get("symbol"),
            "side": order.get("side"),
            "quantity": order.get("quantity"),
            "order": None if last is None else last.state,
            "filled": None if last is None else last.filled_quantity,
            "average_price": None if last is None else last.average_price,
        }
    )


def _denial(verdict: Verdict) -> JSON:
    return {
        "code": verdict.code,
        "text": text_for(verdict.code),
        "measured": verdict.measured,
        "limit": verdict.limit,
        "unit": verdict.unit,
        "largest": verdict.largest,
    }
