"""The watch: the timers of money. Called on a timer when live, and for every bar between cycles in a run.

`step(now)` lets a simulated venue match, books what the venue says, leaves what is to be left, works parent orders, has
stops rest at the venue, marks the account, trips breakers, and lets approvals expire. It needs no agent and no cycle.
What breaks in one of these becomes an incident, which closes the desk for new risk, and holds up none of the others.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection

from core.errors import DeskBusy, ExchangeUnavailable, LedgerBroken
from core.ports import Clock, MarketFacts
from core.verdicts import AnswerKind, Receipt
from execution import incidents, lifecycle, orderbook
from execution.algorithms.driver import Algorithms
from execution.breakers import Breakers
from execution.carry import Carry
from execution.deadman import DeadMan
from execution.door import Door
from execution.gate import Gate
from execution.guards import Guard
from execution.mismatches import Reconciled
from execution.orderbook import Attempt
from execution.polling import Polls
from execution.readings import net_equity, sight
from execution.reconcile import Reconciler, Rounds
from execution.resting import RestingStops
from execution.restriction import Restriction
from execution.stops import Stops
from execution.tickets import TicketOffice
from execution.ways import WayOut
from memory.books import accounts, journal
from memory.books.database import Books
from memory.books.words import ApprovalState, IncidentKind
from risk.breakers import Trip
from risk.states import TradingState


@dataclass(frozen=True, slots=True)
class WatchReport:
    """What one step found: the account's mark, its state, stops that fired, causes that tripped."""

    now_ns: int
    equity: Decimal | None
    state: TradingState
    fired: tuple[Receipt, ...]
    tripped: tuple[Trip, ...]


class Watch:
    def __init__(
        self,
        account_id: str,
        books: Books,
        market: MarketFacts,
        gate: Gate,
        door: Door,
        office: TicketOffice,
        clock: Clock,
        breakers: Breakers,
        reconciler: Reconciler | None = None,
        *,
        reconcile_every_s: int = 60,
    ) -> None:
        self._account_id = account_id
        self._books = books
        self._market = market
        self._gate = gate
        self._door = door
        self._office = office
        self._clock = clock
        self._breakers = breakers
        self._restriction = Restriction(account_id, door.venue_name, door.vitals)
        self._dead_man = DeadMan(account_id, books, door)
        self._reconciler = reconciler
        self.rounds = Rounds(reconcile_every_s)
        self._stops = Stops(account_id, books, market, gate, clock)
        self._carry = Carry(account_id, books, market, door, clock)
        self._resting = RestingStops(account_id, books, market, gate, clock, self._dead_man.off)
        self._polls = Polls(self._poll)
        self.algorithms = Algorithms(account_id, books, market, gate, clock)

    async def step(self) -> WatchReport:
        """One round at the clock's now. Raises DeskBusy where the account is another desk's by now."""
        if self._breakers.killed:
            # First, and without the books: they may be what is broken.
            await self._door.cancel_risky()
            with self._alone("kill switch"):
                await self._gate.look()
        with self._alone("halt"):
            await self._gate.cancel_entries()
        now_ns = self._clock.now_ns()
        fired = await self._leave(now_ns)
        with self._alone("reconciliation"):
            await self._reconcile_in_time(now_ns)
        with self._alone("dead man"):
            await self._dead_man.beat(now_ns)
        try:
            report = self._books.write(lambda conn: self._mark(conn, now_ns, fired))
            if report.tripped:
                self._office.void_all()
        finally:
            await self._gate.cancel_entries()
        return report

    async def _leave(self, now_ns: int) -> tuple[Receipt, ...]:
        """Matches and books what has traded, and sends every exit that is due.

        Stops come before whatever else a bar may have filled: what happened first inside it is not known. Those that
        fire may fill in the same bar, so it goes round until none does.
        """
        done: dict[str, Receipt | None] = {}
        hit = self._hit(now_ns, done)
        while True:
            for guard, way in hit:
                done[guard.stop_id] = None
                with self._alone(f"stop {guard.stop_id}"):
                    done[guard.stop_id] = await self._stops.send(guard, way)
            await self._door.advance(now_ns)
            await self.poll_live()
            with self._alone("perpetuals"):
                await self._carry.book()
            hit = self._hit(now_ns, done)
            if not hit:
                break
        fired = [receipt for receipt in done.values() if receipt is not None]
        with self._alone("exits"):
            fired += await self._stops.leave(now_ns)
        with self._alone("algorithms"):
            await self.algorithms.step()
        if self._door.rests_stops:
            with self._alone("resting stops"):
                await self._resting.protect()
        return tuple(fired)

    def _hit(self, now_ns: int, done: Mapping[str, object]) -> list[tuple[Guard, WayOut]]:
        with self._alone("stops"):
            return self._stops.hit(now_ns, set(done))
        return []

    @contextmanager
    def _alone(self, stage: str) -> Iterator[None]:
        """What breaks inside becomes an incident, and the step goes on. A venue that cannot be read is counted already.

        DeskBusy leaves, and so does what not even the books can be told: without them nothing else works either.
        """
        try:
            yield
        except ExchangeUnavailable:
            return
        except DeskBusy:
            raise
        except Exception as broken:  # noqa: BLE001  # the top of the loop that guards the money
            kind = IncidentKind.MISMATCH if isinstance(broken, LedgerBroken) else IncidentKind.IRREGULARITY
            what, now_ns = f"{type(broken).__name__}: {broken}", self._clock.now_ns()
            self._books.write(lambda conn: incidents.add(conn, self._account_id, kind, stage, what, now_ns))

    async def recover(self) -> Reconciled | None:
        """First thing of a new process: what was on its way when the last one ended is unknown until it is found.

        Raises ExchangeUnavailable where the venue cannot be read.
        """
        now_ns = self._clock.now_ns()

        def write(conn: Connection) -> None:
            for attempt in orderbook.live_attempts(conn, self._account_id):
                lifecycle.lost(conn, attempt.client_order_id, now_ns)

        self._books.write(write)
        await self.poll_live()
        return await self.reconcile()

    async def reconcile(self) -> Reconciled | None:
        """Brings the books into agreement with the venue; what contradicts them takes effect at once.

        None without a reconciler. Raises ExchangeUnavailable where the venue cannot be read.
        """
        if self._reconciler is None:
            return None
        found = await self._reconciler.reconcile()
        self.rounds.last_ns = found.at_ns
        if found.mismatches:
            await self._gate.look()
        return found

    async def _reconcile_in_time(self, now_ns: int) -> None:
        """By the timer, which begins with the first step: a desk recovers before that. A failure waits as long."""
        if self.rounds.take(now_ns):
            await self.reconcile()

    def reconcile_soon(self) -> None:
        """With the next step: what a lost stream of the account did not tell may be anything."""
        self.rounds.wanted = True

    async def poll_live(self) -> None:
        """Asks the venue about every order of ours that may still fill: at start-up, and at every step.

        A venue that cannot be read leaves its orders as they are, counted, and must not hold up marks and breakers.
        """
        live = self._books.read(lambda conn: orderbook.live_attempts(conn, self._account_id))
        await self._polls.round(attempt for attempt in live if not attempt.external)

    def is_settled(self, conn: Connection) -> bool:
        """Whether the next step has nothing to catch up on, but for what the market does until then."""
        return not self.rounds.wanted and not (self._door.rests_stops and self._resting.open_gaps(conn))

    async def close(self) -> None:
        """Lets go of what the venue was still asked."""
        await self._polls.close()

    async def _poll(self, attempt: Attempt) -> None:
        with self._alone(f"order {attempt.client_order_id}"):
            await self._gate.poll(attempt.client_order_id, attempt.symbol)

    # Marks and breakers.

    def _mark(self, conn: Connection, now_ns: int, fired: tuple[Receipt, ...]) -> WatchReport:
        seen = sight(conn, self._account_id, self._market, now_ns)
        if seen.equity is not None:
            accounts.mark(conn, self._account_id, now_ns, net_equity(conn, self._account_id, seen.equity))
        self._restriction.keep(conn, now_ns)
        look = self._breakers.look(conn, seen)
        self._expire(conn, now_ns)
        # A clock that was turned back tells the breakers nothing new, and must not keep them from looking.
        accounts.set_clock(conn, self._account_id, max(now_ns, accounts.account(conn, self._account_id).clock_ns))
        state = look.standing().state
        return WatchReport(now_ns, seen.equity, state, fired, look.tripped)

    def _expire(self, conn: Connection, now_ns: int) -> None:
        for row in orderbook.approvals(conn, self._account_id, [ApprovalState.WAITING]):
            if now_ns > row.expires_ns:
                orderbook.settle_approval(
                    conn, row.proposal_id, ApprovalState.EXPIRED, by="clock", reason="nobody answered", now_ns=now_ns
                )
                orderbook.answer(conn, row.proposal_id, AnswerKind.DENIED, "nobody answered in time")
                journal.append(conn, self._account_id, "expired", {"proposal_id": row.proposal_id}, ts_ns=now_ns)
