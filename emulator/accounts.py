"""The venue's nouns about one customer: keys and what they may do, money, positions, and what is told of them."""

from dataclasses import dataclass, field
from decimal import Decimal

from core.money import ZERO
from emulator.market import Delta, PublicTrade
from emulator.orders import Fill, VenueOrder


@dataclass(slots=True)
class Holding:
    free: Decimal = ZERO
    locked: Decimal = ZERO


@dataclass(slots=True)
class Position:
    """A perpetual position in one-way mode: `quantity` is signed here, as venues write it. `cost` is its worth when
    opened, `margin` the money set aside for it, `leverage` and `isolated` what the account chose for the symbol."""

    symbol: str
    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    margin: Decimal = ZERO
    leverage: int = 20
    isolated: bool = False
    updated_ms: int = 0

    @property
    def entry_price(self) -> Decimal:
        return self.cost / abs(self.quantity) if self.quantity else ZERO

    def profit_at(self, price: Decimal) -> Decimal:
        return self.quantity * price - self.cost * (1 if self.quantity > 0 else -1)


@dataclass(frozen=True, slots=True)
class Income:
    """One movement of the futures wallet; `kind` in Binance's words."""

    income_id: int
    kind: str
    symbol: str
    currency: str
    amount: Decimal
    ts_ms: int
    trade_id: int | None = None


@dataclass(slots=True)
class Futures:
    """The wallet for linear perpetuals, apart from the spot holdings. `wallet` has no unrealised profit in it."""

    currency: str = "USDT"
    wallet: Decimal = ZERO
    hedged: bool = False
    positions: dict[str, Position] = field(default_factory=dict)
    incomes: list[Income] = field(default_factory=list)

    def position(self, symbol: str) -> Position:
        return self.positions.setdefault(symbol, Position(symbol))

    def earn(self, kind: str, symbol: str, amount: Decimal, ts_ms: int, trade_id: int | None = None) -> None:
        self.wallet += amount
        number = len(self.incomes) + 1
        self.incomes.append(Income(number, kind, symbol, self.currency, amount, ts_ms, trade_id))


@dataclass(frozen=True, slots=True)
class Transfer:
    """Money that came in (positive) or went out of the spot holdings."""

    transfer_id: str
    currency: str
    amount: Decimal
    ts_ms: int


@dataclass(slots=True)
class Permissions:
    """What the key may do; `ip_bound` says that it works from listed addresses alone."""

    trade: bool = True
    futures: bool = True
    withdraw: bool = False
    ip_bound: bool = True


@dataclass(slots=True)
class Account:
    """One customer: keys, money, orders."""

    key: str
    secret: str
    holdings: dict[str, Holding]
    orders: dict[int, VenueOrder] = field(default_factory=dict)
    open: dict[int, VenueOrder] = field(default_factory=dict)  # those of `orders` that can still fill
    futures: Futures = field(default_factory=Futures)
    transfers: list[Transfer] = field(default_factory=list)
    may: Permissions = field(default_factory=Permissions)
    frozen: bool = False
    cancel_at_ms: dict[str | None, int] = field(default_factory=dict)  # the cancel-after timers, by symbol or for all

    def holding(self, currency: str) -> Holding:
        return self.holdings.setdefault(currency, Holding())

    def open_orders(self, symbol: str | None = None, *, contracts: bool = False) -> list[VenueOrder]:
        """Those of one symbol, or all of spot or of perpetual contracts."""
        if symbol is not None:
            return [order for order in self.open.values() if order.symbol == symbol]
        return [order for order in self.open.values() if order.is_contract is contracts]


@dataclass(frozen=True, slots=True)
class OrderChange:
    """An order of `account` was accepted, triggered, filled in part or whole, or closed."""

    account: Account
    order: VenueOrder  # as it was at this moment
    fill: Fill | None
    ts_ms: int


@dataclass(frozen=True, slots=True)
class MoneyChange:
    """A transfer came or went."""

    account: Account
    transfer: Transfer


@dataclass(frozen=True, slots=True)
class PositionChange:
    """A position or the futures wallet changed; `reason` in Binance's words: ORDER, FUNDING_FEE, ..."""

    account: Account
    symbol: str
    reason: str
    ts_ms: int


Event = Delta | PublicTrade | OrderChange | MoneyChange | PositionChange
