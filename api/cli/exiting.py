"""`warden close` and `warden flatten`."""

import asyncio
import sys
from collections.abc import Iterable

from rich.text import Text

from api.cli import words
from api.cli.console import console, print_json
from api.cli.opened import books
from core.canonical import JSON
from desk import answering, reports

DENIED, UNKNOWN = 3, 5


def close(named: str | None, symbol: str, by: str, reason: str, *, json: bool) -> None:
    with books() as opened:
        account = opened.books.read(lambda conn: reports.current_account(conn, named))
        said = answering.close(opened.home, opened.books, account.account_id, symbol, by=by, reason=reason)
        _show(asyncio.run(said), json=json)


def flatten(named: str | None, by: str, reason: str, *, json: bool) -> None:
    with books() as opened:
        account = opened.books.read(lambda conn: reports.current_account(conn, named))
        said = answering.flatten(opened.home, opened.books, account.account_id, by=by, reason=reason)
        _show(asyncio.run(said), json=json)


def _show(data: JSON, *, json: bool) -> None:
    """Every order's answer, and why there is none, with an exit code for the worst of them."""
    if json:
        print_json(data)
    else:
        for answer in data["closed"]:
            told(answer)
        for left in data["left"]:
            console.print(Text(left, style="yellow"))
        if not (data["closed"] or data["left"]):
            console.print(f"nothing is held in {data['account']}", style="dim")
    _exit(data["closed"])


def told(answer: JSON) -> None:
    """One order's answer with what filled of it, and every denial with what was measured beside what is allowed."""
    filled = f"filled {answer['filled']} at {words.average(answer['average_price'])}" if answer["average_price"] else ""
    wanted = f"{answer['side']} {answer['quantity']} {answer['symbol']}" if answer["symbol"] else answer["proposal_id"]
    line = " ".join(filter(None, [wanted, answer["detail"], filled]))
    console.print(Text.assemble(words.answer(answer["kind"]), " ", line))
    for denial in answer["denials"]:
        measured, limit = (words.measured(denial[key], denial["unit"]) for key in ("measured", "limit"))
        console.print(
            Text.assemble(("  ✗ ", "bold red"), f"{denial['code']}: {denial['text']}: {measured}, {limit} allowed")
        )
    if answer["denials"] and answer["largest_allowed"] != "0":
        console.print(f"  the largest that would pass is {answer['largest_allowed']}", style="dim")


def _exit(answers: Iterable[JSON]) -> None:
    """A stable exit code: an order that nobody can prove anything about comes before a denied one."""
    codes = {UNKNOWN if a["order"] == "unknown" else DENIED if a["kind"] == "denied" else 0 for a in answers}
    if code := max(codes, default=0):
        sys.exit(code)
