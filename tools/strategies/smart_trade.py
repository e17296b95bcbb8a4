"""A smart trade: one entry with its stop, its targets and how the stop follows."""

from decimal import Decimal
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from core.exits import ExitPlan, Rung
from core.money import text_of
from core.orders import Side, TimeInForce
from core.quotes import Quote
from core.time import SECOND_NS, duration_ns
from tools.strategies.parameters import Amount, Duration, Fraction, Parameters, Symbol
from tools.strategies.shapes import Finish, Intent, Place, Seen, Stateless, at_once, buying


class TargetPrice(Parameters):
    """At `price`, `fraction` of the whole position is sold."""

    price: Amount
    fraction: Annotated[Decimal, Field(gt=0, le=1)] = Decimal(1)


class SmartTrade(Parameters):
    """Enters once, at the market or at `entry`, and leaves every way out to the stop that its entry arms.

    An `entry` below the price is waited for by a limit order; with `on = "breakout"` the trade enters when the price
    has risen to it.
    """

    kind: Literal["smart"] = "smart"
    symbol: Symbol
    quote: Amount = Field(description="quote currency of the entry, its fee included")
    stop: Amount = Field(description="price at which it was wrong")
    entry: Amount | None = Field(None, description="price to enter at; at once where none is given")
    on: Literal["pullback", "breakout"] = Field("pullback", description="how the price comes to the entry")
    targets: tuple[TargetPrice, ...] = Field((), description="prices that take profit, nearest first")
    trail: Fraction | None = Field(None, description="of the best price since entry, by which the stop follows")
    break_even: Fraction | None = Field(None, description="gain from which the stop lets it lose no longer")
    time_limit: Duration | None = Field(None, description="how long it may stay without profit")

    memory: ClassVar[type] = Stateless

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if (problem := self.exits.problem()) is not None:
            raise ValueError(problem)
        if self.entry is None:
            if self.on == "breakout":
                raise ValueError("on: a breakout needs its entry price")
            return self
        if self.stop >= self.entry:
            raise ValueError(f"expected a stop below the entry of {text_of(self.entry)}, found {text_of(self.stop)}")
        if (misplaced := self.exits.misplaced(Side.BUY, self.entry)) is not None:
            raise ValueError(misplaced)
        return self

    @property
    def symbols(self) -> tuple[str, ...]:
        return (self.symbol,)

    @property
    def most_an_order(self) -> Decimal:
        return self.quote

    @property
    def exits(self) -> ExitPlan:
        limit = None if self.time_limit is None else duration_ns(self.time_limit) // SECOND_NS
        ladder = tuple(Rung(target.price, target.fraction) for target in self.targets)
        return ExitPlan(trail=self.trail, break_even=self.break_even, time_limit_s=limit, ladder=ladder)

    def begin(self) -> Stateless:
        return Stateless()

    def step(self, state: Stateless, seen: Seen) -> tuple[Stateless, tuple[Intent, ...]]:
        """Tries again in a new slot where nothing of an entry filled, for as long as its budget lets it."""
        quote, instrument = seen.quotes.get(self.symbol), seen.instruments.get(self.symbol)
        if any(order.open or order.guarded for order in seen.orders):
            return state, ()
        if any(order.filled for order in seen.orders):
            return state, (Finish("what it had entered is closed"),)
        if quote is None or instrument is None or not self._comes(quote):
            return state, ()
        if quote.bid <= self.stop:
            return state, (Finish(f"the price fell to its stop of {text_of(self.stop)} before it entered"),)
        waits = self.entry is not None and self.on == "pullback" and self.entry < quote.ask
        limit = self.entry if waits and self.entry is not None else at_once(quote)
        if self.exits.misplaced(Side.BUY, limit) is not None:
            return state, (Finish(f"the price is beyond a target before it entered, at {text_of(quote.ask)}"),)
        place = Place(
            f"entry.{len(seen.orders)}",
            self.symbol,
            Side.BUY,
            buying(self.quote, limit, instrument),
            thesis=f"enters {self._where()}, wrong at {text_of(self.stop)}",
            limit_price=limit,
            stop_price=self.stop,
            time_in_force=TimeInForce.GTC if waits else TimeInForce.IOC,
            invalidation=(f"last <= {text_of(self.stop)}",),
            exits=self.exits,
        )
        return state, (place,)

    def _comes(self, quote: Quote) -> bool:
        return self.entry is None or self.on == "pullback" or quote.last >= self.entry

    def _where(self) -> str:
        return "at the market" if self.entry is None else f"on a {self.on} at {text_of(self.entry)}"
