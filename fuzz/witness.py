"""The oracle at the gate: it keeps its own log of what is asked, approved, sent, told and filled, and judges it.

Every review is judged in the moment that it is made, over a scene made of this log and the tape alone; every order that
reaches the venue must have been let through, unchanged, in time, once, and with nothing closed since. It shares no code
with the rules or the gate, and reads every limit from a table of numbers.
"""

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from core.identity import client_order_id
from core.instruments import ContractKind
from core.money import Price, Quantity
from core.orders import Order, OrderType, Position, Proposal, Side
from fuzz.claims import wish_of
from fuzz.closures import Closures, Read
from fuzz.estimates import market_of, worst_days
from fuzz.holdings import Holdings
from fuzz.log import SECOND_NS, Log, Sent
from fuzz.meters import Meters
from fuzz.oracle import Judgement, judge
from fuzz.scene import Scene
from fuzz.sums import Case, Limits, known
from fuzz.tape import Tape

# Statistics are floats, and cut to nine digits on the gate's side.
GRAIN: Final = Fraction(1, 10**7)
_SEVERITY: Final = ("active", "reducing", "halted")
_VENUE: Final = "paper"


class Witness:
    """`limits` and its breakers are plain data; `killed` tells whether somebody pulled the switch."""

    def __init__(self, tape: Tape, limits: Limits, cash: Decimal, killed: Callable[[], bool], *, ttl_s: int) -> None:
        self._tape = tape
        self._limits = limits
        self._killed = killed
        self._ttl_ns = ttl_s * SECOND_NS
        self._closures = Closures(limits["breakers"])
        self._epoch = 0
        self._said: dict[str, Proposal] = {}
        self._let_through: dict[str, Proposal] = {}
        self.account_id = "paper"
        self.holdings = Holdings("USDT", Fraction(cash))
        self.log = Log()
        self._meters = Meters(tape, limits, self.holdings, self.log, _VENUE)
        self.records: dict[str, Collection[str]] = {}
        self.readable: Collection[str] = ()
        self.venue_status = 0
        self.restricted = False
        self.reached = 0
        self.wrong: list[Judgement] = []

    # What the gate says.

    def reviewed(
        self, proposal: Proposal, denied: Collection[str], state: str, caps: Decimal, *, vouched: bool, reused: bool
    ) -> None:
        """One review with its answer, no code where it was let through."""
        self._look()
        scene = self.scene(proposal, vouched=vouched, reused=reused)
        if _SEVERITY.index(state) < _SEVERITY.index(scene.state) or caps > scene.caps:
            self._breach(f"{state} at {caps} of the caps, though {scene.state} at {scene.caps}")
        elif (state, caps) != (scene.state, scene.caps):
            self.wrong.append(Judgement(unfounded=(f"{state} at {caps}, though {scene.state} at {scene.caps}",)))
            scene.state, scene.caps = state, caps
        if reused is not (self._said.setdefault(proposal.proposal_id, proposal) != proposal):
            self._breach(f"proposal id {'called' if reused else 'not called'} reused")
        judgement = judge(scene, self._limits, denied, grain=GRAIN)
        if not judgement.clean:
            self.wrong.append(judgement)
        if not denied:
            self._let_through[proposal.proposal_id] = proposal

    def approved(self, order: Order, *, vouched: bool) -> None:
        """From here on an order counts at its worst."""
        proposal = self._let_through.pop(order.proposal_id, None)
        if proposal is None or proposal.order != order:
            self._breach("approved, though no review let it through")
            return
        tried = self.log.attempts(order.proposal_id)
        if any(s.state != "absent" for s in tried):
            self._breach("a second attempt, though the first is not proven absent")
        case = Case(self.scene(proposal, vouched=vouched, reused=False), self._limits)
        currency, reserved = self._worst_cost(case)
        name, now_ns = client_order_id(order.proposal_id, len(tried) + 1), self._tape.now_ns
        sent = Sent(name, order, proposal, now_ns, self._epoch, currency, reserved, vouched, case.reduces)
        self.log.sent[name] = sent
        selling = [s.remaining for s in self.log.live(order.symbol) if s.order.side is Side.SELL]
        if not case.perpetual and sum(selling, Fraction(0)) > self.units(order.symbol):
            self._breach("the same coins are being sold twice")

    def refused(self, name: str) -> None:
        """The door took no ticket for it: it was never sent."""
        if name in self.log.sent and not self.log.sent[name].arrived:
            self.log.sent[name].state = "absent"

    # What the venue sees.

    def arrives(self, name: str, fields: Mapping[str, Any]) -> None:
        self.reached += 1
        sent = self.log.sent.get(name)
        if sent is None:
            self._breach("an order that nobody approved reached the venue")
            return
        if sent.arrived:
            self._breach("one approval was sent twice")
        sent.arrived = True
        wanted = {field: getattr(sent.order, field) for field in fields}
        # What is proven to reduce may be told to do nothing else.
        wanted["reduce_only"] = fields["reduce_only"] if sent.reducing else sent.order.reduce_only
        if wanted != dict(fields):
            self._breach("an order was altered after its approval")
        if self._tape.now_ns - sent.approved_ns > self._ttl_ns:
            self._breach("an order was sent on an expired approval")
        if sent.epoch != self._epoch:
            self._breach("an order was sent on an approval from before a halt")
        if self._killed() and not sent.reducing:
            self._breach("new risk was sent after the kill switch was pulled")

    def called(self, *, failed: bool) -> None:
        """One call over the line, and whether it failed or timed out."""
        self.log.calls.append((self._tape.now_ns, failed))
        if failed:
            self.log.failed_ns.append(self._tape.now_ns)

    def ended(self, name: str, state: str) -> None:
        """How a send ended on our side: 'rejected' or 'unknown'."""
        if name in self.log.sent and self.log.sent[name].live:
            self.log.sent[name].state = state

    def cancelling(self, name: str) -> None:
        sent = self.log.sent.get(name)
        if sent is not None and sent.cancel_ns is None:
            sent.cancel_ns = self._tape.now_ns

    def told(self, name: str, state: str | None, fills: Collection[tuple[Decimal, Decimal, Decimal, int]]) -> None:
        """The venue's word on one order, with its new fills as quantity, price, fee and time; None is no such order."""
        sent = self.log.sent.get(name)
        if sent is None:
            return
        sent.state = "absent" if state is None else state
        symbol, side = sent.order.symbol, sent.order.side
        for quantity, price, fee, ns in fills:
            before = self.units(symbol)
            sent.filled += Fraction(quantity)
            traded = (Fraction(quantity), Fraction(price), Fraction(fee), ns)
            self.holdings.fill(self._tape.instruments[symbol], side, *traded)
            self.log.fills.append((sent.order.owner, ns))
            if sent.order.reduce_only and before * self.units(symbol) < 0:
                self._breach("a reduce-only order opened the opposite position")
        if any(total < 0 for currency, total in self.holdings.balances.items() if currency != self.holdings.currency):
            self._breach("more coins were sold than there were")

    # What happens to the desk.

    def stepped(self) -> None:
        """The watch has looked: the account is marked."""
        self._meters.mark()
        self._look()

    def halted(self) -> None:
        """A person stopped it by command."""
        self._epoch += 1
        self._look(kill=Fraction(1))

    def rearmed(self, name: str, reads: str, *, rebase: bool) -> None:
        self._epoch += 1
        self._closures.rearm(name)
        self._meters.begin_anew(reads, rebase=rebase)

    def restarted(self) -> None:
        """A new process: no ticket of the old one is good, and its count of calls is gone."""
        self._epoch += 1
        self.log.calls.clear()
        self.log.failed_ns.clear()

    def differs(self, balances: Mapping[str, Decimal], units: Mapping[str, Decimal]) -> None:
        """Holds the books against the log."""
        mine = {currency: total for currency, total in self.holdings.balances.items() if total}
        if mine != {currency: Fraction(total) for currency, total in balances.items() if total}:
            self._breach("the books hold other balances than the fills say")
        if {s: h.units for s, h in self.holdings.positions.items()} != {s: Fraction(n) for s, n in units.items()}:
            self._breach("the books hold other positions than the fills say")

    def units(self, symbol: str) -> Fraction:
        """What is held, negative for a short."""
        held = self.holdings.positions.get(symbol)
        return Fraction(0) if held is None else held.units

    # What it knows.

    def scene(self, proposal: Proposal, *, vouched: bool, reused: bool) -> Scene:
        """Everything that matters to one order now."""
        order, now_ns, live = proposal.order, self._tape.now_ns, self.log.live()
        state, caps = self._closures.standing(now_ns, order.symbol, _VENUE)
        symbols = sorted({order.symbol, *self.holdings.positions, *(s.order.symbol for s in live)})
        listed = {s: self._tape.instruments[s] for s in symbols if s in self._tape.instruments}
        equity = self._meters.equity()
        scene = Scene(
            order=order,
            now_ns=now_ns,
            equity=None if equity is None else known(equity),
            account_id=self.account_id,
            state=state,
            caps=caps,
            balances={currency: known(total) for currency, total in self.holdings.balances.items()},
            positions=[self._position(symbol) for symbol in self.holdings.positions],
            working=[s.working() for s in live],
            recent=self.log.recent(but=order.proposal_id),
            quotes={s: quote for s in symbols if (quote := self._meters.usable(s)) is not None},
            instruments=listed,
            wish=wish_of(proposal, self.log, self.records, self.readable, vouched=vouched),
            market=market_of(self._tape, order, {s: listed[s].base for s in listed}, now_ns),
            counts=self.log.counts(order.owner, self._limits, now_ns),
            venue_status=self.venue_status,
            restricted=self.restricted,
            reused_id=reused,
        )
        for s in live:
            scene.reserved[s.currency] = scene.reserved.get(s.currency, Decimal(0)) + known(s.held_back)
        account = Case(scene, self._limits).account
        if account is not None:
            named, assumed = {listed[s].base: s for s in listed}, Fraction(self._limits["assumed_shortfall"])
            scene.portfolio_shortfall = known(worst_days(self._tape, account, named, assumed, now_ns))
        return scene

    def _position(self, symbol: str) -> Position:
        held, kind = self.holdings.positions[symbol], self._tape.instruments[symbol].kind
        side = Side.BUY if held.units > 0 else Side.SELL
        size, price = Quantity(known(abs(held.units))), Price(known(held.price))
        return Position(self.account_id, symbol, side, size, price, kind)

    def _worst_cost(self, case: Case) -> tuple[str, Fraction]:
        """What an order holds back: coins for a spot sale, else its dearest price with the fee."""
        instrument, quantity = case.instrument, case.quantity or Fraction(0)
        assert instrument is not None
        if not case.buys and instrument.kind is ContractKind.SPOT:
            return instrument.base, quantity
        dearest = case.price
        if case.buys:
            slipped = 1 + Fraction(self._limits["market_slippage"])
            limit = case.limit if case.order.type is OrderType.LIMIT else None
            dearest = limit or (max(case.ask or Fraction(0), case.trigger or Fraction(0)) * slipped)
        return instrument.quote, quantity * (dearest or Fraction(0)) * (1 + Fraction(instrument.taker_fee))

    def _look(self, **told: Read) -> None:
        told.setdefault("kill", Fraction(self._killed()))
        if self._closures.look(self._meters.readings(told), self._tape.now_ns):
            self._epoch += 1

    def _breach(self, what: str) -> None:
        self.wrong.append(Judgement(breaches=(what,)))
