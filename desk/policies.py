"""The policy that an account is worked under: its coming into force is an entry of the journal."""

from pathlib import Path

from sqlalchemy import Connection, select

from core.canonical import JSON, plain
from core.time import show_time
from desk.settings import policy_of
from memory.books import accounts, blobs, journal
from memory.books.tables import journal as entries
from risk.policies import differences
from risk.settings import RiskSettings

POLICY = "policy"
SHADOW = "shadow"


def note(conn: Connection, account_id: str, policy: RiskSettings, source: str, now_ns: int) -> bool:
    """Journals a policy that is not the one of last time, with what differs. Called whenever a desk starts."""
    known = accounts.account(conn, account_id).policy
    if known == policy.policy_hash:
        return False
    now = plain(policy)
    before = None if known is None else blobs.get_json(conn, known)
    blobs.put_json(conn, now)
    changed = [] if before is None else differences(before, now)
    entry = {"policy": policy.policy_hash, "before": known, "source": source, "changed": changed}
    journal.append(conn, account_id, POLICY, entry, ts_ns=now_ns)
    accounts.set_policy(conn, account_id, policy.policy_hash)
    return True


def compared(file: Path, active: RiskSettings) -> JSON:
    """A policy file as it would be beside the active policy. Raises ConfigError where it is no policy."""
    candidate = policy_of(file)
    changed = differences(plain(active), plain(candidate))
    return {
        "file": str(file),
        "policy_hash": candidate.policy_hash,
        "active_hash": active.policy_hash,
        "changed": changed,
    }


def shadowed(conn: Connection, account_id: str) -> list[JSON]:
    """Where the shadow policy would have answered otherwise, oldest first."""
    query = select(entries.c.sequence, entries.c.ts_ns).where(entries.c.stream == account_id, entries.c.kind == SHADOW)
    found = conn.execute(query.order_by(entries.c.sequence)).all()
    wanted = {row.sequence for row in found}
    if not wanted:
        return []
    told = journal.entries(conn, account_id, after=min(wanted) - 1)
    return [{"at": show_time(e.ts_ns), **e.body} for e in told if e.sequence in wanted]
