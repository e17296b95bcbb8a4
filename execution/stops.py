"""The watch's hands on its guards: what the market did to them becomes exits through the gate.

Where a venue holds stops, they rest there, and that is the first line. The watch is the second: it fires what the
venue's stops do not cover, and takes over from one that should have traded and did not.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from sqlalchemy import Connection

from core.bars import Bar
from core.instruments import Instrument
from core.money import exact
from core.orders import Proposal
from core.ports import Clock, MarketFacts
from core.verdicts import Receipt
from execution import guardbook, ways
from execution.conditions import Surveyor
from execution.exits import Holdings, closable, in_the_way, new_order
from execution.gate import Gate
from execution.guards import Guard, walked
from execution.orderbook import Attempt
from execution.snapshot import last_price
from execution.ways import WayOut
from memory.books import accounts, journal
from memory.books.database import Books


class Stops:
    def __init__(self, account_id: str, books: Books, market: MarketFacts, gate: Gate, clock: Clock) -> None:
        self._account_id = account_id
        self._books = books
        self._market = market
        self._surveyor = Surveyor(market)
        self._gate = gate
        self._clock = clock

    def hit(self, now_ns: int, done: set[str]) -> list[tuple[Guard, WayOut]]:
        """Stops that a bar reached since their guard last looked, where that leaves the watch something to close."""

        def read(conn: Connection) -> list[tuple[Guard, WayOut]]:
            found, before_ns = [], accounts.account(conn, self._account_id).clock_ns
            for guard in guardbook.armed(conn, self._account_id):
                after, bar = self._walked(guard, now_ns)
                # What a bar of an earlier step hit is not to be had at its price any more: `leave` sees to it.
                if bar is not None and bar.close_ns > before_ns and guard.stop_id not in done:
                    way = ways.stopped(after, bar)
                    if self._in_the_way(conn, after, way) is not None:
                        found.append((after, way))
            return found

        return self._books.read(read)

    async def leave(self, now_ns: int) -> list[Receipt]:
        """Lets the bars move the guards, then leaves whatever price, clock or thesis say to leave now."""
        fired = []
        for guard, hit in self._books.write(lambda conn: self._moved(conn, now_ns)):
            for way in self._ways(guard, hit, now_ns):
                receipt = await self.send(guard, way)
                if receipt is not None:
                    fired.append(receipt)
        return fired

    async def send(self, guard: Guard, way: WayOut) -> Receipt | None:
        """One exit through the gate, like any other order; None where nothing is left to close."""
        aside = self._books.read(lambda conn: self._in_the_way(conn, guard, way))
        if aside is None:
            return None
        await self._gate.cancel_each(aside)
        proposal = self._books.write(lambda conn: self._exit(conn, guard, way))
        return None if proposal is None else await self._gate.propose(proposal)

    # What the market did.

    def _walked(self, guard: Guard, now_ns: int) -> tuple[Guard, Bar | None]:
        instrument = self._market.instrument(guard.symbol)
        if instrument is None:
            return guard, None
        bars = self._market.closed_bars(guard.symbol, after_ns=guard.seen_ns, until_ns=now_ns)
        return walked(guard, bars, instrument, self._recent)

    def _recent(self, symbol: str, n: int, as_of_ns: int) -> Sequence[Bar]:
        """The last bars that agents decide on, at the moment that one of them closes."""
        frame = self._market.decision_timeframe
        if as_of_ns % frame.ns:
            return ()
        bars = self._market.bars(symbol, frame, as_of_ns=as_of_ns, n=n)
        columns = zip(bars.open, bars.high, bars.low, bars.close, bars.volume, strict=True)
        return [Bar(symbol, frame, int(o), *map(exact, c)) for o, c in zip(bars.open_ns, columns, strict=True)]

    def _moved(self, conn: Connection, now_ns: int) -> list[tuple[Guard, bool]]:
        """Every guard after the bars, and whether one of them hit its stop.

        A bar that did stays unseen while anything is left to guard: an exit that nobody took is still due.
        """
        found = []
        for guard in guardbook.armed(conn, self._account_id):
            after, bar = self._walked(guard, now_ns)
            if bar is not None:
                after = replace(after, seen_ns=bar.close_ns - 1)
            last = last_price(self._market, guard.symbol, now_ns)
            if last is not None:
                after = after.touched(last, last)
            guardbook.keep(conn, guard, after, now_ns)
            found.append((after, bar is not None))
        return found

    def _ways(self, guard: Guard, hit: bool, now_ns: int) -> list[WayOut]:
        instrument = self._market.instrument(guard.symbol)
        last = last_price(self._market, guard.symbol, now_ns)
        found = [ways.stopped(guard)] if hit else []
        if instrument is not None and last is not None:
            found += ways.open_now(guard, instrument, last, now_ns)
        quote = self._market.quote(guard.symbol, as_of_ns=now_ns)
        answers = ways.theses(guard, quote, self._surveyor, now_ns)
        undecided = [t for t, holds in answers.items() if holds is None and t not in guard.undecided]
        if undecided:
            self._books.write(lambda conn: self._report(conn, guard, undecided, now_ns))
        return found + [ways.ended(text) for text, holds in answers.items() if holds]

    def _report(self, conn: Connection, guard: Guard, undecided: list[str], now_ns: int) -> None:
        """A predicate that cannot be decided ends nothing, and is told once."""
        guardbook.change(conn, guard.stop_id, undecided=[*guard.undecided, *undecided])
        entry = {"stop_id": guard.stop_id, "undecided": undecided}
        journal.append(conn, self._account_id, "thesis", entry, ts_ns=now_ns)

    # Exits.

    def _in_the_way(self, conn: Connection, guard: Guard, way: WayOut) -> list[Attempt] | None:
        known = self._priced(guard, way)
        return None if known is None else in_the_way(Holdings.of(conn, self._account_id), guard, way, *known)

    def _exit(self, conn: Connection, guard: Guard, way: WayOut) -> Proposal | None:
        """Measured again: what could not be cancelled, or has filled meanwhile, is not closed a second time."""
        booked, known = guardbook.find(conn, guard.stop_id), self._priced(guard, way)
        assert booked is not None  # rows are never deleted
        if known is None:
            return None
        # Its trigger is that of the walk, which the books may not have yet.
        now = replace(booked, trigger=guard.trigger, set_by=guard.set_by)
        quantity = closable(Holdings.of(conn, self._account_id), now, way, *known)
        return new_order(conn, now, quantity, self._clock.now_ns(), way) if quantity else None

    def _priced(self, guard: Guard, way: WayOut) -> tuple[Decimal, Instrument] | None:
        """The price that an exit is worth, and its instrument; None where either is not known."""
        instrument = self._market.instrument(guard.symbol)
        last = last_price(self._market, guard.symbol, self._clock.now_ns())
        price = last if way.bar is None else guard.trigger
        return None if instrument is None or price is None else (price, instrument)
