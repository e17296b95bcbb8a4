"""A person's word from any process: an answer, a halt, the re-arming of a latch, a way out.

If a desk holds the account, it gets a request. If none does, this process takes the lease, recovers, acts through the
gate on fresh facts, and lets go.
"""

from uuid import uuid4

from core.canonical import JSON
from core.errors import DeskBusy, DeskHalted
from core.time import ManualClock
from core.verdicts import AnswerKind
from desk import policies, requests
from desk.build import Desk, build
from desk.holding import Holding
from desk.home import Home
from desk.markets import MarketSpec
from desk.runs import check_journal, checkpoints, latest_run, settings_of, step_to_next_bar
from execution import orderbook
from memory.books import accounts
from memory.books.database import Books


async def answer(home: Home, books: Books, prefix: str, *, approve: bool, by: str, reason: str) -> JSON:
    """Answers the proposal whose id starts with `prefix`, and says what became of it."""
    row = books.read(lambda conn: orderbook.find_approval(conn, prefix))
    said = {"proposal_id": row.proposal_id, "approve": approve, "by": by, "reason": reason}
    return await _ask(home, books, row.account_id, "answer", said)


async def rearm(
    home: Home, books: Books, account_id: str, latch_id: int | None, *, rebase: bool, by: str, reason: str
) -> JSON:
    """Re-arms one latch of an account: the named one, or the only one."""
    said = {"latch_id": latch_id, "rebase": rebase, "by": by, "reason": reason}
    return await _ask(home, books, account_id, "rearm", said)


async def halt(home: Home, books: Books, account_id: str, *, by: str, reason: str) -> JSON:
    """Stops an account until a person re-arms it."""
    return await _ask(home, books, account_id, "halt", {"by": by, "reason": reason})


async def close(home: Home, books: Books, account_id: str, symbol: str, *, by: str, reason: str) -> JSON:
    """Closes one position at the market, whatever the state."""
    said = {"symbol": symbol, "by": by, "reason": reason, "key": uuid4().hex}
    return await _ask(home, books, account_id, "close", said)


async def flatten(home: Home, books: Books, account_id: str, *, by: str, reason: str) -> JSON:
    """Cancels every order and closes every position, whatever the state."""
    return await _ask(home, books, account_id, "flatten", {"by": by, "reason": reason, "key": uuid4().hex})


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
    settings = settings_of(run)
    market = MarketSpec.of(run.command["market"]).open(settings.market)
    if home.kill_file.exists() and said.get("approve"):
        raise DeskHalted(f"the kill file {home.kill_file} is present: nothing is released until a person removes it")
    clock = ManualClock(books.read(lambda conn: accounts.account(conn, account_id).clock_ns))
    async with checkpoints(home) as saver:
        desk = build(settings, home, books, market, account_id, clock, saver)
        source = f"run {run.run_id[:12]}"
        books.write(lambda conn: policies.note(conn, account_id, settings.risk, source, clock.now_ns()))
        await desk.watch.poll_live()
        # One step: a process killed in it has said nothing and sent nothing.
        with books.step():
            told = await requests.perform(desk, verb, said)
        if verb in ("close", "flatten"):
            return {**told, "closed": await _seen_out(desk, told["closed"])}
        return (await _seen_out(desk, [told]))[0] if verb == "answer" else told


async def _seen_out(desk: Desk, told: list[JSON]) -> list[JSON]:
    """What became of released orders: on a market of the past the next bar tells."""
    if any(answer["kind"] == AnswerKind.WORKING.value for answer in told):
        await step_to_next_bar(desk)
    return [await _now(desk, answer["proposal_id"]) for answer in told]


async def _now(desk: Desk, proposal_id: str) -> JSON:
    proposal = desk.books.read(lambda conn: orderbook.find_proposal(conn, proposal_id))
    if proposal is not None and proposal.cycle_id is not None:
        await desk.graph.resume(proposal.cycle_id)
    receipt = await desk.gate.receipt(proposal_id)
    assert receipt is not None  # it was answered a moment ago
    return requests.shown(desk, receipt)
