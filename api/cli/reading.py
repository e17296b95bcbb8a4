"""The verbs that only read: portfolio, settings, doctor, risk status and policy."""

import asyncio
import sys
from typing import Any

from rich.markup import escape
from rich.text import Text
from sqlalchemy import Connection

from api.cli import show, words
from api.cli.console import console, print_json
from api.cli.opened import Opened, books
from core.canonical import JSON, plain
from core.errors import ConfigError, DeskError
from desk import reports
from desk.answering import rearm
from desk.doctor import examine
from desk.home import Home
from desk.markets import Market, MarketSpec
from desk.runs import latest_run
from desk.settings import load, source
from memory.books.accounts import Account
from risk.rules import RULES
from risk.settings import RiskSettings
from risk.table import bounds, rows


def portfolio(named: str | None, *, json: bool) -> None:
    with books() as opened:
        account = opened.books.read(lambda conn: reports.current_account(conn, named))
        market, problem = _market_of(opened, account)
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
    if not data["positions"]:
        console.print("no open position", style="dim")
        return
    table = show.table("position", "side", "quantity", "average", "mark", "unrealised", "stop")
    stops = {s["symbol"]: s for s in data["stops"]}
    for p in data["positions"]:
        side = "long" if p["side"] == "buy" else "short"
        stop = words.price(stops[p["symbol"]]["trigger_price"]) if p["symbol"] in stops else Text("none", style="red")
        row = (p["symbol"], side, p["quantity"], words.price(p["average_price"]), words.price(p["mark"]))
        table.add_row(*row, words.gain(p["unrealised"]), stop)
    console.print(table)


def _market_of(opened: Opened, account: Account) -> tuple[Market | None, str | None]:
    """The market of the account's run, to mark positions with; or why it cannot be had."""
    run = opened.books.read(lambda conn: latest_run(conn, account.account_id))
    try:
        return MarketSpec.of(run.command["market"]).open(opened.settings.market), None
    except DeskError as missing:
        return None, str(missing)


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
        for finding in findings:
            mark = Text("✓ ", style="green") if finding.ok else Text("✗ ", style="bold red")
            console.print(Text.assemble(mark, (f"{finding.part:<10} ", "bold"), finding.found))
    if not all(f.ok for f in findings):
        sys.exit(1)


def risk_status(named: str | None, *, json: bool) -> None:
    with books() as opened:
        account = opened.books.read(lambda conn: reports.current_account(conn, named))
        market, _ = _market_of(opened, account)

        def read(conn: Connection) -> JSON:
            kill_file = opened.home.kill_file.exists()
            return reports.risk_status(conn, account, opened.settings.risk, market, kill_file=kill_file)

        data = opened.books.read(read)
    if json:
        print_json(data)
        return
    colour = {"active": "green", "reducing": "yellow", "halted": "red"}[data["state"]]
    console.print(
        f"[bold]{data['account']}[/] is [bold {colour}]{data['state'].upper()}[/]  by its clock {data['clock']}"
    )
    table = show.table("breaker", "now", "trips at")
    table.add_row("equity", words.money(data["equity"]), f"below {words.money(data['equity_floor'])}")
    table.add_row("losing round trips in a row", str(data["losing_streak"]), str(data["max_losing_streak"]))
    table.add_row("kill file", "present" if data["kill_file"] else "absent", "present")
    console.print(table)
    for latch in data["latches"]:
        console.print(
            f"[red]latched[/] #{latch['latch_id']} {latch['cause']} since {latch['tripped']}: {escape(latch['detail'])}"
        )


def resume(named: str | None, latch: int, by: str, reason: str, *, json: bool) -> None:
    with books() as opened:
        account = opened.books.read(lambda conn: reports.current_account(conn, named))
        done = rearm(opened.home, opened.books, account.account_id, latch, by=by, reason=reason)
        data = asyncio.run(done)
    if json:
        print_json(data)
    else:
        console.print(Text(f"re-armed latch #{latch} of {data['account']}: {reason}"))


def risk_policy(*, json: bool) -> None:
    policy = load(Home.find()).risk
    limits = [_limit(policy, name) for name in RiskSettings.model_fields]
    rules = [plain(row) for row in rows(policy)]
    if json:
        print_json({"policy_hash": policy.policy_hash, "limits": plain(limits), "rules": rules})
        return
    table = show.table("limit", "value", "allowed", "")
    for limit in limits:
        table.add_row(limit["name"], str(limit["value"]), limit["allowed"], limit["about"])
    console.print(table)
    table = show.table("rule", "layer", "denied when")
    for rule in rules:
        table.add_row(rule["code"], rule["layer"], rule["denied_when"])
    console.print(table)


def risk_explain(code: str, *, json: bool) -> None:
    found = next((row for row in rows(load(Home.find()).risk) if row.code == code.upper()), None)
    if found is None:
        raise ConfigError(f"no rule has the code {code!r}, there are {', '.join(rule.code for rule in RULES)}")
    if json:
        print_json(plain(found))
        return
    console.print(Text.assemble((found.code, "bold"), f"  {found.layer}: denied when {found.denied_when}"))
    table = show.table("", "")
    table.add_row("measures", found.measures)
    table.add_row("limit", f"{found.limit} ({found.unit})")
    table.add_row("setting", "none: it is fixed" if found.setting is None else f"risk.{found.setting}, {found.ceiling}")
    table.add_row("without the reading", found.missing)
    table.add_row("holds exits too", "yes" if found.binds_exits else "no")
    console.print(table)


def _limit(policy: RiskSettings, name: str) -> dict[str, Any]:
    allowed = bounds(name) or "never or always"
    about = RiskSettings.model_fields[name].description or ""
    return {"name": name, "value": getattr(policy, name), "allowed": allowed, "about": about}
