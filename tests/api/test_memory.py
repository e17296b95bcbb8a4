"""`warden memory`: what the desk remembers is listed, searched and forgotten by a person."""

import asyncio

import pytest

import desk.remembering
from core.taint import Taint
from desk.home import Home
from desk.settings import Settings
from memory.books import journal
from memory.recall.items import Item
from memory.recall.recall import Recall
from memory.recall.settings import RecallSettings
from tests.api.terminal import warden
from tests.desk.desks import books_of
from tests.memory.recall.builders import Broken, Words, lesson, now

ONE = lesson("a long trade that lost by its stop", n=3)
TWO = lesson("texts were wrong", days=1, symbol="ETH/USDT", source="proposal:two", trust=Taint.DERIVED)


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that needs no file, in place of the settings' own."""

    def opened(home: Home, settings: Settings) -> Recall:
        return Recall(settings.recall, home.recall, Words())

    monkeypatch.setattr(desk.remembering, "opened", opened)


def remember(home: Home, *items: Item) -> None:
    home.make()
    asyncio.run(Recall(RecallSettings(), home.recall, Words()).remember(items, now_ns=now(9)))


def texts(home: Home, *words: str) -> list[str]:
    told = warden(home, "memory", *words, "--json")
    assert (told.code, told.err) == (0, "")
    return [item["text"] for item in told.json]


def test_a_home_that_remembers_nothing_says_so(home: Home) -> None:
    for words in (["list"], ["search", "a stop"]):
        told = warden(home, "memory", *words)
        assert (told.code, told.out.strip()) == (0, "nothing is remembered that would fit")
        assert texts(home, *words) == []
    assert not home.recall.exists()


def test_what_is_remembered_is_listed_newest_first_with_all_that_belongs_to_it(home: Home) -> None:
    remember(home, ONE, TWO)
    newest, oldest = warden(home, "memory", "list", "--json").json
    assert oldest == {
        "id": ONE.item_id,
        "text": ONE.text,
        "kind": "lesson",
        "symbol": "BTC/USDT",
        "account": "paper",
        "topic": "",
        "source": "proposal:one",
        "trust": "trusted",
        "n": 3,
        "known_at": "2026-03-01 00:00:00Z",
    }
    assert (newest["trust"], newest["known_at"]) == ("derived", "2026-03-02 00:00:00Z")
    shown = warden(home, "memory", "list").out
    assert ONE.item_id[:8] in shown
    assert "lost by its stop" in " ".join(shown.split())


@pytest.mark.parametrize(
    ("flags", "left"),
    [
        (["--symbol", "ETH/USDT"], [TWO.text]),
        (["--kind", "note"], []),
        (["--account", "another"], []),
        (["--account", "paper"], [TWO.text, ONE.text]),
        (["--as-of", "2026-03-01"], [ONE.text]),
        (["--as-of", "2026-02-28T23:59:59"], []),
        (["--limit", "1"], [TWO.text]),
    ],
)
def test_a_list_is_narrowed(home: Home, flags: list[str], left: list[str]) -> None:
    remember(home, ONE, TWO)
    assert texts(home, "list", *flags) == left


def test_a_search_shows_the_nearest_first_with_how_near_it_is(home: Home) -> None:
    remember(home, ONE, TWO)
    assert texts(home, "search", "were texts wrong") == [TWO.text, ONE.text]
    assert texts(home, "search", "were texts wrong", "--n", "1") == [TWO.text]
    assert warden(home, "memory", "search", "texts were wrong", "--json").json[0]["similarity"] == "1"
    assert "1.00" in warden(home, "memory", "search", "texts were wrong").out


def test_one_item_is_forgotten_by_the_beginning_of_its_id_and_who_said_so_is_journaled(home: Home) -> None:
    remember(home, ONE, TWO)
    told = warden(home, "memory", "forget", ONE.item_id[:8], "--yes", "--by", "ada", "--reason", "it is wrong")
    assert (told.code, told.out.strip()) == (0, "✓ forgot 1 item")
    assert texts(home, "list") == [TWO.text]
    with books_of(home) as books:
        [body] = books.read(lambda conn: journal.bodies(conn, "memory", "forgotten"))
    assert (body["by"], body["reason"], body["items"][0]["id"]) == ("ada", "it is wrong", ONE.item_id)
    assert ONE.text not in str(body)


def test_all_of_one_source_is_forgotten_with_what_was_replaced(home: Home) -> None:
    remember(home, ONE, lesson(ONE.text, days=2), TWO)
    told = warden(home, "memory", "forget", "proposal:one", "--yes", "--json")
    assert (told.code, len(told.json)) == (0, 2)
    assert texts(home, "list") == [TWO.text]
    assert texts(home, "list", "--as-of", "2026-03-01") == []


@pytest.mark.parametrize("typed", ["n\n", "\n"])
def test_without_a_yes_nothing_is_forgotten(home: Home, monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    remember(home, ONE)
    monkeypatch.setattr("typer.confirm", lambda _: typed.strip() == "y")
    told = warden(home, "memory", "forget", "proposal:one")
    assert told.code == 1
    assert texts(home, "list") == [ONE.text]


def test_a_yes_at_the_terminal_forgets(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    remember(home, ONE)
    asked: list[str] = []

    def confirm(question: str) -> bool:
        asked.append(question)
        return True

    monkeypatch.setattr("typer.confirm", confirm)
    assert warden(home, "memory", "forget", "proposal:one").code == 0
    assert (asked, texts(home, "list")) == (["Forget 1 item for good?"], [])


def test_a_program_that_does_not_confirm_is_refused(home: Home) -> None:
    remember(home, ONE)
    warden(home, "memory", "forget", "proposal:one", "--json").refused("--json asks nobody: confirm with --yes")


@pytest.mark.parametrize("name", ["proposal:none", "ffffffffffff", ONE.item_id[:3], ""])
def test_what_is_not_there_is_named(home: Home, name: str) -> None:
    remember(home, ONE)
    warden(home, "memory", "forget", name, "--yes").refused("has the id or source", repr(name), "warden memory list")
    assert texts(home, "list") == [ONE.text]


def test_a_time_that_is_none_and_a_blank_question_are_refused(home: Home) -> None:
    warden(home, "memory", "list", "--as-of", "noon").refused("expected a time such as", "'noon'")
    warden(home, "memory", "search", "  ").refused("nothing to search for")


def test_a_missing_model_or_a_broken_folder_fails_in_one_sentence(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    remember(home, ONE)
    monkeypatch.setattr(
        desk.remembering, "opened", lambda home, settings: Recall(settings.recall, home.recall, Broken())
    )
    warden(home, "memory", "search", "a stop").refused("recall is broken: ImportError", code=1)
    assert texts(home, "list") == [ONE.text]
    (home.recall / "chroma.sqlite3").write_bytes(b"garbage" * 1000)
    warden(home, "memory", "list").refused("recall is broken", code=1)


def test_the_doctor_says_what_remembers_and_whether_lessons_are_written(home: Home) -> None:
    found = {part["part"]: part for part in warden(home, "doctor", "--json").json}
    assert found["recall"]["ok"]
    assert "writes no lessons ([recall] reflect)" in found["recall"]["found"]
