"""What happened outside the record is stored before it is used, and answered from storage ever after."""

import asyncio
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from core.canonical import Canonical, digest
from core.errors import LedgerBroken
from core.ports import Effects
from memory.books import blobs, tables
from memory.books.database import Books
from memory.books.effects import ReplayedEffects, StoredEffects


def never() -> Any:
    pytest.fail("asked again although the answer is stored")


def answering(value: Any) -> Callable[[], Any]:
    return lambda: value


async def test_an_answer_is_durable_before_it_is_used(books: Books) -> None:
    effects: Effects = StoredEffects(books, "c")
    assert await effects.perform("research", "BTC/USDT", {"ask": 1}, answering({"said": ("a", 2)})) == {
        "said": ["a", 2]
    }
    row = books.read(lambda conn: conn.execute(select(tables.effects)).one())
    assert (row.cycle_id, row.node, row.lane, row.sequence) == ("c", "research", "BTC/USDT", 1)
    assert (row.request, row.response) == (digest({"ask": 1}), digest({"said": ["a", 2]}))


async def test_an_answer_may_be_awaited_for(books: Books) -> None:
    async def slowly() -> dict[str, int]:
        await asyncio.sleep(0)
        return {"a": 1}

    assert await StoredEffects(books, "c").perform("n", "l", None, slowly) == {"a": 1}


async def test_an_answer_that_cannot_be_written_is_not_used(books: Books) -> None:
    with pytest.raises(TypeError, match="has no canonical form"):
        await StoredEffects(books, "c").perform("n", "l", None, answering({"p": 0.5}))
    assert books.read(lambda conn: conn.execute(select(tables.effects)).all()) == []


async def test_no_answer_at_all_is_an_answer(books: Books) -> None:
    assert await StoredEffects(books, "c").perform("n", "l", None, answering(None)) is None
    assert await StoredEffects(books, "c").perform("n", "l", None, never) is None


async def test_a_cycle_that_runs_again_is_answered_from_storage(books: Books) -> None:
    first = StoredEffects(books, "c")
    await first.perform("n", "l", {"ask": 1}, answering("one"))
    second = StoredEffects(books, "c")
    second.begin()
    assert await second.perform("n", "l", {"ask": 1}, never) == "one"
    assert await second.perform("n", "l", {"ask": 2}, answering("two")) == "two"
    assert second.entries()[:1] == first.entries()


async def test_another_request_under_the_same_number_is_refused(books: Books) -> None:
    await StoredEffects(books, "c").perform("n", "l", {"ask": 1}, answering("one"))
    with pytest.raises(LedgerBroken, match=r"effect n/l#1 of cycle c was stored for request"):
        await StoredEffects(books, "c").perform("n", "l", {"ask": 2}, never)


async def test_calls_are_numbered_in_the_order_requested_not_awaited(books: Books) -> None:
    effects = StoredEffects(books, "c")
    first = effects.perform("n", "l", "first", answering("first"))
    second = effects.perform("n", "l", "second", answering("second"))
    other = effects.perform("n", "m", "other", answering("other"))
    await other
    await second
    await first
    assert [(e.lane, e.sequence, e.response) for e in effects.entries()] == [
        ("l", 1, digest("first")),
        ("l", 2, digest("second")),
        ("m", 1, digest("other")),
    ]


async def test_cycles_do_not_share_effects(books: Books) -> None:
    await StoredEffects(books, "c").perform("n", "l", 1, answering("one"))
    assert await StoredEffects(books, "d").perform("n", "l", 1, answering("another")) == "another"


@pytest.mark.parametrize(("length", "inline"), [(1022, True), (1023, False), (100_000, False)])
async def test_a_body_over_one_kilobyte_is_a_blob(books: Books, length: int, inline: bool) -> None:
    text = "x" * length  # two quotes around it in JSON
    assert await StoredEffects(books, "c").perform("n", "l", 1, answering(text)) == text
    body = books.read(lambda conn: conn.scalar(select(tables.effects.c.body)))
    assert (body is not None) is inline
    assert await StoredEffects(books, "c").perform("n", "l", 1, never) == text


async def test_a_body_that_was_changed_is_refused(books: Books) -> None:
    await StoredEffects(books, "c").perform("n", "l", 1, answering("buy"))
    books.write(lambda conn: conn.execute(update(tables.effects).values(body='"sell"')))
    with pytest.raises(LedgerBroken, match="effect n/l#1 of cycle c was changed"):
        await StoredEffects(books, "c").perform("n", "l", 1, never)


async def test_a_payload_that_was_deleted_is_named(books: Books) -> None:
    await StoredEffects(books, "c").perform("n", "l", 1, answering("x" * 5000))
    books.write(lambda conn: conn.execute(delete(tables.blobs)))
    with pytest.raises(LedgerBroken, match="effect n/l#1 of cycle c is no longer kept"):
        await ReplayedEffects(books, "c").perform("n", "l", 1, never)


async def test_a_replay_never_asks(books: Books) -> None:
    live = StoredEffects(books, "c")
    await live.perform("n", "l", {"ask": 1}, answering({"a": 1}))
    replay = ReplayedEffects(books, "c")
    assert await replay.perform("n", "l", {"ask": 1}, never) == {"a": 1}
    assert replay.entries() == live.entries()
    assert replay.differences == []


async def test_a_replay_that_asks_for_more_names_what_is_missing(books: Books) -> None:
    replay = ReplayedEffects(books, "c")
    with pytest.raises(LedgerBroken, match="effect n/l#1 of cycle c was never stored"):
        await replay.perform("n", "l", 1, never)


async def test_a_replay_that_asks_otherwise_remembers_it_and_goes_on(books: Books) -> None:
    live = StoredEffects(books, "c")
    await live.perform("n", "l", {"ask": 1}, answering("one"))
    replay = ReplayedEffects(books, "c")
    assert await replay.perform("n", "l", {"ask": 2}, never) == "one"
    assert replay.differences == [("n", "l", 1)]
    assert replay.entries() != live.entries()


async def test_effects_that_are_ready_together_share_one_commit(books: Books) -> None:
    commits = 0

    def counted(_: object) -> None:
        nonlocal commits
        commits += 1

    books.guard(counted)  # asked once a transaction
    effects = StoredEffects(books, "c")
    said = await asyncio.gather(*(effects.perform("n", lane, 1, answering(lane)) for lane in ("a", "b", "c")))
    assert said == ["a", "b", "c"]
    assert commits == 1
    assert await effects.perform("n", "d", 1, answering("later")) == "later"
    assert commits == 2


async def test_of_effects_that_cannot_be_written_together_none_is_used(books: Books) -> None:
    effects = StoredEffects(books, "c")
    effects.begin()
    # Somebody else wrote one of them in between.
    await StoredEffects(books, "c").perform("n", "a", 1, answering("theirs"))
    works = (effects.perform("n", lane, 1, answering("ours")) for lane in ("a", "b"))
    failed = await asyncio.gather(*works, return_exceptions=True)
    assert [type(error) for error in failed] == [IntegrityError, IntegrityError]
    assert effects.entries() == ()
    assert books.read(lambda conn: len(conn.execute(select(tables.effects)).all())) == 1


async def test_one_that_is_called_off_leaves_the_others_their_answer(books: Books) -> None:
    effects = StoredEffects(books, "c")
    tasks = [asyncio.ensure_future(effects.perform("n", lane, 1, answering(lane))) for lane in ("a", "b")]
    await asyncio.sleep(0)
    tasks[0].cancel()
    assert await tasks[1] == "b"
    with pytest.raises(asyncio.CancelledError):
        await tasks[0]
    assert [effect.lane for effect in effects.entries()] == ["b"]


async def test_what_stands_beside_an_answer_is_kept_by_content_and_once(books: Books) -> None:
    question, effects = Canonical.of({"say": "x" * 100}), StoredEffects(books, "c")
    for lane in ("a", "b"):
        named = {"asked": question.digest}
        assert await effects.perform("n", lane, 1, answering(named), [question]) == named
    assert books.read(lambda conn: blobs.get_json(conn, question.digest)) == question.value
    assert books.read(lambda conn: len(conn.execute(select(tables.blobs)).all())) == 1


async def test_a_payload_that_was_changed_is_refused_when_it_is_used(books: Books) -> None:
    await StoredEffects(books, "c").perform("n", "l", 1, answering("x" * 5000))
    books.write(lambda conn: conn.execute(update(tables.blobs).values(content=zlib.compress(b'"sell"'))))
    replay = ReplayedEffects(books, "c")
    replay.begin()
    with pytest.raises(LedgerBroken, match="was changed"):
        await replay.perform("n", "l", 1, never)
