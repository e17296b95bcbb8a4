"""`warden orders`."""

import asyncio
import sys
from collections.abc import Iterable

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


def reconcile(named: str | None, *, json: bool) -> None:
    """Exits with 1 where something contradicts the books, and with 5 where something is unknown still."""
    with books() as opened:
        account = opened.books.read(lambda conn: reports.current_account(conn, named))
        data = asyncio.run(answering.reconcile(opened.home, opened.books, account.account_id))
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
    for order in orders:
        at = order["limit_price"] or order["trigger_price"]
        wanted = f"{order['type']} {order['side']} {order['symbol']}" + (f" at {words.price(at)}" if at else "")
        style = "bold red" if order["state"] in _UNPROVEN else ""
        note = order["note"] or ("somebody else's" if order["owner"] == "external" else order["owner"])
        state = Text(order["state"], style=style)
        shown.add_row(wanted, words.name(order["order"]), state, order["filled"], order["quantity"], note)
    console.print(shown)


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
        case "resolved" | "cancel":
            return f"{body['by']}: {body['reason']}"
        case _:
            return ""


def _exit(unknown: int) -> None:
    if unknown:
        sys.exit(UNKNOWN)
