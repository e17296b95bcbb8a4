"""A person's word from any process: an answer to a waiting proposal, or the re-arming of a latch.

If a desk holds the account, it gets a request. If none does, this process takes the lease, recovers, releases through
the gate on fresh facts, and lets go.
"""

from core.canonical import JSON
from core.errors import DeskBusy, DeskHalted
from core.time import ManualClock
from core.verdicts import AnswerKind
from desk import requests
from desk.build import Desk, build
from desk.holding import Holding
from desk.home import Home
from desk.markets import MarketSpec
from desk.runs import check_journal, checkpoints, latest_run, step_to_next_bar
from desk.settings import parse
from execution import orderbook
from memory.books import accounts
from memory.books.database import Books


async def answer(home: Home, books: Books, prefix: str, *, approve: bool, by: str, reason: str) -> JSON:
    """Answers the proposal whose id starts with `prefix`, and says what became of it."""
    row = books.read(lambda conn: orderbook.find_approval(conn, prefix))
    said = {"proposal_id": row.proposal_id, "approve": approve, "by": by, "reason": reason}
    return await _ask(home, books, row.account_id, "answer", said)


async def rearm(home: Home, books: Books, account_id: str, latch_id: int, *, by: str, reason: str) -> JSON:
    """Re-arms one latch of an account."""
    said = {"latch_id": latch_id, "by": by, "reason": reason}
    return await _ask(home, books, account_id, "rearm", said)


async def _ask(home: Home, books: Books, account_id: str, verb: str, said: JSON) -> JSON:
    try:
        holding = Holding(books, account_id)
    except DeskBusy:
        return requests.ask(books, account_id, verb, said)
    with holding:
        return await _alone(home, books, account_id, verb, said)


async def _alone(home: Home, books: Books, account_id: str, verb: str, said: JSON) -> JSON:
    check_journal(books, account_id)
    run = books.read(lambda conn: latest_run(conn, account_id))
    settings = parse(run.command["settings"], f"the settings of run {run.run_id[:12]}")
    market = MarketSpec.of(run.command["market"]).open(settings.market)
    if home.kill_file.exists() and said.get("approve"):
        raise DeskHalted(f"the kill file {home.kill_file} is present: nothing is released until a person removes it")
    clock = ManualClock(books.read(lambda conn: accounts.account(conn, account_id).clock_ns))
    async with checkpoints(home) as saver:
        desk = build(settings, home, books, market, account_id, clock, saver)
        await desk.watch.poll_live()
        # One step: a process killed in it has said nothing and sent nothing.
        with books.step():
            told = await requests.perform(desk, verb, said)
        return told if verb == "rearm" else await _see_out(desk, told["proposal_id"], told["kind"])


async def _see_out(desk: Desk, proposal_id: str, kind: str) -> JSON:
    """What became of a released order: on a market of the past the next bar tells."""
    if kind == AnswerKind.WORKING.value:
        await step_to_next_bar(desk)
    proposal = desk.books.read(lambda conn: orderbook.find_proposal(conn, proposal_id))
    if proposal is not None and proposal.cycle_id is not None:
        await desk.graph.resume(proposal.cycle_id)
    receipt = await desk.gate.receipt(proposal_id)
    assert receipt is not None  # it was answered a moment ago
    return requests.shown(desk, receipt)
