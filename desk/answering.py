"""A person's word from any process: an answer, a halt, the re-arming of a latch, a way out.

If a desk holds the account, it gets a request. If none does, this process takes the lease, recovers, acts through the
gate on fresh facts, and lets go.
"""

from uuid import uuid4

from core.canonical import JSON
from core.errors import ConfigError, DeskBusy, DeskHalted
from core.time import ManualClock
from core.verdicts import AnswerKind
from desk import policies, requests
from desk.build import Desk, PastDesk, build
from desk.holding import Holding
from desk.home import Home
from desk.markets import LIVE, MarketSpec
from desk.runs import check_journal, checkpoints, latest_run, settings_of, step_to_next_bar
from desk.settings import environment_of, load
from execution import orderbook
from memory.books import accounts
from memory.books.database import Books
from memory.books.records import Run

_SETTLE_S = 20.0


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


async def cancel(home: Home, books: Books, account_id: str, order: str, *, by: str, reason: str) -> JSON:
    """Cancels one order, whoever placed it."""
    return await _ask(home, books, account_id, "cancel", {"order": order, "by": by, "reason": reason})


async def cancel_all(home: Home, books: Books, account_id: str, *, by: str, reason: str) -> JSON:
    """Cancels every order of ours."""
    return await _ask(home, books, account_id, "cancel_all", {"by": by, "reason": reason})


async def resolve(home: Home, books: Books, account_id: str, order: str, to: str, *, by: str, reason: str) -> JSON:
    """Says what became of an order that nobody can prove anything about."""
    return await _ask(home, books, account_id, "resolve", {"order": order, "to": to, "by": by, "reason": reason})


async def reconcile(home: Home, books: Books, account_id: str) -> JSON:
    """Brings the books into agreement with the venue."""
    return await _ask(home, books, account_id, "reconcile", {})


async def lift(home: Home, books: Books, account_id: str, *, by: str, reason: str) -> JSON:
    """Says that the venue's restriction of the account is over."""
    return await _ask(home, books, account_id, "lift", {"by": by, "reason": reason})


async def _ask(home: Home, books: Books, account_id: str, verb: str, said: JSON) -> JSON:
    try:
        holding = Holding(books, account_id)
    except DeskBusy:
        return requests.ask(books, account_id, verb, said)
    with holding:
        check_journal(books, account_id)
        run = books.read(lambda conn: latest_run(conn, account_id))
        if home.kill_file.exists() and said.get("approve"):
            there = f"the kill file {home.kill_file} is present"
            raise DeskHalted(f"{there}: nothing is released until a person removes it")
        if run.command["market"]["kind"] != LIVE:
            return await _alone(home, books, account_id, run, verb, said)
    return await _at_the_venue(home, account_id, run, verb, said)


async def _at_the_venue(home: Home, account_id: str, run: Run, verb: str, said: JSON) -> JSON:
    from desk.live import LiveCommand, account_id_of, open_live

    settings = load(home)
    if settings.mode == "paper" or account_id_of(settings) != account_id:
        where = run.command["arguments"]
        raise ConfigError(
            f"account {account_id} works at {where['venue']} in mode {where['mode']}, and the settings name another: "
            "start from those that it was opened with"
        )
    command = LiveCommand(tuple(run.command["arguments"]["symbols"]))
    async with open_live(home, settings, environment_of(), command) as live, live.visiting():
        told = await requests.perform(live.desk, verb, said)
        await live.settled(_SETTLE_S)
        if verb in ("close", "flatten"):
            return {**told, "closed": [await _now(live.desk, answer["proposal_id"]) for answer in told["closed"]]}
        return await _now(live.desk, told["proposal_id"]) if verb == "answer" else told


async def _alone(home: Home, books: Books, account_id: str, run: Run, verb: str, said: JSON) -> JSON:
    settings = settings_of(run)
    market = MarketSpec.of(run.command["market"]).open(settings.market)
    clock = ManualClock(books.read(lambda conn: accounts.account(conn, account_id).clock_ns))
    async with checkpoints(home) as saver:
        desk = build(settings, home, books, market, account_id, clock, saver)
        source = f"run {run.run_id[:12]}"
        books.write(lambda conn: policies.note(conn, account_id, settings.risk, source, clock.now_ns()))
        await desk.watch.recover()
        # One step: a process killed in it has said nothing and sent nothing.
        with books.step():
            told = await requests.perform(desk, verb, said)
        if verb in ("close", "flatten"):
            return {**told, "closed": await _seen_out(desk, told["closed"])}
        return (await _seen_out(desk, [told]))[0] if verb == "answer" else told


async def _seen_out(desk: PastDesk, told: list[JSON]) -> list[JSON]:
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
