"""`warden audit`: what was decided and why, and whether it still comes out the same."""

from typing import Annotated

import typer

from api.cli.options import Account, Json

app = typer.Typer(help="The audit log: list, show, verify, replay, recompute.", no_args_is_help=True)


@app.command("list")
def list_(
    account: Account = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
    json: Json = False,
) -> None:
    """Records, newest first."""
    from api.cli import auditing

    auditing.listing(account, limit, json=json)


@app.command("show")
def show(record: Annotated[str, typer.Argument(metavar="ID")], json: Json = False) -> None:
    """One record: what was seen, said, planned, judged and filled."""
    from api.cli import auditing

    auditing.show_one(record, json=json)


@app.command("verify")
def verify(json: Json = False) -> None:
    """Walk every chain of the journal and name the first broken entry."""
    from api.cli import auditing

    auditing.verify(json=json)


@app.command("replay")
def replay(record: Annotated[str, typer.Argument(metavar="ID")], json: Json = False) -> None:
    """Decide again from stored effects, with no market and no network, and name the first difference."""
    from api.cli import auditing

    auditing.replay(record, json=json)


@app.command("recompute")
def recompute(
    record: Annotated[str, typer.Argument(metavar="ID")],
    models: Annotated[bool, typer.Option(help="Ask language models again too, for what that costs.")] = False,
    json: Json = False,
) -> None:
    """Run a decision's tools and models again at its time, and list what comes out differently."""
    from api.cli import auditing

    auditing.recompute(record, models=models, json=json)
