"""`warden audit`."""

import asyncio
import json as plain_json
import sys

from rich.markup import escape
from rich.syntax import Syntax

from api.cli import show, words
from api.cli.console import console, print_json
from api.cli.opened import books
from core.canonical import JSON, plain
from core.time import show_time
from desk import reports
from desk.replay import replay as replay_record
from memory.books import records
from memory.books.verify import verify as verify_books


def listing(account: str | None, limit: int, *, json: bool) -> None:
    with books() as opened:
        found = opened.books.read(lambda conn: records.listing(conn, account_id=account, limit=limit))
    if json:
        print_json([reports.record_line(r) for r in found])
        return
    if not found:
        console.print("no record yet: `warden demo` makes one", style="dim")
        return
    table = show.table("record", "id", "as of", "account", "hash")
    for r in found:
        named = (words.name(r.record_id), show_time(r.as_of_ns), r.account_id, words.short(r.record_hash))
        table.add_row(r.kind.value, *named)
    console.print(table)


def show_record(prefix: str) -> JSON:
    with books() as opened:
        return opened.books.read(lambda conn: reports.record_report(conn, records.find(conn, prefix)))


def show_one(prefix: str, *, json: bool) -> None:
    data = show_record(prefix)
    if json:
        print_json(data)
    elif data["record"] == "decision" and data["body"] is not None:
        show.decision(data)
    else:
        console.print(Syntax(plain_json.dumps(data, indent=2, sort_keys=True), "json", background_color="default"))


def verify(*, json: bool) -> None:
    with books() as opened:
        found = opened.books.read(verify_books)
    if json:
        print_json({**plain(found), "ok": found.ok})
    elif found.ok:
        told = f"{words.count(found.entries, 'entry')} in {words.count(found.streams, 'stream')}, "
        told += words.count(found.records, "record")
        console.print(f"[bold green]✓ verified[/] {told}")
    else:
        console.print(f"[bold red]✗ broken at {escape(str(found.broken))}[/]: {escape(str(found.problem))}")
    if not found.ok:
        sys.exit(1)


def replay(prefix: str, *, json: bool) -> None:
    with books() as opened:
        record = opened.books.read(lambda conn: records.find(conn, prefix))
        result = asyncio.run(replay_record(opened.books, record))
    first = result.first_difference
    same = first is None and result.replayed_hash == result.recorded_hash
    data = {
        "record_id": result.record_id,
        "record_hash": result.recorded_hash,
        "replayed_hash": result.replayed_hash,
        "same": same,
        "first_difference": None if first is None else plain(first),
        "steps": plain(result.steps),
    }
    if json:
        print_json(data)
    else:
        show.replayed(data)
    if not same:
        sys.exit(1)
