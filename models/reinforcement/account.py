"""An account with one position, in floats: what a trade at a mid price leaves of it, by `core.fills`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.fills import average_price, fee, realised, slipped

if TYPE_CHECKING:
    from models.validation.trading import Costs


@dataclass(frozen=True, slots=True)
class Account:
    """`balance` is what was paid in, with profits realised and less fees, in quote currency.

    `position` is in base units, below 0 where short; `entry` its average price after slippage, 0 without a position.
    Linear in both directions, as a perpetual is; funding and borrowing are not charged.
    """

    balance: float
    position: float = 0.0
    entry: float = 0.0

    @property
    def side(self) -> int:
        """1 where long, -1 where short, else 0."""
        return (self.position > 0) - (self.position < 0)

    def unrealised(self, mark: float) -> float:
        """Profit of the open position in quote currency, were it closed at `mark` for nothing."""
        return realised(self.side, self.entry, mark, abs(self.position))

    def equity(self, mark: float) -> float:
        return self.balance + self.unrealised(mark)

    def after(self, change: float, mid: float, costs: Costs) -> Account:
        """Once `change` base units, below 0 for a sale, have filled as a taker at `mid`, slipped and paid for."""
        if change == 0:
            return self
        sign = 1 if change > 0 else -1
        price = slipped(mid, sign, costs.slippage, 0.0, 0.0)
        size, held = abs(change), abs(self.position)
        closed = min(size, held) if sign == -self.side else 0.0
        balance = self.balance + realised(self.side, self.entry, price, closed) - fee(size * price, costs.fee_rate)
        position = self.position + change
        if position == 0:
            return Account(balance)
        if not closed:
            return Account(balance, position, average_price(held, self.entry, size, price))
        return Account(balance, position, self.entry if size < held else price)
