"""Scorecards of documents that a person gave the desk to keep: in the journal, and asked for as they were known."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from agents.documents import FORMS
from core.canonical import JSON, plain
from core.errors import DataRefused
from core.taint import Taint
from desk.researching import Researched
from memory.books import journal
from memory.books.database import Books

STREAM: Final = "documents"  # of the journal
_KIND: Final = "scorecard"


def keep(books: Books, found: Researched, now_ns: int) -> None:
    """From now on research may ask for its fields. No word of the document is kept, its name and title included.

    Raises DataRefused for a document that gives orders to whoever reads it.
    """
    if found.document.taint is Taint.HOSTILE:
        raise DataRefused(f"{found.file} gives orders to whoever reads it: it is not kept")
    entry = {
        "token": found.token,
        "content_hash": found.document.content_hash,
        "reader": found.card.reader,
        "fields": [{"field": f.field, "value": f.value, "start": f.start, "end": f.end} for f in found.card.findings],
    }
    books.write(lambda conn: journal.append(conn, STREAM, _KIND, plain(entry), ts_ns=now_ns))


@dataclass(frozen=True, slots=True)
class KeptDocuments:
    """What was kept in these books, for all accounts."""

    books: Books

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(name.value for name in FORMS)

    def newest(self, token: str, *, as_of_ns: int) -> JSON | None:
        """The last one kept of a token by a time."""
        return self.books.read(lambda conn: _newest(conn, token, as_of_ns))


def _newest(conn: Connection, token: str, as_of_ns: int) -> JSON | None:
    kept = [e for e in journal.entries(conn, STREAM) if e.ts_ns <= as_of_ns and e.body["token"] == token]
    return {**kept[-1].body, "known_at_ns": kept[-1].ts_ns} if kept else None
