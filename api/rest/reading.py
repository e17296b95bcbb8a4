"""Routes that only read: cycles, orders, approvals, positions, the account, its risk, the audit log, models."""

from collections.abc import Callable
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Path, Query, Request
from sqlalchemy import Connection, select
from starlette.responses import Response

from api.rest import schemas
from api.rest.guard import needs
from api.rest.pages import Cursor, Limit, page
from api.rest.problems import Problem
from api.rest.served import Served, served
from core.canonical import JSON, plain
from core.errors import ConfigError
from core.orders import LIVE_STATES
from core.time import show_time
from desk import modelling, ordering, reports
from desk.access import Scope
from desk.runs import latest_run, settings_of
from desk.standing import risk_status
from memory.books import records, tables
from memory.books.accounts import Account
from memory.books.verify import verify
from memory.books.words import ApprovalState

router = APIRouter(prefix="/v1")
_ALL: Final = schemas.problems(404, *schemas.GUARDED)
_AUDIT = needs(Scope.AUDIT_READ)
# Whoever may act on something may look at it.
_ORDERS = needs(Scope.AUDIT_READ, Scope.ORDERS_PROPOSE)
_APPROVALS = needs(Scope.AUDIT_READ, Scope.ORDERS_APPROVE)
_RISK = needs(Scope.AUDIT_READ, Scope.RISK_HALT, Scope.RISK_RESUME)
_MODELS = needs(Scope.AUDIT_READ, Scope.SIGNALS_READ)

Named = Annotated[
    str | None,
    Query(alias="account", max_length=64, pattern=r"^[a-z0-9][a-z0-9_-]*$", description="The newest run's by default."),
]
Id = Annotated[str, Path(max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]


@router.get("/cycles", tags=["cycles"], response_model=schemas.Cycles, responses=_ALL, **_AUDIT)
def cycles(request: Request, account: Named = None, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Decision cycles, newest first, each with the hash of its record."""
    table = tables.cycles

    def read(conn: Connection, mine: Account) -> JSON:
        query = select(table).where(table.c.account_id == mine.account_id)
        rows, following = page(conn, query, table.c.as_of_ns, table.c.cycle_id, cursor, limit)
        lines = [{**plain(dict(row._mapping)), "as_of": show_time(row.as_of_ns)} for row in rows]
        return {"cycles": lines, "next": following}

    return _told(request, account, read)


@router.get("/cycles/{cycle_id}", tags=["cycles"], response_model=schemas.Open, responses=_ALL, **_AUDIT)
def cycle(request: Request, cycle_id: Id) -> Response:
    """One cycle with its records: what was seen, said, planned, judged and filled."""

    def read(conn: Connection) -> JSON:
        found = records.find_cycle(conn, cycle_id)
        if found is None:
            raise Problem(404, f"no cycle has the id {cycle_id}")
        mine = [reports.record_report(conn, record) for record in records.of_cycle(conn, cycle_id)]
        return {**plain(found), "as_of": show_time(found.as_of_ns), "records": mine}

    return _json(served(request).books.read(read))


@router.get("/orders", tags=["orders"], response_model=schemas.Orders, responses=_ALL, **_ORDERS)
def orders(
    request: Request,
    live: Annotated[bool, Query(description="Those alone that may still fill.")] = False,
    account: Named = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Orders at the venue, newest first. One whose state is unknown counts at its worst case until it is proven."""
    table = tables.orders

    def read(conn: Connection, mine: Account) -> JSON:
        query = select(table).where(table.c.account_id == mine.account_id)
        query = query.where(table.c.state.in_(LIVE_STATES)) if live else query
        rows, following = page(conn, query, table.c.created_ns, table.c.client_order_id, cursor, limit)
        return {"orders": ordering.lines(conn, rows), "next": following}

    return _told(request, account, read)


@router.get("/orders/{order_id}", tags=["orders"], response_model=schemas.Open, responses=_ALL, **_ORDERS)
def order(request: Request, order_id: Id, account: Named = None) -> Response:
    """One order with its attempts, its fills, and its life from the journal."""
    return _told(request, account, lambda conn, mine: _life(conn, mine.account_id, order_id))


@router.get("/approvals", tags=["approvals"], response_model=schemas.Approvals, responses=_ALL, **_APPROVALS)
def approvals(
    request: Request,
    state: Annotated[ApprovalState | None, Query(description="Those alone in this state.")] = None,
    account: Named = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Proposals that wait or waited for a person, newest first."""
    table = tables.approvals

    def read(conn: Connection, mine: Account) -> JSON:
        query = select(table).where(table.c.account_id == mine.account_id)
        query = query if state is None else query.where(table.c.state == state)
        rows, following = page(conn, query, table.c.created_ns, table.c.proposal_id, cursor, limit)
        return {"approvals": [reports.approval_line(row) for row in rows], "next": following}

    return _told(request, account, read)


@router.get("/approvals/{proposal_id}", tags=["approvals"], response_model=schemas.Open, responses=_ALL, **_APPROVALS)
def approval(request: Request, proposal_id: Id) -> Response:
    """One proposal with its thesis, its stop and every verdict: what the person is to judge."""
    return _json(served(request).books.read(lambda conn: _one_approval(conn, proposal_id)))


@router.get("/positions", tags=["portfolio"], response_model=schemas.Positions, responses=_ALL, **_AUDIT)
def positions(request: Request, account: Named = None) -> Response:
    """Open positions at the last price, and the stops that guard them."""
    wanted = ("account", "clock", "positions", "stops")
    return _told(
        request, account, lambda conn, mine: {k: v for k, v in _portfolio(request, conn, mine).items() if k in wanted}
    )


@router.get("/portfolio", tags=["portfolio"], response_model=schemas.Portfolio, responses=_ALL, **_AUDIT)
def portfolio(request: Request, account: Named = None) -> Response:
    """Cash, positions, stops and what was earned."""
    return _told(request, account, lambda conn, mine: _portfolio(request, conn, mine))


@router.get("/risk", tags=["risk"], response_model=schemas.Risk, responses=_ALL, **_RISK)
def risk(request: Request, account: Named = None) -> Response:
    """The trading state by scope, what holds, and how near each breaker is."""

    def read(conn: Connection, mine: Account) -> JSON:
        at = served(request)
        run = latest_run(conn, mine.account_id)
        return risk_status(conn, mine, settings_of(run).risk, at.market(conn, mine), at.home.kill_switch())

    return _told(request, account, read)


@router.get("/audit/records", tags=["audit"], response_model=schemas.Records, responses=_ALL, **_AUDIT)
def audit(request: Request, account: Named = None, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Records of decisions, releases and actions, newest first."""
    table = tables.records

    def read(conn: Connection, mine: Account) -> JSON:
        query = select(table).where(table.c.account_id == mine.account_id)
        rows, following = page(conn, query, table.c.as_of_ns, table.c.record_id, cursor, limit)
        return {"records": [plain(dict(row._mapping)) for row in rows], "next": following}

    return _told(request, account, read)


@router.get("/audit/verify", tags=["audit"], response_model=schemas.Verified, responses=_ALL, **_AUDIT)
def verified(request: Request) -> Response:
    """Walks every chain of the journal, and names the first entry that was changed."""
    at = served(request)
    with at.verifying:  # it reads everything: one at a time
        found = at.books.read(verify)
    return _json({**plain(found), "ok": found.ok})


@router.get("/audit/records/{record_id}", tags=["audit"], response_model=schemas.Open, responses=_ALL, **_AUDIT)
def record(request: Request, record_id: Id) -> Response:
    """One record whole, by its id or its hash."""

    def read(conn: Connection) -> JSON:
        found = _found(lambda: records.find(conn, record_id), f"no record has the id {record_id}")
        if record_id not in (found.record_id, found.record_hash):
            raise Problem(404, f"no record has the id {record_id}")
        return reports.record_report(conn, found)

    return _json(served(request).books.read(read))


@router.get("/models", tags=["models"], response_model=schemas.Models, responses=_ALL, **_MODELS)
def models(request: Request) -> Response:
    """Trained models with their cards, and who gave each a vote."""
    return _json({"models": modelling.listing(served(request).home)})


def _portfolio(request: Request, conn: Connection, mine: Account) -> JSON:
    return reports.portfolio(conn, mine, served(request).market(conn, mine))


def _life(conn: Connection, account_id: str, order_id: str) -> JSON:
    told = f"no order of this account has the id {order_id}"
    found = _found(lambda: ordering.life(conn, account_id, order_id), told)
    if order_id not in (found.get("order"), found.get("exchange_order_id"), found.get("proposal_id")):
        raise Problem(404, told)
    return found


def _one_approval(conn: Connection, proposal_id: str) -> JSON:
    told = f"no approval has the id {proposal_id}"
    found = _found(lambda: reports.approval(conn, proposal_id), told)
    if found["proposal_id"] != proposal_id:
        raise Problem(404, told)
    return found


def _found(look: Callable[[], Any], told: str) -> Any:
    try:
        return look()
    except ConfigError:
        raise Problem(404, told) from None


def _told(request: Request, named: str | None, read: Callable[[Connection, Account], JSON]) -> Response:
    at: Served = served(request)
    return _json(at.books.read(lambda conn: read(conn, at.account(conn, named))))


def _json(body: JSON) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")
