"""`warden`: verbs over the desk. Each takes `--json` and answers with a stable exit code.

0 done, 1 failed, 2 usage or settings, 4 halted; of a verb about orders also 3 denied, 5 unknown: a person must look.
Heavy rooms are imported inside the verbs, so that `--help` answers at once.
"""

import sys
from typing import Annotated

import typer

from api.cli.backtesting import app as backtest
from api.cli.data import app as data
from api.cli.instructions import app as instructions
from api.cli.keys import app as keys
from api.cli.memory import app as memory
from api.cli.models import app as models
from core.errors import DeskError
from core.printable import lines

app = typer.Typer(
    name="warden",
    help="An AI trading desk that cannot overrule its risk officer.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
audit = typer.Typer(help="The audit log: list, show, verify, replay, recompute.", no_args_is_help=True)
risk = typer.Typer(help="The risk officer: state, limits, breakers.", no_args_is_help=True)
approvals = typer.Typer(help="Orders that wait for a person.", no_args_is_help=True)
orders = typer.Typer(help="Orders at the venue: list, show, cancel, resolve, reconcile.", no_args_is_help=True)
app.add_typer(audit, name="audit")
app.add_typer(backtest, name="backtest")
app.add_typer(data, name="data")
app.add_typer(models, name="models")
app.add_typer(risk, name="risk")
app.add_typer(approvals, name="approvals")
app.add_typer(keys, name="keys")
app.add_typer(orders, name="orders")
app.add_typer(instructions, name="instructions")
app.add_typer(memory, name="memory")

INTERRUPTED = 130  # what the command line library exits with after Ctrl-C

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Account = Annotated[str | None, typer.Option(help="Account id; the newest run's by default.")]
By = Annotated[str, typer.Option(help="Who says so; journaled.")]
Reason = Annotated[str, typer.Option(help="Why; journaled.")]
Again = Annotated[int, typer.Option(min=0, help="Make the N-th repetition of the same run.")]


@app.command()
def demo(
    venue: Annotated[
        str | None, typer.Option(help="emulator: over HTTP and WebSockets, at a venue of its own.")
    ] = None,
    json: Json = False,
    again: Again = 0,
) -> None:
    """One whole decision cycle on the simulated market, without a key or a network."""
    if venue is not None:
        from api.cli import rehearsing

        rehearsing.run(venue, json=json)
        return
    from api.cli import running

    running.demo(json=json, again=again)


@app.command()
def run(
    market: Annotated[str | None, typer.Option(help="recorded or simulated; as in the settings by default.")] = None,
    symbols: Annotated[str, typer.Option(help="Comma-separated, such as BTC/USDT,ETH/USDT.")] = "BTC/USDT,ETH/USDT",
    candles: Annotated[list[str] | None, typer.Option(help="FILE or SYMBOL=FILE; repeat, or list after it.")] = None,
    files: Annotated[list[str] | None, typer.Argument(help="More candle files.", show_default=False)] = None,
    as_of: Annotated[str | None, typer.Option(help="One cycle, at this time (UTC).")] = None,
    start: Annotated[str | None, typer.Option("--from", help="Many cycles, from this time.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="To this time, included.")] = None,
    every: Annotated[str | None, typer.Option(help="Time between cycles, such as 4h.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of the simulated market.")] = None,
    venue: Annotated[str | None, typer.Option(help="Of the candles in the store, without --candles.")] = None,
    timeframe: Annotated[str | None, typer.Option(help="Of the candles in the store; the finest by default.")] = None,
    instructions: Annotated[
        str | None, typer.Option(help="JSON file of standing instructions, as `instructions add --save` writes it.")
    ] = None,
    masked: Annotated[bool, typer.Option(help="Hide symbols, dates and price scale from language models.")] = False,
    again: Again = 0,
    json: Json = False,
) -> None:
    """Decide on a market of the past: one cycle with --as-of, or many with --from, --to, --every.

    The same command resumes an interrupted run or reports a finished one.
    """
    from api.cli import running

    asked = running.Asked(
        market=market,
        symbols=symbols,
        candles=[*(candles or []), *(files or [])],
        as_of=as_of,
        start=start,
        end=end,
        every=every,
        seed=seed,
        again=again,
        venue=venue,
        timeframe=timeframe,
        instructions=instructions,
        masked=masked,
    )
    running.run(asked, json=json)


@app.command()
def chat(
    question: Annotated[list[str] | None, typer.Argument(metavar="[QUESTION]", help="Answered once.")] = None,
    thread: Annotated[str | None, typer.Option(help="Go on with this thread, by the beginning of its id.")] = None,
    last: Annotated[bool, typer.Option("--continue", help="Go on with the newest thread.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="The threads that there are.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Say yes to what the question asks to be confirmed.")] = False,
    by: By = "operator",
    account: Account = None,
    json: Json = False,
) -> None:
    """Talk with the desk: ask what it did and why, what would be, and propose orders. `help` lists the words."""
    from api.cli import chat as chatting

    asked = chatting.Asked(" ".join(question or ()), thread, last, yes, by, account, json)
    if listed:
        chatting.listing(asked)
    else:
        chatting.talk(asked)


@app.command()
def portfolio(account: Account = None, json: Json = False) -> None:
    """Cash, positions, stops and what was earned."""
    from api.cli import reading

    reading.portfolio(account, json=json)


@app.command()
def close(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="Such as BTC/USDT.")],
    reason: Reason = "closed by hand",
    by: By = "operator",
    account: Account = None,
    json: Json = False,
) -> None:
    """Close one position at the market, whatever the state. Exits that rest there are cancelled first."""
    from api.cli import exiting

    exiting.close(account, symbol, by, reason, json=json)


@app.command()
def flatten(
    reason: Reason = "flattened by hand", by: By = "operator", account: Account = None, json: Json = False
) -> None:
    """Cancel every order and close every position at the market, whatever the state."""
    from api.cli import exiting

    exiting.flatten(account, by, reason, json=json)


@app.command()
def research(
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="Such as UNI.")],
    doc: Annotated[str, typer.Option(help="A document about it: .pdf, .html, .txt or .md.")],
    keep: Annotated[bool, typer.Option(help="Let the desk's research ask for its fields from now on.")] = False,
    json: Json = False,
) -> None:
    """What a document says of a token: supply, unlocks, use, team, risks, what it leaves open; each with a quote."""
    from api.cli import researching

    researching.run(token, doc, keep=keep, json=json)


@app.command()
def costs(
    days: Annotated[int, typer.Option(min=1, help="The newest days on which a model was asked.")] = 7,
    json: Json = False,
) -> None:
    """What language models cost: calls, tokens and US dollars, by day and role."""
    from api.cli import costing

    costing.listing(days, json=json)


@app.command()
def settings(json: Json = False) -> None:
    """The effective settings, secrets masked."""
    from api.cli import reading

    reading.settings(json=json)


@app.command()
def doctor(json: Json = False) -> None:
    """Whether this desk could start: settings, home, database, market."""
    from api.cli import reading

    reading.doctor(json=json)


@risk.command("status")
def risk_status(account: Account = None, json: Json = False) -> None:
    """The trading state by scope, what holds, and how near each breaker is."""
    from api.cli import risking

    risking.status(account, json=json)


@risk.command("halt")
def risk_halt(
    reason: Annotated[str, typer.Argument(metavar="REASON", help="Why; journaled.")],
    by: By = "operator",
    account: Annotated[str | None, typer.Option(help="Halt this account alone, and write no kill file.")] = None,
    json: Json = False,
) -> None:
    """Stop every desk of this home at once: no new risk, resting entries are cancelled, positions keep their stops."""
    from api.cli import risking

    risking.halt(account, by, reason, json=json)


@risk.command("resume")
def risk_resume(
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


@risk.command("lift")
def risk_lift(
    reason: Annotated[str, typer.Argument(metavar="REASON", help="Why; journaled.")],
    by: By = "operator",
    account: Account = None,
    json: Json = False,
) -> None:
    """Say that the venue's restriction of the account is over."""
    from api.cli import risking

    risking.lift(account, by, reason, json=json)


@risk.command("waive")
def risk_waive(
    reason: Annotated[str, typer.Argument(metavar="REASON", help="Why; journaled.")],
    by: By = "operator",
    json: Json = False,
) -> None:
    """Let this risk policy go live without its 14 days on paper or a testnet."""
    from api.cli import waiving

    waiving.rehearsal(by, reason, json=json)


@risk.command("policy")
def risk_policy(
    file: Annotated[str | None, typer.Argument(metavar="FILE", help="A policy file to check, not to activate.")] = None,
    shadow: Annotated[bool, typer.Option(help="Where the shadow policy would have answered otherwise.")] = False,
    account: Account = None,
    json: Json = False,
) -> None:
    """Every limit with its ceiling, every breaker and every rule; or what a policy file would change."""
    from api.cli import risking

    risking.policy(file, account, shadow=shadow, json=json)


@risk.command("explain")
def risk_explain(code: Annotated[str, typer.Argument(metavar="CODE")], json: Json = False) -> None:
    """What one rule or breaker measures, its limit, and what it does."""
    from api.cli import risking

    risking.explain(code, json=json)


@risk.command("cases")
def risk_cases(
    files: Annotated[list[str] | None, typer.Argument(metavar="[FILE]...", help="Cases of your own.")] = None,
    json: Json = False,
) -> None:
    """Run the evaluation cases of the policy: readings in, state out."""
    from api.cli import risking

    risking.cases(files or [], json=json)


@audit.command("list")
def audit_list(
    account: Account = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
    json: Json = False,
) -> None:
    """Records, newest first."""
    from api.cli import auditing

    auditing.listing(account, limit, json=json)


@audit.command("show")
def audit_show(record: Annotated[str, typer.Argument(metavar="ID")], json: Json = False) -> None:
    """One record: what was seen, said, planned, judged and filled."""
    from api.cli import auditing

    auditing.show_one(record, json=json)


@audit.command("verify")
def audit_verify(json: Json = False) -> None:
    """Walk every chain of the journal and name the first broken entry."""
    from api.cli import auditing

    auditing.verify(json=json)


@audit.command("replay")
def audit_replay(record: Annotated[str, typer.Argument(metavar="ID")], json: Json = False) -> None:
    """Decide again from stored effects, with no market and no network, and name the first difference."""
    from api.cli import auditing

    auditing.replay(record, json=json)


@audit.command("recompute")
def audit_recompute(
    record: Annotated[str, typer.Argument(metavar="ID")],
    models: Annotated[bool, typer.Option(help="Ask language models again too, for what that costs.")] = False,
    json: Json = False,
) -> None:
    """Run a decision's tools and models again at its time, and list what comes out differently."""
    from api.cli import auditing

    auditing.recompute(record, models=models, json=json)


@approvals.command("list")
def approvals_list(account: Account = None, json: Json = False) -> None:
    """Proposals that wait or waited for a person."""
    from api.cli import approving

    approving.listing(account, json=json)


@approvals.command("show")
def approvals_show(proposal: Annotated[str, typer.Argument(metavar="ID")], json: Json = False) -> None:
    """One proposal with its thesis, its stop and every verdict."""
    from api.cli import approving

    approving.show_one(proposal, json=json)


@approvals.command("approve")
def approvals_approve(
    proposal: Annotated[str, typer.Argument(metavar="ID")],
    by: Annotated[str, typer.Option(help="Who answers; journaled.")] = "operator",
    reason: Annotated[str, typer.Option(help="Why; journaled.")] = "",
    json: Json = False,
) -> None:
    """Release a proposal: it is reviewed again on fresh facts, and sent only if it still passes."""
    from api.cli import approving

    approving.answer(proposal, approve=True, by=by, reason=reason, json=json)


@approvals.command("reject")
def approvals_reject(
    proposal: Annotated[str, typer.Argument(metavar="ID")],
    by: Annotated[str, typer.Option(help="Who answers; journaled.")] = "operator",
    reason: Annotated[str, typer.Option(help="Why; journaled.")] = "",
    json: Json = False,
) -> None:
    """Refuse a proposal."""
    from api.cli import approving

    approving.answer(proposal, approve=False, by=by, reason=reason, json=json)


@orders.command("list")
def orders_list(
    all_: Annotated[bool, typer.Option("--all", help="Those that are over, too, newest first.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many, with --all.")] = 50,
    account: Account = None,
    json: Json = False,
) -> None:
    """Orders that may still fill; exits with 5 where nobody can prove what became of one."""
    from api.cli import ordering

    ordering.listing(account, live=not all_, limit=limit, json=json)


@orders.command("show")
def orders_show(
    order: Annotated[str, typer.Argument(metavar="ID")], account: Account = None, json: Json = False
) -> None:
    """One order with its attempts, its fills, and its life from the journal."""
    from api.cli import ordering

    ordering.show_one(account, order, json=json)


@orders.command("cancel")
def orders_cancel(
    order: Annotated[str, typer.Argument(metavar="ID")],
    reason: Reason = "cancelled by hand",
    by: By = "operator",
    account: Account = None,
    json: Json = False,
) -> None:
    """Cancel one order, also one of somebody else on the same account."""
    from api.cli import ordering

    ordering.cancel(account, order, by, reason, json=json)


@orders.command("cancel-all")
def orders_cancel_all(
    reason: Reason = "cancelled by hand", by: By = "operator", account: Account = None, json: Json = False
) -> None:
    """Cancel every order of ours, also the stops that rest at the venue."""
    from api.cli import ordering

    ordering.cancel_all(account, by, reason, json=json)


@orders.command("resolve")
def orders_resolve(
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


@orders.command("reconcile")
def orders_reconcile(
    accept: Annotated[bool, typer.Option("--accept", help="Take what is off in the balances as money moved.")] = False,
    reason: Reason = "",
    by: By = "operator",
    account: Account = None,
    json: Json = False,
) -> None:
    """Bring the books into agreement with the venue now, and name what contradicts them."""
    from api.cli import ordering

    ordering.reconcile(account, accept=accept, by=by, reason=reason, json=json)


def main() -> None:
    """Ends every expected failure with one sentence and its exit code, never a traceback."""
    try:
        app()
    except DeskError as error:
        print(f"warden: {lines(str(error))}", file=sys.stderr)
        sys.exit(error.exit_code)
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            print("warden: interrupted; the same command goes on from here", file=sys.stderr)
        raise
