"""`warden orders`: what is at the venue, what became of it, and a person's words about it."""

from typing import Annotated

import typer

from api.cli.options import Account, By, Json, Reason

app = typer.Typer(help="Orders at the venue: list, show, cancel, resolve, reconcile.", no_args_is_help=True)


@app.command("list")
def list_(
    all_: Annotated[bool, typer.Option("--all", help="Those that are over, too, newest first.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many, with --all.")] = 50,
    account: Account = None,
    json: Json = False,
) -> None:
    """Orders that may still fill; exits with 5 where nobody can prove what became of one."""
    from api.cli import ordering

    ordering.listing(account, live=not all_, limit=limit, json=json)


@app.command("show")
def show(order: Annotated[str, typer.Argument(metavar="ID")], account: Account = None, json: Json = False) -> None:
    """One order with its attempts, its fills, and its life from the journal."""
    from api.cli import ordering

    ordering.show_one(account, order, json=json)


@app.command("cancel")
def cancel(
    order: Annotated[str, typer.Argument(metavar="ID")],
    reason: Reason = "cancelled by hand",
    by: By = "operator",
    account: Account = None,
    json: Json = False,
) -> None:
    """Cancel one order, also one of somebody else on the same account."""
    from api.cli import ordering

    ordering.cancel(account, order, by, reason, json=json)


@app.command("cancel-all")
def cancel_all(
    reason: Reason = "cancelled by hand", by: By = "operator", account: Account = None, json: Json = False
) -> None:
    """Cancel every order of ours, also the stops that rest at the venue."""
    from api.cli import ordering

    ordering.cancel_all(account, by, reason, json=json)


@app.command("resolve")
def resolve(
    order: Annotated[str, typer.Argument(metavar="ID")],
    to: Annotated[str, typer.Option("--as", help="absent, filled, cancelled, expired or rejected.")],
    reason: Annotated[str, typer.Option(help="Why; journaled.")],
    by: By = "operator",
    account: Account = None,
    json: Json = False,
) -> None:
    """Say what became of an order that nobody can prove anything about."""
    from api.cli import ordering

    ordering.resolve(account, order, to, by, reason, json=json)


@app.command("reconcile")
def reconcile(
    accept: Annotated[bool, typer.Option("--accept", help="Take what is off in the balances as money moved.")] = False,
    reason: Reason = "",
    by: By = "operator",
    account: Account = None,
    json: Json = False,
) -> None:
    """Bring the books into agreement with the venue now, and name what contradicts them."""
    from api.cli import ordering

    ordering.reconcile(account, accept=accept, by=by, reason=reason, json=json)
