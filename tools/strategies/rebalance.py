"""Rebalancing: holdings are brought back to their weights where they have left a band. It reduces first, then buys."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import Field, model_validator

from core.money import ONE, ZERO, round_quantity, text_of
from core.orders import OrderType, Side
from core.time import duration_ns
from risk.shaping import is_dust
from tools.spec import Number
from tools.strategies.parameters import Amount, Duration, Fraction, Parameters, Symbol
from tools.strategies.shapes import Child, Intent, Place, Seen, at_once, below, buying

A_STEP: Final = 3  # orders: more at one moment would look like a loop


@dataclass(frozen=True, slots=True)
class Balancing:
    """The check that it is at, what of that is done, and where each symbol's holdings are sold, in quote currency."""

    check: int = -1
    stage: Literal["reducing", "buying", "done"] = "done"
    stops: Mapping[str, Decimal] = field(default_factory=dict)


class Rebalancing(Parameters):
    """Holds `weights` of the account's equity. Looks every `every`, and trades what is off by more than `band`.

    The rest of the equity stays in cash. It counts all that the account holds of its symbols, whoever bought it, and
    sells of that what it bought itself.
    """

    kind: Literal["rebalance"] = "rebalance"
    weights: dict[Symbol, Annotated[Number, Field(ge=0, le=1)]] = Field(min_length=1, max_length=20)
    band: Fraction = Field(Decimal("0.05"), description="of equity, on either side of a weight")
    every: Duration = Field(description="such as 7d, the first at once")
    stop: Fraction = Field(Decimal("0.5"), description="below the price of a first purchase")
    largest: Amount | None = Field(None, description="quote currency for one purchase at most")

    memory: ClassVar[type] = Balancing

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (whole := sum(self.weights.values(), ZERO)) > ONE:
            raise ValueError(f"weights: expected 1 in all at most, found {text_of(whole)}")
        return self

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(sorted(self.weights))

    @property
    def most_an_order(self) -> Decimal | None:
        return self.largest

    def begin(self) -> Balancing:
        return Balancing()

    def step(self, state: Balancing, seen: Seen) -> tuple[Balancing, tuple[Intent, ...]]:
        known = all(s in seen.quotes and s in seen.instruments for s in self.weights)
        if not known or seen.equity is None or seen.equity <= ZERO or any(order.open for order in seen.orders):
            return state, ()
        check = (seen.now_ns - seen.started_ns) // duration_ns(self.every)
        if check > state.check:
            state = replace(state, check=check, stage="reducing")
        if state.stage == "reducing":
            sales = self._sales(state, seen, seen.equity)
            if sales:
                return state, sales
            state = replace(state, stage="buying")
        if state.stage == "buying":
            state, buys = self._buys(state, seen, seen.equity)
            if buys:
                return state, buys
            state = replace(state, stage="done")
        return state, ()

    def _off(self, seen: Seen, equity: Decimal) -> dict[str, Decimal]:
        """What is off by more than the band: above its weight is positive, as a fraction of equity."""
        share = {s: seen.held.get(s, ZERO) * seen.quotes[s].mid / equity for s in self.symbols}
        return {s: share[s] - w for s, w in sorted(self.weights.items()) if abs(share[s] - w) > self.band}

    def _sales(self, state: Balancing, seen: Seen, equity: Decimal) -> tuple[Intent, ...]:
        places: list[Intent] = []
        for symbol, off in self._off(seen, equity).items():
            slot, quote, instrument = f"{state.check}.sell.{symbol}", seen.quotes[symbol], seen.instruments[symbol]
            wanted = min(off * equity / quote.mid, _own(symbol, seen.orders))
            quantity = round_quantity(wanted, instrument.lot_size)
            if off <= ZERO or seen.child(slot) or not quantity or is_dust(quantity, quote.bid, instrument):
                continue
            thesis = f"{symbol} is {_percent(off)} of equity above its weight of {_percent(self.weights[symbol])}"
            kind = OrderType.MARKET
            places.append(Place(slot, symbol, Side.SELL, quantity, thesis, type=kind, reduce_only=True))
        return tuple(places[:A_STEP])

    def _buys(self, state: Balancing, seen: Seen, equity: Decimal) -> tuple[Balancing, tuple[Intent, ...]]:
        places: list[Intent] = []
        stops = dict(state.stops)
        for symbol, off in self._off(seen, equity).items():
            slot, quote, instrument = f"{state.check}.buy.{symbol}", seen.quotes[symbol], seen.instruments[symbol]
            limit, worth = at_once(quote), -off * equity
            worth = worth if self.largest is None else min(worth, self.largest)
            quantity = round_quantity(buying(worth, limit, instrument), instrument.lot_size) if off < ZERO else ZERO
            if not quantity or seen.child(slot) or is_dust(quantity, quote.bid, instrument) or len(places) == A_STEP:
                continue
            stop = stops.get(symbol)
            if stop is None or stop >= quote.bid or not _held(symbol, seen.orders):
                stop = max(below(quote.bid, self.stop).quantize(instrument.tick_size), instrument.tick_size)
            stops[symbol] = stop
            thesis = f"{symbol} is {_percent(-off)} of equity below its weight of {_percent(self.weights[symbol])}"
            ends = (f"last <= {text_of(stop)}",)
            place = Place(slot, symbol, Side.BUY, quantity, thesis, limit_price=limit, stop_price=stop)
            places.append(replace(place, invalidation=ends))
        return replace(state, stops=stops), tuple(places)


def _own(symbol: str, orders: tuple[Child, ...]) -> Decimal:
    """What it still holds of its own purchases, in base units."""
    return sum((order.guarded for order in orders if order.symbol == symbol), ZERO)


def _held(symbol: str, orders: tuple[Child, ...]) -> bool:
    return any(order.symbol == symbol and order.filled for order in orders)


def _percent(fraction: Decimal) -> str:
    return f"{text_of(round(100 * fraction, 2))} %"
