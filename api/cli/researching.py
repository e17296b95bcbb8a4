"""`warden research`: what a document says of a token, field by field, with the words that say so."""

import asyncio
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from agents.documents import FORMS, SECTIONS
from api.cli.console import console, print_json
from api.cli.opened import books
from core.canonical import JSON
from desk import documents
from desk.clock import SystemClock
from desk.home import Home
from desk.researching import card_teller, researched
from desk.settings import environment_of, load

_SHOWN = 160  # characters of a quote


def run(token: str, doc: str, *, keep: bool, json: bool) -> None:
    home = Home.find()
    teller = card_teller(load(home).llm, home, environment_of())
    now_ns = SystemClock().now_ns()
    read = asyncio.run(researched(token, Path(doc), now_ns, teller))
    if keep:
        with books() as opened:
            documents.keep(opened.books, read, now_ns)
    found = {**read.shown(), "kept": keep}
    if json:
        print_json(found)
        return
    document = found["document"]
    title = document["title"][:120] if any(c.isalnum() for c in document["title"]) else ""
    console.print(f"[bold]{escape(found['token'])}[/] from {escape(document['file'])}  [dim]{escape(title)}[/]")
    console.print(f"read by {found['reader']}; every field is {found['taint']} from a text that is {document['taint']}")
    for note in found["notes"]:
        console.print(f"[yellow]note:[/] {escape(note)}")
    console.print(_table(found["fields"]))
    if keep:
        console.print("kept: research may ask for these fields from now on, and for no word of the document")
    console.print("[bold]Open questions[/]" if found["open_questions"] else "No open questions.")
    for question in found["open_questions"]:
        console.print(f"  {question}")


def _table(fields: list[JSON]) -> Table:
    """Section by section; quotes are data, and no markup of theirs is obeyed."""
    units = {name.value: form.unit for name, form in FORMS.items()}
    table = Table(box=None, pad_edge=False)
    for column in ("", "field", "value", "the document's words"):
        table.add_column(column, overflow="fold")
    for section in SECTIONS:
        rows = [f for f in fields if f["section"] == section]
        if not rows:
            table.add_row(f"[bold]{section}[/]", "", "[dim]nothing found[/]", "")
        for at, field in enumerate(rows):
            name, words = field["field"].partition(".")[2], " ".join(field["quote"].split())
            words = words if len(words) <= _SHOWN else f"{words[:_SHOWN]}…"
            where = f"“{escape(words)}” [dim]({field['start']}–{field['end']})[/]"
            value = f"{field['value']} {units[field['field']]}".strip()
            table.add_row(f"[bold]{section}[/]" if at == 0 else "", name, value, where)
    return table
