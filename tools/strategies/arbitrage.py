"""Cross-venue arbitrage: bought where it is cheap and sold where it is dear, of what both venues hold already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from pydantic import Field

from core.money import ONE, ZERO, round_quantity
from core.quotes import Book, Level
from tools.strategies.parameters import Amount, Fraction, Parameters


@dataclass(frozen=True, slots=True)
class Purse:
    """What one venue holds: `coins` in base units, `cash` in quote currency, and its `fee`, a fraction of notional."""

    coins: Decimal
    cash: Decimal
    fee: Decimal


@dataclass(frozen=True, slots=True)
class Legs:
    """One trade: the same quantity is bought at one venue and sold at the other, no worse than these prices."""

    buy_at: str
    sell_at: str
    quantity: Decimal
    buy_limit: Decimal
    sell_limit: Decimal


class Arbitrage(Parameters):
    """Takes what two books offer to each other, while a unit earns at least `edge` after both venues' fees.

    Nothing is borrowed and nothing moved: a side is sold from coins that its venue holds, and bought with its cash, so
    that inventory bounds every trade. Proven on simulated books that both answer at once (`tools.simulation.books`),
    and on no venue, where one leg may fill alone: it cannot be a standing instruction.
    """

    edge: Fraction = Field(Decimal("0.0005"), description="of the price that is bought at, after fees")
    most: Amount = Field(Decimal(1_000), description="quote currency that one trade buys for at most, with its fee")

    def step(self, books: Mapping[str, Book], purses: Mapping[str, Purse], lot_size: Decimal) -> Legs | None:
        """The best trade of any two venues at this moment; None where there is none."""
        found = [
            legs
            for cheap in sorted(books)
            for dear in sorted(books)
            if cheap != dear and (legs := self._between(cheap, dear, books, purses, lot_size)) is not None
        ]
        return max(found, key=lambda legs: legs.quantity * (legs.sell_limit - legs.buy_limit), default=None)

    def _between(
        self, cheap: str, dear: str, books: Mapping[str, Book], purses: Mapping[str, Purse], lot_size: Decimal
    ) -> Legs | None:
        """Goes down both books together for as long as the next unit of both still earns the edge."""
        buys, sells = purses[cheap], purses[dear]
        asks, bids = _levels(books[cheap].asks), _levels(books[dear].bids)
        quantity, paid, buy_limit, sell_limit = ZERO, ZERO, ZERO, ZERO
        room = min(self.most, buys.cash)
        while asks and bids and quantity < sells.coins:
            (ask, offered), (bid, wanted) = asks[0], bids[0]
            cost = ask * (ONE + buys.fee)
            if bid * (ONE - sells.fee) - cost < self.edge * ask:
                break
            more = min(offered, wanted, sells.coins - quantity, (room - paid) / cost)
            if more <= ZERO:
                break
            quantity, paid, buy_limit, sell_limit = quantity + more, paid + more * cost, ask, bid
            asks[0], bids[0] = (ask, offered - more), (bid, wanted - more)
            asks, bids = (side if side[0][1] > ZERO else side[1:] for side in (asks, bids))
        quantity = round_quantity(quantity, lot_size)
        return Legs(cheap, dear, quantity, buy_limit, sell_limit) if quantity > ZERO else None


def _levels(side: Sequence[Level]) -> list[tuple[Decimal, Decimal]]:
    return [(Decimal(level.price), Decimal(level.quantity)) for level in side]
