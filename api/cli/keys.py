"""`warden keys`: what exchanges and model servers know the desk by, and by what others reach this desk."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.options import Json

app = typer.Typer(
    help="Keys to this desk (create, revoke), and keys of exchanges and model servers (add, remove, accept).",
    no_args_is_help=True,
)

Venue = Annotated[str, typer.Argument(metavar="VENUE", help="As ccxt writes it, such as binance.")]
Either = Annotated[
    str, typer.Argument(metavar="NAME", help="A venue as ccxt writes it, or a model server, such as openai.")
]


@app.command("add")
def add(venue: Either, json: Json = False) -> None:
    """Keep keys in the keyring, else in an encrypted file. They are asked for, or read from standard input.

    Piped in, they are two lines or three: the API key, the secret, and a passphrase where the venue has one. A model
    server's key is one line.
    """
    from api.cli import keying

    keying.add(venue, json=json)


@app.command("list")
def list_(json: Json = False) -> None:
    """Keys to this desk with scope and last use, and those of venues and model servers with where they are kept."""
    from api.cli import keying

    keying.listing(json=json)


@app.command("remove")
def remove(venue: Either, json: Json = False) -> None:
    """Take keys out of the keyring and the encrypted file."""
    from api.cli import keying

    keying.remove(venue, json=json)


@app.command("accept")
def accept(
    venue: Venue,
    reason: Annotated[str, typer.Option(help="Why; journaled.")],
    by: Annotated[str, typer.Option(help="Who says so; journaled.")] = "operator",
    json: Json = False,
) -> None:
    """Let this key go live although it can withdraw, or although nobody can tell what it may do."""
    from api.cli import keying

    keying.accept(venue, by, reason, json=json)


@app.command("create")
def create(
    name: Annotated[str, typer.Option(help="Whose key it is, such as freqtrade or ada.")],
    scope: Annotated[list[str], typer.Option(help="What it may do; repeat for more.")],
    person: Annotated[bool, typer.Option("--person", help="Its holder is a person, and no program.")] = False,
    expires: Annotated[str | None, typer.Option(help="When it ends, such as 90d; never where it is not said.")] = None,
    by: Annotated[str, typer.Option(help="Who makes it; journaled.")] = "operator",
    json: Json = False,
) -> None:
    """Make a key to this desk's API. It is shown once: only its hash is kept.

    Scopes: signals:read, orders:propose, orders:approve, risk:halt, risk:resume (a person's), audit:read, admin.
    """
    from api.cli import granting

    granting.create(name, scope, person=person, expires=expires, by=by, json=json)


@app.command("revoke")
def revoke(
    key: Annotated[str, typer.Argument(metavar="ID", help="The beginning of its id in `warden keys list`.")],
    reason: Annotated[str, typer.Option(help="Why; journaled.")] = "revoked by hand",
    by: Annotated[str, typer.Option(help="Who says so; journaled.")] = "operator",
    json: Json = False,
) -> None:
    """End a key to this desk, at once."""
    from api.cli import granting

    granting.revoke(key, reason, by, json=json)
