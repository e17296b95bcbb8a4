"""`warden risk`: how the account stands, what may be done, and a person's words to the officer."""

from typing import Annotated

import typer

from api.cli.options import Account, By, Json

app = typer.Typer(help="The risk officer: state, limits, breakers.", no_args_is_help=True)


@app.command("status")
def status(account: Account = None, json: Json = False) -> None:
    """The trading state by scope, what holds, and how near each breaker is."""
    from api.cli import risking

    risking.status(account, json=json)


@app.command("halt")
def halt(
    reason: Annotated[str, typer.Argument(metavar="REASON", help="Why; journaled.")],
    by: By = "operator",
    account: Annotated[str | None, typer.Option(help="Halt this account alone, and write no kill file.")] = None,
    json: Json = False,
) -> None:
    """Stop every desk of this home at once: no new risk, resting entries are cancelled, positions keep their stops."""
    from api.cli import risking

    risking.halt(account, by, reason, json=json)


@app.command("resume")
def resume(
    reason: Annotated[str, typer.Argument(metavar="REASON", help="Why; journaled.")],
    latch: Annotated[
        int | None, typer.Option(help="Its number in `warden risk status`, where there are several.")
    ] = None,
    rebase: Annotated[bool, typer.Option(help="Move the floor under the start equity to the equity of now.")] = False,
    by: By = "operator",
    account: Account = None,
    json: Json = False,
) -> None:
    """Re-arm one breaker latch. The state is then its next strictest cause."""
    from api.cli import risking

    risking.resume(account, latch, by, reason, rebase=rebase, json=json)


@app.command("lift")
def lift(
    reason: Annotated[str, typer.Argument(metavar="REASON", help="Why; journaled.")],
    by: By = "operator",
    account: Account = None,
    json: Json = False,
) -> None:
    """Say that the venue's restriction of the account is over."""
    from api.cli import risking

    risking.lift(account, by, reason, json=json)


@app.command("waive")
def waive(
    reason: Annotated[str, typer.Argument(metavar="REASON", help="Why; journaled.")],
    by: By = "operator",
    json: Json = False,
) -> None:
    """Let this risk policy go live without its 14 days on paper or a testnet."""
    from api.cli import waiving

    waiving.rehearsal(by, reason, json=json)


@app.command("policy")
def policy(
    file: Annotated[str | None, typer.Argument(metavar="FILE", help="A policy file to check, not to activate.")] = None,
    shadow: Annotated[bool, typer.Option(help="Where the shadow policy would have answered otherwise.")] = False,
    account: Account = None,
    json: Json = False,
) -> None:
    """Every limit with its ceiling, every breaker and every rule; or what a policy file would change."""
    from api.cli import risking

    risking.policy(file, account, shadow=shadow, json=json)


@app.command("explain")
def explain(code: Annotated[str, typer.Argument(metavar="CODE")], json: Json = False) -> None:
    """What one rule or breaker measures, its limit, and what it does."""
    from api.cli import risking

    risking.explain(code, json=json)


@app.command("cases")
def cases(
    files: Annotated[list[str] | None, typer.Argument(metavar="[FILE]...", help="Cases of your own.")] = None,
    json: Json = False,
) -> None:
    """Run the evaluation cases of the policy: readings in, state out."""
    from api.cli import risking

    risking.cases(files or [], json=json)
