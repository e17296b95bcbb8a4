"""The real gateway, with the witness looking over its shoulder: who reviews, who tickets, who sends and who cancels."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, insert

from core.orders import Order, Proposal
from core.time import ManualClock
from core.verdicts import Receipt
from execution import latches
from execution.breakers import Breakers
from execution.door import Door
from execution.gate import Gate
from execution.kill import KillSwitch
from execution.tickets import ApprovedOrder, TicketOffice, TicketRefused
from execution.vitals import VenueStatus, Vitals
from execution.watch import Watch, WatchReport
from fuzz.exchange import Exchange
from fuzz.tape import Tape
from fuzz.witness import Witness
from memory.books import accounts, ledger, tables
from memory.books.database import Books
from risk.review import Rulebook, Ruling
from risk.states import Kind

ACCOUNT: Final = "paper"
TTL_S: Final = 5


class WitnessedGate(Gate):
    """Tells the witness every review that counts, in the moment that it is made."""

    witness: Witness

    def _review(
        self, conn: Connection, proposal: Proposal, *, reused_id: bool = False, vouched: bool = False
    ) -> tuple[Any, Any, Ruling]:
        facts, look, ruling = super()._review(conn, proposal, reused_id=reused_id, vouched=vouched)
        reducing, rules = ruling.candidate.reducing, ruling.rules
        denied = [str(rules[at].code) for at in ruling.failed if not reducing or rules[at].binds_exits]
        standing = ruling.candidate.standing
        self.witness.reviewed(proposal, denied, standing.state.value, standing.caps, vouched=vouched, reused=reused_id)
        return facts, look, ruling

    def _reserve(self, conn: Connection, proposal: Proposal, facts: Any, *, vouched: bool = False) -> str:
        name = super()._reserve(conn, proposal, facts, vouched=vouched)
        self.witness.approved(proposal.order, vouched=vouched)
        return name

    async def cancel(self, client_order_id: str, symbol: str) -> None:
        self.witness.cancelling(client_order_id)
        await super().cancel(client_order_id, symbol)


class WitnessedWatch(Watch):
    """Has the witness look when the watch does: what is cancelled afterwards was still there."""

    witness: Witness

    def _mark(self, conn: Connection, now_ns: int, fired: tuple[Receipt, ...]) -> WatchReport:
        report = super()._mark(conn, now_ns, fired)
        self.witness.stepped()
        return report


class LeakyOffice(TicketOffice):
    """Keeps a copy of every ticket, for whoever wants to misuse one."""

    def __init__(self, account_id: str, ttl_s: int) -> None:
        super().__init__(account_id, ttl_s)
        self.leaked: list[ApprovedOrder] = []

    def mint(self, order: Order, epoch: int, now_ns: int, *, reducing: bool = False) -> ApprovedOrder:
        approved = super().mint(order, epoch, now_ns, reducing=reducing)
        self.leaked.append(approved)
        return approved


class SlowDoor(Door):
    """Can keep a send waiting in front of it, while things happen."""

    witness: Witness
    waits: Callable[[], Any] | None = None

    async def submit(self, approved: ApprovedOrder, client_order_id: str, decided_ns: int) -> None:
        if self.waits is not None:
            waits, self.waits = self.waits, None
            await waits()
        try:
            await super().submit(approved, client_order_id, decided_ns)
        except TicketRefused:
            self.witness.refused(client_order_id)
            raise


@dataclass
class Desk:
    """One account's gateway. `restart` is the same books, market and venue under a new process."""

    books: Books
    tape: Tape
    clock: ManualClock
    rulebook: Rulebook
    exchange: Exchange
    witness: Witness
    kill: KillSwitch

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.office = LeakyOffice(ACCOUNT, TTL_S)
        self.vitals = Vitals(self.clock, simulated=True)
        self.door = SlowDoor(self.exchange, self.office, self.clock, self.kill, self.vitals)
        self.door.witness = self.witness
        policy = self.rulebook.policy
        self.breakers = Breakers(ACCOUNT, self.exchange.name, policy, self.vitals, self.kill)
        wiring = (ACCOUNT, self.books, self.tape)
        self.gate = WitnessedGate(
            *wiring, self.door, self.office, self.rulebook, self.clock, self.breakers, self.vitals
        )
        self.gate.witness = self.witness
        self.watch = WitnessedWatch(*wiring, self.gate, self.door, self.office, self.clock, self.breakers)
        self.watch.witness = self.witness

    async def step(self) -> None:
        await self.watch.step()

    def hears(self, status: int, *, restricted: bool) -> None:
        """What the venue announces of itself."""
        self.vitals.hears_status(VenueStatus(status), restricted=restricted)
        self.witness.venue_status, self.witness.restricted = status, restricted

    def latched(self) -> list[tuple[int, str, str]]:
        """The number, name and reading of every live latch."""
        found = self.books.read(lambda conn: latches.live(conn, ACCOUNT, self.clock.now_ns()))
        return [(x.latch_id, x.cause.name, x.cause.reads.value) for x in found if x.cause.kind is Kind.LATCH]

    def transfer(self, amount: Decimal) -> None:
        move = accounts.deposit if amount > 0 else accounts.withdraw
        now_ns = self.clock.now_ns()
        self.books.write(lambda conn: move(conn, ACCOUNT, "USDT", abs(amount), ts_ns=now_ns, reason="a person's"))
        self.exchange.transfer(amount)
        self.witness.holdings.transfer(Fraction(amount))

    def compare(self) -> None:
        """Holds the books against the witness."""

        def read(conn: Connection) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
            held = {p.symbol: p.quantity * p.side.sign for p in ledger.positions(conn, ACCOUNT)}
            return accounts.balances(conn, ACCOUNT), held

        self.witness.differs(*self.books.read(read))


def open_account(books: Books, cash: Decimal, now_ns: int, cycle_id: str, evidence: str) -> None:
    """An account with its first deposit, and one cycle that has evidence in its record."""
    answer = {
        "cycle_id": cycle_id,
        "node": "research",
        "lane": "BTC/USDT",
        "sequence": 1,
        "request": "",
        "response": "",
    }

    def write(conn: Connection) -> None:
        accounts.open_account(conn, ACCOUNT, "USDT", {"USDT": cash}, ts_ns=now_ns, clock_ns=now_ns)
        conn.execute(insert(tables.effects).values(**answer, body=f'{{"evidence": "{evidence}"}}'))

    books.write(write)


def kill_switch(folder: Path) -> KillSwitch:
    return KillSwitch(folder / "HALT")
