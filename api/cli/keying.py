"""`warden keys`: keys of exchanges and of model servers, kept without ever being shown."""

import getpass
import sys

from api.cli import granting, show
from api.cli.console import console, print_json
from api.cli.opened import books
from core.canonical import JSON
from core.errors import ConfigError
from desk import waivers
from desk.clock import SystemClock
from desk.home import Home
from desk.keys import FoundKey, KeyChain, serves_models
from desk.settings import environment_of


def chain() -> KeyChain:
    """Where keys may be. Only a terminal is asked for a passphrase."""
    return KeyChain(Home.find(), environment_of(), getpass.getpass if sys.stdin.isatty() else None)


def add(venue: str, *, json: bool) -> None:
    keys = chain()
    alone = serves_models(venue)
    kept = keys.add(venue, *_typed(venue, alone=alone) if sys.stdin.isatty() else _piped(alone=alone))
    found = keys.find_server(venue) if alone else keys.need(venue)
    assert found is not None, "it was kept just now"
    hint = found.key.hint if isinstance(found, FoundKey) else found.hint
    if json:
        print_json({"venue": venue, "kept": kept, "hint": hint, "used": found.kept})
        return
    console.print(f"[bold green]✓[/] the {'key' if alone else 'keys'} of {venue} {'is' if alone else 'are'} in {kept}")
    if found.kept != kept:
        console.print(f"[yellow]{'that' if alone else 'those'} in {found.kept} come first, and stay in use[/]")


def _typed(venue: str, *, alone: bool) -> tuple[str, ...]:
    key = getpass.getpass(f"API key of {venue}: ").strip()
    if alone:
        return (key,)
    return (
        key,
        getpass.getpass("Secret: ").strip(),
        getpass.getpass("Passphrase (none for most venues): ").strip(),
    )


def _piped(*, alone: bool) -> tuple[str, ...]:
    lines = [line.strip() for line in sys.stdin.read().splitlines() if line.strip()]
    if alone and len(lines) != 1:
        raise ConfigError(f"expected one line (API key), found {len(lines)}")
    if not alone and len(lines) not in (2, 3):
        raise ConfigError(f"expected two lines (API key, secret) or three (passphrase), found {len(lines)}")
    return tuple(lines)


def listing(*, json: bool) -> None:
    found, given = chain().listed(), granting.given()
    if json:
        print_json([*({"kind": "held", **row} for row in found), *({"kind": "given", **row} for row in given)])
        return
    if not found and not given:
        console.print("no keys: `warden keys add VENUE` keeps some, `warden keys create` makes one to this desk")
    if given:
        granting.show_given(given)
    if found:
        _show_held(found)


def _show_held(found: list[JSON]) -> None:
    table = show.table("of", "kept in", "key")
    for row in found:
        table.add_row(row["venue"], row["kept"] or row["problem"], row["hint"] or "—")
    console.print(table)


def remove(venue: str, *, json: bool) -> None:
    gone = chain().remove(venue)
    if json:
        print_json({"venue": venue, "removed_from": gone})
        return
    console.print(f"[bold green]✓[/] the keys of {venue} are no longer in {' and '.join(gone)}")


def accept(venue: str, by: str, reason: str, *, json: bool) -> None:
    found = chain().need(venue)
    with books() as opened:
        now_ns = SystemClock().now_ns()
        opened.books.write(
            lambda conn: waivers.waive(
                conn, waivers.KEYS, found.fingerprint, found.hint, by=by, reason=reason, now_ns=now_ns
            )
        )
    if json:
        print_json({"venue": venue, "hint": found.hint, "by": by, "reason": reason})
        return
    console.print(f"[bold green]✓[/] the key {found.hint} of {venue} may go live whatever it can do, until it changes")
