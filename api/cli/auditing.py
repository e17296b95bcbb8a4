"""`warden audit`."""

import asyncio
import json as plain_json
import sys

from rich.markup import escape
from rich.syntax import Syntax
from rich.text import Text

from api.cli import show, words
from api.cli.console import console, print_json
from api.cli.opened import books
from core.canonical import JSON, canonical_text, plain
from core.time import show_time
from desk import reports
from desk.recompute import Question, Recomputed
from desk.recompute import recompute as recompute_record
from desk.replay import replay as replay_record
from desk.settings import environment_of
from memory.books import records
from memory.books.verify import verify as verify_books

_SHOWN = 120  # characters of a value


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


def recompute(prefix: str, *, models: bool, json: bool) -> None:
    with books() as opened:
        record = opened.books.read(lambda conn: records.find(conn, prefix))
        environment = environment_of() if models else None
        found = asyncio.run(recompute_record(opened.home, opened.books, record, environment))
    if json:
        print_json({**plain(found), "same": found.same})
    else:
        _recomputed(found)
    if not found.same:
        sys.exit(1)


def _recomputed(found: Recomputed) -> None:
    """A line for each difference: what was asked, its arguments, the recorded value and the one of now."""
    for one in found.differences:
        at = f" {one.field}" if one.field else ""
        values = f"{_brief(one.recorded)} → {_brief(one.recomputed)}"
        console.print(Text.assemble(("✗ ", "bold red"), _asked(one.asked), f"{at}: ", (values, "red")), soft_wrap=True)
    for lost in found.lost:
        told = f"{_asked(lost.asked)}: not recomputed, {lost.reason}"
        console.print(Text.assemble(("? ", "bold yellow"), told), soft_wrap=True)
    if found.stopped is not None:
        console.print(
            Text(f"? the record could not be followed further: {found.stopped}", style="yellow"), soft_wrap=True
        )
    kept = ", ".join(f"{what} ({count})" for what, count in found.kept.items())
    if kept:
        console.print(Text(f"in the record alone, and not recomputed: {kept}", style="dim"), soft_wrap=True)
    told = f"{words.count(found.asked, 'answer')} recomputed, {words.count(len(found.differences), 'difference')}"
    told += f", {len(found.lost)} not to be had" if found.lost else ""
    console.print(Text(told, style="bold green" if found.same else "bold red"))


def _asked(question: Question) -> str:
    return f"{question.name} {canonical_text(question.arguments)}"


def _brief(value: JSON) -> str:
    text = canonical_text(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
