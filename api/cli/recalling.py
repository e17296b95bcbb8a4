"""What `warden memory` does."""

import asyncio
from collections.abc import Iterable
from decimal import Decimal

import typer
from rich.text import Text

from api.cli import show, words
from api.cli.console import console, print_json
from api.cli.opened import books
from core.canonical import JSON, plain
from core.errors import ConfigError
from core.time import parse_time, show_time
from desk import remembering
from desk.clock import SystemClock
from memory.recall.items import Item, Wanted


def wanted(symbol: str | None, kind: str | None, account: str | None, as_of: str | None) -> Wanted:
    return Wanted(account, symbol, kind, None if as_of is None else parse_time(as_of))


def listing(wanted: Wanted, limit: int, *, json: bool) -> None:
    with books() as opened:
        recall = remembering.opened(opened.home, opened.settings)
        items = asyncio.run(remembering.listing(recall, wanted))[:limit]
    if json:
        print_json([_told(item) for item in items])
        return
    _show((item, None) for item in items)


def search(text: str, wanted: Wanted, n: int, *, json: bool) -> None:
    if not text.strip():
        raise ConfigError("found nothing to search for: say it in words")
    with books() as opened:
        recall = remembering.opened(opened.home, opened.settings)
        found = asyncio.run(remembering.search(recall, text, wanted, n))
    if json:
        print_json([{**_told(one.item), "similarity": plain(one.similarity)} for one in found])
        return
    _show((one.item, one.similarity) for one in found)


def forget(name: str, by: str, reason: str, *, yes: bool, json: bool) -> None:
    if json and not yes:
        raise ConfigError("--json asks nobody: confirm with --yes")
    with books() as opened:
        recall = remembering.opened(opened.home, opened.settings)
        items = asyncio.run(remembering.named(recall, name))
        if not yes:
            _show((item, None) for item in items)
            if not typer.confirm(f"Forget {words.count(len(items), 'item')} for good?"):
                raise typer.Exit(1)
        now_ns = SystemClock().now_ns()
        asyncio.run(remembering.forget(recall, opened.books, items, by=by, reason=reason, now_ns=now_ns))
    if json:
        print_json([_told(item) for item in items])
        return
    console.print(Text.assemble(("✓ ", "bold green"), f"forgot {words.count(len(items), 'item')}"))


def _told(item: Item) -> JSON:
    known = {"known_at": show_time(item.known_at_ns), "id": item.item_id, "trust": item.trust.name.lower()}
    kept = {key: value for key, value in plain(item).items() if key not in ("known_at_ns", "until_ns", "trust")}
    return {**kept, **known}


def _show(rows: Iterable[tuple[Item, Decimal | None]]) -> None:
    shown = list(rows)
    if not shown:
        console.print("nothing is remembered that would fit", style="dim")
        return
    ranked = any(similarity is not None for _, similarity in shown)
    table = show.table("id", "as of", "symbol", "n", "trust", *(["alike"] if ranked else []), "what", "from")
    for item, similarity in shown:
        alike = [] if similarity is None else [f"{similarity:.2f}"]
        what = (words.short(item.item_id, 8), show_time(item.known_at_ns), item.symbol or "—", str(item.n))
        table.add_row(*what, item.trust.name.lower(), *alike, Text(item.text), Text(item.source))
    console.print(table)
