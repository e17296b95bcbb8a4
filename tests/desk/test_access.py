"""Keys to this desk: known by their hash, and worth nothing once they end."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from core.errors import ConfigError
from core.time import DAY_NS
from desk import access
from desk.access import PERSONS, Scope
from desk.home import Home
from memory.books import access as table
from memory.books import journal
from memory.books.access import ApiKey
from memory.books.database import Books
from memory.books.verify import verify
from tests.desk.desks import fresh_home

NOW_NS = 1_700_000_000 * 10**9


@pytest.fixture
def books() -> Iterator[Books]:
    with fresh_home() as home, Books.open(home.database_url) as opened:
        yield opened


def made(
    books: Books,
    name: str = "ada",
    *scopes: str,
    person: bool = False,
    expires_ns: int | None = None,
    third_parties: bool = False,
) -> tuple[ApiKey, str]:
    def write(conn: Connection) -> tuple[ApiKey, str]:
        key, secret = access.create(
            conn,
            name,
            list(scopes or ("audit:read",)),
            person=person,
            expires_ns=expires_ns,
            third_parties=third_parties,
            by="operator",
            now_ns=NOW_NS,
        )
        return key, secret.reveal()

    return books.write(write)


def keys_of(books: Books) -> dict[str, ApiKey]:
    return {key.key_id: key for key in books.read(table.every)}


def test_a_key_is_known_by_its_text_until_it_ends(books: Books) -> None:
    key, text = made(books, expires_ns=NOW_NS + DAY_NS)
    known = keys_of(books)
    assert access.known(known, text, NOW_NS) == key
    assert access.known(known, text, NOW_NS + DAY_NS - 1) == key
    assert access.known(known, text, NOW_NS + DAY_NS) is None


def test_a_key_with_any_other_letter_is_not_known(books: Books) -> None:
    _, text = made(books)
    known = keys_of(books)
    for place in range(len(text)):
        changed = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        assert access.known(known, changed, NOW_NS) is None, changed
    for wrong in ("", text[:-1], text + "A", text.upper(), f" {text}", "tw__", "\ud800", text + "\n"):
        assert access.known(known, wrong, NOW_NS) is None, wrong


def test_a_revoked_key_is_not_known_and_is_revoked_once(books: Books) -> None:
    key, text = made(books)
    said = {"by": "operator", "reason": "lost laptop", "now_ns": NOW_NS + 5}
    books.write(lambda conn: access.revoke(conn, key.key_id[:6], **said))  # type: ignore[arg-type]
    assert access.known(keys_of(books), text, NOW_NS + 6) is None
    with pytest.raises(ConfigError, match=r"was revoked at .* already"):
        books.write(lambda conn: access.revoke(conn, key.key_id, **said))  # type: ignore[arg-type]


def test_the_secret_is_in_no_file_of_the_home() -> None:
    with fresh_home() as home:
        with Books.open(home.database_url) as books:
            _, text = made(books)
        assert [file for file in home.path.rglob("*") if file.is_file() and in_file(text, home, file.name)] == []


def in_file(text: str, home: Home, name: str) -> bool:
    return text.rpartition("_")[2].encode() in (home.path / name).read_bytes()


def test_who_made_and_who_ended_a_key_is_journaled_in_a_chain_that_verifies(books: Books) -> None:
    key, _ = made(books, "ada", "risk:halt")
    said = {"by": "bob", "reason": "left the firm", "now_ns": NOW_NS + 5}
    books.write(lambda conn: access.revoke(conn, key.key_id, **said))  # type: ignore[arg-type]
    entries = books.read(lambda conn: journal.entries(conn, access.STREAM))
    assert [(e.kind, e.body["key"], e.body["by"]) for e in entries] == [
        ("key_created", key.key_id, "operator"),
        ("key_revoked", key.key_id, "bob"),
    ]
    assert books.read(verify).ok


def test_two_keys_of_one_principal_are_two_keys(books: Books) -> None:
    first, one = made(books)
    second, other = made(books)
    known = keys_of(books)
    assert access.known(known, one, NOW_NS) == first
    assert access.known(known, other, NOW_NS) == second
    assert access.known(known, f"{one[:13]}_{other[14:]}", NOW_NS) is None


def test_only_a_person_holds_what_is_a_persons(books: Books) -> None:
    with pytest.raises(ConfigError, match="risk:resume is for a person"):
        made(books, "bot", "risk:resume")
    assert access.allows(made(books, "ada", "risk:resume", person=True)[0], PERSONS)
    # Not even an administrator that is a program.
    assert not access.allows(made(books, "bot", "admin")[0], PERSONS)
    assert access.allows(made(books, "ada", "admin", person=True)[0], PERSONS)


@pytest.mark.parametrize("scope", Scope)
def test_a_scope_opens_itself_and_nothing_else(books: Books, scope: Scope) -> None:
    key, _ = made(books, "ada", scope.value, person=True)
    opened = {other for other in Scope if access.allows(key, frozenset({other}))}
    assert opened == (set(Scope) if scope is Scope.ADMIN else {scope})


def test_a_principal_is_a_person_or_a_program_not_both(books: Books) -> None:
    made(books, "ada", person=True)
    with pytest.raises(ConfigError, match="ada is a person under another key"):
        made(books, "ada")


def test_signals_go_to_a_second_principal_only_where_third_parties_are_served(books: Books) -> None:
    made(books, "ada", "signals:read")
    made(books, "ada", "signals:read")
    made(books, "bob", "audit:read")
    made(books, "ops", "admin")
    with pytest.raises(ConfigError, match=r"ada reads signals already.*third_parties = true"):
        made(books, "bob", "signals:read")
    assert made(books, "bob", "signals:read", third_parties=True)


@pytest.mark.parametrize(
    ("name", "scopes", "says"),
    [
        ("", ["admin"], "--name is ''"),
        ("Ada\n", ["admin"], "--name is"),
        ("a" * 33, ["admin"], "1 to 32"),
        ("ada", [], "needs a --scope, allowed are signals:read"),
        ("ada", ["orders:aprove"], "--scope is 'orders:aprove', allowed are .*orders:approve"),
    ],
)
def test_what_no_key_can_be_is_refused(books: Books, name: str, scopes: list[str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        books.write(
            lambda conn: access.create(
                conn,
                name,
                scopes,
                person=False,
                expires_ns=None,
                third_parties=False,
                by="operator",
                now_ns=NOW_NS,
            )
        )
    assert keys_of(books) == {}
    assert books.read(lambda conn: journal.entries(conn, access.STREAM)) == ()


def test_a_key_that_has_ended_already_is_not_made(books: Books) -> None:
    with pytest.raises(ConfigError, match="which is over"):
        made(books, expires_ns=NOW_NS)
