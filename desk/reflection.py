"""Reflection: for every thesis that resolved, one lesson, remembered from the moment that its end was known.

What was written stands in the account's journal, so that a restart writes none of them twice, and none that a person
made the desk forget. A lesson that cannot be remembered now is written as soon as it can.
"""

from decimal import Decimal
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, func, select

from agents.reflection import Resolved, Tally, lesson, regime_of
from core.canonical import JSON, plain
from core.orders import Proposal
from core.ports import Abstain
from core.taint import Taint, join
from desk.build import Desk
from execution import actions, orderbook
from memory.books import blobs, journal, owners, records, tables
from memory.books.words import RecordKind

LESSON: Final = "lesson"  # of the journal's entries
SILENT: Final = "lesson_unwritten"
_BARS: Final = 200
_RESOLVED = TypeAdapter(Resolved)
_HALF: Final = Decimal("0.5")


class Reflection:
    """One account's. It looks between cycles; what it found before is read from the journal once."""

    def __init__(self, desk: Desk[Any, Any]) -> None:
        self._desk = desk
        self._tallies: dict[tuple[str, str], Tally] = {}
        self._after: int | None = None
        self._silent: str | None = None

    async def look(self) -> Abstain | None:
        """Writes a lesson for every round trip that ended since, oldest first. What keeps it from that is answered."""
        desk = self._desk
        if self._after is None:
            self._after = desk.books.read(self._remember)
        after = self._after
        for trip in desk.books.read(lambda conn: _trips(conn, desk.account_id, after)):
            resolved = desk.books.read(lambda conn, t=trip: self._resolved(conn, t))  # type: ignore[misc]
            if resolved is not None and (silent := await self._write(trip, resolved)) is not None:
                return silent
            self._after = trip.id
        return None

    async def _write(self, trip: Row[Any], resolved: Resolved) -> Abstain | None:
        desk, key = self._desk, (resolved.symbol, resolved.topic)
        tally = self._tallies.get(key, Tally()).adding(resolved)
        item, now_ns = lesson(resolved, tally), desk.clock.now_ns()
        answer = await desk.recall.remember([item], now_ns=now_ns)
        if isinstance(answer, Abstain):
            self._tell(answer.reason, now_ns)
            return answer
        # Remembered first, as it is there once however often it is told: killed between the two, it is written again.
        body = {"trip": trip.id, "item": item.item_id, "text": item.text, "resolved": plain(resolved)}
        desk.books.write(lambda conn: journal.append(conn, desk.account_id, LESSON, body, ts_ns=now_ns))
        self._tallies[key], self._silent = tally, None
        return None

    def _tell(self, why: str, now_ns: int) -> None:
        """Once, and not at every look."""
        desk = self._desk
        if why != self._silent:
            desk.books.write(lambda conn: journal.append(conn, desk.account_id, SILENT, {"why": why}, ts_ns=now_ns))
        self._silent = why

    def _remember(self, conn: Connection) -> int:
        """Counts what was written before, and answers the last trip of it."""
        last = 0
        for body in journal.bodies(conn, self._desk.account_id, LESSON):
            resolved = _RESOLVED.validate_python(body["resolved"])
            key = resolved.symbol, resolved.topic
            self._tallies[key] = self._tallies.get(key, Tally()).adding(resolved)
            last = body["trip"]
        return last

    def _resolved(self, conn: Connection, trip: Row[Any]) -> Resolved | None:
        """The thesis behind a round trip; None where nobody stated one, as for a deposit or a stranger's order.

        Nor has a trip in which a standing instruction traded: what it earned says nothing of a view.
        """
        since_ns = _since_ns(conn, trip)
        ended = _disposals(conn, trip, since_ns)
        if not ended or owners.traded_between(conn, trip.account_id, trip.symbol, since_ns, trip.closed_ns):
            return None
        first, last = ended[0], ended[-1]
        proposal, closing = (
            _proposal(conn, first.account_id, first.opened_by),
            _fill(conn, last.account_id, last.trade_id),
        )
        if proposal is None or closing is None or not proposal.thesis:
            return None
        views = _views(conn, proposal, trip.symbol)
        desk, entered = self._desk, trip.quantity * trip.entry_price
        frame = desk.market.decision_timeframe
        bars = desk.market.bars(trip.symbol, frame, as_of_ns=proposal.decided_ns, n=_BARS)
        return Resolved(
            account_id=trip.account_id,
            symbol=trip.symbol,
            side=first.side,
            regime=regime_of(bars),
            proposal_id=proposal.proposal_id,
            ended_by=_ended_by(_proposal(conn, last.account_id, last.trade_id)),
            opened_ns=first.opened_ns,
            known_ns=max(closing.known_at_ns, trip.closed_ns),
            entry_price=trip.entry_price,
            exit_price=trip.exit_price,
            earned=None if trip.pnl is None else round(trip.pnl / entered, 9),
            leans={view: lean for view, (lean, _) in views.items()},
            trust=join([proposal.taint, *(taint for _, taint in views.values())]),
        )


def _trips(conn: Connection, account_id: str, after: int) -> list[Row[Any]]:
    trips = tables.round_trips
    wanted = select(trips).where(trips.c.account_id == account_id, trips.c.id > after)
    return list(conn.execute(wanted.order_by(trips.c.id)))


def _since_ns(conn: Connection, trip: Row[Any]) -> int | None:
    """When the trip before it ended."""
    trips = tables.round_trips.c
    before = select(func.max(trips.closed_ns)).where(
        trips.account_id == trip.account_id, trips.symbol == trip.symbol, trips.id < trip.id
    )
    found: int | None = conn.scalar(before)
    return found


def _disposals(conn: Connection, trip: Row[Any], since_ns: int | None) -> list[Row[Any]]:
    """What a trip used up, in the order in which it came in and went out: a spot pair's coins, or the perpetual."""
    gone = tables.disposals
    asset = trip.symbol if ":" in trip.symbol else trip.symbol.partition("/")[0]
    wanted = select(gone).where(
        gone.c.account_id == trip.account_id, gone.c.asset == asset, gone.c.closed_ns <= trip.closed_ns
    )
    if since_ns is not None:
        wanted = wanted.where(gone.c.closed_ns > since_ns)
    return list(conn.execute(wanted.order_by(gone.c.opened_ns, gone.c.id)))


def _fill(conn: Connection, account_id: str, trade_id: str) -> Row[Any] | None:
    fills = tables.fills
    return conn.execute(select(fills).where(fills.c.account_id == account_id, fills.c.trade_id == trade_id)).first()


def _proposal(conn: Connection, account_id: str, trade_id: str) -> Proposal | None:
    """Who wanted a trade: the whole's, where an algorithm sent a slice of it. None where nobody here did."""
    fill, orders = _fill(conn, account_id, trade_id), tables.orders
    if fill is None:
        return None
    wanted_by = select(orders.c.proposal_id).where(orders.c.client_order_id == fill.client_order_id)
    proposal_id = conn.scalar(wanted_by)
    found = None if proposal_id is None else _stored(conn, proposal_id)
    whole = None if found is None else actions.parent_of(found)
    return found if whole is None else _stored(conn, whole)


def _stored(conn: Connection, proposal_id: str) -> Proposal | None:
    row = orderbook.find_proposal(conn, proposal_id)
    return None if row is None else orderbook.stored_proposal(row.body)


def _ended_by(proposal: Proposal | None) -> str:
    if proposal is None:
        return "the venue"
    if proposal.source.startswith(actions.STOP):
        return "its own exits"
    return "the desk" if actions.cycle_of(proposal) is not None else "a person"


def _views(conn: Connection, proposal: Proposal, symbol: str) -> dict[str, tuple[Decimal, Taint]]:
    """How each view of the cycle leaned on a symbol, from -1 to 1, and how far it could be trusted."""
    cycle_id = actions.cycle_of(proposal)
    decided = [] if cycle_id is None else [r for r in records.of_cycle(conn, cycle_id) if r.kind is RecordKind.DECISION]
    body = blobs.get_json(conn, decided[0].body) if decided else None
    if body is None:
        return {}
    found: dict[str, tuple[Decimal, Taint]] = {}
    if opinion := _of(symbol, body["research"], "opinions"):
        claims = join(Taint(claim["taint"]) for claim in opinion["claims"])
        found["research"] = Decimal(opinion["stance"]), claims
    if (outlook := _of(symbol, body["forecast"], "outlooks")) and outlook["p_up"] is not None:
        found["forecast"] = 2 * (Decimal(outlook["p_up"]) - _HALF), Taint(outlook["taint"])
    if mood := _of(symbol, body["sentiment"], "moods"):
        found["sentiment"] = Decimal(mood["score"]), Taint(mood["taint"])
    return found


def _of(symbol: str, view: JSON, part: str) -> JSON:
    return next((one for one in (view or {}).get(part, ()) if one["symbol"] == symbol), None)
