"""Several accounts as one cycle sees them: summed, each limit and the state as loose as the loosest gate."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from agents.views import AccountState
from core.money import ZERO, Price, Quantity
from core.orders import Position
from risk.sizing import TrackRecord
from risk.states import TradingState


def together(accounts: Sequence[AccountState]) -> AccountState:
    """One account of all, in the numeraire that they share. The first one names it.

    Worth, cash and positions are summed. Limits are fractions of equity, and every gate holds its own account to its
    own: the largest of each stands here, and the mildest state. The track record is that of the most trades.
    """
    return AccountState(
        equity=sum((a.equity for a in accounts), ZERO),
        start_equity=sum((a.start_equity for a in accounts), ZERO),
        cash=sum((a.cash for a in accounts), ZERO),
        numeraire=accounts[0].numeraire,
        positions=_positions([position for a in accounts for position in a.positions]),
        instructed=tuple(held for a in accounts for held in a.instructed),
        limits=_largest([a.limits for a in accounts]),
        state=min((a.state for a in accounts), key=lambda state: TradingState(state).severity),
        track_record=_longest([a.track_record for a in accounts]),
    )


def _positions(held: Sequence[Position]) -> tuple[Position, ...]:
    """One a symbol, of spot, at the average cost of all."""
    found: dict[str, Position] = {}
    for position in held:
        before = found.get(position.symbol)
        found[position.symbol] = position if before is None else _added(before, position)
    return tuple(found.values())


def _added(one: Position, other: Position) -> Position:
    quantity = one.quantity + other.quantity
    cost = one.quantity * one.average_price + other.quantity * other.average_price
    return Position(one.account_id, one.symbol, one.side, Quantity(quantity), Price(cost / quantity), one.kind)


def _largest(limits: Sequence[Mapping[str, Decimal]]) -> dict[str, Decimal]:
    return {code: max(each[code] for each in limits) for code in limits[0]}


def _longest(records: Sequence[TrackRecord | None]) -> TrackRecord | None:
    return max((r for r in records if r is not None), key=lambda record: record.trades, default=None)
