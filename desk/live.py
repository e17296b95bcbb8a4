"""A desk at a venue that is there: its streams, its gate and its watch on one loop, by the wall's time.

To start is to recover: before anything may add risk the books are brought into agreement with the venue, and whatever
was on its way when the last process ended is asked for. Every write is durable on its own: the loop has many writers,
so that no step could hold one's writes back without holding back another's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection

from core import identity
from core.canonical import JSON
from core.errors import ConfigError, DeskHalted, ExchangeUnavailable, LedgerBroken
from core.orders import OrderState
from core.time import SECOND_NS, Timeframe
from desk import forecasters, guarding, moods, opening, policies, readiness, requests, scorers
from desk.build import Desk, build
from desk.cycles import Across, run_cycle
from desk.findings import Finding
from desk.holding import Holding
from desk.home import Home
from desk.ingestion import Heard, Ingestion, ingesting
from desk.keys import Ask, Found, KeyChain
from desk.markets import LIVE
from desk.reading import teller_of
from desk.reflection import Reflection
from desk.retraining import Retraining
from desk.runs import check_journal, checkpoints
from desk.settings import Settings, database_url
from desk.stepping import Stepping, topics
from desk.tending import Tended, every
from desk.watchdog import Charge
from execution import latches, orderbook
from execution.kill import KillSwitch
from execution.mismatches import Reconciled
from execution.venues.exchange.adapter import ExchangeVenue
from execution.venues.exchange.budget import RateBudgets
from execution.venues.exchange.checkup import check_up
from execution.venues.exchange.client import Access, stated_rate
from execution.vitals import VenueStatus
from market.live import LiveMarket
from market.store.store import MarketStore
from market.stored import StoredTexts
from market.streams.clocks import SteadyClock
from memory.books import journal, records
from memory.books.database import Books

if TYPE_CHECKING:
    from agents.cycle import Cycle

_WATCH_S: Final = 1.0
_AGREE_S: Final = 60.0  # for the venue's lists to agree with each other, at a start
_PATIENCE_S: Final = 20.0  # of the watchdog, without a beat
_FRESH_S: Final = 10.0  # since the watch last ended a step, for a desk that may call itself alive
_REFLECT_S: Final = 60.0
_HEARD_S: Final = 60.0  # for every symbol to show a proven book
_LOOK_S: Final = 0.05
_MODELS_S: Final = 60.0  # between looks at what is due of the models
_LONGEST_PAUSE_S: Final = 30.0
# One budget a venue for everybody in this process.
_BUDGETS: Final = RateBudgets()


@dataclass(frozen=True, slots=True)
class LiveCommand:
    """What to work on, at the venue of the settings.

    `asked` says that the command itself said live, `typed` what a person then wrote to confirm it.
    """

    symbols: tuple[str, ...]
    asked: bool = False
    typed: str | None = None

    def arguments(self, settings: Settings) -> dict[str, JSON]:
        """What names the run. Not the keys: they change, and the account stays."""
        venue = settings.venue.name
        return {"market": LIVE, "venue": venue, "mode": settings.mode, "symbols": list(self.symbols)}


def account_id_of(settings: Settings) -> str:
    """An account of a testnet is not the one of the venue itself, nor that of paper."""
    return f"{settings.account.id}-{settings.venue.name}-{settings.mode}"


class LiveDesk:
    """One account at work. `running` sets it to work; what breaks is told in `troubles`, and begun anew."""

    def __init__(
        self,
        desk: Desk[LiveMarket, SteadyClock],
        ingestion: Ingestion,
        venue: ExchangeVenue,
        command: LiveCommand,
        found: Found,
        environment: Mapping[str, str],
    ) -> None:
        self.desk, self.ingestion, self.command = desk, ingestion, command
        self.run_id = identity.run_id(command.arguments(desk.settings), (), desk.settings.policy_hash, 0)
        self.troubles: dict[str, str] = {}
        self.readiness: list[Finding] = []
        self.router: Across | None = None  # the accounts that a cycle which somebody asks for decides over
        self._deciding = asyncio.Lock()
        self._venue = venue
        self._found = found
        self._environment = environment
        self._watchdog: guarding.Watchdog | None = None
        self._reflection = Reflection(desk)
        heard = topics(desk.settings.venue.name, command.symbols, ingestion.stream.kinds)
        self._stepping = Stepping(desk, ingestion.bus, heard)
        self._stepped_s = time.monotonic()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Opens the account, agrees with the venue, and works until the block ends.

        Raises ExchangeUnavailable where the venue cannot be read or shows no proven book, DeskHalted where the books
        contradict it, ConfigError where this desk is not ready for its mode.
        """
        desk = self.desk
        async with AsyncExitStack() as stack:
            tended = await self._listening(stack)
            await opening.open_account(desk, self._venue, desk.settings.account.given_in)
            guarding.collect(desk.home, desk.books, desk.account_id, desk.clock.now_ns())
            desk.books.write(self._begin)
            await self._refuse_unready(await self._agree())
            self._watchdog = await guarding.start(self._charge(), self._found.keys)
            stack.push_async_callback(self._end_watchdog)
            await self._step()
            tended.keep("watchdog", every(_WATCH_S, self._beat))
            tended.keep("watch", every(_WATCH_S, self._step))
            # Beside the watch: no stop waits for what an instruction sends.
            tended.keep("instructions", self._stepping.work)
            tended.keep("news for instructions", self._stepping.listen)
            tended.keep("venue", self._follow)
            tended.keep("cycles that were asked for", every(_WATCH_S, self._decide_for_whoever_asked))
            if desk.settings.recall.reflect:
                tended.keep("reflection", every(_REFLECT_S, self._reflect))
            # Beside the cycles: no decision waits for a challenger, which has no vote.
            tended.keep("models", every(_MODELS_S, Retraining(desk).tend))
            yield

    @asynccontextmanager
    async def visiting(self) -> AsyncIterator[None]:
        """For one word of a person, while nobody is at work: prices are heard and what was on its way is asked for.

        What the books and the venue disagree on closes the desk as ever, and holds up no exit. Where they cannot be
        compared, nothing that adds risk passes on this visit.
        """
        async with AsyncExitStack() as stack:
            await self._listening(stack)
            try:
                await self.desk.watch.recover()
            except (ExchangeUnavailable, ConfigError, LedgerBroken) as broken:
                self._uncompared(f"{type(broken).__name__}: {broken}")
            yield

    def _uncompared(self, why: str) -> None:
        desk = self.desk
        self.troubles["reconciliation"] = why
        desk.vitals.hears_status(VenueStatus.SAFE_MODE)
        now_ns = desk.clock.now_ns()
        desk.books.write(lambda conn: journal.append(conn, desk.account_id, "unreconciled", {"why": why}, ts_ns=now_ns))

    async def _listening(self, stack: AsyncExitStack) -> Tended:
        tended = Tended(stack, self.troubles)
        stack.push_async_callback(self.desk.watch.close)
        await stack.enter_async_context(self.ingestion.running())
        tended.keep("samples", self.desk.market.sample)
        tended.keep("beats", self.desk.vitals.beat)
        await self._hear()
        return tended

    async def decide(self) -> Cycle:
        """One cycle, now. Raises DeskHalted where no cycle may run."""
        if (cause := self.halted()) is not None:
            raise DeskHalted(cause)
        return await self.cycle()

    def halted(self) -> str | None:
        """What halts the account, if anything does."""
        desk, now_ns = self.desk, self.desk.clock.now_ns()
        cause = desk.books.read(lambda conn: latches.halts(conn, desk.account_id, now_ns))
        return None if cause is None else f"{cause.name}: {cause.detail}"

    async def cycle(self, across: Across | None = None) -> Cycle:
        """One cycle over this desk's market, for its own account or `across` several; one at a time."""
        async with self._deciding:
            desk, now_ns = self.desk, self.desk.clock.now_ns()
            ordinal = desk.books.read(lambda conn: len(records.cycles_of(conn, self.run_id)))
            cycle = await run_cycle(desk, self.run_id, ordinal, self.command.symbols, now_ns, across=across)
        if (trouble := await moods.keep(desk.home, cycle, desk.clock.now_ns())) is None:
            self.troubles.pop("moods", None)
        else:
            self.troubles["moods"] = trouble
        return cycle

    async def settled(self, timeout_s: float) -> bool:
        """Whether nothing of ours that takes is on its way any more, within so long. Resting orders stay."""
        try:
            async with asyncio.timeout(timeout_s):
                while self._on_their_way():
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            return False
        return True

    # The start.

    async def _hear(self) -> None:
        market, symbols = self.desk.market, self.command.symbols
        try:
            async with asyncio.timeout(_HEARD_S):
                while any(market.book(s, as_of_ns=self.desk.clock.now_ns()) is None for s in symbols):
                    if self.ingestion.refusal:
                        raise ExchangeUnavailable(self.ingestion.refusal)
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            now_ns = self.desk.clock.now_ns()
            silent = [s for s in symbols if market.book(s, as_of_ns=now_ns) is None]
            why = self.ingestion.stream.last_failure or "nothing was heard"
            told = f"showed no proven book of {', '.join(silent)} in {_HEARD_S:.0f} s: {why}"
            raise ExchangeUnavailable(f"{self.desk.settings.venue.name} {told}") from None

    def _begin(self, conn: Connection) -> None:
        desk = self.desk
        told = {"arguments": self.command.arguments(desk.settings), "market": {"kind": LIVE}}
        told |= {"settings": desk.settings.deciding()}
        now_ns = desk.clock.now_ns()
        records.begin_run(conn, self.run_id, desk.account_id, told, now_ns)
        policies.note(conn, desk.account_id, desk.settings.risk, desk.settings.policy_source, now_ns)
        scorers.note(conn, desk.account_id, desk.settings, now_ns)
        forecasters.note(conn, desk.account_id, desk.analysts.forecasters, now_ns)

    async def _agree(self) -> Reconciled | None:
        """Nothing new leaves before the venue and the books agree."""
        venue = self.desk.settings.venue.name
        until_ns = self.desk.clock.now_ns() + int(_AGREE_S * SECOND_NS)
        found = await self.desk.watch.recover()
        while found is not None and not found.clean:
            if found.mismatches:
                told = "; ".join(f"{m.name} ({m.detail})" for m in found.mismatches)
                raise DeskHalted(f"the books and {venue} disagree: {told}")
            if self.desk.clock.now_ns() > until_ns:
                doubtful = ", ".join(found.left_alone)
                raise ExchangeUnavailable(f"{venue} did not agree with itself in {_AGREE_S:.0f} s on {doubtful}")
            await asyncio.sleep(_WATCH_S)
            found = await self.desk.watch.reconcile()
        return found

    async def _refuse_unready(self, reconciled: Reconciled | None) -> None:
        desk, settings, command = self.desk, self.desk.settings, self.command
        venue, access = settings.venue, replace(_access(settings), stream=False)
        budget = _BUDGETS.of(venue.name, stated_rate(venue.name))
        checked = await check_up(venue.name, venue.kind, self._found.keys, budget, desk.clock, access)
        if checked.skew_s is not None:
            desk.vitals.hears_time(desk.clock.now_ns() - int(checked.skew_s * SECOND_NS))

        def read(conn: Connection) -> list[Finding]:
            known = (conn, settings, desk.account_id, self._found, checked.scope, reconciled, self._environment)
            now_ns = desk.clock.now_ns()
            return readiness.conditions(*known, now_ns=now_ns, asked=command.asked, typed=command.typed)

        self.readiness = desk.books.read(read)
        readiness.refuse_unready(self.readiness)

    # At work.

    async def _step(self) -> None:
        desk, health = self.desk, self.ingestion.stream.health()
        skew = self.ingestion.stream.venue_clock.offset_ns
        if skew is not None:
            desk.vitals.hears_time(desk.clock.now_ns() + skew)
        desk.vitals.hears_status(VenueStatus.WORKS if health.connected else VenueStatus.SAFE_MODE)
        await desk.watch.step()
        self._stepped_s = time.monotonic()
        # What it booked and what lapsed by time came with no message.
        self._stepping.wake()
        await requests.serve(desk, in_steps=False, leaving=requests.LONG)

    async def _decide_for_whoever_asked(self) -> None:
        await requests.serve(self.desk, in_steps=False, own={requests.DECIDE: self._decided})

    async def _decided(self, desk: Desk, by: str, key: str) -> JSON:
        async with self._deciding:
            return await requests.decide(desk, by, key, self.router, self.run_id)

    async def _follow(self) -> None:
        """The venue's own stream says when to ask; what it says is never booked, so nothing can count twice."""
        async for event in self._venue.events():
            if event.client_order_id is None or event.symbol is None:
                if event.symbol is None:
                    self.desk.watch.reconcile_soon()
                await self.desk.watch.poll_live()
                continue
            if self.desk.books.read(lambda conn, e=event: orderbook.is_live(conn, e.client_order_id)):  # type: ignore[misc]
                await self.desk.gate.poll(event.client_order_id, event.symbol)
                self._stepping.wake(event.symbol)

    async def _reflect(self) -> None:
        silent = await self._reflection.look()
        if silent is None:
            self.troubles.pop("reflection", None)
        else:
            self.troubles["reflection"] = silent.reason

    async def _beat(self) -> None:
        """Only for a watch that works: where its steps hang or break, the watchdog is to act.

        One that is gone has acted, or was ended: what it did is booked, and another one takes its place.
        """
        if time.monotonic() - self._stepped_s > _FRESH_S:
            return
        if self._watchdog is not None and self._watchdog.beat():
            return
        desk = self.desk
        guarding.collect(desk.home, desk.books, desk.account_id, desk.clock.now_ns())
        self._watchdog = await guarding.start(self._charge(), self._found.keys)

    async def _end_watchdog(self) -> None:
        if self._watchdog is not None:
            await asyncio.shield(self._watchdog.stop())

    def _charge(self) -> Charge:
        desk, access = self.desk, _access(self.desk.settings)
        return Charge(
            account_id=desk.account_id,
            database_url=database_url(desk.home, desk.settings),
            report=str(guarding.report_file(desk.home, desk.account_id)),
            patience_s=_PATIENCE_S,
            venue=desk.settings.venue.name,
            kind=desk.settings.venue.kind,
            endpoints=access.endpoints,
            testnet=access.testnet,
        )

    def _on_their_way(self) -> bool:
        """Whether an order that does not rest is still being worked."""
        desk = self.desk
        live = desk.books.read(lambda conn: orderbook.live_attempts(conn, desk.account_id))
        resting = (OrderState.OPEN, OrderState.PARTIAL)
        return any(attempt.state not in resting for attempt in live if not attempt.external)


@asynccontextmanager
async def open_live(
    home: Home,
    settings: Settings,
    environment: Mapping[str, str],
    command: LiveCommand,
    ask: Ask | None = None,
    *,
    kill: KillSwitch | None = None,
) -> AsyncIterator[LiveDesk]:
    """Opens books, lease, venue and streams for one account, and lets go of all of them. Nothing is sent yet.

    `ask` asks a person for the passphrase of the keys, where they are in the encrypted file. `kill` is the switch of
    another desk in this process, which listens for both. Raises ConfigError on paper: a market of the past has its own
    way to be run. Raises DeskBusy where another desk holds the account, or takes it from one that hung for too long.
    """
    if settings.mode == "paper":
        raise ConfigError("mode is paper: a desk at a venue needs mode testnet or live, and [venue] name")
    if home.kill_file.exists():
        raise DeskHalted(f"the kill file {home.kill_file} is present: nothing starts until a person removes it")
    home.make()
    account_id, clock, name = account_id_of(settings), SteadyClock(), settings.venue.name
    found = KeyChain(home, environment, ask).need(name)
    async with AsyncExitStack() as stack:
        books = stack.enter_context(Books.open(database_url(home, settings)))
        holding = stack.enter_context(Holding(books, account_id))
        await stack.enter_async_context(holding.kept())
        check_journal(books, account_id)
        requests.take_over(books, account_id)
        venue = await _venue(stack, settings, command.symbols, found, account_id, clock)
        heard = Heard(name, command.symbols, timeframe=Timeframe.M1)
        teller = teller_of(settings.llm, home, environment)
        ingestion = await stack.enter_async_context(ingesting(settings, environment, home.candles, heard, teller))
        store = MarketStore(home.candles)
        market = LiveMarket(ingestion.stream, history=store.candles, texts=StoredTexts(store))
        await opening.fetch_history(settings, store, name, command.symbols, market, clock)
        saver = await stack.enter_async_context(checkpoints(home))
        desk = build(settings, home, books, market, account_id, clock, saver, venue=venue, kill=kill)
        if kill is None:
            stack.enter_context(desk.kill.listening())
        yield LiveDesk(desk, ingestion, venue, command, found, environment)


async def _venue(
    stack: AsyncExitStack,
    settings: Settings,
    symbols: tuple[str, ...],
    found: Found,
    account_id: str,
    clock: SteadyClock,
) -> ExchangeVenue:
    name, kind = settings.venue.name, settings.venue.kind
    budget = _BUDGETS.of(name, stated_rate(name))
    venue = ExchangeVenue.at(name, kind, account_id, found.keys, budget, clock, _access(settings))
    stack.push_async_callback(venue.close)
    await venue.open(symbols, leverage=settings.venue.leverage)
    return venue


def _access(settings: Settings) -> Access:
    return Access(endpoints=settings.venue.endpoints.get(settings.venue.name), testnet=settings.mode == "testnet")
