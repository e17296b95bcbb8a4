"""Which scorer of texts speaks for a desk: loaded once a process, journaled where it stands in for another."""

from datetime import UTC, datetime
from functools import cache, lru_cache

from sqlalchemy import Connection

from core.time import SECOND_NS
from desk.settings import Settings
from memory.books import journal
from models.sentiment import embedded
from models.sentiment.choosing import Chosen, choose

SCORER = "scorer"

_embedded = cache(embedded.load)
# A classifier takes seconds to load, and a desk of the same settings is built more than once in a process.
_choose = lru_cache(maxsize=8)(choose)


def chosen(settings: Settings, at_ns: int) -> Chosen:
    """The scorer of these settings for a desk that begins at a time, live or of the past."""
    table = settings.models.sentiment
    day = datetime.fromtimestamp(at_ns / SECOND_NS, UTC).date()
    return _choose(table.scorer, table.classifier(), as_of=day, load_embedded=_embedded)


def note(conn: Connection, account_id: str, settings: Settings, now_ns: int) -> None:
    """Journals what kept the scorer that was asked for from speaking. Called whenever a run begins."""
    found = chosen(settings, now_ns)
    if found.scorer.fallback:
        asked = settings.models.sentiment.scorer
        entry = {"asked": asked, "speaks": found.scorer.name, "reasons": list(found.reasons)}
        journal.append(conn, account_id, SCORER, entry, ts_ns=now_ns)
