"""`warden keys create`, `list`, `revoke`."""

from desk.home import Home
from tests.api.terminal import warden


def test_a_key_is_shown_once_and_then_only_by_its_id(home: Home) -> None:
    made = warden(home, "keys", "create", "--name", "ada", "--scope", "signals:read", "--scope", "audit:read", "--json")
    assert made.code == 0, made.err
    secret = made.json["key"]
    assert secret.startswith(f"tw_{made.json['id']}_")
    listed = warden(home, "keys", "list", "--json")
    assert secret not in listed.out
    (row,) = listed.json
    assert (row["kind"], row["id"], row["scopes"]) == ("given", made.json["id"], ["audit:read", "signals:read"])
    assert (row["state"], row["used"], row["expires"]) == ("live", None, None)


def test_a_key_is_told_to_a_person_with_its_end(home: Home) -> None:
    told = warden(home, "keys", "create", "--name", "ada", "--scope", "admin", "--person", "--expires", "90d")
    assert told.code == 0, told.err
    assert "a key of ada: admin, until 2" in told.out
    assert "tw_" in told.out
    assert "shown this once" in told.out
    assert "ada (a person)" in warden(home, "keys", "list").out


def test_a_revoked_key_says_so_and_is_not_revoked_twice(home: Home) -> None:
    made = warden(home, "keys", "create", "--name", "ada", "--scope", "audit:read", "--json").json
    assert warden(home, "keys", "revoke", made["id"][:5], "--reason", "lost").code == 0
    assert warden(home, "keys", "list", "--json").json[0]["state"] == "revoked"
    warden(home, "keys", "revoke", made["id"]).refused("revoked at", "already")
    warden(home, "keys", "revoke", "zzz").refused("no key has an id that starts with 'zzz'")


def test_a_wrong_scope_or_end_makes_no_key(home: Home) -> None:
    warden(home, "keys", "create", "--name", "ada", "--scope", "all").refused("'all'", "allowed are", "audit:read")
    warden(home, "keys", "create", "--name", "ada", "--scope", "admin", "--expires", "soon").refused("'soon'", "30m")
    warden(home, "keys", "create", "--name", "bot", "--scope", "risk:resume").refused("for a person")
    assert warden(home, "keys", "list", "--json").json == []
