"""What a person asks of a desk in a conversation: what the gate would say, an order, a cycle.

The gate decides on each as on anybody's. A key is drawn once by whoever asks: asked again with it, it is the same order
or cycle, wherever a process died between.
"""

from collections.abc import Awaitable, Callable
from dataclasses import fields, replace
from decimal import Decimal
from inspect import isawaitable
from typing import Final

from sqlalchemy import Connection

from agents.chat.wishes import OrderWish
from agents.views import AccountState, PlannedOrder
from core import identity
from core.canonical import JSON, digest, plain
from core.errors import ConfigError, DeskHalted, LedgerBroken
from core.exits import ExitPlan
from core.money import ONE, ZERO, text_of
from core.orders import OrderType, Position, Proposal, Side
from core.quotes import Quote
from core.taint import Taint
from core.time import DAY_NS
from core.verdicts import Receipt
from desk.build import Desk
from desk.closing import OWNER
from desk.cycles import Across, account_state, run_cycle
from execution import latches, orderbook
from execution.provenance import PERSON
from execution.snapshot import usable_quote
from memory.books import blobs, ledger, records
from memory.books.records import Run
from memory.books.words import CycleState
from risk.codes import text_for
from tools.context import AccountView, ToolContext
from tools.orders import shape
from tools.sizing import PositionSize, PositionSizeInput, position_size
from tools.spec import Unavailable

_VIEW_NS: Final = DAY_NS  # a person's word is of today
_ASKED_FROM: Final = 1_000_000  # ordinals beyond what any command plans
_PREVIEW: Final = "preview"


def whatif(desk: Desk, order: JSON, taint: int, by: str) -> JSON:
    """What the gate would say of an order now, and what would be at stake. Nothing is written down."""
    wish = _sized(desk, OrderWish.model_validate(order))
    proposal = _shaped(desk, wish, Taint(taint), by, _PREVIEW, desk.clock.now_ns())
    ruling, asks = desk.gate.weigh(proposal)
    candidate, review = ruling.candidate, ruling.review()
    quantity, price, stop = proposal.order.quantity, candidate.price, proposal.stop_price
    worth = None if price is None else quantity * price
    lost = None if price is None or stop is None else max(ZERO, (price - stop) * candidate.sign) * quantity
    equity = candidate.equity
    return plain(
        {
            "order": {**wish.model_dump(mode="json"), "quantity": text_of(quantity)},
            "allowed": ruling.allowed,
            "asks_person": asks,
            "reducing": review.reducing,
            "state": review.state,
            "price": price,
            "worth": worth,
            "share": None if worth is None or equity is None else _fraction(worth / equity),
            "lost_at_stop": lost,
            "lost_share": None if lost is None or equity is None else _fraction(lost / equity),
            "equity": equity,
            "largest_allowed": review.largest_allowed,
            "denials": [{**plain(verdict), "text": text_for(verdict.code)} for verdict in review.denials],
            "verdicts": review.verdicts,
        }
    )


async def propose(desk: Desk, order: JSON, taint: int, by: str, key: str) -> Receipt:
    """Puts a person's order before the gate. Raises ConfigError where the key was used for another order."""
    wish = _sized(desk, OrderWish.model_validate(order))
    name = identity.person_proposal_id(desk.account_id, by, key, wish.symbol)
    row = desk.books.read(lambda conn: orderbook.find_proposal(conn, name))
    if row is None:
        return await desk.gate.propose(_shaped(desk, wish, Taint(taint), by, key, desk.clock.now_ns()))
    before = orderbook.stored_proposal(row.body)
    again = _shaped(desk, wish, before.taint, by, key, before.decided_ns)
    # Whether it is worked in slices is the desk's choice, by the price of its day.
    same = replace(again, order=replace(again.order, execution=before.order.execution))
    if same != before:
        raise ConfigError(f"the key {key} was used for another order: {_told(before)}")
    receipt = await desk.gate.receipt(name)
    if receipt is None:
        raise LedgerBroken(f"proposal {name} is in the books and has no answer")
    return receipt


async def decide(desk: Desk, by: str, key: str, across: Across | None = None, run_id: str | None = None) -> str:
    """One cycle over the symbols of a run, now: of that which the desk works on, else of the account's newest.

    Answers its id.
    """
    run = desk.books.read(lambda conn: _run(conn, desk.account_id, run_id))
    ordinal = _ASKED_FROM + int(digest([by, key])[:12], 16)
    cycles = desk.books.read(lambda conn: records.cycles_of(conn, run.run_id))
    before = next((cycle for cycle in cycles if cycle.ordinal == ordinal), None)
    if before is not None and before.state is CycleState.CLOSED:
        return before.cycle_id
    now_ns = desk.clock.now_ns()
    if (cause := desk.books.read(lambda conn: latches.halts(conn, desk.account_id, now_ns))) is not None:
        raise DeskHalted(f"the account is halted by {cause.name}: {cause.detail}")
    symbols = tuple(run.command["arguments"]["symbols"])
    # One that a dead process had begun is that cycle, of its own moment: what it knew is stored.
    as_of_ns = now_ns if before is None else before.as_of_ns
    return (await run_cycle(desk, run.run_id, ordinal, symbols, as_of_ns, across=across)).cycle_id


def decided(conn: Connection, cycle_id: str) -> JSON:
    """What came of a cycle: its record, its judgements, and the proposals that it made."""
    found = records.find(conn, cycle_id)
    body = blobs.get_json(conn, found.body)
    return {
        "record_id": found.record_id,
        "record_hash": found.record_hash,
        "judgements": body["plans"][-1]["judgements"] if body["plans"] else [],
        "abstained": body["plans"][-1]["abstained"] if body["plans"] else None,
        "proposals": [answer["proposal"]["order"]["proposal_id"] for answer in body["answers"]],
    }


class Unstored:
    """Effects of what is no decision: run, and not kept."""

    async def perform(
        self, node: str, lane: str, request: JSON, run: Callable[[], JSON | Awaitable[JSON]], beside: object = ()
    ) -> JSON:
        answer = run()
        return await answer if isawaitable(answer) else answer


def _run(conn: Connection, account_id: str, run_id: str | None) -> Run:
    runs = [run for run in records.runs_of(conn, account_id) if run_id in (None, run.run_id)]
    if not runs:
        raise ConfigError(f"account {account_id} has no run in these books")
    return runs[0]


def _sized(desk: Desk, wish: OrderWish) -> OrderWish:
    """The wish as a quantity: its own, for its money, or what the sizing tool says. Raises ConfigError for two."""
    if wish.quantity is not None and wish.worth is not None:
        raise ConfigError("an order says how much, or for how much money: one of the two")
    if wish.quantity is not None:
        return wish
    if wish.worth is None:
        return wish.model_copy(update={"quantity": _by_the_tool(desk, wish)})
    quote = _quote(desk, wish.symbol)
    price = wish.limit or (quote.ask if wish.side is Side.BUY else quote.bid)
    instrument = desk.market.instrument(wish.symbol)
    fee = ZERO if instrument is None or wish.side is Side.SELL else instrument.taker_fee
    return wish.model_copy(update={"quantity": wish.worth / (price * (ONE + fee)), "worth": None})


def _by_the_tool(desk: Desk, wish: OrderWish) -> Decimal:
    if wish.side is Side.SELL and (held := _held(desk, wish.symbol)) is not None:
        return held.quantity
    if wish.stop is None:
        raise ConfigError("say how much, or where the idea was wrong: `stop PRICE` lets the sizing tool say how much")
    state = AccountState.model_validate(desk.books.read(lambda conn: account_state(conn, desk)))
    known = {f.name: getattr(state, f.name) for f in fields(AccountView)}
    context = ToolContext(
        desk.market, desk.clock.now_ns(), desk.market.decision_timeframe, AccountView(**known), Unstored()
    )
    asked = PositionSizeInput(symbol=wish.symbol, side=wish.side, stop_price=wish.stop)
    match position_size(context, asked):
        case PositionSize(quantity=quantity) if quantity > 0:
            return quantity
        case PositionSize(reason=reason):
            raise ConfigError(f"the sizing tool says nothing of {wish.symbol}: {reason}")
        case Unavailable(unavailable=reason):
            raise ConfigError(f"the sizing tool cannot say how much: {reason}")
        case other:
            raise LedgerBroken(f"the sizing tool answered {other!r}")


def _held(desk: Desk, symbol: str) -> Position | None:
    positions = desk.books.read(lambda conn: ledger.positions(conn, desk.account_id))
    return next((p for p in positions if p.symbol == symbol and p.side is Side.BUY), None)


def _quote(desk: Desk, symbol: str) -> Quote:
    quote = usable_quote(desk.market, symbol, desk.clock.now_ns())
    if quote is None:
        raise ConfigError(f"{symbol} has no price now, so that money says no quantity: name one")
    return quote


def _shaped(desk: Desk, wish: OrderWish, taint: Taint, by: str, key: str, decided_ns: int) -> Proposal:
    source, name = f"{PERSON}{by}:{key}", identity.person_proposal_id(desk.account_id, by, key, wish.symbol)
    planned = PlannedOrder(
        index=0,
        symbol=wish.symbol,
        side=wish.side,
        type=OrderType.MARKET if wish.limit is None else OrderType.LIMIT,
        quantity=wish.quantity or ZERO,
        limit_price=wish.limit,
        stop_price=wish.stop,
        target_price=wish.target,
        thesis=wish.because.strip(),
        invalidation=_ends(wish),
        # A person's own word: the gate knows it by the source, and joins the conversation's taint.
        evidence=(source,),
        taint=taint,
        exits=ExitPlan(),
    )
    quote = usable_quote(desk.market, wish.symbol, desk.clock.now_ns())
    return shape(
        planned,
        desk.market.instrument(wish.symbol),
        proposal_id=name,
        account_id=desk.account_id,
        owner=OWNER,
        source=source,
        decided_ns=decided_ns,
        views_until_ns=decided_ns + _VIEW_NS,
        work=desk.settings.execution.work.rule(),
        last=None if quote is None else quote.last,
    )


def _ends(wish: OrderWish) -> tuple[str, ...]:
    """Its stop says when it was wrong."""
    if wish.stop is None:
        return ()
    return (f"last {'<=' if wish.side is Side.BUY else '>='} {text_of(wish.stop)}",)


def _told(proposal: Proposal) -> str:
    order = proposal.order
    return f"{order.side.value} {text_of(order.quantity)} {order.symbol}"


def _fraction(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.000001"))
