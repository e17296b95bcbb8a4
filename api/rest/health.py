"""`healthz`, `readyz`, `metrics`: for whoever keeps this process at work."""

import orjson
from fastapi import APIRouter, Request
from sqlalchemy import ColumnElement, Connection, Table, func, select
from starlette.responses import Response

from api.rest import meters, schemas
from api.rest.guard import needs
from api.rest.problems import Problem
from api.rest.served import Served, served
from core.errors import DeskError
from desk import reports
from desk.access import Scope
from desk.markets import LIVE
from desk.ordering import unknown
from desk.runs import latest_run
from desk.signalling import served_account
from memory.books import lease, signals, tables
from memory.books.words import ApprovalState, IncidentKind, RunState
from risk.states import TradingState

router = APIRouter(tags=["health"])
_STATES = tuple(TradingState)
OK = "ok"


@router.get("/healthz", response_model=schemas.Health)
async def healthz() -> Response:
    """The process answers. Whether it can do its work says `readyz`."""
    return Response(b'{"status":"ok"}', media_type="application/json")


@router.get("/readyz", response_model=schemas.Ready, responses=schemas.problems(503))
def readyz(request: Request) -> Response:
    """Whether every part works; else a problem that names those that do not."""
    parts = parts_of(served(request))
    ill = {name: told for name, told in parts.items() if told != OK}
    if ill:
        raise Problem(503, "; ".join(f"{name}: {told}" for name, told in ill.items()), type="not-ready", parts=parts)
    return Response(orjson.dumps({"status": "ready", "parts": parts}), media_type="application/json")


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **schemas.problems(*schemas.GUARDED)},
    **needs(Scope.AUDIT_READ),
)
def metrics(request: Request) -> Response:
    """For Prometheus: requests, their time, open streams, and how the account stands."""
    at = served(request)
    return Response(at.meters.text(at.books.read(_gauges)), media_type=meters.CONTENT_TYPE)


def parts_of(at: Served) -> dict[str, str]:
    """Each part with `ok`, or with what is wrong, in words that name no folder and no secret."""
    found: dict[str, str] = {}
    try:
        found |= at.books.read(lambda conn: _in_the_books(conn, at))
        found["database"] = OK
    except DeskError as broken:
        found["database"] = type(broken).__name__
    found["signals"] = OK if not at.feed.trouble else "they cannot be issued or read"
    found["kill file"] = OK if not at.home.kill_file.exists() else "it is present: nothing trades"
    for venue, live in () if at.desk is None else at.desk.lives.items():
        health = live.ingestion.stream.health()
        found[f"feed {venue}"] = OK if health.connected else "the stream is not connected"
        for name in live.troubles:
            found[f"{name} {venue}"] = "it broke, and is begun anew"
    for venue in {} if at.desk is None else at.desk.away:
        found[f"venue {venue}"] = "away"
    return found


def _in_the_books(conn: Connection, at: Served) -> dict[str, str]:
    try:
        account = served_account(conn)
    except DeskError:
        return {}  # books without an account are in order
    run, found = latest_run(conn, account.account_id), {}
    if run.command["market"]["kind"] == LIVE and run.state is RunState.RUNNING:
        at_work = lease.held(conn, account.account_id, now_ns=at.clock.now_ns())
        found["lease"] = OK if at_work else "no desk holds the account"
    table = tables.incidents
    wrong = (
        table.c.account_id == account.account_id,
        table.c.closed_ns.is_(None),
        table.c.kind == IncidentKind.MISMATCH,
    )
    count = conn.scalar(select(func.count()).select_from(table).where(*wrong))
    found["reconcile"] = OK if not count else f"{count} mismatches between books and venue are open"
    return found


def _gauges(conn: Connection) -> dict[str, tuple[str, float]]:
    try:
        account = served_account(conn)
    except DeskError:
        return {}
    mine, approvals, marks = account.account_id, tables.approvals, tables.marks
    waiting = (approvals.c.account_id == mine, approvals.c.state == ApprovalState.WAITING)
    state = TradingState(reports.portfolio(conn, account, None)["state"])
    equity = conn.scalar(
        select(marks.c.equity).where(marks.c.account_id == mine).order_by(marks.c.ts_ns.desc()).limit(1)
    )
    return {
        "state": ("0 active, 1 reducing, 2 halted", float(_STATES.index(state))),
        "equity": ("The account at its last mark, in its numeraire", float(equity or account.start_equity)),
        "orders_unknown": ("Orders that nobody can prove anything about", float(unknown(conn, mine))),
        "approvals_waiting": ("Proposals that wait for a person", float(_count(conn, approvals, *waiting))),
        "signals_issued": (
            "Signals issued, ever",
            float(_count(conn, tables.signals, tables.signals.c.account_id == mine)),
        ),
        "signals_settled": ("Signals of which the outcome is known", float(signals.settled_count(conn, mine))),
    }


def _count(conn: Connection, table: Table, *wanted: ColumnElement[bool]) -> int:
    return int(conn.scalar(select(func.count()).select_from(table).where(*wanted)) or 0)
