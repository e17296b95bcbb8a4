"""What may stand of a plan, whoever made it: sizes come from the sizing tool, and a review only takes away."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from agents.cycle import Cycle
from agents.views import Change, Plan, PlannedOrder, ReviewView, Rulings
from core.instruments import Instrument
from core.money import ZERO, round_quantity, text_of
from core.orders import Side
from core.ports import Abstain
from tools.toolbox import Toolbox


def sized(plan: Plan, cycle: Cycle, toolbox: Toolbox) -> Plan:
    """The plan with no order larger than what the sizing tool answered in this stage, or than what is held.

    An entry that nobody sized is dropped. `cut` says what was done.
    """
    kept: list[PlannedOrder] = []
    cut: list[str] = []
    for order in plan.orders:
        most = _held(cycle, order) if order.reduce_only else _sized(order, toolbox.answers.values())
        if order.quantity <= most:
            kept.append(order)
            continue
        whose = "held" if order.reduce_only else "sized"
        cut.append(
            f"order {order.index}: {text_of(order.quantity)} {order.symbol} was asked, {text_of(most)} is {whose}"
        )
        if most > 0:
            kept.append(order.model_copy(update={"quantity": most}))
    return plan if not cut else plan.model_copy(update={"orders": tuple(kept), "cut": tuple(cut)})


def _sized(order: PlannedOrder, answers: Iterable[Mapping[str, Any]]) -> Decimal:
    """The most that a sizing answer gave for this symbol, side and stop, in base units."""
    wanted = (order.symbol, order.side.value)
    given = [a for a in answers if "binding" in a and (a.get("symbol"), a.get("side")) == wanted]
    return max((Decimal(answer["quantity"]) for answer in given), default=ZERO)


def _held(cycle: Cycle, order: PlannedOrder) -> Decimal:
    held = cycle.seen.position(order.symbol)
    return ZERO if held is None or held.side is order.side else held.quantity


def reviewed(plan: Plan, cycle: Cycle, rulings: Rulings | Abstain) -> Plan:
    """The plan after its review, with every change. A reviewer that does not answer lets no entry through.

    An order without a ruling is an order that nobody looked at: it goes too. Exits stay, whatever the reviewer says of
    them, since nothing may stand between a position and its end.
    """
    found = {} if isinstance(rulings, Abstain) else {r.index: r for r in reversed(rulings.rulings)}
    kept: list[PlannedOrder] = []
    changes: list[Change] = []
    for order in plan.orders:
        ruling = found.get(order.index)
        share = ZERO if ruling is None else ruling.share
        quantity = order.quantity if order.reduce_only else _shrunk(order, share, cycle)
        if quantity == order.quantity:
            kept.append(order)
            continue
        reason = "the reviewer said nothing of it" if ruling is None else ruling.reason
        changes.append(
            Change(index=order.index, symbol=order.symbol, before=order.quantity, after=quantity, reason=reason)
        )
        if quantity > 0:
            kept.append(order.model_copy(update={"quantity": quantity}))
    view = ReviewView(changes=tuple(changes), failed=rulings.reason if isinstance(rulings, Abstain) else None)
    return plan.model_copy(update={"orders": tuple(kept), "review": view})


def _shrunk(order: PlannedOrder, share: Decimal, cycle: Cycle) -> Decimal:
    seen = cycle.seen.markets.get(order.symbol)
    instrument = None if seen is None else seen.instrument
    if share == 1:
        return order.quantity
    if instrument is None or seen is None or seen.last is None:
        return ZERO
    return tradable(order.quantity * share, instrument, seen.last)


def tradable(quantity: Decimal, instrument: Instrument, price: Decimal) -> Decimal:
    """Rounded down to the instrument's lots; nothing where that is less than it trades."""
    rounded = round_quantity(quantity, instrument.lot_size)
    if rounded < instrument.min_quantity or rounded * price < instrument.min_notional:
        return ZERO
    return rounded


def side_of(order: PlannedOrder) -> tuple[str, Side, bool]:
    """What an order does, whatever its size."""
    return order.symbol, order.side, order.reduce_only
