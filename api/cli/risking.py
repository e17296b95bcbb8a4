"""`warden risk`."""

import asyncio
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.text import Text

from api.cli import show, words
from api.cli.console import console, print_json
from api.cli.opened import books, market_of
from core.canonical import JSON, plain
from core.errors import ConfigError, DeskError
from desk import answering, policies, reports
from desk.home import Home
from desk.runs import latest_run, settings_of
from desk.settings import load, policy_of
from desk.standing import risk_status
from risk import cases as evaluation
from risk.breakers import shown
from risk.rules import RULES
from risk.settings import RiskSettings
from risk.table import BreakerRow, bounds, breaker_rows, rows

_COLOURS = {"active": "green", "reducing": "yellow", "halted": "red"}


def status(named: str | None, *, json: bool) -> None:
    with books() as opened:
        account = opened.books.read(lambda conn: reports.current_account(conn, named))
        policy = settings_of(opened.books.read(lambda conn: latest_run(conn, account.account_id))).risk
        market, _ = market_of(opened, account)
        kill = opened.home.kill_switch()
        data = opened.books.read(lambda conn: risk_status(conn, account, policy, market, kill))
    if json:
        print_json(data)
        return
    console.print(f"[bold]{data['account']}[/] is {_state(data)}  by its clock {data['clock']}")
    for scope in data["scopes"][1:]:
        console.print(f"  {escape(scope['scope'])} is {_state(scope)}")
    if data["restricted"] is not None:
        console.print(f"[red]restricted by its venue[/] {escape(data['restricted'])}")
    if data["kill_file"]:
        console.print(f"[red]the kill file is present[/] {escape(data['kill_reason'])}")
    table = show.table("breaker", "now", "trips", "sets", "until", "near")
    for row in data["breakers"]:
        now = "—" if row["value"] is None else shown(Decimal(row["value"]), row["unit"])
        near = "" if row["near"] is None else f"{Decimal(row['near']):.0%}"
        name = Text(row["breaker"], style="bold red" if row["live"] else "")
        sets = row["sets"].replace(" of the caps", "")
        until = row["lasts"].removeprefix("until ").replace("well for", "well")
        table.add_row(name, now, row["trips"], sets, until, near)
    console.print(table)
    for cause in data["causes"]:
        ends = "until re-armed" if cause["until"] is None else f"until {cause['until']}"
        line = f"#{cause['latch']} {cause['cause']} on {cause['scope']} since {cause['tripped']}, {ends}: "
        console.print(Text.assemble((cause["kind"], "red"), " ", line, cause["detail"]))
    for found in data["incidents"]:
        line = f"{found['kind']} {found['subject']}, open since {found['opened']}: {found['detail']}"
        console.print(Text.assemble(("incident", "yellow"), " ", line))


def halt(named: str | None, by: str, reason: str, *, json: bool) -> None:
    """The kill file first: it is seen at once, and needs no database."""
    home = Home.find()
    home.make()
    file = None if named is not None else home.kill_file
    if file is not None:
        home.kill_switch().pull(f"{reason} ({by})")
    try:
        with books() as opened:
            account = opened.books.read(lambda conn: reports.current_account(conn, named))
            done = answering.halt(opened.home, opened.books, account.account_id, by=by, reason=reason)
            data = {**asyncio.run(done), "problem": None}
    except DeskError as problem:
        if file is None or not file.exists():
            raise
        data = {"account": None, "state": "halted", "by": by, "reason": reason, "problem": str(problem)}
    data["kill_file"] = None if file is None else str(file)
    if json:
        print_json(data)
        return
    console.print(Text.assemble(("HALTED", "bold red"), f" {data['account'] or 'every desk of this home'}: {reason}"))
    if data["problem"] is not None:
        console.print(
            Text(f"by the kill file alone, as its books could not be told: {data['problem']}", style="yellow")
        )
    if file is not None:
        console.print(Text(f"to go on, remove {file}, then `warden risk resume REASON`", style="dim"))


def resume(named: str | None, latch: int | None, by: str, reason: str, *, rebase: bool, json: bool) -> None:
    with books() as opened:
        account = opened.books.read(lambda conn: reports.current_account(conn, named))
        done = answering.rearm(
            opened.home, opened.books, account.account_id, latch, rebase=rebase, by=by, reason=reason
        )
        data = asyncio.run(done)
    if json:
        print_json(data)
    else:
        console.print(Text(f"re-armed latch #{data['latch']} of {data['account']}: {reason}"))


def lift(named: str | None, by: str, reason: str, *, json: bool) -> None:
    with books() as opened:
        account = opened.books.read(lambda conn: reports.current_account(conn, named))
        data = asyncio.run(answering.lift(opened.home, opened.books, account.account_id, by=by, reason=reason))
    if json:
        print_json(data)
    else:
        console.print(Text(f"{data['account']} is no longer restricted: {reason}"))


def policy(file: str | None, named: str | None, *, shadow: bool, json: bool) -> None:
    if shadow:
        _shadowed(named, json=json)
    elif file is not None:
        _compared(Path(file), json=json)
    else:
        _active(json=json)


def _active(*, json: bool) -> None:
    active = load(Home.find()).risk
    limits = [_limit(active, name) for name in RiskSettings.model_fields if name != "breakers"]
    rules = [plain(row) for row in rows(active)]
    breakers = [plain(row) for row in breaker_rows(active.breakers)]
    if json:
        print_json({"policy_hash": active.policy_hash, "limits": plain(limits), "breakers": breakers, "rules": rules})
        return
    table = show.table("limit", "value", "allowed", "")
    for limit in limits:
        table.add_row(limit["name"], str(limit["value"]), limit["allowed"], limit["about"])
    console.print(table)
    table = show.table("breaker", "trips", "sets", "lasts", "")
    for row in breakers:
        table.add_row(row["breaker"], f"{row['reads']} {row['trips']}", row["sets"], row["lasts"], row["about"])
    console.print(table)
    table = show.table("rule", "layer", "denied when")
    for rule in rules:
        table.add_row(rule["code"], rule["layer"], rule["denied_when"])
    console.print(table)


def _compared(file: Path, *, json: bool) -> None:
    data = policies.compared(file, load(Home.find()).risk)
    if json:
        print_json(data)
        return
    console.print(f"[bold green]✓[/] {escape(data['file'])} is a policy, {words.short(data['policy_hash'])}")
    if not data["changed"]:
        console.print("it changes nothing", style="dim")
        return
    table = show.table("it would change", "from", "to")
    for change in data["changed"]:
        table.add_row(change["what"], _brief(change["before"]), _brief(change["after"]))
    console.print(table)
    console.print(f'to activate it, name it in warden.toml: [risk] policy = "{file}"', style="dim", markup=False)


def _shadowed(named: str | None, *, json: bool) -> None:
    with books() as opened:
        account = opened.books.read(lambda conn: reports.current_account(conn, named))
        data = opened.books.read(lambda conn: policies.shadowed(conn, account.account_id))
    if json:
        print_json(data)
        return
    if not data:
        console.print("no shadow policy has answered otherwise", style="dim")
        return
    table = show.table("at", "symbol", "proposal", "active", "shadow")
    for found in data:
        answers = (_answer(found["active"]), _answer(found["shadow"]))
        table.add_row(found["at"], found["symbol"], words.name(found["proposal_id"]), *answers)
    console.print(table)


def explain(code: str, *, json: bool) -> None:
    active = load(Home.find()).risk
    breaker = next((row for row in breaker_rows(active.breakers) if row.breaker == code.lower()), None)
    rule = next((row for row in rows(active) if row.code == code.upper()), None)
    if rule is None and breaker is not None:
        _explain_breaker(breaker, json=json)
        return
    if rule is None:
        known = [*(r.code for r in RULES), *(b.name for b in active.breakers)]
        raise ConfigError(f"no rule or breaker is named {code!r}, there are {', '.join(known)}")
    if json:
        print_json(plain(rule))
        return
    console.print(Text.assemble((rule.code, "bold"), f"  {rule.layer}: denied when {rule.denied_when}"))
    table = show.table("", "")
    table.add_row("measures", rule.measures)
    table.add_row("limit", f"{rule.limit} ({rule.unit})")
    table.add_row("setting", "none: it is fixed" if rule.setting is None else f"risk.{rule.setting}, {rule.ceiling}")
    table.add_row("without the reading", rule.missing)
    table.add_row("holds exits too", "yes" if rule.binds_exits else "no")
    console.print(table)


def _explain_breaker(row: BreakerRow, *, json: bool) -> None:
    if json:
        print_json(plain(row))
        return
    console.print(Text.assemble((row.breaker, "bold"), f"  {row.about}"))
    table = show.table("", "")
    table.add_row("reads", f"{row.reads}: {row.measures}")
    table.add_row("trips", row.trips)
    table.add_row("sets", f"{row.sets}, for the {row.scope}")
    table.add_row("lasts", row.lasts)
    table.add_row("without the reading", row.missing)
    table.add_row("required of every policy", row.required or "no")
    console.print(table)


def cases(files: list[str], *, json: bool) -> None:
    """The shipped cases judge the standard policy; a file of one's own the policy of that name beside it, or ours."""
    told_of = [("shipped", evaluation.run(evaluation.shipped(), RiskSettings()))]
    told_of += [(file, _own(Path(file))) for file in files]
    data = [{"file": file, **plain(outcome)} for file, outcomes in told_of for outcome in outcomes]
    failed = [case for case in data if case["failure"] is not None]
    if json:
        print_json({"cases": data, "failed": len(failed)})
    else:
        for case in failed:
            console.print(Text.assemble(("✗ ", "bold red"), f"{case['file']}: {case['name']}: {case['failure']}"))
        mark = "[bold red]✗[/]" if failed else "[bold green]✓[/]"
        console.print(f"{mark} {len(data) - len(failed)} of {words.count(len(data), 'case')} as expected")
    if failed:
        sys.exit(1)


def _own(file: Path) -> tuple[evaluation.Outcome, ...]:
    try:
        found = evaluation.parse(file.read_text(encoding="utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {error}") from None
    beside = file.with_name(file.name.replace(".cases", ""))
    judged = policy_of(beside) if beside != file and beside.exists() else load(Home.find()).risk
    return evaluation.run(found, judged)


def _limit(policy: RiskSettings, name: str) -> dict[str, Any]:
    about = RiskSettings.model_fields[name].description or ""
    return {"name": name, "value": plain(getattr(policy, name)), "allowed": bounds(name), "about": about}


def _state(found: JSON) -> str:
    caps = "" if found["caps"] == "1" else f" at {Decimal(found['caps']):.0%} of the caps"
    return f"[bold {_COLOURS[found['state']]}]{found['state'].upper()}[/]{caps}"


def _answer(found: JSON) -> str:
    return "allowed" if found["allowed"] else f"denied: {', '.join(found['denied'])}"


def _brief(value: JSON) -> str:
    return "—" if value is None else str(value)
