"""What a cycle's tools may see: the market and the account as they were at `as_of_ns`, and nothing that can act."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from core.orders import Position
from core.ports import Effects, MarketView
from core.time import Timeframe
from risk.sizing import TrackRecord


@dataclass(frozen=True, slots=True)
class AccountView:
    """The account as the cycle froze it. Money is in `numeraire`; `limits` names each limit by its denial code.

    `track_record` is the scorecard's, out of sample; None where there is none yet.
    """

    equity: Decimal
    start_equity: Decimal
    cash: Decimal
    numeraire: str
    positions: tuple[Position, ...]
    limits: Mapping[str, Decimal]
    track_record: TrackRecord | None = None


@dataclass(frozen=True, slots=True)
class ToolContext:
    """One cycle's view. `timeframe` is the one that the desk decides on."""

    market: MarketView
    as_of_ns: int
    timeframe: Timeframe
    account: AccountView
    effects: Effects
