"""Runs: one cycle, or many in sequence on a market of the past, with the paper account carried on.

A run is named by what it is made from, so the same command resumes an interrupted run or reports a finished one.
Each cycle, each bar that is stepped and each stretch of bars that is passed is one commit: a process killed in the
middle leaves whole ones behind it, and goes on there.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from sqlite3 import DatabaseError

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from sqlalchemy import Connection

from agents import pipeline
from agents.instructions import Instruction
from core import identity
from core.canonical import JSON, plain
from core.errors import ConfigError, DeskHalted, LedgerBroken
from core.time import ManualClock, show_time
from desk import forecasters, policies, requests, scorers
from desk.build import PastDesk, build
from desk.clock import SystemClock
from desk.cycles import Engine, run_cycle
from desk.holding import Holding
from desk.home import Home
from desk.markets import MarketSpec
from desk.reflection import Reflection
from desk.rehearsal import Rehearsal, attend
from desk.retraining import Retraining
from desk.settings import Settings, database_url, parse
from execution import latches, orderbook, parents
from memory.books import accounts, records
from memory.books.database import Books
from memory.books.records import Run
from memory.books.verify import verify
from memory.books.words import ApprovalState, CycleState, RunState

MAX_CYCLES = 100_000

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class RunCommand:
    """What to run: a market, symbols (in the spec), the moments to decide at, and what stands from its start.

    With a `rehearsal` it goes to its end also where the desk is halted, making no cycles then. `every_bar` steps also
    the bars that change nothing: the books are the same, and so it is no part of the run's name.
    """

    market: MarketSpec
    as_of_ns: tuple[int, ...]
    every_ns: int = 0
    again: int = 0
    instructions: tuple[Instruction, ...] = ()
    rehearsal: Rehearsal | None = None
    every_bar: bool = False

    @classmethod
    def single(
        cls, market: MarketSpec, as_of_ns: int, again: int = 0, instructions: tuple[Instruction, ...] = ()
    ) -> "RunCommand":
        return cls(market, (as_of_ns,), 0, again, instructions)

    @classmethod
    def series(
        cls,
        market: MarketSpec,
        from_ns: int,
        to_ns: int,
        every_ns: int,
        again: int = 0,
        instructions: tuple[Instruction, ...] = (),
    ) -> "RunCommand":
        """Every `every_ns` from `from_ns` to `to_ns`, both included where the steps meet them."""
        if to_ns < from_ns:
            raise ConfigError(f"--to {show_time(to_ns)} is before --from {show_time(from_ns)}")
        planned = (to_ns - from_ns) // every_ns + 1
        if planned > MAX_CYCLES:
            raise ConfigError(f"--every makes {planned:,} cycles, at most {MAX_CYCLES:,} are allowed in a run")
        return cls(market, tuple(range(from_ns, to_ns + 1, every_ns)), every_ns, again, instructions)

    def arguments(self) -> dict[str, JSON]:
        """What names the run, beside the hashes of its files: never a path."""
        return {
            "market": self.market.kind,
            "symbols": list(self.market.symbols),
            "from_ns": self.as_of_ns[0],
            "to_ns": self.as_of_ns[-1],
            "every_ns": self.every_ns,
            # A command without any keeps the name that it always had.
            **({"instructions": [each.body() for each in self.instructions]} if self.instructions else {}),
            **({"rehearsal": self.rehearsal.body()} if self.rehearsal else {}),
        }


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run stands: `reported` when it had finished before, `halted` with the reason when the desk stopped it."""

    run_id: str
    account_id: str
    digest: str
    state: RunState
    cycles: int
    planned: int
    reported: bool
    resumed: bool
    halted: str | None


@asynccontextmanager
async def open_run(home: Home, settings: Settings, command: RunCommand) -> AsyncIterator["DeskRun"]:
    """Opens market, books, lease and checkpoints for a command, and lets go of all of them."""
    market = command.market.open(settings.market)
    kept = settings.account.numeraire
    foreign = [s for s in market.symbols() if (listed := market.instrument(s)) is not None and listed.quote != kept]
    if foreign:
        raise ConfigError(
            f"{', '.join(foreign)} is not priced in {kept}, in which the account is kept; its symbols must be"
        )
    for as_of_ns in (command.as_of_ns[0], command.as_of_ns[-1]):
        market.refuse_outside(as_of_ns)
    if home.kill_file.exists():
        raise DeskHalted(f"the kill file {home.kill_file} is present: nothing starts until a person removes it")
    home.make()
    run_id = identity.run_id(command.arguments(), market.fingerprint(), settings.policy_hash, command.again)
    account_id = f"{settings.account.id}-{run_id[:8]}"
    with Books.open(database_url(home, settings)) as books, Holding(books, account_id) as holding:
        check_journal(books, account_id)
        async with checkpoints(home) as saver:
            clock = ManualClock(_clock_of(books, account_id, command.as_of_ns[0]))
            without = frozenset(command.rehearsal.without if command.rehearsal else ())
            desk = build(settings, home, books, market, account_id, clock, saver, left_out=without)
            with desk.kill.listening():
                yield DeskRun(desk, command, run_id, holding)


class DeskRun:
    """One run on an open desk."""

    def __init__(self, desk: PastDesk, command: RunCommand, run_id: str, holding: Holding) -> None:
        self.desk = desk
        self.command = command
        self.run_id = run_id
        self._holding = holding
        self._reflection = Reflection(desk)
        self._retraining = Retraining(desk)

    async def execute(self, progress: Progress = lambda done, planned: None) -> RunResult:
        """Runs what is missing. `progress` is told how many cycles are done of how many planned."""
        desk, books = self.desk, self.desk.books
        before = books.read(lambda conn: records.find_run(conn, self.run_id))
        if before is not None and before.state is RunState.FINISHED:
            return self._result(reported=True, resumed=False, halted=None)
        books.write(self._begin)
        await desk.watch.recover()
        done, since_ns = self._closed(), self._account_ns()
        for ordinal, as_of_ns in enumerate(self.command.as_of_ns):
            progress(ordinal, len(self.command.as_of_ns))
            # What a halt left out of a rehearsal is not made up for by a process that comes back.
            if ordinal in done or (self.command.rehearsal is not None and as_of_ns < since_ns):
                continue
            await requests.serve(desk)
            await self.step_to(as_of_ns)
            await requests.serve(desk)
            await self._reflect()
            halted = await self._attended()
            if halted is not None and self.command.rehearsal is not None:
                continue
            if halted is not None:
                # Positions and their stops stay as they are; the same command goes on once a person re-armed it.
                return self._result(reported=False, resumed=before is not None, halted=halted)
            # However long a model takes to learn, the account stays this desk's.
            async with self._holding.kept():
                await self._retraining.tend()
            with books.step():
                await run_cycle(desk, self.run_id, ordinal, self.command.market.symbols, as_of_ns, self._engine)
        await self._see_out()
        await self._reflect()
        books.write(lambda conn: records.finish_run(conn, self.run_id))
        progress(len(self.command.as_of_ns), len(self.command.as_of_ns))
        return self._result(reported=False, resumed=before is not None, halted=None)

    @property
    def _engine(self) -> Engine | None:
        """A rehearsal's stages one after the other: it parks for nobody, and its records are the graph's."""
        return None if self.command.rehearsal is None else pipeline.run

    async def step_to(self, now_ns: int) -> None:
        """The watch sees every bar on the way that could change anything but marks."""
        await step_to(self.desk, now_ns, self._holding.keep, every_bar=self.command.every_bar)

    async def _reflect(self) -> None:
        if self.desk.settings.recall.reflect:
            await self._reflection.look()

    async def _see_out(self) -> None:
        """Orders of the last cycle live on to the next bar, so that one cycle shows its fills.

        Not while a person is being asked: a bar later the question would have expired.
        """
        if self._asks_a_person() or self._account_ns() > self.command.as_of_ns[-1]:
            # Killed after that step and before its last word, a run must not take it twice.
            return
        if self.desk.books.read(self._works):
            await step_to_next_bar(self.desk)

    def _works(self, conn: Connection) -> bool:
        account_id = self.desk.account_id
        return bool(orderbook.live_attempts(conn, account_id) or parents.unended(conn, account_id))

    def _begin(self, conn: Connection) -> None:
        desk, settings = self.desk, self.desk.settings
        if records.find_run(conn, self.run_id) is None:
            first_ns = self.command.as_of_ns[0]
            account = settings.account
            accounts.open_account(
                conn,
                desk.account_id,
                account.numeraire,
                {account.numeraire: account.deposit},
                ts_ns=first_ns,
                clock_ns=first_ns,
            )
            for number, each in enumerate(self.command.instructions):
                said = {"by": "operator", "reason": "with the command of its run"}
                desk.instructions.add(conn, each, key=f"{self.run_id}:{number}", **said)
        command = {
            "arguments": self.command.arguments(),
            "again": self.command.again,
            "market": plain(self.command.market),
            "settings": settings.deciding(),
        }
        records.begin_run(conn, self.run_id, desk.account_id, command, SystemClock().now_ns())
        policies.note(conn, desk.account_id, settings.risk, settings.policy_source, desk.clock.now_ns())
        scorers.note(conn, desk.account_id, settings, desk.clock.now_ns())
        forecasters.note(conn, desk.account_id, desk.analysts.forecasters, desk.clock.now_ns())

    def _closed(self) -> set[int]:
        cycles = self.desk.books.read(lambda conn: records.cycles_of(conn, self.run_id))
        return {c.ordinal for c in cycles if c.state is CycleState.CLOSED}

    async def _attended(self) -> str | None:
        """Why cycles may not run, after whoever attends a rehearsal has looked."""
        if self.command.rehearsal is not None:
            await attend(self.desk, self.command.rehearsal)
        return self._halted()

    def _halted(self) -> str | None:
        """Why cycles may not run; None while they may."""
        desk = self.desk
        cause = desk.books.read(lambda conn: latches.halts(conn, desk.account_id, desk.clock.now_ns()))
        return None if cause is None else f"{cause.name}: {cause.detail}"

    def _account_ns(self) -> int:
        return self.desk.books.read(lambda conn: accounts.account(conn, self.desk.account_id).clock_ns)

    def _asks_a_person(self) -> bool:
        waiting = [ApprovalState.WAITING]
        return bool(self.desk.books.read(lambda conn: orderbook.approvals(conn, self.desk.account_id, waiting)))

    def _result(self, *, reported: bool, resumed: bool, halted: str | None) -> RunResult:
        def read(conn: Connection) -> RunResult:
            run = records.find_run(conn, self.run_id)
            if run is None:
                raise LedgerBroken(f"run {self.run_id[:12]} is not in the books that it was written to")
            return RunResult(
                run_id=self.run_id,
                account_id=run.account_id,
                digest=records.run_digest(conn, self.run_id),
                state=run.state,
                cycles=sum(c.state is CycleState.CLOSED for c in records.cycles_of(conn, self.run_id)),
                planned=len(self.command.as_of_ns),
                reported=reported,
                resumed=resumed,
                halted=halted,
            )

        return self.desk.books.read(read)


async def step_to(
    desk: PastDesk, now_ns: int, keep: Callable[[], None] = lambda: None, *, every_bar: bool = False
) -> None:
    """Walks the desk's clock to `now_ns`, the watch seeing every bar that closes on the way, one commit each.

    Bars that change nothing but marks are passed together, one commit a stretch, unless `every_bar` is to be stepped:
    the books come out the same. `keep` is called at every commit, so that a long way does not cost the lease. A clock
    that is there already stays.
    """
    since_ns = desk.books.read(lambda conn: accounts.account(conn, desk.account_id).clock_ns)
    closes, done = desk.market.closes_between(since_ns, now_ns), 0
    while done < len(closes):
        passed = 0 if every_bar else desk.pass_quiet(closes, done)
        if not passed:
            desk.clock.advance_to(closes[done])
            with desk.books.step():
                await desk.step()
            passed = 1
        done += passed
        keep()
    desk.clock.advance_to(max(now_ns, desk.clock.now_ns()))


async def step_to_next_bar(desk: PastDesk) -> None:
    """One bar further, if the market has one."""
    now_ns = desk.clock.now_ns()
    ahead = desk.market.closes_between(now_ns, now_ns + desk.market.base_timeframe.ns)
    if ahead:
        await step_to(desk, ahead[0])


@asynccontextmanager
async def checkpoints(home: Home) -> AsyncIterator[AsyncSqliteSaver]:
    """The graph's checkpoints, in a file of their own. It may be deleted at any time: no order depends on it."""
    try:
        async with AsyncSqliteSaver.from_conn_string(str(home.checkpoints)) as saver:
            await saver.setup()
            # Nothing depends on a checkpoint, so none is worth waiting for the disk.
            await saver.conn.execute("PRAGMA synchronous=OFF")
            yield saver
    except DatabaseError as error:
        raise ConfigError(
            f"{home.checkpoints} is not a checkpoint database ({error}): delete it, no order depends on it"
        ) from None


def check_journal(books: Books, account_id: str) -> None:
    """Refuses to work on books that were changed from outside."""
    found = books.read(lambda conn: verify(conn, account_id))
    if not found.ok:
        raise LedgerBroken(f"the journal is broken at {found.broken}: {found.problem}; nothing was changed")


def latest_run(conn: Connection, account_id: str) -> Run:
    """The run that an account belongs to."""
    runs = records.runs_of(conn, account_id)
    if not runs:
        raise ConfigError(f"account {account_id} has no run in these books")
    return runs[0]


def settings_of(run: Run) -> Settings:
    """The settings that a run was made with, whatever the file says today."""
    return parse(run.command["settings"], f"the settings of run {run.run_id[:12]}")


def _clock_of(books: Books, account_id: str, first_ns: int) -> int:
    """The account's clock is the stored time of its last step."""

    def read(conn: Connection) -> int:
        known = {a.account_id: a for a in accounts.accounts(conn)}
        return known[account_id].clock_ns if account_id in known else first_ns

    return books.read(read)
