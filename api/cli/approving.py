"""`warden approvals`."""

import asyncio
import sys

from api.cli import exiting, show, words
from api.cli.console import console, print_json
from api.cli.opened import books
from desk import reports
from desk.answering import answer as answer_proposal


def listing(named: str | None, *, json: bool) -> None:
    with books() as opened:
        data = opened.books.read(lambda conn: reports.approvals(conn, reports.current_account(conn, named)))
    if json:
        print_json(data)
        return
    if not data:
        console.print("nothing waits, and nothing has waited", style="dim")
        return
    table = show.table("proposal", "state", "expires by its clock", "answer")
    for a in data:
        said = f"{a['answered_by']}: {a['reason']}" if a["answered_by"] else ""
        table.add_row(words.name(a["proposal_id"]), a["state"], a["expires"], said)
    console.print(table)


def show_one(prefix: str, *, json: bool) -> None:
    with books() as opened:
        data = opened.books.read(lambda conn: reports.approval(conn, prefix))
    if json:
        print_json(data)
        return
    proposal = data["proposal"]
    order = proposal["order"]
    console.print(f"[bold]{data['proposal_id']}[/]  {data['state']}, expires {data['expires']} by the account's clock")
    table = show.table("", "")
    table.add_row("order", f"{show.wanted(order)} {order['symbol']}")
    table.add_row("thesis", proposal["thesis"])
    table.add_row("stop, target", f"{words.price(proposal['stop_price'])}, {words.price(proposal['target_price'])}")
    table.add_row("ends when", "; ".join(proposal["invalidation"]))
    table.add_row("evidence", "\n".join(proposal["evidence"]))
    table.add_row("price shown", words.price(data["reference_price"]))
    console.print(table)
    console.print(show.verdicts(data["review"]["verdicts"]))


def answer(prefix: str, *, approve: bool, by: str, reason: str, json: bool) -> None:
    with books() as opened:
        said = answer_proposal(opened.home, opened.books, prefix, approve=approve, by=by, reason=reason)
        data = asyncio.run(said)
    if json:
        print_json(data)
    else:
        exiting.told(data)
    if approve and data["kind"] == "denied":
        sys.exit(4 if data["state"] == "halted" else 3)
