"""An exchange that a test writes by hand: orders and fills of anybody, balances that follow, and lists that lag."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from core.errors import ExchangeRejected
from core.money import Price, Quantity
from core.orders import Fill, OrderState, OrderType, Side, TimeInForce
from core.time import ManualClock
from execution.ports import (
    AbsenceProof,
    OrderReport,
    PlainOrder,
    VenueEvent,
    VenueFunding,
    VenueOrder,
    VenuePosition,
    VenueTransfer,
)
from memory.books import tables
from tests.execution.desk import ACCOUNT, Desk

AT_ONCE = AbsenceProof(looks=1, spread_ns=0, final=True)


@dataclass
class Exchange:
    """Spot of one account, without fees. `untold` are trades that its list of trades does not show yet."""

    clock: ManualClock
    purse: dict[str, Decimal] = field(default_factory=lambda: {"USDT": Decimal(10_000)})
    orders: dict[str, VenueOrder] = field(default_factory=dict)
    trades: list[Fill] = field(default_factory=list)
    moved: list[VenueTransfer] = field(default_factory=list)
    held: list[VenuePosition] = field(default_factory=list)
    untold: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)  # orders that no list and no look finds
    proof: AbsenceProof = AT_ONCE
    name: str = "paper"
    rests_stops: bool = False
    iceberg_parts: int = 0

    @classmethod
    def under(cls, desk: Desk) -> "Exchange":
        """The exchange that a desk trades at from now on."""
        made = cls(desk.clock)
        desk.venue._venue = made
        return made

    # What a test writes.

    def takes(
        self, quantity: str, *, name: str | None = None, at: str = "96", side: Side = Side.BUY, symbol: str = "BTC/USDT"
    ) -> str:
        """An order that somebody else placed, and what it is called here."""
        number = f"x{len(self.orders) + 1}"
        key = name or f"external-{number}"
        price = Price(Decimal(at))
        self.orders[key] = VenueOrder(
            number,
            name,
            symbol,
            side,
            OrderType.LIMIT,
            Quantity(Decimal(quantity)),
            price,
            None,
            TimeInForce.GTC,
            False,
            OrderState.OPEN,
            Decimal(0),
            self.clock.now_ns(),
        )
        return key

    def fills_some(self, key: str, quantity: str, *, at: str = "96", told: bool = True, fee: str = "0") -> Fill:
        """A trade of an order, whatever its state."""
        order, amount, price = self.orders[key], Decimal(quantity), Decimal(at)
        filled = order.filled_quantity + amount
        state = OrderState.FILLED if filled >= order.quantity else OrderState.PARTIAL
        over = not order.state.live and order.state is not OrderState.FILLED
        self.orders[key] = replace(order, filled_quantity=filled, state=order.state if over else state)
        base, quote = order.symbol.split("/")
        self.purse[base] = self.purse.get(base, Decimal(0)) + order.side.sign * amount
        self.purse[quote] -= order.side.sign * amount * price + Decimal(fee)
        trade = Fill(
            venue=self.name,
            trade_id=f"t{len(self.trades) + 1}",
            client_order_id=key,
            account_id=ACCOUNT,
            symbol=order.symbol,
            side=order.side,
            quantity=Quantity(amount),
            price=Price(price),
            fee=Decimal(fee),
            fee_currency=quote,
            maker=True,
            ts_event_ns=self.clock.now_ns(),
            known_at_ns=self.clock.now_ns(),
        )
        self.trades.append(trade)
        if not told:
            self.untold.add(trade.trade_id)
        return trade

    def ends(self, key: str, state: OrderState = OrderState.CANCELLED) -> None:
        self.orders[key] = replace(self.orders[key], state=state)

    # The port.

    @property
    def absence(self) -> AbsenceProof:
        return self.proof

    async def place(self, order: PlainOrder) -> None:
        if order.symbol not in ("BTC/USDT", "ETH/USDT"):
            raise ExchangeRejected(f"unknown symbol {order.symbol}")
        self.orders[order.client_order_id] = VenueOrder(
            f"x{len(self.orders) + 1}",
            order.client_order_id,
            order.symbol,
            order.side,
            order.type,
            order.quantity,
            order.limit_price,
            order.trigger_price,
            order.time_in_force,
            order.reduce_only,
            OrderState.OPEN,
            Decimal(0),
            order.decided_ns,
        )

    async def cancel(self, client_order_id: str, symbol: str) -> None:
        if client_order_id in self.orders and self.orders[client_order_id].state.live:
            self.ends(client_order_id)

    async def report(self, client_order_id: str, symbol: str) -> OrderReport | None:
        order = self.orders.get(client_order_id)
        if order is None or client_order_id in self.hidden:
            return None
        fills = tuple(t for t in self._told() if t.client_order_id == client_order_id)
        return OrderReport(client_order_id, order.exchange_order_id, order.state, order.filled_quantity, fills)

    async def open_orders(self) -> tuple[VenueOrder, ...]:
        return tuple(order for key, order in self.orders.items() if order.state.live and key not in self.hidden)

    async def fills(self, symbol: str, since_ns: int) -> tuple[Fill, ...]:
        return tuple(t for t in self._told() if t.symbol == symbol and t.ts_event_ns >= since_ns)

    async def balances(self) -> Mapping[str, Decimal]:
        return dict(self.purse)

    async def positions(self) -> tuple[VenuePosition, ...]:
        return tuple(self.held)

    async def transfers(self, since_ns: int) -> tuple[VenueTransfer, ...]:
        return tuple(moved for moved in self.moved if moved.ts_event_ns >= since_ns)

    async def fundings(self, since_ns: int) -> tuple[VenueFunding, ...]:
        return ()

    async def advance(self, now_ns: int) -> None:
        """Nothing trades here unless a test says so."""

    async def events(self) -> AsyncIterator[VenueEvent]:
        none: tuple[VenueEvent, ...] = ()
        for event in none:
            yield event

    async def keep_alive(self, timeout_s: int) -> bool:
        return False

    async def close(self) -> None:
        """It has no line to let go of."""

    def _told(self) -> list[Fill]:
        return [trade for trade in self.trades if trade.trade_id not in self.untold]


def dump(desk: Desk, *but: str) -> dict[str, list[Any]]:
    """Every table of the books, row by row."""
    return {name: desk.rows(name) for name in tables.metadata.tables if name not in but}
