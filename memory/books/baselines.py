"""From when, and from which equity, a reading is measured once a person had it begin anew."""

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection, bindparam, select

from memory.books.columns import upsert
from memory.books.tables import baselines as rows
from risk.readings import Reading

_OF = select(rows.c.reads, rows.c.since_ns, rows.c.equity).where(rows.c.account_id == bindparam("account_id"))


@dataclass(frozen=True, slots=True)
class Baseline:
    """`equity` is in the numeraire and net of transfers; None for a reading that is no loss of equity."""

    since_ns: int
    equity: Decimal | None


def baselines(conn: Connection, account_id: str) -> dict[Reading, Baseline]:
    found = conn.execute(_OF, {"account_id": account_id})
    return {row.reads: Baseline(row.since_ns, row.equity) for row in found}


def begin_anew(conn: Connection, account_id: str, reads: Reading, since_ns: int, equity: Decimal | None) -> None:
    row = {"account_id": account_id, "reads": reads, "since_ns": since_ns, "equity": equity}
    upsert(conn, rows, row, ("since_ns", "equity"))
