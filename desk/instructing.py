"""Standing instructions at work: a person's words about them, and the rounds in which they are stepped.

A live desk steps them when its bus brings news of their symbols (`desk/stepping.py`), a market of the past after the
watch. Nothing is kept here between two rounds but that there is nothing to do.
"""

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace

from sqlalchemy import Connection

from agents.instructions import Instruction, parsed
from core import identity
from core.errors import ConfigError, DeskBusy, ExchangeUnavailable
from core.instruments import ContractKind
from core.money import ZERO, text_of
from core.ports import Clock, MarketFacts
from core.time import show_time
from desk.placing import Placing
from execution.gate import Gate
from execution.watch import WatchReport
from memory.books import accounts
from memory.books import instructions as book
from memory.books.database import Books
from memory.books.instructions import Standing
from memory.books.words import InstructionState
from risk.settings import RiskSettings
from risk.states import TradingState
from tools.strategies.grid import Grid

_ACTIVE, _PAUSED = InstructionState.ACTIVE, InstructionState.PAUSED


class Instructions:
    """One account's. A person's word (`add`, `resume`) confirms; the desk only pauses and ends."""

    def __init__(
        self, account_id: str, books: Books, market: MarketFacts, gate: Gate, clock: Clock, policy: RiskSettings
    ) -> None:
        self._account_id = account_id
        self._books = books
        self._market = market
        self._clock = clock
        self._placing = Placing(account_id, books, market, gate, clock, policy)
        self._round = asyncio.Lock()
        self._idle = False

    @property
    def idle(self) -> bool:
        """Whether none is there to be stepped. Whoever adds or resumes one in this account does it through here."""
        return self._idle

    async def step(self, report: WatchReport, symbols: Collection[str] | None = None) -> None:
        """One round of those that trade one of the symbols, or of all; two rounds are never under way at a time.

        One after the other, so that each sees what the last one placed. What breaks in one of them pauses that one.
        Raises DeskBusy where the account was lost.
        """
        async with self._round:
            if self._idle:
                return
            standing = self._books.read(lambda conn: book.listing(conn, self._account_id, book.UNENDED))
            self._idle = not standing
            for each in standing:
                if symbols is None or _may_trade(each, symbols):
                    await self._step(each.instruction_id, report)

    async def _step(self, instruction_id: str, report: WatchReport) -> None:
        # Read anew: a person may have paused it while another one waited for the venue.
        standing = self._books.read(lambda conn: book.find(conn, instruction_id))
        if standing is None or standing.state not in book.UNENDED:
            return
        try:
            if standing.state is not _ACTIVE:
                await self._placing.rest(standing)
            elif report.state is TradingState.ACTIVE:
                await self._placing.step(standing, report.equity)
            else:
                self._placing.look(standing)
        except ExchangeUnavailable:
            return
        except DeskBusy:
            raise
        except Exception as broken:  # noqa: BLE001  # one broken instruction must not hold up the others
            self._placing.pause(standing, f"it broke: {type(broken).__name__}: {broken}")

    # A person's words.

    def add(self, conn: Connection, instruction: Instruction, *, key: str, by: str, reason: str) -> str:
        """Writes down what a person confirms, and answers its id. The same `key` again is the same instruction.

        Raises ConfigError for what could never work in this account.
        """
        self._refuse(conn, instruction)
        self._idle = False
        body = instruction.body()
        instruction_id = identity.instruction_id(self._account_id, key, body)
        confirmed, now_ns = instruction.budget.max_orders, self._clock.now_ns()
        kind = instruction.kind
        book.add(
            conn,
            self._account_id,
            instruction_id,
            kind,
            body,
            confirmed=confirmed,
            by=by,
            reason=reason,
            now_ns=now_ns,
        )
        return instruction_id

    async def pause(self, prefix: str, *, by: str, reason: str) -> str:
        """Places nothing any more until it is resumed; what rests of it is taken back now."""
        return await self._moved(prefix, _PAUSED, [_ACTIVE], by, reason)

    async def end(self, prefix: str, *, by: str, reason: str) -> str:
        """For good. What it holds keeps its stops."""
        return await self._moved(prefix, InstructionState.ENDING, [_ACTIVE, _PAUSED], by, reason)

    async def pause_each(self, symbols: Collection[str] | None, *, by: str, reason: str) -> None:
        """Those that trade one of the symbols, or all: who closes a position does not want it bought again."""
        for each in self._books.read(lambda conn: book.listing(conn, self._account_id, [_ACTIVE])):
            if symbols is None or _may_trade(each, symbols):
                with suppress(ConfigError):  # it ended by itself meanwhile, and buys nothing either
                    await self.pause(each.instruction_id, by=by, reason=reason)

    def resume(self, prefix: str, *, by: str, reason: str) -> str:
        """A person has looked: it goes on, and a new term of what they confirm begins."""

        def write(conn: Connection) -> str:
            standing = self._in(conn, prefix, [_PAUSED])
            left = parsed(standing.body).budget.max_orders - len(book.slots(conn, standing.instruction_id))
            more = {"term": standing.term + 1, "confirmed": max(1, left), "confirmed_by": by}
            book.move(conn, standing, _ACTIVE, by=by, reason=reason, now_ns=self._clock.now_ns(), **more)
            return standing.instruction_id

        self._idle = False
        return self._books.write(write)

    async def _moved(
        self, prefix: str, to: InstructionState, allowed: Sequence[InstructionState], by: str, reason: str
    ) -> str:
        """At once, also while a round is under way: what that had not yet put before the gate is denied there."""

        def write(conn: Connection) -> Standing:
            standing = self._in(conn, prefix, allowed)
            book.move(conn, standing, to, by=by, reason=reason, now_ns=self._clock.now_ns())
            return replace(standing, state=to, reason=reason)

        self._idle = False
        standing = self._books.write(write)
        # What a round that is under way had planned is its own to drop: it looks again before each order.
        await self._placing.rest(standing, drop_planned=False)
        return standing.instruction_id

    def _in(self, conn: Connection, prefix: str, allowed: Sequence[InstructionState]) -> Standing:
        standing = book.named(conn, self._account_id, prefix)
        if standing.state not in allowed:
            found, may = f"instruction {standing.instruction_id[:13]} is {standing.state}", " or ".join(allowed)
            raise ConfigError(f"{found}: only one that is {may} can be so")
        return standing

    def _refuse(self, conn: Connection, instruction: Instruction) -> None:
        """What the market and the account say against it, before anybody is asked to confirm it."""
        numeraire, what = accounts.account(conn, self._account_id).numeraire, instruction.strategy
        for symbol in what.symbols:
            instrument = self._market.instrument(symbol)
            if instrument is None:
                raise ConfigError(f"this market lists no {symbol}")
            if instrument.kind is not ContractKind.SPOT or instrument.quote != numeraire:
                raise ConfigError(f"{symbol} is no spot pair priced in {numeraire}, in which the account is kept")
            most = what.most_an_order
            if most is not None and most < instrument.min_notional:
                least = f"{text_of(instrument.min_notional)} {numeraire}"
                raise ConfigError(f"{symbol} trades from {least} an order, found {text_of(most)}")
            if isinstance(what, Grid) and what.gain(instrument.taker_fee) <= ZERO:
                raise ConfigError("a cell of the grid earns less than its two fees: take fewer cells, or a wider grid")
        until_ns = instruction.budget.until_ns
        if until_ns is not None and until_ns <= self._clock.now_ns():
            now = show_time(self._clock.now_ns())
            raise ConfigError(f"it would end at {show_time(until_ns)}, and the account's clock shows {now}")


def _may_trade(standing: Standing, symbols: Collection[str]) -> bool:
    """Whether it may trade one of them. What no longer reads might, and must not hold up a way out."""
    try:
        return not set(symbols).isdisjoint(parsed(standing.body).strategy.symbols)
    except ConfigError:
        return True
