"""What a venue says of an account in one round: what it lists, and its word on each order of ours that it does not."""

from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, and_, or_, select

from core.errors import NotOffered
from core.orders import LIVE_STATES, Fill, OrderState
from core.ports import Clock, MarketFacts
from execution.orderbook import EXTERNAL
from execution.ports import OrderReport, VenueFunding, VenueOrder, VenuePosition, VenueReads, VenueTransfer
from execution.snapshot import coins
from memory.books import accounts, ledger, tables
from memory.books.database import Books

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Told:
    """One round. `orders` and `reports` are by client order id, as the books name them; None is no word of one.

    `symbols` are those whose fills were asked for, from `since_ns` on. `steady` says that the balances were the same
    before and after everything else was read.
    """

    since_ns: int
    symbols: frozenset[str]
    orders: Mapping[str, VenueOrder]
    fills: tuple[Fill, ...]
    reports: Mapping[str, OrderReport | None]
    balances: Mapping[str, Decimal]
    positions: tuple[VenuePosition, ...]
    transfers: tuple[VenueTransfer, ...]
    fundings: tuple[VenueFunding, ...]
    steady: bool


@dataclass(frozen=True, slots=True)
class Listener:
    """Asks a venue about one account. An order that was active less than `quiet_ns` ago is not asked about."""

    account_id: str
    books: Books
    market: MarketFacts
    venue: VenueReads
    clock: Clock
    quiet_ns: int

    async def listen(self, since_ns: int) -> Told:
        """Raises ExchangeUnavailable where anything of it cannot be read."""
        balances = await self.venue.balances()
        listed = await self.venue.open_orders()
        # After the listing: what has left it by then has its fills told.
        ours = self.books.read(self.live)
        orders = dict(zip(self._names(listed, ours), listed, strict=True))
        symbols = self.books.read(lambda conn: self._symbols(conn, since_ns, listed, balances))
        fills = [fill for symbol in sorted(symbols) for fill in await self.venue.fills(symbol, since_ns)]
        reports = {
            row.client_order_id: await self.venue.report(row.client_order_id, row.symbol)
            for row in ours
            if row.owner != EXTERNAL and row.client_order_id not in orders and not self.is_active(row)
        }
        return Told(
            since_ns=since_ns,
            symbols=symbols,
            orders=orders,
            fills=tuple(sorted(fills, key=lambda fill: (fill.ts_event_ns, fill.trade_id))),
            reports=reports,
            balances=balances,
            positions=await self.venue.positions(),
            transfers=await _offered(self.venue.transfers(since_ns)),
            fundings=await _offered(self.venue.fundings(since_ns)),
            steady=balances == await self.venue.balances(),
        )

    def is_active(self, row: Row[Any]) -> bool:
        """Whether it is on its way, or something happened to it a moment ago."""
        return row.state is OrderState.SENDING or self.clock.now_ns() - row.updated_ns < self.quiet_ns

    def live(self, conn: Connection) -> list[Row[Any]]:
        table = tables.orders
        wanted = and_(table.c.account_id == self.account_id, table.c.state.in_(LIVE_STATES))
        return list(conn.execute(select(table).where(wanted)))

    def _names(self, listed: Iterable[VenueOrder], ours: Iterable[Row[Any]]) -> list[str]:
        """Each by its client id, or where the venue tells none by that of our order with its id."""
        known = {row.exchange_order_id: row.client_order_id for row in ours}
        return [
            order.client_order_id or known.get(order.exchange_order_id) or f"{EXTERNAL}-{order.exchange_order_id}"
            for order in listed
        ]

    def _symbols(
        self, conn: Connection, since_ns: int, listed: Iterable[VenueOrder], balances: Mapping[str, Decimal]
    ) -> frozenset[str]:
        """Whatever was, is or may have been traded since."""
        table, account = tables.orders, accounts.account(conn, self.account_id)
        recent = or_(table.c.state.in_(LIVE_STATES), table.c.updated_ns >= since_ns)
        traded = select(table.c.symbol).where(table.c.account_id == self.account_id, recent).distinct()
        found = set(conn.scalars(traded))
        found |= {p.symbol for p in ledger.positions(conn, self.account_id)} | {order.symbol for order in listed}
        found |= coins({**accounts.balances(conn, self.account_id), **balances}, account.numeraire)
        return frozenset(symbol for symbol in found if self.market.instrument(symbol) is not None)


async def _offered(read: Awaitable[tuple[T, ...]]) -> tuple[T, ...]:
    """Nothing where the venue has no such read: money that moves unseen is a balance that is off."""
    try:
        return await read
    except NotOffered:
        return ()
