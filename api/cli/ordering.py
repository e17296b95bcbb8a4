"""`warden orders`."""

import asyncio
import sys
from collections.abc import Iterable
from decimal import Decimal

from rich.text import Text

from api.cli import show, words
from api.cli.console import console, print_json
from api.cli.opened import books
from core.canonical import JSON
from desk import answering, ordering, reports

UNKNOWN = 5
_UNPROVEN = frozenset({"unknown", "cancel_unknown"})


def listing(named: str | None, *, live: bool, limit: int, json: bool) -> None:
    with books() as opened:
        account = opened.books.read(lambda conn: reports.current_account(conn, named))
        data = opened.books.read(lambda conn: ordering.listing(conn, account.account_id, live=live, limit=limit))
    if json:
        print_json(data)
    elif data:
        shown_orders(data)
    else:
        console.print("no order may still fill" if live else "no order was ever sent", style="dim")
    _exit(sum(order["state"] in _UNPROVEN for order in data))


def show_one(named: str | None, prefix: str, *, json: bool) -> None:
    with books() as opened:
        account = opened.books.read(lambda conn: reports.current_account(conn, named))
        data = opened.books.read(lambda conn: ordering.life(conn, account.account_id, prefix))
    if json:
        print_json(data)
        return
    if data["worked"] is not None:
        _worked(data["worked"])
    shown_orders(data["attempts"])
    if data["proposal"] is not None:
        console.print(Text(f"{data['proposal']['source']}: {data['proposal']['thesis']}"))
    timeline = show.table("at", "entry", "what", "")
    for told in data["timeline"]:
        timeline.add_row(told["at"], told["entry"].rpartition("#")[2], told["kind"], _said(told["kind"], told["body"]))
    console.print(timeline)


def cancel(named: str | None, order: str, by: str, reason: str, *, json: bool) -> None:
    with books() as opened:
        account = opened.books.read(lambda conn: reports.current_account(conn, named))
        said = answering.cancel(opened.home, opened.books, account.account_id, order, by=by, reason=reason)
        _told(asyncio.run(said), json=json)


def cancel_all(named: str | None, by: str, reason: str, *, json: bool) -> None:
    with books() as opened:
        account = opened.books.read(lambda conn: reports.current_account(conn, named))
        said = answering.cancel_all(opened.home, opened.books, account.account_id, by=by, reason=reason)
        _told(asyncio.run(said), json=json)


def resolve(named: str | None, order: str, to: str, by: str, reason: str, *, json: bool) -> None:
    with books() as opened:
        account = opened.books.read(lambda conn: reports.current_account(conn, named))
        said = answering.resolve(opened.home, opened.books, account.account_id, order, to, by=by, reason=reason)
        _told(asyncio.run(said), json=json)


def reconcile(named: str | None, *, accept: bool, by: str, reason: str, json: bool) -> None:
    """Exits with 1 where something contradicts the books, and with 5 where something is unknown still."""
    with books() as opened:
        account = opened.books.read(lambda conn: reports.current_account(conn, named))
        said = {"by": by, "reason": reason}
        data = asyncio.run(answering.reconcile(opened.home, opened.books, account.account_id, accept=accept, **said))
    if json:
        print_json(data)
    else:
        _reconciled(data)
    _exit(data["unknown"])
    if data["mismatches"]:
        sys.exit(1)


def _reconciled(data: JSON) -> None:
    booked = (
        ("fill", "fills"),
        ("order of somebody else", "adopted"),
        ("transfer", "transfers"),
        ("funding", "fundings"),
    )
    news = ", ".join(words.count(data[key], noun) for noun, key in booked if data[key])
    console.print(Text(f"booked {news}" if news else "nothing was new"))
    for currency, amount in data["accepted"].items():
        console.print(Text(f"accepted as it is: {amount} {currency}"))
    for found in data["mismatches"]:
        console.print(Text.assemble((f"✗ {found['kind']}", "bold red"), f" {found['subject']}: {found['detail']}"))
    if data["left_alone"]:
        console.print(Text(f"too fresh to judge: {', '.join(data['left_alone'])}", style="yellow"))
    if data["clean"]:
        console.print(Text("the venue and the books agree", style="green"))


def _told(data: JSON, *, json: bool) -> None:
    if json:
        print_json(data)
    else:
        if data["orders"]:
            shown_orders(data["orders"])
        else:
            console.print("nothing was there to cancel", style="dim")
        for left in data.get("left", []):
            console.print(Text(left, style="yellow"))
    _exit(data["unknown"])


def shown_orders(orders: Iterable[JSON]) -> None:
    shown = show.table("order", "id", "state", "filled", "of", "")
    # On a narrow screen what is said wraps, and no number and no name loses a digit.
    for at, column in enumerate(shown.columns):
        column.no_wrap = at in range(1, 5)
    for order in orders:
        at = order["limit_price"] or order["trigger_price"]
        wanted = f"{order['type']} {order['side']} {order['symbol']}" + (f" at {words.price(at)}" if at else "")
        if order.get("execution") is not None:
            wanted += f", {words.plan(order['execution'])}"
        style = "bold red" if order["state"] in _UNPROVEN else ""
        whose = "somebody else's" if order["owner"] == "external" else order["owner"]
        note = order["note"] or (f"slice of {words.name(order['parent'])}" if order["parent"] else whose)
        state = Text(order["state"], style=style)
        shown.add_row(wanted, words.name(order["order"]), state, order["filled"], order["quantity"], note)
    console.print(shown)


def _worked(parent: JSON) -> None:
    """A parent order: how it is worked, how far, and what working it cost against the price at its arrival."""
    table = show.table("parent order", "")
    table.add_row("id", f"{parent['order']}, {parent['state']}" + (f": {parent['note']}" if parent["note"] else ""))
    table.add_row("wanted", f"{show.wanted(parent)} {parent['symbol']}")
    table.add_row("slices", str(parent["slices"]))
    table.add_row("filled, left", f"{parent['filled']}, {parent['left']}")
    table.add_row(
        "arrival mid, average", f"{words.price(parent['arrival_mid'])}, {words.average(parent['average_price'])}"
    )
    table.add_row("implementation shortfall", _shortfall(parent))
    console.print(table)


def _shortfall(parent: JSON) -> str:
    found = parent["shortfall"]
    if found is None:
        return "not known" if parent["state"] == "ended" else "told when it ends"
    parts = ", ".join(f"{part} {words.money(found[part], 4)}" for part in ("delay", "impact", "fees", "opportunity"))
    unpriced = f"; {words.count(found['unpriced_fees'], 'fee')} of no known worth" if found["unpriced_fees"] else ""
    return f"{Decimal(found['bps']):.2f} bps, {words.money(found['total'], 4)}: {parts}{unpriced}"


def _said(kind: str, body: JSON) -> str:
    """One line of a journal entry, in words."""
    match kind:
        case "order":
            return f"{body['from']} → {body['to']} ({body['by']}) {body.get('detail', '')}".strip()
        case "fill":
            return f"{body['side']} {body['quantity']} at {words.price(body['price'])}, trade {body['trade_id']}"
        case "review":
            return ", ".join([body["answer"], *body["denied"]])
        case "incident":
            return str(body["detail"])
        case "presumed_absent":
            return f"{body['looks']} looks found it nowhere"
        case "parent":
            return f"works {body['quantity']}: {words.plan(body['execution'])}"
        case "parent_ending":
            return str(body["reason"])
        case "parent_ended":
            return f"{body['filled']} filled"
        case "resolved" | "cancel":
            return f"{body['by']}: {body['reason']}"
        case _:
            return ""


def _exit(unknown: int) -> None:
    if unknown:
        sys.exit(UNKNOWN)
