"""What the chat reads in the books, and what it asks of a real desk: the gate decides, and a key is used once."""

import ast
import asyncio
import inspect
import shutil
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from agents.chat.engine import Chat
from agents.chat.events import Asks, Done, Event, Note, Told
from bench.chat_server import analyst
from core.canonical import JSON
from core.errors import ConfigError
from core.taint import Taint
from core.time import HOUR_NS
from desk import chatting, explaining, proposing, requests
from desk.chatting import BookedChat, BookedConversations
from desk.holding import Holding
from desk.home import Home
from desk.replay import replay
from desk.runs import open_run
from desk.settings import Settings
from execution import orderbook
from memory.books import records, tables
from memory.books.database import Books
from memory.books.words import RecordKind, RequestState
from tests.agents.llm.desks import served, settings
from tests.desk.desks import BUYS_BOTH, BUYS_NOTHING, all_records, body_of, fresh_home, moment, run, tightened, verified

ASKING = tightened(approval="tainted")
# ETH stands near 2,000 to 4,000 in this market.
ORDER: JSON = {"symbol": "ETH/USDT", "side": "buy", "worth": "100", "stop": "1", "because": "a test"}


@pytest.fixture(scope="module")
def ran() -> Iterator[Home]:
    """A home whose account decided once, to be copied."""
    with fresh_home() as made:
        asyncio.run(run(made, moment(BUYS_BOTH), ASKING))
        yield made


@pytest.fixture
def books(ran: Home, home: Home) -> Iterator[Books]:
    shutil.copytree(ran.path, home.path, dirs_exist_ok=True)
    with Books.open(home.database_url) as opened:
        yield opened


@pytest.fixture
def desk(books: Books, home: Home) -> BookedChat:
    return BookedChat(home, Settings(), books)


@pytest.fixture
def chat(desk: BookedChat, books: Books) -> Chat:
    kept = BookedConversations(books)
    return Chat(desk, kept, kept.begin("ada"))


async def heard(chat: Chat, *texts: str) -> list[Event]:
    return [event for text in texts async for event in chat.turn(text)]


def proposals(books: Books) -> int:
    return len(
        [r for r in all_records(books, RecordKind.ACTION) if "ada" in str(body_of(books, r)["proposal"]["source"])]
    )


# No way to what a person alone may do.


@pytest.mark.parametrize("module", [chatting, explaining])
def test_it_calls_no_verb_that_approves_rearms_or_closes(module: object) -> None:
    tree = ast.parse(inspect.getsource(module))  # type: ignore[arg-type]
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    named = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    beyond = {"rearm", "lift", "halt", "resolve", "reconcile", "close", "flatten", "cancel", "cancel_all"}
    assert not (used | named) & (beyond | {"move_instruction", "perform", "approve", "release"})
    asked = {
        n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and getattr(n.value, "id", "") == "answering"
    }
    assert asked <= {"whatif", "propose", "decide", "instruct"}


# Reading.


@pytest.mark.parametrize(
    "text", ["portfolio", "pnl", "orders all", "waiting", "risk", "forecast", "news ETH", "why ETH"]
)
async def test_every_reading_is_answered_from_the_books(chat: Chat, text: str) -> None:
    [told] = await heard(chat, text)
    assert isinstance(told, Told), told
    assert told.text


async def test_why_cites_the_record_and_its_verdicts(chat: Chat, books: Books) -> None:
    [told] = await heard(chat, "why did you buy ETH")
    assert isinstance(told, Told)
    [decision] = all_records(books, RecordKind.DECISION)
    assert told.data["told"][0]["record_id"] == decision.record_id
    assert decision.record_id[:13] in told.text
    assert "because: " in told.text


async def test_why_nothing_was_done_is_as_tainted_as_what_its_planner_was_shown(home: Home) -> None:
    """No order carries the taint here, and still the planner's words may come of a text."""
    await run(home, moment(BUYS_NOTHING))
    with Books.open(home.database_url) as opened:
        kept = BookedConversations(opened)
        chat = Chat(BookedChat(home, Settings(), opened), kept, kept.begin("ada"))
        [told] = await heard(chat, "why BTC")
        [decision] = all_records(opened, RecordKind.DECISION)
        body = body_of(opened, decision)
    assert isinstance(told, Told)
    assert told.data["told"][0]["orders"] == []
    assert {mood["taint"] for mood in body["sentiment"]["moods"]} == {Taint.DERIVED}
    assert chat.thread.taint is Taint.DERIVED


async def test_why_without_such_a_record_says_how_many_there_are(chat: Chat) -> None:
    [told] = await heard(chat, "why did you sell ETH")
    assert "no record with a sell is about ETH/USDT; 1 record is" in told.text  # type: ignore[union-attr]


async def test_a_quoted_text_is_untrusted_and_found_by_its_id(chat: Chat) -> None:
    [news] = await heard(chat, "news ETH")
    assert isinstance(news, Told)
    assert "headline" not in str(news.data)
    [quote] = await heard(chat, f"quote {news.data['texts'][0]['text_id']}")
    assert isinstance(quote, Told)
    assert quote.quoted
    assert chat.thread.taint >= Taint.UNTRUSTED


async def test_a_record_without_a_model_has_no_prompts(chat: Chat, books: Books) -> None:
    [decision] = all_records(books, RecordKind.DECISION)
    [note] = await heard(chat, f"prompts {decision.record_id}")
    assert "no language model was asked" in note.text  # type: ignore[union-attr]


# What if.


async def test_a_what_if_writes_nothing_down(chat: Chat, desk: BookedChat, home: Home) -> None:
    before = verified(home).entries
    told = await desk.whatif({**ORDER, "worth": None, "quantity": "1000"}, taint=Taint.TRUSTED, by="ada")
    assert not told["allowed"]
    assert {denial["code"] for denial in told["denials"]} >= {"ORDER_SIZE", "FREE_BALANCE"}
    assert verified(home).entries == before


async def test_money_is_turned_into_a_quantity_that_it_pays_for(desk: BookedChat) -> None:
    told = await desk.whatif(ORDER, taint=Taint.TRUSTED, by="ada")
    assert 90 < float(told["worth"]) <= 100


async def test_an_order_that_says_two_amounts_is_refused(desk: BookedChat) -> None:
    with pytest.raises(ConfigError, match="one of the two"):
        await desk.whatif({**ORDER, "quantity": "1"}, taint=Taint.TRUSTED, by="ada")


# Asking.


async def test_an_order_passes_the_gate_as_the_persons_own_and_is_recorded(chat: Chat, books: Books) -> None:
    asks, done = await heard(chat, "buy 100 USDT of ETH stop 1 because a test", "yes")
    assert isinstance(asks, Asks)
    assert isinstance(done, Done)
    stored = books.read(lambda conn: orderbook.find_proposal(conn, done.data["proposal_id"]))
    assert stored is not None
    assert (stored.body["order"]["owner"], stored.body["thesis"], stored.body["taint"]) == ("person", "a test", 0)
    assert proposals(books) == 1


async def test_the_same_key_is_the_same_order_even_when_the_clock_has_moved(desk: BookedChat, books: Books) -> None:
    sized = (await desk.whatif(ORDER, taint=Taint.TRUSTED, by="ada"))["order"]
    first = await desk.propose(sized, taint=Taint.TRUSTED, by="ada", key="k")
    again = await desk.propose(sized, taint=Taint.TRUSTED, by="ada", key="k")
    assert (first["proposal_id"], first["kind"]) == (again["proposal_id"], again["kind"])
    assert proposals(books) == 1
    with pytest.raises(ConfigError, match="was used for another order"):
        await desk.propose({**sized, "quantity": "0.5"}, taint=Taint.TRUSTED, by="ada", key="k")


async def test_a_tainted_conversation_proposes_what_waits_for_a_person(chat: Chat) -> None:
    [news] = await heard(chat, "news ETH")
    await heard(chat, f"quote {news.data['texts'][0]['text_id']}")  # type: ignore[union-attr]
    _, done = await heard(chat, "buy 100 USDT of ETH stop 1 because a text says so", "yes")
    assert isinstance(done, Done)
    assert done.data["kind"] in ("waiting", "denied")
    assert "TAINT" in {denial["code"] for denial in done.data["denials"]}


async def test_an_order_without_a_reason_or_a_stop_is_denied_as_anybodys(chat: Chat) -> None:
    _, done = await heard(chat, "buy 100 USDT of ETH", "yes")
    assert isinstance(done, Done)
    assert {"THESIS", "STOP", "PREDICATES"} <= {denial["code"] for denial in done.data["denials"]}


async def test_a_cycle_that_was_asked_for_runs_once_for_its_key(chat: Chat, desk: BookedChat, books: Books) -> None:
    _, done = await heard(chat, "run", "yes")
    assert isinstance(done, Done)
    assert len(all_records(books, RecordKind.DECISION)) == 2
    first = await desk.decide(by="ada", key="k")
    again = await desk.decide(by="ada", key="k")
    assert first["record_id"] == again["record_id"] != done.data["record_id"]
    assert len(all_records(books, RecordKind.DECISION)) == 3
    for record in all_records(books):
        again = await replay(books, record)
        assert again.replayed_hash == again.recorded_hash, again


async def test_a_cycle_that_died_is_the_same_cycle_when_it_is_asked_for_again(
    books: Books, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However late: it is of its own moment, and what it knew is stored."""

    class Died(BaseException):
        pass

    def dies(*_: object, **__: object) -> None:
        raise Died

    async with open_run(home, ASKING, moment(BUYS_BOTH)) as at_work:
        past = at_work.desk
        with monkeypatch.context() as patched:
            patched.setattr(records, "close_cycle", dies)
            with pytest.raises(Died):
                await proposing.decide(past, "ada", "k")
        [begun] = past.books.read(lambda conn: records.unfinished_cycles(conn, past.account_id))
        past.clock.advance_to(past.clock.now_ns() + HOUR_NS)
        assert await proposing.decide(past, "ada", "k") == begun.cycle_id
        assert await proposing.decide(past, "ada", "k") == begun.cycle_id
        assert past.books.read(lambda conn: records.unfinished_cycles(conn, past.account_id)) == ()
    for record in all_records(books, RecordKind.DECISION):
        again = await replay(books, record)
        assert again.replayed_hash == again.recorded_hash, again


async def test_who_stops_waiting_for_an_answer_takes_the_request_back(books: Books, desk: BookedChat) -> None:
    """The desk has not begun with it, and now never does."""
    account_id = str(books.read(lambda conn: conn.execute(select(tables.accounts.c.account_id)).scalar_one()))

    def states() -> list[RequestState]:
        return list(books.read(lambda conn: conn.execute(select(tables.requests.c.state)).scalars().all()))

    with Holding(books, account_id):
        waiting = asyncio.ensure_future(desk.propose(ORDER, taint=Taint.TRUSTED, by="ada", key="k"))
        async with asyncio.timeout(20):
            while states() != [RequestState.PENDING]:
                await asyncio.sleep(0.001)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert states() == [RequestState.FAILED]
    assert proposals(books) == 0


async def test_an_instruction_for_a_run_that_has_ended_is_refused_before_anybody_confirms_it(chat: Chat) -> None:
    [note] = await heard(chat, "every day buy 50 USDT of ETH")
    assert isinstance(note, Note)
    assert "has finished" in note.text
    assert chat.pending is None


# Threads.


def test_a_thread_belongs_to_its_person_and_is_found_by_the_beginning_of_its_id(books: Books) -> None:
    kept = BookedConversations(books)
    thread = kept.begin("ada")
    kept.say(thread.thread_id, "why BTC")
    assert kept.find(thread.thread_id[:6], "ada").title == "why BTC"
    with pytest.raises(ConfigError, match="bob has no thread"):
        kept.find(thread.thread_id, "bob")
    assert [t.thread_id for t in kept.listing("ada")] == [thread.thread_id]
    assert kept.listing("bob") == []


def test_taint_never_falls(books: Books) -> None:
    kept = BookedConversations(books)
    thread = kept.begin("ada")
    assert [kept.taint(thread.thread_id, t) for t in (Taint.DERIVED, Taint.HOSTILE, Taint.TRUSTED)] == [1, 3, 3]


def test_what_waits_and_what_was_answered_comes_back(books: Books) -> None:
    kept = BookedConversations(books)
    thread = kept.begin("ada")
    first, second = kept.say(thread.thread_id, "one"), kept.say(thread.thread_id, "two")
    kept.answer(thread.thread_id, first, {"events": []})
    kept.await_yes(thread.thread_id, {"kind": "cycle", "key": "k"})
    assert [(t.number, t.said, t.answer) for t in kept.turns(thread.thread_id, 9)] == [
        (first, "one", {"events": []}),
        (second, "two", None),
    ]
    assert kept.find(thread.thread_id, "ada").pending == {"kind": "cycle", "key": "k"}


def test_before_a_desk_ever_ran_one_sentence_says_so(home: Home) -> None:
    home.make()
    with Books.open(home.database_url) as empty, pytest.raises(ConfigError, match="no account yet"):
        BookedChat(home, Settings(), empty).symbols()


# With a model's record, and with a desk at work.


async def test_the_prompts_of_a_record_are_shown_to_a_person_and_taint_the_thread(home: Home) -> None:
    async with served(analyst) as server:
        await run(home, moment(BUYS_BOTH), settings(server.url))
    with Books.open(home.database_url) as opened:
        kept = BookedConversations(opened)
        chat = Chat(BookedChat(home, Settings(), opened), kept, kept.begin("ada"))
        [decision] = all_records(opened, RecordKind.DECISION)
        [told] = await heard(chat, f"prompts {decision.record_id}")
    assert isinstance(told, Told)
    assert told.quoted
    assert {one["node"] for one in told.data} >= {"research", "plan"}
    assert "## Account" in told.data[0]["asked"]
    assert all(line.startswith(("│ ", "research ", "plan ", "  answered")) for line in told.text.splitlines())
    assert chat.thread.taint is Taint.UNTRUSTED


async def test_a_desk_at_work_is_asked_and_answers(books: Books, home: Home, desk: BookedChat) -> None:
    sized = (await desk.whatif(ORDER, taint=Taint.TRUSTED, by="ada"))["order"]
    async with open_run(home, ASKING, moment(BUYS_BOTH)) as at_work:
        asking = asyncio.to_thread(lambda: asyncio.run(desk.propose(sized, taint=Taint.TRUSTED, by="ada", key="k")))
        task = asyncio.ensure_future(asking)
        while not task.done():
            await requests.serve(at_work.desk)
            await asyncio.sleep(0.05)
        told = await task
    assert told["kind"] in ("working", "done", "denied")
    assert proposals(books) == 1
