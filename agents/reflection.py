"""What the desk learns when a thesis resolves: code compares what was said with what came, and writes one lesson.

A lesson is made of our own numbers and words: no word of a thesis or of a text from outside gets into it, so that what
somebody writes today cannot speak tomorrow. Nothing that sizes an order reads one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from core.bars import Bars
from core.errors import ToolInputError
from core.money import ZERO
from core.orders import Side
from core.taint import Taint, join
from core.time import HOUR_NS
from memory.recall.items import Item
from models import indicators

KIND: Final = "lesson"
UNKNOWN: Final = "unknown"
# How the views are called in a lesson, by their names in a record.
VIEWS: Final = {"research": "Research", "forecast": "The forecasters", "sentiment": "Texts"}

# A trend of half a random walk's usual distance is one; moves half as large again as usual are turbulent.
_TREND: Final = 0.5
_RECENT_BARS: Final = 24
_TURBULENT: Final = 1.5


@dataclass(frozen=True, slots=True)
class Resolved:
    """A thesis from its entry to its end. Prices are in quote currency.

    `regime` is the market's when it was decided, `earned` what it brought as a fraction of what was entered, net of
    costs, None where nobody knows. `leans` is what each view had said, from -1 (falls) to 1 (rises); `trust` the worst
    of what the thesis and those views were made from. `known_ns` is when its end was known.
    """

    account_id: str
    symbol: str
    side: Side
    regime: str
    proposal_id: str
    ended_by: str
    opened_ns: int
    known_ns: int
    entry_price: Decimal
    exit_price: Decimal
    earned: Decimal | None
    leans: Mapping[str, Decimal]
    trust: Taint

    @property
    def topic(self) -> str:
        """What it is counted with: trades on the same side in the same kind of market."""
        return f"{'long' if self.side is Side.BUY else 'short'}, {self.regime}"

    def right(self, view: str) -> bool | None:
        """Whether the price went where a view leaned; None where it leaned nowhere, or the price went nowhere."""
        lean, moved = self.leans.get(view, ZERO), self.exit_price - self.entry_price
        return None if not lean or not moved else (lean > 0) is (moved > 0)


@dataclass(frozen=True, slots=True)
class Tally:
    """What came of the theses of one symbol and topic: `n` resolved, and of the `known` results how many `won`.

    `earned` is their sum; `judged` and `right` count by view; `trust` is the worst of all of them.
    """

    n: int = 0
    known: int = 0
    won: int = 0
    earned: Decimal = ZERO
    judged: Mapping[str, int] = field(default_factory=dict)
    right: Mapping[str, int] = field(default_factory=dict)
    trust: Taint = Taint.TRUSTED

    def adding(self, one: Resolved) -> "Tally":
        earned = ZERO if one.earned is None else one.earned
        was_right = {view: one.right(view) for view in VIEWS}
        return Tally(
            n=self.n + 1,
            known=self.known + (one.earned is not None),
            won=self.won + (earned > 0),
            earned=self.earned + earned,
            judged={view: self.judged.get(view, 0) + (was_right[view] is not None) for view in VIEWS},
            right={view: self.right.get(view, 0) + (was_right[view] is True) for view in VIEWS},
            trust=join([self.trust, one.trust]),
        )


def lesson(one: Resolved, tally: Tally) -> Item:
    """What is remembered of a thesis. `tally` counts it with those of its topic that had resolved before."""
    hours = max(one.known_ns - one.opened_ns, 0) / HOUR_NS
    result = "what it earned is not known" if one.earned is None else f"{one.earned:+.2%} net"
    told = [
        f"A {one.topic.partition(', ')[0]} trade in a market that was {one.regime}, ended by {one.ended_by} "
        f"after {hours:.0f} h: {result}.",
        *(_compared(one, view) for view in VIEWS),
        _counted(tally),
    ]
    return Item(
        text=" ".join(told),
        kind=KIND,
        source=f"proposal:{one.proposal_id}",
        trust=tally.trust,
        known_at_ns=one.known_ns,
        symbol=one.symbol,
        account=one.account_id,
        topic=one.topic,
        n=tally.n,
    )


def _compared(one: Resolved, view: str) -> str:
    lean, right = one.leans.get(view), one.right(view)
    if lean is None:
        return f"{VIEWS[view]} had no opinion."
    if right is None:
        return f"{VIEWS[view]} leaned {lean:+.2f}, and nothing decided who was right."
    return f"{VIEWS[view]} leaned {lean:+.2f}: {'right' if right else 'wrong'}."


def _counted(tally: Tally) -> str:
    if tally.n == 1:
        return "It is the only such trade so far, and proves nothing."
    views = "; ".join(
        f"{VIEWS[view].lower()} right {tally.right[view]} of {tally.judged[view]} times"
        for view in VIEWS
        if tally.judged.get(view)
    )
    mean = f", {tally.earned / tally.known:+.2%} on average" if tally.known else ""
    return f"Of {tally.n} such trades {tally.won} won{mean}{'; ' if views else ''}{views}."


def regime_of(bars: Bars) -> str:
    """What kind of market the last bar stands in: 'rising and calm'; 'unknown' with too few bars."""
    try:
        trend = indicators.trend(bars.close)
        usual, recent = indicators.volatility(bars.close), indicators.volatility(bars.close[-_RECENT_BARS - 1 :])
    except ToolInputError:
        return UNKNOWN
    way = "rising" if trend >= _TREND else "falling" if trend <= -_TREND else "sideways"
    return f"{way} and {'turbulent' if recent >= _TURBULENT * usual > 0 else 'calm'}"
