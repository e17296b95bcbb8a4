"""`warden signals`: the same signals that the API serves, issued here where no server is at work."""

import json as text_json
from decimal import Decimal

from rich.text import Text

from api.cli import show, words
from api.cli.console import console, print_json
from api.cli.opened import books
from core.canonical import JSON
from core.time import show_time
from desk.clock import SystemClock
from desk.signalling import Issuing, served_account
from desk.signing import Signer
from memory.books import signals


def listing(named: str | None, symbol: str | None, history: int, *, json: bool) -> None:
    with books() as opened:
        signer = Signer.of(opened.home)
        account = opened.books.read(lambda conn: served_account(conn, named))
        Issuing(opened.home, opened.books, signer, SystemClock()).look(account.account_id)
        found = opened.books.read(
            lambda conn: (
                signals.history(conn, account.account_id, symbol=symbol, limit=history)
                if history
                else [s for s in signals.latest(conn, account.account_id) if symbol in (None, s.symbol)]
            )
        )
    told = [text_json.loads(each.line) for each in found]
    if json:
        print_json({"account": account.account_id, "key": signer.published, "signals": told})
        return
    if not told:
        console.print("no signal yet: `warden demo` or `warden run` decides something", style="dim")
        return
    table = show.table("symbol", "as of, until", "says", "sure", "price", "stop, target", "then")
    for column in table.columns[:-1]:
        column.no_wrap = True
    for each in told:
        table.add_row(*_row(each["signal"], each["outcome"], account.clock_ns))
    console.print(table)
    console.print(f"signed by {signer.key_id}, account {account.account_id}", style="dim")


def _row(signal: JSON, outcome: JSON, clock_ns: int) -> list[str | Text]:
    sure, verdict = signal["confidence"], signal["verdict"]
    said = signal["side"] or ("no opinion" if signal["abstains"] else "pass")
    strength = "" if signal["strength"] is None else f" {Decimal(signal['strength']):+.2f}"
    until = Text(_minute(signal["expires_ns"]), style="dim" if signal["expires_ns"] <= clock_ns else "")
    return [
        signal["symbol"],
        Text(f"{_minute(signal['as_of_ns'])}\n").append(until),
        f"{said}{strength}" + (f"\n{verdict}" if verdict else ""),
        "—" if sure is None else f"{Decimal(sure['value']):.0%}",
        words.price(signal["price"]),
        f"{words.price(signal['stop'])}\n{words.price(signal['target'])}",
        "" if outcome is None else _ending(outcome),
    ]


def _minute(ns: int) -> str:
    """'2026-02-18 20:00'."""
    return show_time(ns)[:16]


def _ending(outcome: JSON) -> str:
    mark = {True: "right", False: "wrong", None: "no side"}[outcome["right"]]
    touched = f", {outcome['first_touched']} touched" if outcome["first_touched"] else ""
    return f"{Decimal(outcome['change']):+.2%} {mark}{touched}"
