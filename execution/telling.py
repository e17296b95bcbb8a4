"""What a venue says of an account in one round: what it lists, and its word on each order of ours that it does not."""

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Row, and_, or_, select

from core.errors import ExchangeUnavailable, NotOffered
from core.orders import LIVE_STATES, Fill, OrderState, Side
from core.ports import Clock, MarketFacts
from core.time import DAY_NS
from execution.orderbook import EXTERNAL
from execution.ports import OrderReport, VenueFunding, VenueOrder, VenuePosition, VenueReads, VenueTransfer
from execution.snapshot import coins
from memory.books import accounts, ledger, tables
from memory.books.database import Books

T = TypeVar("T")

# How far back transfers are asked for: a venue tells one by when it was first seen, and credits it days later.
_TRANSFERS_BACK_NS: Final = 7 * DAY_NS


@dataclass(frozen=True, slots=True)
class Told:
    """One round. `orders` and `reports` are by client order id, as the books name them; None is no word of one.

    `symbols` are those whose fills were asked for, from `since_ns` on. `steady` says that the balances were the same
    before and after everything else was read. `unread` are orders of ours on which the venue's word could not be read,
    `untold` what it does not tell at all, with what it said.
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
    unread: frozenset[str] = frozenset()
    untold: Mapping[str, str] = field(default_factory=dict)


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
        """Raises ExchangeUnavailable where any list of it cannot be read. One order that cannot be is `unread`."""
        balances = await self.venue.balances()
        listed = await self.venue.open_orders()
        # After the listing: what has left it by then has its fills told.
        ours = self.books.read(self.live)
        orders = dict(zip(self._names(listed, ours), listed, strict=True))
        symbols = self.books.read(lambda conn: self._symbols(conn, since_ns, listed, balances))
        fills = [fill for symbol in sorted(symbols) for fill in await self.venue.fills(symbol, since_ns)]
        asked = [row for row in ours if row.owner != EXTERNAL and row.client_order_id not in orders]
        reports, unread = await self._reports(row for row in asked if not self.is_active(row))
        moved_since_ns = self.books.read(lambda conn: self._moved_since(conn, since_ns))
        untold: dict[str, str] = {}
        return Told(
            since_ns=since_ns,
            symbols=symbols,
            orders=orders,
            fills=self._in_order(fills),
            reports=reports,
            balances=balances,
            positions=await self.venue.positions(),
            transfers=await _offered("transfers", self.venue.transfers(moved_since_ns), untold),
            fundings=await _offered("fundings", self.venue.fundings(since_ns), untold),
            steady=balances == await self.venue.balances(),
            unread=unread,
            untold=untold,
        )

    async def _reports(self, rows: Iterable[Row[Any]]) -> tuple[dict[str, OrderReport | None], frozenset[str]]:
        reports: dict[str, OrderReport | None] = {}
        unread = set()
        for row in rows:
            try:
                reports[row.client_order_id] = await self.venue.report(row.client_order_id, row.symbol)
            except ExchangeUnavailable:
                unread.add(row.client_order_id)
        return reports, frozenset(unread)

    def _in_order(self, fills: Sequence[Fill]) -> tuple[Fill, ...]:
        """By time, and within one moment what was bought before what was sold, each by our name of its order."""
        ours = self.books.read(lambda conn: self._ours(conn, {fill.client_order_id for fill in fills}))
        named = [replace(f, client_order_id=ours.get(f.client_order_id, f.client_order_id)) for f in fills]
        return tuple(sorted(named, key=lambda fill: (fill.ts_event_ns, fill.side is Side.SELL, fill.trade_id)))

    def _moved_since(self, conn: Connection, since_ns: int) -> int:
        opened_ns = accounts.account(conn, self.account_id).opened_ns
        return max(opened_ns, min(since_ns, self.clock.now_ns() - _TRANSFERS_BACK_NS))

    def is_active(self, row: Row[Any]) -> bool:
        """Whether it is on its way, or something happened to it a moment ago."""
        return row.state is OrderState.SENDING or self.clock.now_ns() - row.updated_ns < self.quiet_ns

    def live(self, conn: Connection) -> list[Row[Any]]:
        table = tables.orders
        wanted = and_(table.c.account_id == self.account_id, table.c.state.in_(LIVE_STATES))
        return list(conn.execute(select(table).where(wanted)))

    def _names(self, listed: Sequence[VenueOrder], ours: Iterable[Row[Any]]) -> list[str]:
        """Each by its client id, or where the venue tells none by that of our order with its id."""
        known = {row.exchange_order_id: row.client_order_id for row in ours}
        told = {order.client_order_id for order in listed if order.client_order_id}
        named = self.books.read(lambda conn: self._ours(conn, told))
        return [
            named.get(order.client_order_id or "", order.client_order_id)
            or known.get(order.exchange_order_id)
            or f"{EXTERNAL}-{order.exchange_order_id}"
            for order in listed
        ]

    def _ours(self, conn: Connection, told: Iterable[str]) -> dict[str, str]:
        """Our name of each order that a venue names with the hyphens of a UUID, which it may add to an id of ours."""
        bare = {name: name.replace("-", "").lower() for name in told if "-" in name}
        table = tables.orders
        wanted = and_(table.c.account_id == self.account_id, table.c.client_order_id.in_(set(bare.values())))
        ours = set(conn.scalars(select(table.c.client_order_id).where(wanted))) if bare else set()
        return {name: plain for name, plain in bare.items() if plain in ours}

    def _symbols(
        self, conn: Connection, since_ns: int, listed: Iterable[VenueOrder], balances: Mapping[str, Decimal]
    ) -> frozenset[str]:
        """Whatever was, is or may have been traded since."""
        table, account = tables.orders, accounts.account(conn, self.account_id)
        recent = or_(table.c.state.in_(LIVE_STATES), table.c.updated_ns >= since_ns)
        traded = select(table.c.symbol).where(table.c.account_id == self.account_id, recent).distinct()
        found = set(conn.scalars(traded))
        found |= {p.symbol for p in ledger.positions(conn, self.account_id)} | {order.symbol for order in listed}
        ours, outside = accounts.balances(conn, self.account_id), accounts.outside(conn, self.account_id)
        for held in (ours, outside, balances):
            found |= coins(held, account.numeraire)
        return frozenset(symbol for symbol in found if self.market.instrument(symbol) is not None)


async def _offered(what: str, read: Awaitable[tuple[T, ...]], untold: dict[str, str]) -> tuple[T, ...]:
    """Nothing where the venue has no such read: money that moves unseen is a balance that is off."""
    try:
        return await read
    except NotOffered as refused:
        untold[what] = str(refused)
        return ()
