"""Dollar-cost averaging: the same worth of a coin, bought again and again."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import ClassVar, Literal

from pydantic import Field

from core.money import text_of
from core.orders import Side
from core.time import duration_ns
from tools.strategies.parameters import Amount, Duration, Fraction, Parameters, Symbol
from tools.strategies.shapes import Finish, Intent, Place, Seen, at_once, below, buying


@dataclass(frozen=True, slots=True)
class Averaging:
    """`stop` is where all that it buys is sold, in quote currency: set by the first price, and kept."""

    stop: Decimal | None = None


class DollarCostAveraging(Parameters):
    """Buys for `quote` every `every`. An interval without a price or under a halt is passed over, never made up."""

    kind: Literal["dca"] = "dca"
    symbol: Symbol
    quote: Amount = Field(description="quote currency for one order, its fee included")
    every: Duration = Field(description="such as 1d, the first at once")
    stop: Fraction = Field(Decimal("0.5"), description="below the first price, at which all of it is sold")

    memory: ClassVar[type] = Averaging

    @property
    def symbols(self) -> tuple[str, ...]:
        return (self.symbol,)

    @property
    def most_an_order(self) -> Decimal:
        return self.quote

    def begin(self) -> Averaging:
        return Averaging()

    def step(self, state: Averaging, seen: Seen) -> tuple[Averaging, tuple[Intent, ...]]:
        quote, instrument = seen.quotes.get(self.symbol), seen.instruments.get(self.symbol)
        if quote is None or instrument is None:
            return state, ()
        if state.stop is not None and quote.bid <= state.stop:
            return state, (Finish(f"the price is at its stop of {text_of(state.stop)}"),)
        slot = str((seen.now_ns - seen.started_ns) // duration_ns(self.every))
        if seen.child(slot) is not None or any(order.open for order in seen.orders):
            return state, ()
        if state.stop is None:
            stop = below(quote.bid, self.stop).quantize(instrument.tick_size)
            state = replace(state, stop=max(stop, instrument.tick_size))
        limit = at_once(quote)
        place = Place(
            slot,
            self.symbol,
            Side.BUY,
            buying(self.quote, limit, instrument),
            thesis=f"buys for {text_of(self.quote)} every {self.every}, time {int(slot) + 1}",
            limit_price=limit,
            stop_price=state.stop,
            invalidation=(f"last <= {text_of(state.stop or limit)}",),
        )
        return state, (place,)
