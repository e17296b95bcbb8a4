"""A run within a model's training data says so wherever a person looks."""

from datetime import date

import pytest

from agents.chat.telling import told
from bench.chat_server import analyst
from desk import explaining
from desk.home import Home
from desk.replay import replay
from memory.books.words import RecordKind
from tests.agents.llm.desks import served, settings
from tests.desk.desks import BUYS_BOTH, all_records, body_of, books_of, moment, report_of, run


@pytest.mark.parametrize(
    ("cutoff", "label", "words"),
    [
        (date(2026, 2, 16), "contaminated", "training data of its model, which ends on 2026-02-16"),
        (date(2026, 2, 15), "clean", None),
        (None, "unknown", "nobody says where the training data of its model ends"),
    ],
)
async def test_the_label_is_in_record_report_replay_and_why(
    home: Home, cutoff: date | None, label: str, words: str | None
) -> None:
    async with served(analyst) as server:
        result = await run(home, moment(BUYS_BOTH), settings(server.url, cutoff=cutoff))
    assert report_of(home, result)["contamination"] == {label: 1}
    with books_of(home) as books:
        (record,) = all_records(books, RecordKind.DECISION)
        assert body_of(books, record)["contamination"]["label"] == label
        found = await replay(books, record)
        why = books.read(lambda conn: explaining.one(conn, record.record_id))
    assert found.replayed_hash == record.record_hash
    said = told("record", why.data)
    assert words in said if words else "training data" not in said


async def test_rules_are_clean_at_any_time(home: Home) -> None:
    result = await run(home, moment(BUYS_BOTH))
    assert report_of(home, result)["contamination"] == {"clean": 1}
