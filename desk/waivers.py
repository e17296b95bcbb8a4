"""What a person takes on in spite of a condition of going live: an entry of the journal with who and why.

Each is for one subject (this key, this policy), and void as soon as that is another one.
"""

from typing import Final

from sqlalchemy import Connection

from core.errors import ConfigError
from memory.books import journal

STREAM: Final = "waivers"
KEYS: Final = "keys"  # the subject is the key's fingerprint
REHEARSAL: Final = "rehearsal"  # the subject is the hash of the risk policy


def waive(conn: Connection, condition: str, subject: str, about: str, *, by: str, reason: str, now_ns: int) -> None:
    """`about` is what a person reads of the subject: of a key its hint. Raises ConfigError without a reason."""
    if not reason.strip():
        raise ConfigError("a condition of going live is waived for a reason: say it")
    body = {"condition": condition, "subject": subject, "about": about, "by": by, "reason": reason}
    journal.append(conn, STREAM, "waived", body, ts_ns=now_ns)


def waived(conn: Connection, condition: str, subject: str) -> str | None:
    """Who waived it last for this subject, and why; None where nobody did."""
    found = None
    for entry in journal.entries(conn, STREAM):
        if (entry.body["condition"], entry.body["subject"]) == (condition, subject):
            found = f"{entry.body['by']}: {entry.body['reason']}"
    return found
