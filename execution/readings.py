"""What the breakers read, from the books."""

from decimal import Decimal

from sqlalchemy import Connection

from execution import latches
from memory.books import accounts, performance
from risk.breakers import Cause, Readings, Trip, trips
from risk.settings import RiskSettings


def read_breakers(
    conn: Connection, account_id: str, equity: Decimal | None, policy: RiskSettings, *, kill_file: bool
) -> tuple[Trip, ...]:
    """Every cause that holds now, for the watch's timer and for every review."""
    streak_since = latches.last_rearmed_ns(conn, account_id, Cause.LOSING_STREAK)
    account = accounts.account(conn, account_id)
    readings = Readings(
        equity=None if equity is None else equity - accounts.transferred(conn, account_id),
        start_equity=account.start_equity,
        losing_streak=performance.losing_streak(conn, account_id, streak_since),
        kill_file=kill_file,
    )
    return trips(readings, policy)
