"""An account that its venue froze: an incident that outlives the process. Nothing adds risk until it is lifted."""

from sqlalchemy import Connection, bindparam, select

from execution import incidents
from execution.ports import VenueHealth
from execution.vitals import Vitals
from memory.books.tables import incidents as rows
from memory.books.words import IncidentKind

_KIND = IncidentKind.RESTRICTED
_STANDING = (
    select(rows.c.detail)
    .where(rows.c.account_id == bindparam("account_id"), rows.c.kind == _KIND, rows.c.closed_ns.is_(None))
    .order_by(rows.c.id.desc())
    .limit(1)
)


class Restriction:
    """Writes down what the line to a venue heard of one."""

    def __init__(self, account_id: str, venue: str, vitals: Vitals) -> None:
        self._account_id = account_id
        self._venue = venue
        self._vitals = vitals
        self._kept: bool | None = None

    def keep(self, conn: Connection, now_ns: int) -> None:
        """Opens the incident, which journals it once, or closes it where the venue says that it is over."""
        told = self._vitals.restricted()
        if told:
            incidents.add(conn, self._account_id, _KIND, self._venue, self._vitals.restriction, now_ns)
        elif told is False and self._kept is not False:
            incidents.close(conn, self._account_id, _KIND, reason="the venue lifted it", now_ns=now_ns)
        self._kept = told


def holds(conn: Connection, account_id: str, health: VenueHealth) -> bool:
    """Whether the account is frozen: as this process heard it, else as the books have it."""
    told = health.restricted()
    return standing(conn, account_id) is not None if told is None else told


def standing(conn: Connection, account_id: str) -> str | None:
    """What the venue said when it froze the account; None where it did not, or where that is over."""
    found: str | None = conn.scalar(_STANDING, {"account_id": account_id})
    return found


def lift(conn: Connection, account_id: str, *, by: str, reason: str, now_ns: int) -> bool:
    """A person says that it is over. False where there was none. The desk's vitals are told as well."""
    return incidents.close(conn, account_id, _KIND, reason=reason, now_ns=now_ns, by=by) > 0
