"""`warden keys create`, `revoke`, and the part of `list` that tells who may reach this desk."""

from api.cli import show
from api.cli.console import console, print_json
from api.cli.opened import books
from core.canonical import JSON
from core.time import duration_ns, show_time
from desk.access import create as create_key
from desk.access import revoke as revoke_key
from desk.clock import SystemClock
from memory.books import access
from memory.books.access import ApiKey


def create(name: str, scopes: list[str], *, person: bool, expires: str | None, by: str, json: bool) -> None:
    now_ns = SystemClock().now_ns()
    ends_ns = None if expires is None else now_ns + duration_ns(expires)
    with books() as opened:
        third = opened.settings.signals.third_parties
        said = {"person": person, "expires_ns": ends_ns, "third_parties": third, "by": by, "now_ns": now_ns}
        key, secret = opened.books.write(lambda conn: create_key(conn, name, scopes, **said))  # type: ignore[arg-type]
    if json:
        # The one time that a secret is printed: whoever asked for it has no other way to it.
        print_json({**_line(key, now_ns), "key": secret.reveal()})
        return
    console.print(f"[bold green]✓[/] a key of {key.principal}: {', '.join(key.scopes)}, {_until(key)}")
    console.print(secret.reveal(), markup=False, soft_wrap=True)
    console.print("it is shown this once: only its hash is kept", style="dim")


def revoke(prefix: str, reason: str, by: str, *, json: bool) -> None:
    now_ns = SystemClock().now_ns()
    with books() as opened:
        key = opened.books.write(lambda conn: revoke_key(conn, prefix, by=by, reason=reason, now_ns=now_ns))
    if json:
        print_json({"id": key.key_id, "principal": key.principal, "by": by, "reason": reason})
        return
    console.print(f"[bold green]✓[/] the key {key.key_id} of {key.principal} opens nothing any more")


def given() -> list[JSON]:
    """Every key that was ever made, oldest first, with how it stands."""
    now_ns = SystemClock().now_ns()
    with books() as opened:
        return [_line(key, now_ns) for key in opened.books.read(access.every)]


def show_given(keys: list[JSON]) -> None:
    table = show.table("key to this desk", "of", "may", "state", "last used")
    for key in keys:
        whose = f"{key['principal']} (a person)" if key["person"] else key["principal"]
        state = key["state"] if key["state"] != "live" or not key["expires"] else f"until {key['expires']}"
        table.add_row(key["id"], whose, ", ".join(key["scopes"]), state, key["used"] or "never")
    console.print(table)


def _line(key: ApiKey, now_ns: int) -> JSON:
    ended = "revoked" if key.revoked_ns is not None else "expired"
    return {
        "id": key.key_id,
        "principal": key.principal,
        "person": key.person,
        "scopes": list(key.scopes),
        "state": "live" if key.live(now_ns) else ended,
        "created": show_time(key.created_ns),
        "expires": None if key.expires_ns is None else show_time(key.expires_ns),
        "used": None if key.used_ns is None else show_time(key.used_ns),
        "revoked": None if key.revoked_ns is None else show_time(key.revoked_ns),
    }


def _until(key: ApiKey) -> str:
    return "without an end" if key.expires_ns is None else f"until {show_time(key.expires_ns)}"
