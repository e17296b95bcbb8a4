"""What an account holds, from nothing but its deposits and the fills that it was told of. The oracle's own books."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from core.instruments import ContractKind, Instrument
from core.orders import Side

NOTHING = Fraction(0)


@dataclass
class Held:
    """One open position: `units` are negative for a short; `earned` is what its closed part made, net of all fees."""

    units: Fraction
    price: Fraction
    fees: Fraction = NOTHING
    earned: Fraction = NOTHING


class Holdings:
    def __init__(self, currency: str, cash: Fraction) -> None:
        self.currency = currency
        self.balances: dict[str, Fraction] = {currency: cash}
        self.start = cash
        self.transferred = NOTHING
        self.positions: dict[str, Held] = {}
        self.trips: list[tuple[int, int, Fraction]] = []  # when closed, in which order, with what result

    def transfer(self, amount: Fraction) -> None:
        """No profit and no loss."""
        self.balances[self.currency] += amount
        self.transferred += amount

    def fill(
        self, instrument: Instrument, side: Side, quantity: Fraction, price: Fraction, fee: Fraction, ns: int
    ) -> None:
        """A trade of ours, with its fee in quote currency."""
        sign = 1 if side is Side.BUY else -1
        spot = instrument.kind is ContractKind.SPOT
        if spot:
            self._move(instrument.base, sign * quantity)
            self._move(instrument.quote, -sign * quantity * price - fee)
        else:
            self._move(instrument.quote, -fee)
        held = self.positions.get(instrument.symbol)
        if held is not None and held.units * sign < 0:
            closing = min(quantity, abs(held.units))
            gain = (price - held.price) * closing * (1 if held.units > 0 else -1)
            entry_fees, exit_fee = held.fees * closing / abs(held.units), fee * closing / quantity
            held.earned += gain - entry_fees - exit_fee
            held.fees -= entry_fees
            held.units += sign * closing
            if not spot:
                self._move(instrument.quote, gain)
            if held.units:
                return
            del self.positions[instrument.symbol]
            self.trips.append((ns, len(self.trips), held.earned))
            quantity, fee = quantity - closing, fee - exit_fee
            held = None
        if not quantity or (spot and side is Side.SELL):
            return
        if held is None:
            self.positions[instrument.symbol] = Held(sign * quantity, price, fee)
            return
        paid = abs(held.units) * held.price + quantity * price
        held.units += sign * quantity
        held.price = paid / abs(held.units)
        held.fees += fee

    def worth(self, prices: Mapping[str, Fraction | None], instruments: Mapping[str, Instrument]) -> Fraction | None:
        """Marked to the last trade, by symbol; None where something held has no price."""
        total = self.balances[self.currency]
        for symbol, held in self.positions.items():
            price = prices.get(symbol)
            if price is None:
                return None
            perpetual = instruments[symbol].kind is ContractKind.PERPETUAL
            total += held.units * (price - held.price if perpetual else price)
        return total

    def losing_streak(self, since_ns: int) -> int:
        """Of the latest round trips, how many lost in a row."""
        streak = 0
        for closed_ns, _, result in sorted(self.trips, reverse=True):
            if closed_ns <= since_ns or result >= 0:
                break
            streak += 1
        return streak

    def _move(self, currency: str, amount: Fraction) -> None:
        self.balances[currency] = self.balances.get(currency, NOTHING) + amount
