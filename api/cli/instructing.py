"""What `warden instructions` does: typed from plain options, shown, confirmed, and handed to the desk."""

import asyncio
import json as json_text
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import typer
from rich.text import Text

from agents import instructions
from agents.instructions import Instruction
from api.cli import show, words
from api.cli.console import console, print_json
from api.cli.opened import Opened, books
from core.canonical import JSON
from core.errors import ConfigError
from core.money import text_of
from desk import answering, instructed, reports


@dataclass(frozen=True, slots=True)
class Asked:
    """The words of an `add` command, not yet understood."""

    strategy: Mapping[str, Any]
    orders: int
    spend: str | None
    until: str | None
    account: str | None
    save: str | None
    by: str
    reason: str
    yes: bool
    json: bool


def add(asked: Asked) -> None:
    instruction = understand(asked)
    if asked.save is not None:
        _save(Path(asked.save), instruction, json=asked.json)
        return
    _confirmed_and_added([instruction], asked.account, asked.by, asked.reason, yes=asked.yes, json=asked.json)


def add_file(file: str, named: str | None, by: str, reason: str, *, yes: bool, json: bool) -> None:
    _confirmed_and_added(read_file(file), named, by, reason, yes=yes, json=json)


def understand(asked: Asked) -> Instruction:
    """The typed instruction that was meant, or one sentence about everything that is wrong with it."""
    strategy = {key: value for key, value in asked.strategy.items() if value is not None}
    spend = asked.spend or _product(strategy.get("quote"), asked.orders)
    budget = {"max_orders": asked.orders, "max_spend": spend, "until": asked.until}
    return instructions.parsed({"strategy": strategy, "budget": budget})


def read_file(file: str) -> tuple[Instruction, ...]:
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as missing:
        raise ConfigError(f"{file} cannot be read: {missing}") from None
    return instructions.read(text, file)


def targets(said: Sequence[str]) -> list[JSON]:
    """Of PRICE or PRICE:FRACTION. Without fractions each closes an even part."""
    found = [each.partition(":") for each in said]
    even = text_of(Decimal(1) / len(found)) if found else "1"
    even = even[:12]  # whatever is left over goes with the stop
    return [{"price": price, "fraction": fraction or even} for price, _, fraction in found]


def weights(said: Sequence[str]) -> dict[str, str]:
    """Of SYMBOL=FRACTION."""
    found: dict[str, str] = {}
    for each in said:
        symbol, equals, fraction = each.partition("=")
        if not equals or symbol in found:
            raise ConfigError(f"--weight is SYMBOL=FRACTION, once for each symbol: found {each!r}")
        found[symbol] = fraction
    return found


def listing(named: str | None, *, ended: bool, json: bool) -> None:
    with books() as opened:
        account = _account(opened, named)
        data = opened.books.read(lambda conn: instructed.listing(conn, account, ended=ended))
    if json:
        print_json(data)
    elif data:
        _table(data)
    else:
        console.print("no instruction stands" if not ended else "no instruction was ever given", style="dim")


def show_one(named: str | None, prefix: str, *, json: bool) -> None:
    with books() as opened:
        account = _account(opened, named)
        data = opened.books.read(lambda conn: instructed.line(conn, account, prefix))
    if json:
        print_json(data)
    else:
        _one(data)


def move(verb: str, prefix: str, *, account: str | None, by: str, reason: str, json: bool) -> None:
    with books() as opened:
        at, said = _account(opened, account), {"by": by, "reason": reason}
        data = asyncio.run(answering.move_instruction(opened.home, opened.books, at, verb, prefix, **said))
    if json:
        print_json(data)
    else:
        _line(data)


def _confirmed_and_added(
    wanted: Sequence[Instruction], named: str | None, by: str, reason: str, *, yes: bool, json: bool
) -> None:
    if json and not yes:
        raise ConfigError("--json asks nobody: confirm with --yes")
    with books() as opened:
        account = _account(opened, named)
        if not json:
            _preview(wanted, account, opened.settings.risk.max_repeats)
        if not yes and not typer.confirm("Confirm?"):
            console.print("nothing was added", style="dim")
            return
        said = {"by": by, "reason": reason}
        added = [
            asyncio.run(answering.instruct(opened.home, opened.books, account, each.body(), **said)) for each in wanted
        ]
    if json:
        print_json(added)
        return
    for data in added:
        _line(data)


def _preview(wanted: Sequence[Instruction], account: str, max_repeats: int) -> None:
    """What a person is about to confirm."""
    console.print(Text(f"in account {account}:"))
    for each in wanted:
        console.print(Text(f"  {instructions.told(each)}"))
        if each.budget.max_orders > max_repeats:
            console.print(Text(f"  after {max_repeats} orders it waits for a person to look again", style="yellow"))
    console.print(
        Text("  every order passes the gate, and waits for approval where the policy asks for it", style="dim")
    )


def _save(file: Path, instruction: Instruction, *, json: bool) -> None:
    before = [each.body() for each in read_file(str(file))] if file.exists() else []
    saved = [*before, instruction.body()]
    try:
        file.write_text(json_text.dumps(saved, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    except OSError as refused:
        raise ConfigError(f"{file} cannot be written: {refused}") from None
    if json:
        print_json(saved)
        return
    console.print(Text(instructions.told(instruction)))
    console.print(Text(f"written to {file}: `warden run --instructions {file}` makes a run with it", style="dim"))


def _account(opened: Opened, named: str | None) -> str:
    return opened.books.read(lambda conn: reports.current_account(conn, named)).account_id


def _table(data: Sequence[JSON]) -> None:
    table = show.table("instruction", "state", "orders", "spent", "does")
    for each in data:
        placed = f"{each['placed']} of {each['body']['budget']['max_orders']}"
        does = each["does"] + (f" — {why}" if (why := _why(each)) else "")
        table.add_row(words.name(each["instruction"]), _state(each["state"]), placed, words.money(each["spent"]), does)
    console.print(table)


def _one(data: JSON) -> None:
    _line(data)
    budget = data["body"]["budget"]
    confirmed = f"{words.count(data['confirmed'], 'order')} by {data['confirmed_by']}"
    table = show.table("", "")
    table.add_row("id", data["instruction"])
    table.add_row("confirmed", confirmed + (f", term {data['term']}" if data["term"] > 1 else ""))
    table.add_row(
        "orders", f"{data['placed']} of {budget['max_orders']}: {data['filled']} filled, {data['denied']} denied"
    )
    table.add_row("spent", f"{words.money(data['spent'])} of {words.money(budget['max_spend'])}")
    table.add_row("since", data["created"])
    console.print(table)
    orders = show.table("at", "order", "filled", "of", "spent", "")
    for order in data["orders"]:
        at = f" at {words.price(order['limit_price'])}" if order["limit_price"] else ""
        state = Text(order["state"], style="bold red" if order["state"] == "denied" else "")
        note = Text.assemble(state, f" {order['reason']}" if order["reason"] else "")
        wanted = f"{order['side']} {order['symbol']}{at}"
        orders.add_row(order["at"], wanted, order["filled"], order["quantity"], words.money(order["spent"]), note)
    console.print(orders)


def _line(data: JSON) -> None:
    why = f" — {why}" if (why := _why(data)) else ""
    told = f" {words.name(data['instruction'])} {data['does']}{why}"
    console.print(Text.assemble(_state(data["state"]), told))


def _why(data: JSON) -> str:
    """What keeps it from placing orders."""
    return str(data["waits"] or ("" if data["state"] == "active" else data["reason"]))


def _state(state: str) -> Text:
    styles = {"active": "green", "paused": "bold yellow", "ending": "yellow"}
    return Text(state, style=styles.get(state, "dim"))


def _product(quote: object, orders: int) -> str:
    """Of a worth that may not be a number: then whoever reads it says so."""
    try:
        return text_of(Decimal(str(quote)) * orders)
    except InvalidOperation:
        return str(quote)
