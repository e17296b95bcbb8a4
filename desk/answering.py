"""A person's answer to a waiting proposal, from any process.

If a desk holds the account, it gets a request. If none does, this process takes the lease, recovers, releases through
the gate on fresh facts, and lets go.
"""

from core.canonical import JSON
from core.errors import DeskBusy, DeskHalted
from core.time import ManualClock
from core.verdicts import AnswerKind
from desk import requests
from desk.build import build
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
    arguments = {"proposal_id": row.proposal_id, "approve": approve, "by": by, "reason": reason}
    try:
        holding = Holding(books, row.account_id)
    except DeskBusy:
        return requests.ask(books, row.account_id, arguments)
    with holding:
        return await _answer_alone(home, books, row.account_id, arguments)


async def _answer_alone(home: Home, books: Books, account_id: str, arguments: JSON) -> JSON:
    check_journal(books, account_id)
    run = books.read(lambda conn: latest_run(conn, account_id))
    settings = parse(run.command["settings"], f"the settings of run {run.run_id[:12]}")
    market = MarketSpec.of(run.command["market"]).open(settings.market)
    if home.kill_file.exists() and arguments["approve"]:
        raise DeskHalted(f"the kill file {home.kill_file} is present: nothing is released until a person removes it")
    clock = ManualClock(books.read(lambda conn: accounts.account(conn, account_id).clock_ns))
    async with checkpoints(home) as saver:
        desk = build(settings, home, books, market, account_id, clock, saver)
        await desk.watch.poll_live()
        receipt = await desk.gate.answer(**arguments)
        if receipt.kind is AnswerKind.WORKING:
            await step_to_next_bar(desk)
        proposal = books.read(lambda conn: orderbook.find_proposal(conn, receipt.proposal_id))
        if proposal is not None and proposal.cycle_id is not None:
            await desk.graph.resume(proposal.cycle_id)
    now = await desk.gate.receipt(receipt.proposal_id)
    return requests.shown(now or receipt)
