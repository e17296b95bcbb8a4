"""`warden memory`: what the desk remembers in words."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.options import Json

app = typer.Typer(help="What the desk remembers: list, search, forget.", no_args_is_help=True)

Symbol = Annotated[str | None, typer.Option(help="Of this market, and of none, such as BTC/USDT.")]
Kind = Annotated[str | None, typer.Option(help="Such as lesson.")]
Account = Annotated[str | None, typer.Option(help="What this account may know; all accounts by default.")]
AsOf = Annotated[str | None, typer.Option(help="Only what was known then (UTC).")]


@app.command("list")
def list_(
    symbol: Symbol = None,
    kind: Kind = None,
    account: Account = None,
    as_of: AsOf = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 50,
    json: Json = False,
) -> None:
    """What is remembered, newest first. Needs no model."""
    from api.cli import recalling

    recalling.listing(recalling.wanted(symbol, kind, account, as_of), limit, json=json)


@app.command("search")
def search(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to look for, in words.")],
    symbol: Symbol = None,
    kind: Kind = None,
    account: Account = None,
    as_of: AsOf = None,
    n: Annotated[int, typer.Option("--n", min=1, max=100, help="How many at most.")] = 5,
    json: Json = False,
) -> None:
    """What is nearest in meaning, best first."""
    from api.cli import recalling

    recalling.search(text, recalling.wanted(symbol, kind, account, as_of), n, json=json)


@app.command("forget")
def forget(
    name: Annotated[str, typer.Argument(metavar="ID|SOURCE", help="The beginning of an id, or a whole source.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    by: Annotated[str, typer.Option(help="Who says so; journaled.")] = "operator",
    reason: Annotated[str, typer.Option(help="Why; journaled.")] = "",
    json: Json = False,
) -> None:
    """Forget one item, or all that came from one source. It is not written again."""
    from api.cli import recalling

    recalling.forget(name, by, reason, yes=yes, json=json)
