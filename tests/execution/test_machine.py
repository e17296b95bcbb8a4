"""What must never happen, whatever is proposed, filled, cut, cancelled, halted and restarted, in whatever order."""

import asyncio
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from core.errors import ExchangeRejected, OrderStateUnknown
from core.exits import Chandelier, ExitPlan, Rung
from core.orders import Side
from core.time import HOUR_NS, MINUTE_NS
from core.verdicts import AnswerKind, Receipt
from execution.settings import PaperSettings
from memory.books.database import Books
from memory.books.words import StopState
from risk.states import TradingState
from tests.execution.desk import BTC, FREE, RESTING, Desk, copied_books, denials

CAP = Decimal("0.20")
LOT = BTC.lot_size
SYMBOLS = ("BTC/USDT", "ETH/USDT")
EMPTY: dict[str, Path] = {}

lots = st.integers(1, 25_000) | st.sampled_from([6_000, 9_000, 12_000, 15_000, 20_000])
symbols = st.sampled_from(SYMBOLS)
steps = st.integers(-40, 40)  # thousandths of the price


@st.composite
def plans(draw: st.DrawFn, last: Decimal) -> ExitPlan:
    """How a long that is entered at `last` may be left: any part of a plan, or none of it."""
    fractions = st.integers(5, 80).map(lambda thousandths: Decimal(thousandths) / 1000)
    rungs = sorted(draw(st.sets(fractions, max_size=3)))
    return ExitPlan(
        trail=draw(st.none() | fractions),
        chandelier=draw(st.none() | st.just(Chandelier(bars=3, multiple=Decimal(1)))),
        break_even=draw(st.none() | fractions),
        time_limit_s=draw(st.none() | st.sampled_from([3600, 3 * 3600])),
        ladder=tuple(Rung(last * (1 + rung), Decimal("0.3")) for rung in rungs),
    )


@pytest.fixture(scope="module", autouse=True)
def template(empty_books: Path) -> None:
    EMPTY["books"] = empty_books


class DeskMachine(RuleBasedStateMachine):
    """One account and two coins. Every answer of the gate is checked against arithmetic of the test's own."""

    @initialize(held=st.sampled_from([0, 5, 15]), venue=st.sampled_from([FREE, RESTING]))
    def open(self, held: int, venue: PaperSettings) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.books: Books = copied_books(EMPTY["books"], Path(self.folder.name))
        self.desk = Desk.open(self.books, settings=venue, max_open_orders=4, max_price_deviation="0.1")
        self.sent: list[str] = []
        self.triggers: dict[str, Decimal] = {}
        if held:
            self.run(self.desk.bought(str(held)))

    def teardown(self) -> None:
        if hasattr(self, "books"):
            self.runner.close()
            self.books.close()
            self.folder.cleanup()

    # What happens.

    @rule(
        data=st.data(),
        symbol=symbols,
        lots=lots,
        below=st.none() | st.integers(0, 90),
        stop=st.integers(100, 500),
        ends=st.sampled_from(["last <= 1", "gain < -3%", "age_h > 4", "funding_rate > 0"]),
    )
    def somebody_wants_to_buy(
        self, data: st.DataObject, symbol: str, lots: int, below: int | None, stop: int, ends: str
    ) -> None:
        last = self.desk.last(symbol)
        at = None if below is None else str((last * (1000 - below) / 1000).quantize(Decimal("0.01")))
        loss_at = str((last * (1000 - stop) / 1000).quantize(Decimal("0.01")))
        plan = data.draw(plans(last))
        proposal = self.desk.buy(lots * LOT, at=at, stop=loss_at, symbol=symbol, exits=plan, ends=(ends,))
        state, before = self.state_now(), self.at_worst(symbol)
        receipt = self.proposed(proposal)
        if receipt.kind is not AnswerKind.DENIED:
            assert state is TradingState.ACTIVE
            assert before + lots * LOT * last <= CAP * self.equity()
            assert len(self.desk.live()) <= 4
            assert self.desk.reserved().get("USDT", Decimal(0)) <= self.desk.cash()

    @rule(symbol=symbols, sizes=st.lists(lots, min_size=2, max_size=4), below=st.integers(0, 90))
    def several_want_to_buy_at_once(self, symbol: str, sizes: list[int], below: int) -> None:
        last = self.desk.last(symbol)
        at = str((last * (1000 - below) / 1000).quantize(Decimal("0.01")))
        proposals = [self.desk.buy(size * LOT, at=at, stop="1", symbol=symbol) for size in sorted(sizes, reverse=True)]
        held, before = self.equity(), self.at_worst(symbol)

        async def all_at_once() -> list[Receipt]:
            return list(await asyncio.gather(*(self.desk.propose(p) for p in proposals)))

        receipts: list[Receipt] = self.run(all_at_once())
        taken = [p.order.quantity for p, r in zip(proposals, receipts, strict=True) if r.kind is not AnswerKind.DENIED]
        if taken:
            # Those that rest below the market can cost no more than their limit.
            assert before + sum(taken[:-1], Decimal(0)) * Decimal(at) + taken[-1] * last <= CAP * held
            assert len(self.desk.live()) <= 4

    @precondition(lambda self: any(self.desk.held(s) for s in SYMBOLS))
    @rule(data=st.data(), above=st.none() | st.integers(0, 90))
    def somebody_wants_to_sell(self, data: st.DataObject, above: int | None) -> None:
        symbol = data.draw(st.sampled_from([s for s in SYMBOLS if self.desk.held(s)]))
        # A stop that rests at the venue makes way for what closes now, and for nothing that waits as well.
        resting = {s.resting for s in self.desk.rows("stops")} if not above else set()
        ahead = [a for a in self.live(symbol, Side.SELL) if a.proposal_id not in resting or a.filled_quantity]
        most, last = self.desk.held(symbol) - sum(a.remaining for a in ahead), self.desk.last(symbol)
        of_note = [n for n in (most, most + LOT, self.desk.held(symbol) / 2 // LOT * LOT, 2 * most) if n > 0]
        wanted = data.draw(st.sampled_from(of_note))
        at = None if above is None else str((last * (1000 + above) / 1000).quantize(Decimal("0.01")))
        receipt = self.proposed(self.desk.sell(wanted, at=at, symbol=symbol))
        if wanted <= most and wanted * last >= 10:
            assert receipt.kind is not AnswerKind.DENIED, f"an exit was held up by {denials(receipt)}"
            assert receipt.review.reducing
        if wanted > most:
            assert receipt.kind is AnswerKind.DENIED, "more was sold than is held"

    @rule(
        symbol=symbols,
        open_=steps,
        close=steps,
        reach=st.integers(0, 60),
        volume=st.sampled_from(["0", "0.7", "5", "900"]),
    )
    def an_hour_passes(self, symbol: str, open_: int, close: int, reach: int, volume: str) -> None:
        last = self.desk.last(symbol)
        first = (last * (1000 + open_) / 1000).quantize(Decimal("0.01"))
        final = (first * (1000 + close) / 1000).quantize(Decimal("0.01"))
        high = (max(first, final) * (1000 + reach) / 1000).quantize(Decimal("0.01"))
        low = (min(first, final) * (1000 - reach) / 1000).quantize(Decimal("0.01"))
        now_ns = self.desk.clock.now_ns()
        self.desk.clock.advance_to(now_ns + (-now_ns) % HOUR_NS)
        self.run(self.desk.trades(str(first), str(high), str(low), str(final), volume=volume, symbol=symbol))
        self.all_is_at_the_venue()

    @rule(minutes=st.integers(1, 59))
    def minutes_pass(self, minutes: int) -> None:
        self.run(self.desk.step(self.desk.clock.now_ns() + minutes * MINUTE_NS))
        self.all_is_at_the_venue()

    @precondition(lambda self: self.desk.live())
    @rule(data=st.data())
    def an_order_is_cancelled(self, data: st.DataObject) -> None:
        attempt = data.draw(st.sampled_from(self.desk.live()))
        self.run(self.desk.gate.cancel(attempt.client_order_id, attempt.symbol))
        assert attempt.client_order_id not in {a.client_order_id for a in self.desk.live()}

    @rule(failure=st.sampled_from([None, OrderStateUnknown("lost"), ExchangeRejected("no")]), arrives=st.booleans())
    def the_line_changes(self, failure: Exception | None, arrives: bool) -> None:
        rejected = isinstance(failure, ExchangeRejected)
        self.desk.venue.fails_after = failure if arrives and not rejected else None
        self.desk.venue.fails_before = None if arrives and not rejected else failure

    @rule()
    def the_desk_is_killed(self) -> None:
        self.desk.kill.on = True
        report = self.run(self.desk.step())
        assert report.state is TradingState.HALTED
        assert all(a.side is Side.SELL for a in self.desk.live())

    @rule()
    def a_person_re_arms_everything(self) -> None:
        self.desk.kill.on = False
        for cause in self.desk.latched():
            assert self.desk.rearm(cause, rebase=cause == "equity_floor")

    @rule()
    def the_process_restarts(self) -> None:
        self.keep_what_was_sent()
        self.desk = self.desk.restarted()
        self.run(self.desk.watch.poll_live())

    # What must hold.

    @invariant()
    def no_balance_is_negative(self) -> None:
        assert all(total >= 0 for total in self.desk.balances().values())

    @invariant()
    def the_ledger_is_the_sum_of_its_fills(self) -> None:
        expected = {"USDT": Decimal(10_000)}
        for fill in self.desk.rows("fills"):
            base = fill.symbol.split("/")[0]
            expected[base] = expected.get(base, Decimal(0)) + fill.side.sign * fill.quantity
            expected["USDT"] -= fill.side.sign * fill.quantity * fill.price + fill.fee
        assert {k: v for k, v in self.desk.balances().items() if v} == {k: v for k, v in expected.items() if v}
        assert all(self.desk.held(s) == expected.get(s.split("/")[0], Decimal(0)) for s in SYMBOLS)

    @invariant()
    def every_fill_of_the_venue_is_booked_once_and_within_its_order(self) -> None:
        booked = {(f.trade_id, f.quantity) for f in self.desk.rows("fills")}
        assert booked == {(f.venue_trade_id, f.quantity) for f in self.desk.rows("paper_fills")}
        assert all(order.filled_quantity <= order.quantity for order in self.desk.rows("orders"))

    @invariant()
    def nothing_reached_the_venue_but_what_was_approved_and_once(self) -> None:
        reached = [*self.sent, *(o.client_order_id for o in self.desk.venue.placed)]
        assert len(reached) == len({*reached})
        assert {*reached} <= {o.client_order_id for o in self.desk.rows("orders")}

    @invariant()
    def nothing_is_sold_twice(self) -> None:
        for symbol in SYMBOLS:
            assert self.selling(symbol) <= self.desk.held(symbol)

    @invariant()
    def every_position_has_its_stop_and_no_stop_more_than_its_position(self) -> None:
        assert all(self.desk.armed(symbol) == self.desk.held(symbol) for symbol in SYMBOLS)

    @invariant()
    def no_guard_sells_more_than_its_entry_bought(self) -> None:
        traded: dict[str, Decimal] = {}
        for order in self.desk.rows("orders"):
            whose = order.plan.removeprefix("stop:") if order.protective else order.proposal_id
            traded[whose] = traded.get(whose, Decimal(0)) + order.side.sign * order.filled_quantity
        assert all(traded[stop.stop_id] >= 0 for stop in self.desk.rows("stops"))

    @invariant()
    def no_trigger_ever_loosens(self) -> None:
        for stop in self.desk.rows("stops"):
            assert stop.trigger_price >= self.triggers.get(stop.stop_id, Decimal(0))
            self.triggers[stop.stop_id] = stop.trigger_price

    # Arithmetic of the test's own.

    def equity(self) -> Decimal:
        return self.desk.cash() + sum((self.desk.held(s) * self.desk.last(s) for s in SYMBOLS), Decimal(0))

    def at_worst(self, symbol: str) -> Decimal:
        """What is held of a symbol and what its live buys may still add, each at least at its limit."""
        prices = {o.client_order_id: o.limit_price for o in self.desk.rows("orders")}
        last = self.desk.last(symbol)
        buying = sum(
            (
                (a.quantity - a.filled_quantity) * (prices[a.client_order_id] or last)
                for a in self.live(symbol, Side.BUY)
            ),
            Decimal(0),
        )
        return self.desk.held(symbol) * last + buying

    def selling(self, symbol: str) -> Decimal:
        return sum((a.remaining for a in self.live(symbol, Side.SELL)), Decimal(0))

    def all_is_at_the_venue(self) -> None:
        """Right after a step over a sound line: what is neither resting nor being sold is too little to be."""
        venue = self.desk.venue
        if venue.rests_stops and venue.fails_before is venue.fails_after is None:
            for symbol in SYMBOLS:
                guards = [s for s in self.desk.rows("stops") if s.symbol == symbol and s.state is StopState.ARMED]
                least = sum((BTC.min_notional / s.trigger_price + LOT for s in guards), Decimal(0))
                assert self.desk.held(symbol) - self.selling(symbol) <= least

    def state_now(self) -> TradingState:
        return TradingState.HALTED if self.desk.kill.on else self.desk.state()

    def live(self, symbol: str, side: Side) -> list[Any]:
        return [a for a in self.desk.live() if a.symbol == symbol and a.side is side]

    def proposed(self, proposal: Any) -> Receipt:
        """Proposes twice: the second answer is the first, and sends nothing."""
        receipt: Receipt = self.run(self.desk.propose(proposal))
        reached = len(self.desk.venue.placed)
        again: Receipt = self.run(self.desk.propose(proposal))
        assert again.kind is receipt.kind
        assert len(self.desk.venue.placed) == reached
        return receipt

    def keep_what_was_sent(self) -> None:
        self.sent += [o.client_order_id for o in self.desk.venue.placed]

    def run(self, work: Any) -> Any:
        return self.runner.run(work)


TestDesk = DeskMachine.TestCase
TestDesk.settings = settings(stateful_step_count=30)
