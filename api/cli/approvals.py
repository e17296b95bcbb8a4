"""`warden approvals`: proposals that wait for a person, and the answers."""

from typing import Annotated

import typer

from api.cli.options import Account, Json

app = typer.Typer(help="Orders that wait for a person.", no_args_is_help=True)


@app.command("list")
def list_(account: Account = None, json: Json = False) -> None:
    """Proposals that wait or waited for a person."""
    from api.cli import approving

    approving.listing(account, json=json)


@app.command("show")
def show(proposal: Annotated[str, typer.Argument(metavar="ID")], json: Json = False) -> None:
    """One proposal with its thesis, its stop and every verdict."""
    from api.cli import approving

    approving.show_one(proposal, json=json)


@app.command("approve")
def approve(
    proposal: Annotated[str, typer.Argument(metavar="ID")],
    by: Annotated[str, typer.Option(help="Who answers; journaled.")] = "operator",
    reason: Annotated[str, typer.Option(help="Why; journaled.")] = "",
    json: Json = False,
) -> None:
    """Release a proposal: it is reviewed again on fresh facts, and sent only if it still passes."""
    from api.cli import approving

    approving.answer(proposal, approve=True, by=by, reason=reason, json=json)


@app.command("reject")
def reject(
    proposal: Annotated[str, typer.Argument(metavar="ID")],
    by: Annotated[str, typer.Option(help="Who answers; journaled.")] = "operator",
    reason: Annotated[str, typer.Option(help="Why; journaled.")] = "",
    json: Json = False,
) -> None:
    """Refuse a proposal."""
    from api.cli import approving

    approving.answer(proposal, approve=False, by=by, reason=reason, json=json)
