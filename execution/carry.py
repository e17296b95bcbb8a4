"""What perpetuals cost and hold at the venue between orders of ours: funding, margin, and what it closed by itself."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select

from core.errors import ExchangeUnavailable, LedgerBroken
from core.instruments import ContractKind, Instrument
from core.orders import Fill
from core.ports import Clock, MarketFacts
from core.time import DAY_NS
from execution import guardbook, incidents
from execution.door import Door
from execution.ports import VenueFunding, VenuePosition
from execution.settle import apply_fill
from memory.books import accounts, journal, ledger, tables
from memory.books.database import Books
from memory.books.words import IncidentKind

# What the venue did without an order of ours is told as of an order by this name.
EXTERNAL = "external-"


@dataclass(frozen=True, slots=True)
class _Asked:
    """Open perpetuals by symbol, and from when the venue is asked what they paid."""

    held: Mapping[str, Row[Any]]
    traded: bool
    since_ns: int


class Carry:
    def __init__(self, account_id: str, books: Books, market: MarketFacts, door: Door, clock: Clock) -> None:
        self._account_id = account_id
        self._books = books
        self._market = market
        self._door = door
        self._clock = clock
        self._asked_ns: int | None = None

    async def book(self) -> None:
        """Asks only where a perpetual is held or was traded lately. What cannot be read is asked at the next step."""
        now_ns = self._clock.now_ns()
        asked = self._books.read(lambda conn: self._ask(conn, now_ns))
        if not (asked.held or asked.traded):
            return
        with suppress(ExchangeUnavailable):
            paid = await self._door.fundings(asked.since_ns)
            positions = {p.symbol: p for p in await self._door.positions()}
            foreign = await self._foreign(asked.held, positions)
            self._books.write(lambda conn: self._book(conn, paid, positions, foreign, now_ns))
            self._asked_ns = now_ns

    def _ask(self, conn: Connection, now_ns: int) -> _Asked:
        table = tables.positions
        mine = select(table).where(table.c.account_id == self._account_id)
        held = {r.symbol: r for r in conn.execute(mine) if r.kind is ContractKind.PERPETUAL}
        last = select(func.max(tables.funding_payments.c.ts_event_ns)).where(
            tables.funding_payments.c.account_id == self._account_id
        )
        paid_ns = conn.execute(last).scalar()
        # A day before the last: two symbols may be told apart.
        since_ns = accounts.account(conn, self._account_id).opened_ns if paid_ns is None else paid_ns - DAY_NS
        return _Asked(held, self._traded(conn, now_ns), since_ns)

    def _traded(self, conn: Connection, now_ns: int) -> bool:
        """Whether a perpetual traded since it was last asked, or in the last two days where this process never did."""
        since_ns = now_ns - 2 * DAY_NS if self._asked_ns is None else self._asked_ns
        table = tables.fills
        lately = (table.c.account_id == self._account_id) & (table.c.ts_event_ns >= since_ns)
        symbols = conn.execute(select(table.c.symbol).where(lately).distinct()).scalars()
        return any(_perpetual(self._market.instrument(symbol)) for symbol in symbols)

    async def _foreign(self, held: Mapping[str, Row[Any]], told: Mapping[str, VenuePosition]) -> Sequence[Fill]:
        """Fills that no order of ours explains, of positions that are not what the venue says."""
        found: list[Fill] = []
        for symbol, row in held.items():
            position = told.get(symbol)
            if position is None or (position.side, position.quantity) != (row.side, row.quantity):
                fills = await self._door.fills(symbol, row.opened_ns)
                found += [fill for fill in fills if fill.client_order_id.startswith(EXTERNAL)]
        return found

    def _book(
        self,
        conn: Connection,
        paid: Sequence[VenueFunding],
        positions: Mapping[str, VenuePosition],
        foreign: Sequence[Fill],
        now_ns: int,
    ) -> None:
        for funding in paid:
            instrument, ts_ns = self._market.instrument(funding.symbol), funding.ts_event_ns
            with self._bookable(conn, f"funding of {funding.symbol} at {ts_ns}", now_ns):
                if instrument is not None and ledger.apply_funding(
                    conn, self._account_id, instrument, funding.payment, ts_event_ns=ts_ns
                ):
                    journal.append(conn, self._account_id, "funding", funding, ts_ns=now_ns)
        for fill in foreign:
            instrument = self._market.instrument(fill.symbol)
            with self._bookable(conn, f"trade {fill.trade_id}", now_ns):
                if instrument is not None and apply_fill(conn, fill, instrument, self._market):
                    self._note(conn, fill, instrument, now_ns)
        for position in ledger.positions(conn, self._account_id):
            told = positions.get(position.symbol)
            if told is not None and told.side is position.side and told.margin != position.margin:
                ledger.post_margin(conn, self._account_id, position.symbol, told.margin)

    @contextmanager
    def _bookable(self, conn: Connection, subject: str, now_ns: int) -> Iterator[None]:
        """What the books contradict leaves them as they are, holds up nothing else, and a person looks."""
        try:
            with conn.begin_nested():
                yield
        except LedgerBroken as broken:
            incidents.add(conn, self._account_id, IncidentKind.MISMATCH, subject, str(broken), now_ns)

    def _note(self, conn: Connection, fill: Fill, instrument: Instrument, now_ns: int) -> None:
        """What was guarded is guarded no longer, and somebody should look."""
        journal.append(conn, self._account_id, "fill", fill, ts_ns=now_ns)
        guardbook.follow(conn, None, [fill], instrument, now_ns)
        subject, what = f"order {fill.client_order_id}", f"the venue closed {fill.quantity} {fill.symbol} by itself"
        incidents.add(conn, self._account_id, IncidentKind.IRREGULARITY, subject, what, now_ns)


def _perpetual(instrument: Instrument | None) -> bool:
    return instrument is not None and instrument.kind is ContractKind.PERPETUAL
