"""A grid: evenly spaced limit buys below the price, each of which sells one level higher."""

from decimal import Decimal
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from core.instruments import Instrument
from core.money import ONE, ZERO, nearest_tick, text_of
from core.orders import Side, TimeInForce
from core.quotes import Quote
from tools.strategies.parameters import Amount, Fraction, Parameters, Symbol
from tools.strategies.shapes import Child, Finish, Intent, Place, Seen, Stateless, Withdraw, buying

MOST_CELLS = 50


class Grid(Parameters):
    """Cells of one height between `lower` and `upper`: bought at the foot of a cell, sold at its head.

    A cell that was sold is bought again. No more than `most` cells are bought or waited for at a time, so that the
    grid never holds more than `most` times `quote`; at `stop` all of it is sold, and the grid has ended.
    """

    kind: Literal["grid"] = "grid"
    symbol: Symbol
    lower: Amount = Field(description="price of the lowest level")
    upper: Amount = Field(description="price of the highest level")
    cells: int = Field(10, ge=1, le=MOST_CELLS, description="between the two")
    quote: Amount = Field(description="quote currency for one cell, its fee included")
    stop: Amount = Field(description="price below the grid at which all of it is sold")
    most: int = Field(10, ge=1, le=MOST_CELLS, description="cells that are held or waited for at a time")
    resting: int = Field(2, ge=1, le=MOST_CELLS, description="buys that wait at a time, the nearest ones, and one more")
    reach: Fraction = Field(Decimal("0.04"), description="of the price: no buy is placed further below it")

    memory: ClassVar[type] = Stateless

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.stop < self.lower < self.upper:
            found = ", ".join(text_of(price) for price in (self.stop, self.lower, self.upper))
            raise ValueError(f"expected stop < lower < upper, found {found}")
        return self

    @property
    def symbols(self) -> tuple[str, ...]:
        return (self.symbol,)

    @property
    def most_an_order(self) -> Decimal:
        return self.quote

    def level(self, number: int) -> Decimal:
        return self.lower + (self.upper - self.lower) * number / self.cells

    def begin(self) -> Stateless:
        return Stateless()

    def step(self, state: Stateless, seen: Seen) -> tuple[Stateless, tuple[Intent, ...]]:
        quote, instrument = seen.quotes.get(self.symbol), seen.instruments.get(self.symbol)
        if quote is None or instrument is None:
            return state, ()
        if quote.bid <= self.stop:
            return state, (Finish(f"the price is at its stop of {text_of(self.stop)}"),)
        waiting = {_cell(order): order for order in seen.orders if order.open}
        taken = {_cell(order) for order in seen.orders if order.open or order.guarded}
        below = [n for n in range(self.cells) if self.level(n) < quote.bid and (n not in taken or n in waiting)]
        held = len(taken) - len(waiting)
        room = max(0, self.most - held)
        wanted = below[-min(self.resting, room) :] if room else []
        # One that is a cell too far may stay: a price that crosses a level to and fro moves no order.
        kept = below[-min(self.resting + 1, room) :] if room else []
        left = tuple(Withdraw(order.slot) for n, order in sorted(waiting.items()) if n in below and n not in kept)
        if left:
            return state, left
        fresh = [n for n in reversed(wanted) if n not in waiting and self._reached(n, quote)]
        if not fresh or len(taken) >= self.most:
            return state, ()
        return state, (self._place(fresh[0], seen, instrument),)

    def _reached(self, number: int, quote: Quote) -> bool:
        return self.level(number) >= quote.bid * (ONE - self.reach)

    def _place(self, number: int, seen: Seen, instrument: Instrument) -> Place:
        times, foot = sum(_cell(order) == number for order in seen.orders), self.level(number)
        head = nearest_tick(self.level(number + 1), instrument.tick_size)
        return Place(
            f"{number}.{times}",
            self.symbol,
            Side.BUY,
            buying(self.quote, foot, instrument),
            thesis=f"cell {number + 1} of {self.cells}: bought at {text_of(foot)}, sold at {text_of(head)}",
            limit_price=foot,
            stop_price=self.stop,
            target_price=head,
            time_in_force=TimeInForce.GTC,
            invalidation=(f"last <= {text_of(self.stop)}",),
        )

    def gain(self, fee: Decimal) -> Decimal:
        """What the dearest cell earns net of a fee on either side, as a fraction; negative where costs eat it."""
        foot, head = self.level(self.cells - 1), self.upper
        return (head * (ONE - fee) - foot * (ONE + fee)) / foot if foot > ZERO else ZERO


def _cell(order: Child) -> int:
    return int(order.slot.partition(".")[0])
