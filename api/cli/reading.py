"""The verbs that only read: portfolio, settings, doctor."""

import sys
from decimal import Decimal
from typing import Any

from rich.markup import escape
from rich.text import Text

from api.cli import show, words
from api.cli.console import console, print_json
from api.cli.opened import books, market_of
from core.canonical import JSON, plain
from core.money import text_of
from desk import reports
from desk.doctor import examine
from desk.home import Home
from desk.settings import load, source


def portfolio(named: str | None, *, json: bool) -> None:
    with books() as opened:
        account = opened.books.read(lambda conn: reports.current_account(conn, named))
        market, problem = market_of(opened, account)
        data = opened.books.read(lambda conn: reports.portfolio(conn, account, market))
    if json:
        print_json({**data, "market_problem": problem})
        return
    console.print(f"[bold]{data['account']}[/]  by its clock {data['clock']}")
    table = show.table("", data["numeraire"])
    table.add_row("equity", words.money(data["equity"]))
    for currency, total in data["balances"].items():
        table.add_row(currency, words.amount(total, 2 if currency == data["numeraire"] else 8))
    table.add_row("realised", words.gain(data["realised"]))
    table.add_row("unrealised", words.gain(data["unrealised"]))
    table.add_row("fees paid", words.money(data["fees"]))
    trips = data["round_trips"]
    table.add_row("round trips", f"{trips['count']}, {trips['won']} won")
    console.print(table)
    _positions(data)
    if problem:
        console.print(f"[yellow]positions are not marked: {escape(problem)}[/]")


def _positions(data: JSON) -> None:
    """Each position, and where standing instructions hold of it, who holds how much under which stop."""
    if not data["positions"]:
        console.print("no open position", style="dim")
        return
    table = show.table("position", "side", "quantity", "average", "mark", "unrealised", "stop")
    for p in data["positions"]:
        side = "long" if p["side"] == "buy" else "short"
        theirs = [one for one in data["instructed"] if one["symbol"] == p["symbol"]]
        owners = {one["owner"] for one in theirs}
        mine = [stop for stop in data["stops"] if stop["symbol"] == p["symbol"]]
        row = (p["symbol"], side, p["quantity"], words.average(p["average_price"]), words.price(p["mark"]))
        table.add_row(*row, words.gain(p["unrealised"]), _stop(mine) if not theirs else "")
        for one in theirs:
            stops = [stop for stop in mine if stop["owner"] == one["owner"]]
            name = f"  {one['owner']}{'' if one['state'] == 'active' else ', ' + one['state']}"
            table.add_row(Text(name, style="dim"), "", one["quantity"], "", "", "", _stop(stops))
        rest = Decimal(p["quantity"]) - sum(Decimal(one["quantity"]) for one in theirs)
        if theirs and rest > 0:
            stops = [stop for stop in mine if stop["owner"] not in owners]
            table.add_row(Text("  the desk", style="dim"), "", text_of(rest), "", "", "", _stop(stops))
    console.print(table)


def _stop(stops: list[JSON]) -> Text | str:
    """The one that is met first, and how many more there are."""
    if not stops:
        return Text("none", style="red")
    prices = sorted((Decimal(stop["trigger_price"]) for stop in stops), reverse=stops[0]["side"] == "sell")
    more = f" and {len(stops) - 1} more" if len(stops) > 1 else ""
    return f"{words.price(text_of(prices[0]))}{more}"


def settings(*, json: bool) -> None:
    home = Home.find()
    effective = load(home)
    data = {
        "source": source(home),
        "home": str(home.path),
        "policy_hash": effective.policy_hash,
        "settings": effective.shown(),
    }
    if json:
        print_json(data)
        return
    console.print(f"[bold]{data['source']}[/]   home {data['home']}")
    console.print(f"policy {data['policy_hash']}", style="dim")
    table = show.table("setting", "value")
    for key, value in _flat(data["settings"]):
        table.add_row(key, "" if value is None else str(value))
    console.print(table)


def _flat(value: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for key, item in value.items():
        rows += _flat(item, f"{prefix}{key}.") if isinstance(item, dict) else [(f"{prefix}{key}", item)]
    return rows


def doctor(*, json: bool) -> None:
    findings = examine(Home.find())
    if json:
        print_json([plain(f) for f in findings])
    else:
        width = max(len(finding.part) for finding in findings)
        for finding in findings:
            mark = Text("✓ ", style="green") if finding.ok else Text("✗ ", style="bold red")
            if finding.found.startswith("silent: "):
                mark = Text("○ ", style="yellow")  # a source that abstains: no fault, and not there either
            console.print(Text.assemble(mark, (f"{finding.part:<{width}} ", "bold"), finding.found))
    if not all(f.ok for f in findings):
        sys.exit(1)
