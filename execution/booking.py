"""Books what a reconciliation was told: fills once and in their order, states, orders of others, money that moved."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, or_, select

from core.errors import ConfigError, LedgerBroken
from core.instruments import Instrument
from core.money import ZERO, text_of
from core.orders import Fill, OrderState
from execution import guardbook, lifecycle
from execution.adoption import Adoption
from execution.mismatches import Mismatch, MismatchKind
from execution.orderbook import EXTERNAL
from execution.ports import VenueTransfer
from execution.resolution import Look, unseen, vanished
from execution.settle import apply_fill, book, settle
from execution.snapshot import last_price
from execution.telling import Listener, Told
from memory.books import accounts, journal, ledger, tables

# What a fill may not be told differently in. What it is called by may: not every list of trades knows our ids.
_SAME: Final = ("symbol", "side", "quantity", "price", "fee", "fee_currency")
_FEE: Final = frozenset({"fee", "fee_currency"})


@dataclass(slots=True)
class Booking:
    """One reconciliation's writing. It gathers what cannot be booked, and what is too fresh to judge."""

    listener: Listener
    adoption: Adoption
    told: Told
    mismatches: list[Mismatch] = field(default_factory=list)
    left_alone: set[str] = field(default_factory=set)
    unbooked: dict[Fill, str] = field(default_factory=dict)  # and why
    counted: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("fills", "adopted", "transfers", "fundings"), 0)
    )

    # Orders of others.

    def adopt(self, conn: Connection, names: Sequence[str], now_ns: int) -> None:
        """Listed orders that the books have not: from now on they count."""
        known = self._rows(conn, names)
        strange = [name for name in names if name not in known]
        for name in strange:
            order = self.told.orders[name]
            what = f"somebody else's order: {order.side} {text_of(order.quantity)} {order.symbol}"
            self._differs(MismatchKind.UNKNOWN_ORDER, name, what)
        # One of nothing cannot be counted, and one of a symbol that the market does not know has no worst case.
        countable = [n for n in strange if (o := self.told.orders[n]).symbol in self.told.symbols and o.quantity > 0]
        self.adoption.adopt(conn, {name: self.told.orders[name] for name in countable}, now_ns)
        self.counted["adopted"] += len(countable)

    # Fills.

    def fills(self, conn: Connection, fills: Sequence[Fill], now_ns: int) -> None:
        """Oldest first, since what is sold was bought before. Each order that they belong to follows."""
        known = self._known(conn, fills)
        fresh: dict[str, list[Fill]] = {}
        for fill in fills:
            if (booked := known.get(fill.trade_id)) is not None:
                self._must_be_the_same(booked, fill)
            elif self._apply(conn, fill):
                fresh.setdefault(fill.client_order_id, []).append(fill)
        rows = self._rows(conn, fresh)
        for name, of_one in fresh.items():
            self.counted["fills"] += len(of_one)
            if name in rows:
                said, claimed, venue_id = self._word(rows[name])
                book(conn, rows[name], said, claimed, of_one, venue_id, self._instrument(of_one[0].symbol), now_ns)
            else:
                self._of_nobody(conn, name, of_one, now_ns)

    def _apply(self, conn: Connection, fill: Fill) -> bool:
        """False where it cannot be booked: the books stay as they are, and it is tried once more."""
        try:
            with conn.begin_nested():
                return apply_fill(conn, fill, self._instrument(fill.symbol), self.listener.market)
        except LedgerBroken as broken:
            self.unbooked[fill] = str(broken)
            return False

    def refused(self, conn: Connection, now_ns: int) -> None:
        """What could not be booked, once more: of one moment nobody tells what came first. Then a person looks."""
        again, self.unbooked = list(self.unbooked), {}
        self.fills(conn, again, now_ns)
        for fill, why in self.unbooked.items():
            self._differs(MismatchKind.UNBOOKABLE, f"trade {fill.trade_id}", why)

    def _of_nobody(self, conn: Connection, name: str, fills: Sequence[Fill], now_ns: int) -> None:
        """Of an order that is over, and that nobody here knew."""
        for fill in fills:
            journal.append(conn, self._account_id, "fill", fill, ts_ns=now_ns)
        guardbook.follow(conn, None, fills, self._instrument(fills[0].symbol), now_ns)
        traded = text_of(sum((fill.quantity for fill in fills), ZERO))
        what = f"somebody else's order: {fills[0].side} {traded} {fills[0].symbol}, traded"
        self._differs(MismatchKind.UNKNOWN_ORDER, name, what)

    def _must_be_the_same(self, booked: Row[Any], fill: Fill) -> None:
        other = [name for name in _SAME if getattr(booked, name) != getattr(fill, name)]
        if other:
            kind = MismatchKind.FEE_OFF if _FEE.issuperset(other) else MismatchKind.UNBOOKABLE
            told = ", ".join(f"{name} {getattr(booked, name)}, now {getattr(fill, name)}" for name in other)
            self._differs(kind, f"trade {fill.trade_id}", f"it was booked with {told}")

    # States.

    def names_to_look_at(self) -> list[str]:
        """Live orders of ours, and whatever is listed."""
        live = self.listener.books.read(self.listener.live)
        return sorted({row.client_order_id for row in live} | set(self.told.orders))

    def orders(self, conn: Connection, names: Sequence[str], now_ns: int) -> None:
        for row in self._rows(conn, names).values():
            unread = row.client_order_id in self.told.unread or self.listener.market.instrument(row.symbol) is None
            if unread or self.listener.is_active(row):
                self.left_alone.add(row.client_order_id)
            else:
                self._follow(conn, row, now_ns)

    def _follow(self, conn: Connection, row: Row[Any], now_ns: int) -> None:
        name, instrument = row.client_order_id, self._instrument(row.symbol)
        report = self.told.reports.get(name)
        try:
            with conn.begin_nested():
                if report is not None:
                    settle(conn, report, instrument, self.listener.market, now_ns)
                elif name in self.told.orders or row.owner == EXTERNAL:
                    said, claimed, venue_id = self._word(row)
                    book(conn, row, said, claimed, (), venue_id, instrument, now_ns)
                elif name in self.told.reports and self._is_gone(conn, name, now_ns):
                    self._differs(MismatchKind.ORDER_VANISHED, name, vanished(name))
        except LedgerBroken as broken:
            self._differs(MismatchKind.UNBOOKABLE, name, str(broken))
        claimed, booked = self._word(row)[1], lifecycle.order(conn, name).filled_quantity
        if claimed > booked:
            what = f"the venue says that {text_of(claimed)} filled, and tells fills of {text_of(booked)}"
            self._differs(MismatchKind.MISSING_FILL, name, what)

    def _is_gone(self, conn: Connection, name: str, now_ns: int) -> bool:
        return unseen(conn, name, self.listener.venue.absence, now_ns) is Look.VANISHED

    def _word(self, row: Row[Any]) -> tuple[OrderState, Decimal, str | None]:
        """The venue's word on an order: its state, how much it says has filled, and its own name for it."""
        name = row.client_order_id
        listed, report = self.told.orders.get(name), self.told.reports.get(name)
        if listed is not None:
            return listed.state, listed.filled_quantity, listed.exchange_order_id
        if report is not None:
            return report.state, report.filled_quantity, report.exchange_order_id
        # Nobody reports on an order of somebody else: one that is listed no more has ended.
        over = row.owner == EXTERNAL and row.state.live
        return OrderState.CANCELLED if over else row.state, ZERO, row.exchange_order_id

    # Money.

    def came_in(self, conn: Connection, now_ns: int) -> None:
        """Deposits, before the fills that may have spent them."""
        self._transfers(conn, [moved for moved in self.told.transfers if moved.amount > 0], now_ns)

    def money(self, conn: Connection, now_ns: int) -> None:
        """Withdrawals and funding, each once."""
        self._transfers(conn, [moved for moved in self.told.transfers if moved.amount <= 0], now_ns)
        for paid in self.told.fundings:
            try:
                with conn.begin_nested():
                    new = ledger.apply_funding(
                        conn,
                        self._account_id,
                        self._instrument(paid.symbol),
                        paid.payment,
                        ts_event_ns=paid.ts_event_ns,
                    )
                self.counted["fundings"] += new
            except (ConfigError, LedgerBroken) as broken:
                subject = f"funding of {paid.symbol} at {paid.ts_event_ns}"
                self._differs(MismatchKind.UNBOOKABLE, subject, str(broken))

    def _transfers(self, conn: Connection, moves: Sequence[VenueTransfer], now_ns: int) -> None:
        market, numeraire = self.listener.market, accounts.account(conn, self._account_id).numeraire
        for moved in moves:
            symbol = f"{moved.currency}/{numeraire}"
            try:
                with conn.begin_nested():
                    new = accounts.transfer(
                        conn,
                        self._account_id,
                        moved.currency,
                        moved.amount,
                        transfer_id=moved.transfer_id,
                        ts_ns=moved.ts_event_ns,
                        price=last_price(market, symbol, moved.ts_event_ns) or last_price(market, symbol, now_ns),
                    )
                self.counted["transfers"] += new
            except (ConfigError, LedgerBroken) as broken:
                self._differs(MismatchKind.UNBOOKABLE, f"transfer {moved.transfer_id}", str(broken))
                continue
            if new:
                journal.append(conn, self._account_id, "transfer", moved, ts_ns=now_ns)
                guardbook.leave(conn, self._account_id, moved.currency, now_ns)

    # What does not agree, and what cannot be said yet.

    def missing_there(self, conn: Connection, now_ns: int) -> None:
        """Fills that the books have and the venue does not list."""
        table, told = tables.fills, {fill.trade_id for fill in self.told.fills}
        wanted = and_(
            table.c.account_id == self._account_id,
            table.c.venue == self.listener.venue.name,
            table.c.ts_event_ns >= self.told.since_ns,
            table.c.ts_event_ns <= now_ns - self.listener.quiet_ns,
        )
        for trade_id, symbol in conn.execute(select(table.c.trade_id, table.c.symbol).where(wanted)):
            if symbol in self.told.symbols and trade_id not in told:
                what = "it is booked, and the venue does not list it"
                self._differs(MismatchKind.MISSING_FILL, f"trade {trade_id}", what)

    def moving(self, conn: Connection, now_ns: int) -> set[str]:
        """Currencies and symbols that were active a moment ago: neither side's total is the last word."""
        if not self.told.steady:
            return {*self.told.balances, *self.told.symbols}
        since_ns, found = now_ns - self.listener.quiet_ns, set()
        table = tables.orders
        active = or_(table.c.state == OrderState.SENDING, table.c.updated_ns > since_ns)
        found |= set(conn.scalars(select(table.c.symbol).where(table.c.account_id == self._account_id, active)))
        for fill in self.told.fills:
            if fill.ts_event_ns > since_ns:
                found |= {fill.symbol, fill.fee_currency}
        for symbol in tuple(found & self.told.symbols):
            found |= {self._instrument(symbol).base, self._instrument(symbol).quote}
        return found

    # Small things.

    @property
    def _account_id(self) -> str:
        return self.listener.account_id

    def _differs(self, kind: MismatchKind, subject: str, detail: str) -> None:
        self.mismatches.append(Mismatch(kind, subject, detail))

    def _instrument(self, symbol: str) -> Instrument:
        found = self.listener.market.instrument(symbol)
        if found is None:
            raise ConfigError(f"the venue tells of {symbol}, and this market does not know it")
        return found

    def _known(self, conn: Connection, fills: Sequence[Fill]) -> dict[str, Row[Any]]:
        table = tables.fills
        wanted = and_(table.c.venue == self.listener.venue.name, table.c.trade_id.in_([f.trade_id for f in fills]))
        return {row.trade_id: row for row in conn.execute(select(table).where(wanted))}

    def _rows(self, conn: Connection, names: Iterable[str]) -> dict[str, Row[Any]]:
        table = tables.orders
        wanted = and_(table.c.account_id == self._account_id, table.c.client_order_id.in_(list(names)))
        return {row.client_order_id: row for row in conn.execute(select(table).where(wanted))}
