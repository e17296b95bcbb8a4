"""Incidents: what somebody found wrong, kept open until it is resolved. Open ones are what two breakers read."""

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, insert, select, update

from core.canonical import JSON
from core.time import show_time
from memory.books import journal
from memory.books.tables import incidents as rows
from memory.books.words import IncidentKind

_BY = "desk"

_COUNT = (
    select(rows.c.kind, func.count())
    .where(rows.c.account_id == bindparam("account_id"), rows.c.closed_ns.is_(None))
    .group_by(rows.c.kind)
)


def add(conn: Connection, account_id: str, kind: IncidentKind, subject: str, detail: str, now_ns: int) -> bool:
    """Opens an incident and journals it. False where one of this kind and subject is open already."""
    known = select(rows.c.id).where(_open(account_id, kind), rows.c.subject == subject)
    if conn.execute(known).first() is not None:
        return False
    row = {"account_id": account_id, "kind": kind, "subject": subject, "detail": detail, "opened_ns": now_ns}
    conn.execute(insert(rows), row)
    entry = {"kind": kind, "subject": subject, "detail": detail}
    journal.append(conn, account_id, "incident", entry, ts_ns=now_ns)
    return True


def add_all(conn: Connection, account_id: str, kind: IncidentKind, found: Mapping[str, str], now_ns: int) -> int:
    """Opens one for each subject, with its detail, that has none open. How many were new."""
    known = set(subjects(conn, account_id, kind))
    new = {subject: detail for subject, detail in found.items() if subject not in known}
    if new:
        row = {"account_id": account_id, "kind": kind, "opened_ns": now_ns}
        conn.execute(insert(rows), [{**row, "subject": subject, "detail": detail} for subject, detail in new.items()])
    for subject, detail in new.items():
        entry = {"kind": kind, "subject": subject, "detail": detail}
        journal.append(conn, account_id, "incident", entry, ts_ns=now_ns)
    return len(new)


def subjects(conn: Connection, account_id: str, kind: IncidentKind) -> list[str]:
    """What the open incidents of a kind are about."""
    return list(conn.scalars(select(rows.c.subject).where(_open(account_id, kind)).order_by(rows.c.id)))


def unclosed(conn: Connection, account_id: str) -> list[JSON]:
    """Every open incident for people, oldest first."""
    query = select(rows).where(rows.c.account_id == account_id, rows.c.closed_ns.is_(None)).order_by(rows.c.id)
    return [
        {"kind": row.kind.value, "subject": row.subject, "detail": row.detail, "opened": show_time(row.opened_ns)}
        for row in conn.execute(query)
    ]


def known(conn: Connection, account_id: str, kind: IncidentKind, subject: str, *, since_ns: int = 0) -> bool:
    """Whether one of this kind and subject was opened at `since_ns` or later, be it closed by now."""
    opened = and_(rows.c.account_id == account_id, rows.c.kind == kind, rows.c.opened_ns >= since_ns)
    return conn.execute(select(rows.c.id).where(opened, rows.c.subject == subject)).first() is not None


def open_count(conn: Connection, account_id: str) -> dict[IncidentKind, int]:
    """How many of each kind nobody has closed."""
    counted = {row[0]: int(row[1]) for row in conn.execute(_COUNT, {"account_id": account_id})}
    return {kind: counted.get(kind, 0) for kind in IncidentKind}


def close(
    conn: Connection,
    account_id: str,
    kind: IncidentKind,
    subject: str | None = None,
    *,
    reason: str,
    now_ns: int,
    by: str = _BY,
) -> int:
    """Closes the open incidents of a kind, or the one of this subject. Answers how many there were."""
    wanted = _open(account_id, kind) if subject is None else and_(_open(account_id, kind), rows.c.subject == subject)
    told = {"closed_ns": now_ns, "closed_by": by, "reason": reason}
    closed = conn.execute(update(rows).where(wanted).values(**told)).rowcount
    if closed:
        entry = {"kind": kind, "subject": subject, "closed": closed, "by": by, "reason": reason}
        journal.append(conn, account_id, "incident_closed", entry, ts_ns=now_ns)
    return closed


def _open(account_id: str, kind: IncidentKind) -> ColumnElement[bool]:
    return and_(rows.c.account_id == account_id, rows.c.kind == kind, rows.c.closed_ns.is_(None))
