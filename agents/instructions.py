"""Standing instructions: a working strategy that a person confirmed, within a budget. Pure: nothing here can act.

What it wants is shaped into proposals here, and put before the gate by whoever steps it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from itertools import takewhile
from typing import Annotated, Any, Final, TypeAlias

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from core import identity
from core.canonical import JSON, plain
from core.errors import ConfigError
from core.instruments import Instrument
from core.money import ZERO, round_quantity, text_of
from core.orders import Proposal, Side
from core.time import DAY_NS, HOUR_NS, parse_time, show_time
from tools import orders
from tools.strategies.dca import DollarCostAveraging
from tools.strategies.grid import Grid
from tools.strategies.parameters import Amount, Parameters
from tools.strategies.rebalance import Rebalancing
from tools.strategies.shapes import ChildState, Finish, Intent, Place, Seen, Withdraw, Working, cost_of
from tools.strategies.smart_trade import SmartTrade

MOST_ORDERS: Final = 10_000
_VIEW_NS: Final = DAY_NS  # an order of an instruction is of now: nobody should release it a day later


def _moment(text: str) -> str:
    try:
        parse_time(text)
    except ConfigError as wrong:
        raise ValueError(str(wrong)) from None
    return text.strip()


Strategy: TypeAlias = Annotated[
    DollarCostAveraging | Grid | SmartTrade | Rebalancing, Field(discriminator="kind", description="what it does")
]


class Budget(Parameters):
    """What it may never go beyond, in its whole life. `max_orders` is what the person confirms.

    `max_spend` is the worth of everything that it buys, fees included, in quote currency: what it sells gives nothing
    back. After `until` it places nothing.
    """

    max_orders: int = Field(ge=1, le=MOST_ORDERS)
    max_spend: Amount
    until: Annotated[str, AfterValidator(_moment)] | None = None

    @property
    def until_ns(self) -> int | None:
        return None if self.until is None else parse_time(self.until)


class Instruction(Parameters):
    """A strategy with its parameters, and its budget: the typed form that a person confirms."""

    strategy: Strategy
    budget: Budget

    @property
    def kind(self) -> str:
        return self.strategy.kind

    @property
    def working(self) -> Working[Any]:
        return self.strategy

    def body(self) -> JSON:
        """Canonical: what is stored, confirmed and named."""
        return plain(self.model_dump(exclude_none=True))


@dataclass(frozen=True, slots=True)
class Stepped:
    """What one step wants. `finished` says why it has ended: then it wants nothing more."""

    state: Any
    places: tuple[Place, ...] = ()
    withdrawn: tuple[str, ...] = ()  # slots
    finished: str | None = None


def step(instruction: Instruction, state: Any, seen: Seen) -> Stepped:
    """One step within the budget: an order that does not fit ends it. A slot is placed in once."""
    spent = sum((order.cost for order in seen.orders), ZERO)
    if (over := _over(instruction.budget, spent, seen)) is not None:
        return Stepped(state, finished=over)
    state, intents = instruction.working.step(state, seen)
    places: list[Place] = []
    for place in _placed(intents, seen):
        cost = _cost(place, seen.instruments[place.symbol])
        budget = instruction.budget
        if len(seen.orders) + len(places) >= budget.max_orders:
            break
        if spent + cost > budget.max_spend:
            if places or any(order.open for order in seen.orders):
                break  # what is open may come to less
            left = text_of(budget.max_spend - spent)
            return Stepped(state, finished=f"{left} of its budget is left, too little for its next order")
        spent += cost
        places.append(place)
    gone = tuple(intent.slot for intent in intents if isinstance(intent, Withdraw))
    reason = next((intent.reason for intent in intents if isinstance(intent, Finish)), None)
    return Stepped(state, tuple(places), gone, reason)


def denied_in_a_row(seen: Seen) -> int:
    """Of its newest orders."""
    newest = takewhile(lambda order: order.state is ChildState.DENIED, reversed(seen.orders))
    return sum(1 for _ in newest)


def begun(instruction: Instruction, memo: JSON) -> Any:
    """Its state as it was written down, or its first one."""
    working = instruction.working
    return working.begin() if memo is None else _memory(working.memory).validate_python(memo)


def proposal(
    place: Place,
    instrument: Instrument,
    *,
    instruction_id: str,
    account_id: str,
    term: int,
    confirmed: int,
    now_ns: int,
) -> Proposal:
    """The one order of a slot. It rests on the person's own confirmation, and counts within that term."""
    source = identity.INSTRUCTION + instruction_id
    shaped = orders.shape(
        replace(place, evidence=(source,)),
        instrument,
        proposal_id=identity.instruction_proposal_id(instruction_id, place.slot),
        account_id=account_id,
        owner=owner_of(instruction_id),
        source=source,
        decided_ns=now_ns,
        views_until_ns=now_ns + _VIEW_NS,
    )
    order = replace(shaped.order, time_in_force=place.time_in_force)
    return replace(shaped, order=order, plan=identity.instruction_plan(instruction_id, term), confirmed=confirmed)


def owner_of(instruction_id: str) -> str:
    return identity.INSTRUCTION + instruction_id[:8]


def worst_of(place: Proposal, instrument: Instrument) -> Decimal:
    """The most that an order may come to in quote currency; 0 for a sale."""
    order = place.order
    if order.side is Side.SELL or order.limit_price is None:
        return ZERO
    return cost_of(order.quantity, order.limit_price, instrument)


def parsed(said: JSON) -> Instruction:
    """The typed instruction of JSON data. Raises ConfigError with everything that is wrong with it."""
    try:
        return Instruction.model_validate(said)
    except ValidationError as wrong:
        problems = "; ".join(_problem(error) for error in wrong.errors())
        raise ConfigError(f"not a standing instruction: {problems}") from None


def read(text: str, where: str) -> tuple[Instruction, ...]:
    """One instruction, or a list of them, from JSON text."""
    try:
        said = json.loads(text, parse_float=str)
    except ValueError as wrong:
        raise ConfigError(f"{where} is not JSON: {wrong}") from None
    return tuple(parsed(each) for each in (said if isinstance(said, list) else [said]))


def told(instruction: Instruction) -> str:
    """One sentence for a person."""
    budget, what = instruction.budget, instruction.strategy
    match what:
        case DollarCostAveraging():
            does = f"buys {what.symbol} for {text_of(what.quote)} every {what.every}"
        case Grid():
            span = f"{text_of(what.lower)} and {text_of(what.upper)}"
            does = f"trades {what.symbol} in {what.cells} cells of {text_of(what.quote)} between {span}"
        case SmartTrade():
            where = "at once" if what.entry is None else f"on a {what.on} at {text_of(what.entry)}"
            does = f"buys {what.symbol} for {text_of(what.quote)} {where}, wrong at {text_of(what.stop)}"
        case Rebalancing():
            shares = ", ".join(f"{symbol} {text_of(100 * what.weights[symbol])} %" for symbol in what.symbols)
            does = f"holds {shares} of equity, looked at every {what.every}, and sells only what it bought itself"
    until = "" if budget.until_ns is None else f", until {show_time(budget.until_ns)}"
    return f"{does}; at most {budget.max_orders} orders and {text_of(budget.max_spend)} spent{until}"


def _over(budget: Budget, spent: Decimal, seen: Seen) -> str | None:
    """Why it places nothing any more, whatever its strategy says."""
    if budget.until_ns is not None and seen.now_ns >= budget.until_ns:
        return f"its time was over at {show_time(budget.until_ns)}"
    if any(order.open for order in seen.orders):
        return None  # and may come to less
    if len(seen.orders) >= budget.max_orders:
        return f"all of its {budget.max_orders} orders were placed"
    return "its budget is spent" if spent >= budget.max_spend else None


def _placed(intents: Sequence[Intent], seen: Seen) -> list[Place]:
    """Those in slots that are free, and of symbols that are known. What is held back is wanted again at the next step.

    A symbol is bought once at a moment, by whoever it may be: two orders alike would look like a loop. After a denial
    it waits an hour with what adds, and twice as long after each further one.
    """
    used, crowded = {order.slot for order in seen.orders}, set(seen.crowded)
    denied, found = denied_in_a_row(seen), list[Place]()
    rests = denied > 0 and seen.now_ns < seen.orders[-1].placed_ns + HOUR_NS * 2 ** (denied - 1)
    for place in (intent for intent in intents if isinstance(intent, Place)):
        if place.slot in used or place.symbol not in seen.instruments:
            continue
        if not place.reduce_only:
            if rests or place.symbol in crowded:
                continue
            crowded.add(place.symbol)
        used.add(place.slot)
        found.append(place)
    return found


def _cost(place: Place, instrument: Instrument) -> Decimal:
    if place.reduce_only or place.side is Side.SELL:
        return ZERO
    if place.limit_price is None:
        raise ConfigError(f"slot {place.slot} buys without a limit price: nothing bounds what it costs")
    return cost_of(round_quantity(place.quantity, instrument.lot_size), place.limit_price, instrument)


@cache
def _memory(kind: type) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _problem(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"] if part not in ("strategy",)) or "instruction"
    found = error.get("input")
    shown = "" if isinstance(found, dict | list) or error["type"] == "missing" else f", found {found!r}"
    return f"{where}: {error['msg'].removeprefix('Value error, ')}{shown}"
