"""A person's word from any process: an answer, a halt, the re-arming of a latch, a way out.

If a desk holds the account, it gets a request. If none does, this process takes the lease, recovers, acts through the
gate on fresh facts, and lets go.
"""

import time
from uuid import uuid4

from sqlalchemy import Connection

from core.canonical import JSON
from core.errors import ConfigError, DeskBusy, DeskHalted
from core.time import ManualClock
from core.verdicts import AnswerKind
from desk import places, policies, proposing, requests
from desk.build import Desk, PastDesk, build
from desk.holding import Holding
from desk.home import Home
from desk.interrupting import interruptible
from desk.markets import LIVE, MarketSpec
from desk.runs import check_journal, checkpoints, latest_run, settings_of, step_to_next_bar
from desk.settings import environment_of, load
from execution import latches, orderbook, resolution
from memory.books import accounts
from memory.books.database import Books
from memory.books.records import Run
from memory.books.words import RunState
from risk.states import Kind

_SETTLE_S = 20.0
_PATIENCE_S = 20.0
_CYCLE_S = 300.0  # for a cycle with its language models
_ONE_ORDER = ("answer", "propose")  # verbs that answer with what became of one order


async def answer(home: Home, books: Books, prefix: str, *, approve: bool, by: str, reason: str) -> JSON:
    """Answers the proposal whose id starts with `prefix`, and says what became of it."""
    row = books.read(lambda conn: orderbook.find_approval(conn, prefix))
    said = {"proposal_id": row.proposal_id, "approve": approve, "by": by, "reason": reason}
    return await _ask(home, books, row.account_id, "answer", said)


async def rearm(
    home: Home, books: Books, account_id: str, latch_id: int | None, *, rebase: bool, by: str, reason: str
) -> JSON:
    """Re-arms one latch of an account: the named one, or the only one that there is while it is asked for."""
    if latch_id is None:
        latch_id = books.read(lambda conn: _the_latch(conn, account_id))
    said = {"latch_id": latch_id, "rebase": rebase, "by": by, "reason": reason}
    return await _ask(home, books, account_id, "rearm", said)


def _the_latch(conn: Connection, account_id: str) -> int:
    """Settled before the desk hears of it: a latch that trips meanwhile is one that the person has not seen."""
    live = latches.live(conn, account_id, accounts.account(conn, account_id).clock_ns)
    found = [x for x in live if x.cause.kind is Kind.LATCH]
    if not found:
        ending = ", ".join(f"{x.cause.name} ends by itself" for x in live) or "none at all"
        raise ConfigError(f"account {account_id} has no latch to re-arm: {ending}")
    if len(found) > 1:
        named = ", ".join(f"#{x.latch_id} {x.cause.name}" for x in found)
        raise ConfigError(f"account {account_id} has several latches, name one with --latch: {named}")
    return found[0].latch_id


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
    """Says what became of an order that nobody can prove anything about.

    Of one attempt, which is settled before the desk hears of it: a later one of the same proposal is not what was seen.
    """
    name = books.read(lambda conn: resolution.find(conn, account_id, order)).client_order_id
    return await _ask(home, books, account_id, "resolve", {"order": name, "to": to, "by": by, "reason": reason})


async def reconcile(
    home: Home, books: Books, account_id: str, *, accept: bool = False, by: str = "", reason: str = ""
) -> JSON:
    """Brings the books into agreement with the venue; with `accept`, what is off in the balances is taken as moved."""
    said: JSON = {"accept": True, "by": by, "reason": reason} if accept else {}
    return await _ask(home, books, account_id, "reconcile", said)


async def propose(home: Home, books: Books, account_id: str, order: JSON, *, taint: int, by: str, key: str) -> JSON:
    """Puts a person's order before the gate. The same key again is the same order."""
    return await _ask(home, books, account_id, "propose", {"order": order, "taint": taint, "by": by, "key": key})


async def whatif(home: Home, books: Books, account_id: str, order: JSON, *, taint: int, by: str) -> JSON:
    """What the gate would say of a person's order now."""
    said = {"order": order, "taint": taint, "by": by}
    run = books.read(lambda conn: latest_run(conn, account_id))
    if run.command["market"]["kind"] == LIVE:
        return await _ask(home, books, account_id, "whatif", said)
    # A market of the past is there for everybody: whoever only asks needs to hold nothing.
    settings = settings_of(run)
    with interruptible():
        market = MarketSpec.of(run.command["market"]).open(settings.market)
        clock = ManualClock(books.read(lambda conn: accounts.account(conn, account_id).clock_ns))
        return proposing.whatif(build(settings, home, books, market, account_id, clock), **said)


async def decide(home: Home, books: Books, account_id: str, *, by: str, key: str) -> JSON:
    """Runs one cycle now; that of a venue is run by the desk at work there. The same key again is the same cycle.

    Raises ConfigError for a venue where no desk is at work: nobody would watch what the cycle buys.
    """
    said = {"by": by, "key": key}
    run = books.read(lambda conn: latest_run(conn, account_id))
    if run.command["market"]["kind"] != LIVE:
        return await _ask(home, books, account_id, requests.DECIDE, said)
    try:
        with Holding(books, account_id):
            raise ConfigError(f"no desk of account {account_id} is at work: a cycle at a venue is for the one that is")
    except DeskBusy:
        return await requests.ask(books, account_id, requests.DECIDE, said, wait_s=_CYCLE_S)


async def instruct(
    home: Home, books: Books, account_id: str, body: JSON, *, by: str, reason: str, key: str | None = None
) -> JSON:
    """Gives an account a standing instruction, which a person has confirmed.

    Raises ConfigError for the account of a run that has finished: nothing there is ever stepped again.
    """
    run = books.read(lambda conn: latest_run(conn, account_id))
    if run.state is RunState.FINISHED:
        raise ConfigError(
            f"the run of account {account_id} has finished, and nothing in it is stepped again: "
            "`--save FILE` writes the instruction down, and `warden run --instructions FILE` makes a run with it"
        )
    return await _ask(
        home, books, account_id, "instruct", {"body": body, "key": key or uuid4().hex, "by": by, "reason": reason}
    )


async def move_instruction(
    home: Home, books: Books, account_id: str, verb: str, instruction: str, *, by: str, reason: str
) -> JSON:
    """Pauses, resumes or ends a standing instruction, as `verb` says."""
    return await _ask(home, books, account_id, verb, {"instruction": instruction, "by": by, "reason": reason})


async def lift(home: Home, books: Books, account_id: str, *, by: str, reason: str) -> JSON:
    """Says that the venue's restriction of the account is over."""
    return await _ask(home, books, account_id, "lift", {"by": by, "reason": reason})


async def _ask(home: Home, books: Books, account_id: str, verb: str, said: JSON) -> JSON:
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            holding = Holding(books, account_id)
            break
        except DeskBusy:
            try:
                return await requests.ask(books, account_id, verb, said)
            except requests.NobodyThere:
                # It was another person's word, perhaps, which is over by now: then this one is ours to act on.
                if time.monotonic() > until:
                    raise
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

    loaded = load(home)
    settings = next((s for s in places.each(loaded) if account_id_of(s) == account_id), None)
    if settings is None or settings.mode == "paper":
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
        return await _now(live.desk, told["proposal_id"]) if verb in _ONE_ORDER else told


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
        if verb == "decide":
            return {**told, "answers": await _seen_out(desk, told["answers"])}
        return (await _seen_out(desk, [told]))[0] if verb in _ONE_ORDER else told


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
