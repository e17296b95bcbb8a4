"""Campaigns through the whole gate: one desk a session, over real books, while everything around it happens."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, Final

from core.errors import ConfigError, DeskError
from core.instruments import ContractKind, Instrument
from core.money import Quantity
from core.orders import Proposal
from core.time import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, ManualClock, parse_time
from core.verdicts import AnswerKind, Receipt
from execution.tickets import ApprovedOrder, TicketRefused
from fuzz.desk import TTL_S, Desk, kill_switch, open_account
from fuzz.exchange import Exchange
from fuzz.tally import Tally
from fuzz.tape import MONTH, Tape
from fuzz.wishes import CYCLE, READABLE, SEEN, Wishes
from fuzz.witness import Witness
from memory.books.database import Books
from risk.review import Rulebook
from risk.rules import RULES
from risk.rules.base import Rule
from risk.settings import RiskSettings

T0: Final = parse_time("2021-05-19T13:00Z")
CASH: Final = Decimal(10_000)
LONGEST: Final = 250  # proposals of one session
# Scripted prices leap, and proposals come in quick succession.
_LIVELY: Final[Mapping[str, Any]] = {
    "max_window_deviation": "0.5",
    "max_volatility_ratio": "20",
    "max_orders_second": 20,
    "max_orders_minute": 200,
    "max_orders_day": 10_000,
    "max_messages_minute": 500,
}
_POLICIES: Final[tuple[Mapping[str, Any], ...]] = (
    {},
    {"max_open_orders": 3, "max_positions": 2},
    {"max_leverage": "3", "max_cluster_exposure": "0.6", "max_stress_loss": "0.3"},
    {"approval": "tainted"},
    {"approval": "always", "approval_ttl_s": 600},
    {"max_orders_minute": 5, "max_messages_minute": 8, "duplicate_window_s": 20},
    {"managed_capital": "3000", "max_gross_exposure": "0.5", "max_net_exposure": "0.3"},
    {"restricted": ["SOL"], "max_repeats": 3, "max_order_size": "0.1", "max_expected_shortfall": "0.01"},
)


def _coin(
    symbol: str, price: str, tick: str, lot: str, *, hours: int = MONTH, **more: Any
) -> tuple[Instrument, Decimal, int]:
    return (
        Instrument(
            symbol, symbol.split("/")[0], "USDT", Decimal(tick), Decimal(lot), Decimal(lot), Decimal(10), **more
        ),
        Decimal(price),
        hours,
    )


_COINS: Final = (
    _coin("BTC/USDT", "40000", "0.01", "0.00001"),
    _coin("ETH/USDT", "2500", "0.01", "0.0001"),
    _coin("SOL/USDT", "45", "0.001", "0.001", max_quantity=Decimal(30)),
    _coin("WEI/USDT", "1.7", "0.000000000000000001", "0.000000000000000001"),
    _coin("USDC/USDT", "1", "0.0001", "0.01"),
    _coin("NEW/USDT", "7", "0.001", "0.1", hours=100),
    _coin("ETH/USDT:USDT", "2500", "0.01", "0.001", kind=ContractKind.PERPETUAL),
)


class Sessions:
    """A campaign under some rules: all of them, unless a test leaves one out; `often` names what it has most of."""

    def __init__(self, rules: Sequence[Rule] = RULES, *, often: str = "") -> None:
        self._rules = tuple(rules)
        self._often = often

    def run(self, seed: int, number: int, proposals: int = LONGEST, *, to_the_first: bool = False) -> Tally:
        """One session of a seed; it depends on nothing but the two numbers. It may end with the first finding."""
        rng, tally = Random(f"{seed}/session/{number}"), Tally()
        policy = RiskSettings.model_validate({**_LIVELY, **_POLICIES[number % len(_POLICIES)]})
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fuzz-", dir=_fast())))
            books = stack.enter_context(_empty_books(folder))
            runner = stack.enter_context(asyncio.Runner())
            session = _Session(rng, Rulebook(policy, self._rules), books, folder, tally)
            runner.run(session.run(proposals, self._often, to_the_first=to_the_first))
            for judgement in session.desk.witness.wrong:
                tally.note(f"session {number} of seed {seed}", judgement)
            tally.whole = tally.proposals
            tally.reached = session.desk.witness.reached
        return tally


class _Session:
    def __init__(self, rng: Random, rulebook: Rulebook, books: Books, folder: Path, tally: Tally) -> None:
        self.rng, self.tally = rng, tally
        tape = Tape(rng, _COINS, T0)
        kill = kill_switch(folder)
        witness = Witness(tape, rulebook.policy.model_dump(), CASH, kill.path.exists, ttl_s=TTL_S)
        witness.records, witness.readable = {f"cycle:{CYCLE}": {SEEN}}, {*READABLE}
        exchange = Exchange(rng, tape, witness, CASH)
        open_account(books, CASH, T0, CYCLE, SEEN)
        self.desk = Desk(books, tape, ManualClock(T0), rulebook, exchange, witness, kill)
        self.wishes = Wishes(rng, tape, witness)
        self.waiting: list[str] = []

    async def run(self, proposals: int, often: str, *, to_the_first: bool) -> None:
        actions: list[tuple[int, Callable[[], Coroutine[Any, Any, None]]]] = [
            (40, self.somebody_proposes),
            (8, self.several_propose_at_once),
            (12, self.the_market_trades),
            (14, self.seconds_pass),
            (3, self.hours_pass),
            (1, self.the_feed_breaks),
            (4, self.an_order_is_cancelled),
            (2, self.the_line_changes),
            (1, self.the_desk_is_stopped),
            (4, self.a_person_re_arms),
            (2, self.money_comes_or_goes),
            (1, self.the_venue_announces),
            (2, self.the_process_restarts),
            (3, self.a_person_answers),
            (4, self.somebody_misuses_a_ticket),
            (2, self.a_send_is_held_up),
        ]
        choices = [action for _, action in actions]
        weights = [100 if action.__name__ == often else weight for weight, action in actions]
        while self.tally.proposals < proposals:
            action = self.rng.choices(choices, weights)[0]
            self.tally.events[action.__name__.replace("_", " ")] += 1
            await action()
            if to_the_first and self.desk.witness.wrong:
                return
        self.desk.exchange.unreadable, self.desk.exchange.lost = False, None
        await self.desk.step()
        self.desk.compare()

    # What happens.

    async def somebody_proposes(self) -> None:
        await self._propose()

    async def several_propose_at_once(self) -> None:
        """All for one asset as often as not, and some while the watch takes its round."""
        together = self.rng.randint(2, 5)
        wishes = self.wishes.rush(together) if self.rng.random() < 0.5 else [None] * together
        proposing = [self._propose(wish) for wish in wishes]
        beside = [self.desk.step()] if self.rng.random() < 0.3 else []
        await asyncio.gather(*proposing, *beside)

    async def the_market_trades(self) -> None:
        for base in self.rng.sample(sorted(self.desk.tape.assets), 2):
            wild = self.rng.random() < 0.03
            move = self.rng.uniform(-0.2, 0.2) if wild else self.rng.gauss(0, 0.006)
            self.desk.tape.move(base, 1 + Decimal(round(move * 10**6)) / 10**6)
        await self.desk.step()

    async def seconds_pass(self) -> None:
        await self._pass(self.rng.choice((SECOND_NS, 5 * SECOND_NS, 30 * SECOND_NS, MINUTE_NS, 10 * MINUTE_NS)))

    async def hours_pass(self) -> None:
        """A clock that jumps, with a market that went on or stood still."""
        await self._pass(self.rng.choice((HOUR_NS, 3 * HOUR_NS, 12 * HOUR_NS, DAY_NS + HOUR_NS)))
        if self.rng.random() < 0.8:
            self.desk.tape.show()
        await self.desk.step()

    async def the_feed_breaks(self) -> None:
        self.desk.tape.break_quote(self.rng.choice(sorted(self.desk.tape.instruments)))
        if self.rng.random() < 0.5:
            await self.desk.step()

    async def an_order_is_cancelled(self) -> None:
        live = [s for s in self.desk.witness.log.sent.values() if s.live and s.arrived]
        if live:
            sent = self.rng.choice(live)
            with suppress(DeskError):
                await self.desk.gate.cancel(sent.name, sent.order.symbol)

    async def the_line_changes(self) -> None:
        self.desk.exchange.lost = self.rng.choice((None, None, None, None, "request", "answer", "rejected"))
        self.desk.exchange.unreadable = self.rng.random() < 0.1

    async def the_desk_is_stopped(self) -> None:
        if self.rng.random() < 0.5:
            self.desk.kill.pull("a drill")
        else:
            self.desk.witness.halted()
            await self.desk.gate.halt(by="ada", reason="a drill")
        await self.desk.step()

    async def a_person_re_arms(self) -> None:
        """And mends the line."""
        self.desk.hears(0, restricted=False)
        self.desk.exchange.unreadable, self.desk.exchange.lost = False, None
        self.desk.kill.path.unlink(missing_ok=True)
        for number, name, reads in self.desk.latched():
            rebase = reads == "start_loss"
            with suppress(ConfigError):
                if await self.desk.gate.rearm(number, rebase=rebase, by="ada", reason="seen"):
                    self.desk.witness.rearmed(name, reads, rebase=rebase)

    async def money_comes_or_goes(self) -> None:
        amount = Decimal(self.rng.randint(1, 3_000))
        if self.rng.random() < 0.5 and self.desk.exchange.free_cash > 2 * amount:
            amount = -amount
        self.desk.transfer(amount)

    async def the_venue_announces(self) -> None:
        self.desk.hears(self.rng.choice((0, 1, 2)), restricted=self.rng.random() < 0.2)

    async def the_process_restarts(self) -> None:
        leaked = self.desk.office.leaked[-3:]
        self.desk.witness.restarted()
        status, restricted = self.desk.witness.venue_status, self.desk.witness.restricted
        self.desk.restart()
        self.desk.hears(status, restricted=restricted)
        for approved in leaked:
            await self._misuse(approved)
        await self.desk.watch.poll_live()

    async def a_person_answers(self) -> None:
        if not self.waiting:
            return
        name = self.waiting.pop(self.rng.randrange(len(self.waiting)))
        with suppress(ConfigError):
            await self.desk.gate.answer(name, approve=self.rng.random() < 0.8, by="ada", reason="looked")

    async def somebody_misuses_a_ticket(self) -> None:
        """Right after it was spent: shown again, for another order, for another account, or made up."""
        await self._propose()
        if not self.desk.office.leaked:
            return
        approved = self.desk.office.leaked[-1]
        forged = replace(approved, nonce="0" * 32)
        foreign = replace(approved, order=replace(approved.order, account_id="other"))
        await self._misuse(self.rng.choice((approved, approved, forged, foreign, _larger(approved))))

    async def a_send_is_held_up(self) -> None:
        """A ticket is out and not yet spent: it grows old, the desk is closed, or its order is changed."""
        door, what = self.desk.door, self.rng.randrange(5)

        async def meanwhile() -> None:
            fresh = self.desk.office.leaked[-1]
            if what == 0:
                await self._pass(TTL_S * SECOND_NS + self.rng.choice((0, 1, SECOND_NS)))
            elif what == 1:
                self.desk.witness.halted()
                self.desk.office.void_all()
                self.desk.books.write(self._halt)
            elif what == 2:
                self.desk.kill.pull("a drill")
            elif what == 3:
                await self._misuse(_larger(fresh))
            else:
                await self._misuse(replace(fresh, order=replace(fresh.order, account_id="other")))

        door.waits = meanwhile
        for _ in range(8):
            if door.waits is not None:
                await self._propose()
        door.waits = None

    # How.

    async def _propose(self, proposal: Proposal | None = None) -> None:
        try:
            receipt = await self.desk.gate.propose(proposal or self.wishes.next())
        except ConfigError:
            self.tally.events["refused before any review"] += 1
            return
        self._count(receipt)

    def _count(self, receipt: Receipt) -> None:
        self.tally.answer([str(v.code) for v in receipt.review.denials])
        if receipt.kind is AnswerKind.WAITING:
            self.waiting.append(receipt.proposal_id)

    def _halt(self, conn: Any) -> None:
        self.desk.breakers.halt(conn, self.desk.gate._sight(conn), by="ada", reason="a drill")

    async def _misuse(self, approved: ApprovedOrder) -> None:
        name = f"stolen{self.rng.randrange(10**9)}"
        with suppress(TicketRefused):
            await self.desk.door.submit(approved, name, self.desk.clock.now_ns())
            self.tally.events["a ticket was misused"] += 1

    async def _pass(self, ns: int) -> None:
        now_ns = self.desk.clock.now_ns() + ns
        self.desk.tape.pass_to(now_ns)
        self.desk.clock.advance_to(now_ns)


def _larger(approved: ApprovedOrder) -> ApprovedOrder:
    """The same ticket with another order."""
    order = approved.order
    return replace(approved, order=replace(order, quantity=Quantity(order.quantity * 2)))


_TEMPLATE: dict[int, Path] = {}


def _empty_books(folder: Path) -> Books:
    """Books in a copy of an empty file, which is quicker than making the tables again."""
    template = _TEMPLATE.get(os.getpid())
    if template is None:
        template = _TEMPLATE[os.getpid()] = Path(tempfile.mkdtemp(prefix="fuzz-", dir=_fast())) / "empty.db"
        with Books.open(f"sqlite:///{template}"):
            pass
    shutil.copy(template, folder / "desk.db")
    return Books.open(f"sqlite:///{folder}/desk.db")


def _fast() -> str | None:
    """Memory, where there is a folder that is kept in it."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
