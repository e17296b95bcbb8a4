"""What is asked at every review costs the same whatever the account's history: an index answers all of it."""

import pytest
from sqlalchemy import Connection, Executable
from sqlalchemy.dialects import sqlite

from execution import incidents, latches
from memory.books import accounts, baselines, performance
from memory.books.database import Books

ASKED_AT_EVERY_REVIEW: dict[str, Executable] = {
    "the latest round trips": performance._TRIPS_BACKWARD,
    "a mark by its time": performance._MARK_BY,
    "live causes": latches._LIVE,
    "baselines": baselines._OF,
    "the account": accounts._ACCOUNT,
    "open incidents": incidents._COUNT,
}


@pytest.mark.parametrize("query", ASKED_AT_EVERY_REVIEW.values(), ids=ASKED_AT_EVERY_REVIEW.keys())
def test_an_index_answers_and_nothing_is_sorted_that_grows(books: Books, query: Executable) -> None:
    def explained(conn: Connection) -> list[str]:
        compiled = query.compile(dialect=sqlite.dialect())  # type: ignore[attr-defined]
        names = [None] * len(compiled.positiontup or ())
        return [row[3] for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", tuple(names))]

    plan = books.read(explained)
    # Open incidents are counted by kind, of which there are two; none is ever read that is closed.
    assert all(step.startswith("SEARCH") for step in plan if "FOR GROUP BY" not in step), plan
