"""`warden keys`: what exchanges and model servers know the desk by."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.options import Json

app = typer.Typer(
    help="Keys of exchanges and model servers, kept unseen: add, list, remove, accept.", no_args_is_help=True
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
    """Which venues and model servers have keys, where they are kept, and the last four characters of each."""
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
