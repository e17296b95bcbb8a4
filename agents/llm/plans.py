"""From a model's plan to orders: sizes from the sizing tool, prices on ticks, evidence that exists."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from agents.cycle import Answered, Cycle
from agents.llm.drafts import Action, PlanDraft
from agents.planning import tradable
from agents.rules import EXITS
from agents.views import Judgement, Observation, Plan, PlannedOrder
from core.errors import ToolInputError
from core.instruments import Instrument
from core.money import ONE, ZERO, nearest_tick, round_price, text_of
from core.orders import OrderType, Position
from core.taint import Taint
from risk.predicates import PredicateError, parse
from tools.toolbox import Toolbox

_PLACES: Final = Decimal("0.000001")
_LETTERS: Final = 240


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a wanted order is not in the plan."""

    reason: str


def problem_of(draft: PlanDraft, cycle: Cycle, denied: Sequence[Answered]) -> str | None:
    """The first thing that the planner can repair; None for a plan that can be worked out."""
    return next(_problems(draft, cycle, {answered.index for answered in denied}), None)


def _problems(draft: PlanDraft, cycle: Cycle, denied: set[int]) -> Iterator[str]:
    for order in draft.orders:
        if order.symbol not in cycle.symbols:
            yield f"symbol: found {order.symbol!r:.40}, allowed are {', '.join(cycle.symbols)}"
        if denied and order.index not in denied:
            yield f"index: found {order.index}, denied were {', '.join(map(str, sorted(denied)))}"
        if denied:
            continue
        if not order.thesis.strip() or not order.evidence:
            yield f"{order.symbol}: an order needs a thesis and the ids of its evidence"
        if order.action == "enter" and order.stop_price is None:
            yield f"{order.symbol}: an entry needs a stop_price"
        if order.action == "enter" and not order.invalidation:
            yield f"{order.symbol}: an entry needs an invalidation that code can check"
        if order.action == "leave" and cycle.seen.position(order.symbol) is None:
            yield f"{order.symbol}: nothing is held that could be left"
        yield from (fault for text in order.invalidation if (fault := _unreadable(text)))


def _unreadable(text: str) -> str | None:
    try:
        parse(text)
    except PredicateError as refused:
        return f"invalidation {text!r:.60}: {refused}"
    return None


class Planner:
    """Works one draft out into a plan."""

    def __init__(self, cycle: Cycle, toolbox: Toolbox) -> None:
        self._cycle = cycle
        self._toolbox = toolbox
        self._known = frozenset(_evidence_of(cycle))

    async def first(self, draft: PlanDraft, unstable: Sequence[str] = ()) -> Plan:
        """The plan; symbols on which samples did not agree have no order."""
        orders: list[PlannedOrder] = []
        refused: dict[str, str] = dict.fromkeys(unstable, "the samples of the plan do not agree: no opinion")
        done: set[str] = set()
        for action in draft.orders:
            if action.symbol in done or action.symbol in unstable:
                continue
            done.add(action.symbol)
            worked = await self._order(action, len(orders))
            if isinstance(worked, Refused):
                refused[action.symbol] = worked.reason
            else:
                orders.append(worked)
        return Plan(orders=tuple(orders), judgements=tuple(self._judgements(draft, refused)))

    def again(self, draft: PlanDraft, denied: Sequence[Answered]) -> Plan:
        """The one revision: of each denied order at most what would pass."""
        first = {order.index: order for order in self._cycle.plans[0].orders}
        shares = {order.index: order.share for order in reversed(draft.orders)}
        orders: list[PlannedOrder] = []
        for answered in denied:
            order, seen = first[answered.index], self._cycle.seen.markets[answered.proposal.order.symbol]
            most = min(order.quantity, answered.receipt.review.largest_allowed)
            if seen.instrument is None or seen.last is None:
                continue
            quantity = tradable(most * shares.get(answered.index, ZERO), seen.instrument, seen.last)
            if quantity > 0:
                orders.append(order.model_copy(update={"quantity": quantity}))
        return Plan(revision=1, orders=tuple(orders), judgements=())

    async def _order(self, action: Action, index: int) -> PlannedOrder | Refused:
        cited = tuple(dict.fromkeys(e for e in action.evidence if e in self._known or e in self._toolbox.answers))
        if not cited:
            return Refused("not proposed: none of the evidence that it cites exists")
        seen, held = self._cycle.seen.markets[action.symbol], self._cycle.seen.position(action.symbol)
        if action.action == "leave":
            return Refused("nothing is held") if held is None else await self._leave(action, index, seen, held, cited)
        return await self._enter(action, index, seen, cited)

    async def _enter(
        self, action: Action, index: int, seen: Observation, cited: tuple[str, ...]
    ) -> PlannedOrder | Refused:
        instrument = seen.instrument
        if seen.unfit is not None or instrument is None or seen.last is None or action.stop_price is None:
            return Refused(f"not proposed: unfit for entry: {seen.unfit or 'no instrument, price or stop'}")
        stop = nearest_tick(action.stop_price, instrument.tick_size)
        wanted = {"symbol": action.symbol, "side": action.side.value, "stop_price": text_of(stop)}
        try:
            size = await self._toolbox.call("plan", action.symbol, "position_size", wanted)
        except ToolInputError as refused:
            return Refused(f"not proposed: {refused}"[:_LETTERS])
        if "unavailable" in size:
            return Refused(f"no size: {size['unavailable']}"[:_LETTERS])
        quantity = tradable(Decimal(size["quantity"]) * min(action.share, ONE), instrument, seen.last)
        if quantity <= 0:
            return Refused(f"no size: {size['reason'] or 'the share of it is less than what is traded'}"[:_LETTERS])
        target = None if action.target_price is None else nearest_tick(action.target_price, instrument.tick_size)
        return PlannedOrder(
            index=index,
            symbol=action.symbol,
            side=action.side,
            type=OrderType.MARKET if action.limit_price is None else OrderType.LIMIT,
            quantity=quantity,
            limit_price=_limit(action, instrument),
            stop_price=stop,
            target_price=target,
            thesis=action.thesis,
            invalidation=tuple(action.invalidation),
            evidence=(*cited, size["evidence"]),
            taint=Taint.TRUSTED,
            exits=EXITS,
            confidence=None if action.confidence is None else action.confidence.quantize(_PLACES),
        )

    async def _leave(
        self, action: Action, index: int, seen: Observation, held: Position, cited: tuple[str, ...]
    ) -> PlannedOrder | Refused:
        quantity: Decimal = held.quantity
        if action.share < 1 and seen.instrument is not None and seen.last is not None:
            quantity = tradable(held.quantity * action.share, seen.instrument, seen.last)
        if quantity <= 0:
            return Refused("not proposed: the share of it is less than what is traded")
        portfolio = await self._toolbox.call("plan", action.symbol, "portfolio_view", {})
        return PlannedOrder(
            index=index,
            symbol=action.symbol,
            side=held.side.opposite,
            type=OrderType.MARKET,
            quantity=quantity,
            reduce_only=True,
            thesis=action.thesis,
            evidence=(*cited, portfolio["evidence"]),
            taint=Taint.TRUSTED,
        )

    def _judgements(self, draft: PlanDraft, refused: dict[str, str]) -> Iterator[Judgement]:
        """One for every symbol. What code refused stands before what the model thought."""
        said = {judged.symbol: judged for judged in reversed(draft.judgements)}
        for symbol in self._cycle.symbols:
            judged = said.get(symbol)
            reason = "the planner said nothing of it" if judged is None else judged.reason
            stance = None if judged is None or judged.stance is None else judged.stance.quantize(_PLACES)
            yield Judgement(symbol=symbol, stance=stance, reason=refused.get(symbol, reason))


def disagreeing(drafts: Sequence[PlanDraft]) -> tuple[str, ...]:
    """Symbols for which equal questions had different answers: another direction, or none."""
    wishes = [{o.symbol: (o.action, o.side) for o in reversed(draft.orders)} for draft in drafts]
    symbols = dict.fromkeys(symbol for wish in wishes for symbol in wish)
    return tuple(symbol for symbol in symbols if len({wish.get(symbol) for wish in wishes}) > 1)


def _limit(action: Action, instrument: Instrument) -> Decimal | None:
    return None if action.limit_price is None else round_price(action.limit_price, instrument.tick_size, action.side)


def _evidence_of(cycle: Cycle) -> Iterator[str]:
    """Every id that the planner was shown."""
    for opinion in cycle.research.opinions if cycle.research else ():
        yield from (evidence for claim in opinion.claims for evidence in claim.evidence)
    if cycle.sentiment:
        yield from (evidence for mood in cycle.sentiment.moods for evidence in mood.evidence)
        yield from (event.evidence for event in cycle.sentiment.events)
    for outlook in cycle.forecast.outlooks if cycle.forecast else ():
        yield from outlook.evidence
