"""One process of a life: the first does what the plan says, a later one recovers; both end in agreement or say why."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any, Final

from chaos.desk import ACCOUNT, CAP, Worked, patiently
from chaos.knives import sharpened
from chaos.market import PRICE
from chaos.plan import DOOMED, FROZEN, LAG, REQUESTS, SKEW, STREAMS, Plan, Stage
from chaos.plants import planted, proposing
from core import identity
from core.errors import ExchangeUnavailable
from core.money import Price, Quantity
from core.orders import Order, OrderState, OrderType, Proposal, Side, TimeInForce
from core.time import HOUR_NS
from core.verdicts import Receipt
from execution import incidents, lifecycle, orderbook
from execution.lifecycle import UNRESOLVED
from execution.mismatches import Reconciled
from memory.books import performance
from memory.books.words import IncidentKind

Tell = Callable[..., None]

_NEVER_MS: Final = 10**9
_SOON_MS: Final = 4_000
_DUPLICATE_MS: Final = 61_000  # two entries within a minute look like one by mistake
_STREAM_S: Final = 3.0
_CANCELS: Final = 8
_ROUNDS: Final = 16
_ROUND_MS: Final = 5_500
_UNSETTLED: Final = UNRESOLVED | {OrderState.SENDING, OrderState.PENDING_CANCEL}
_PERSON: Final = "person:ada"


class Life:
    def __init__(self, worked: Worked, plan: Plan, tell: Tell, plant: str | None) -> None:
        self.worked, self.plan, self.tell, self.plant = worked, plan, tell, plant
        self.desk, self.world, self.control = worked.desk, worked.world, worked.world.control
        self.surface = worked.surface
        planted(worked, plant)

    async def begins(self) -> None:
        """The first process."""
        plan = self.plan
        await patiently(self.desk.watch.recover)
        following = asyncio.create_task(self._follow()) if plan.streams else None
        if following is not None:
            await self._heard({"fault": "gap", "stream": "user", "event": self.surface.money_event}, self._deposit)
        if plan.exits:
            await self._propose(self._entry("before", takes=True, share=Decimal("0.3")))
            await self._looks()
            self.world.passes(_DUPLICATE_MS)
        if plan.knife is not None:
            sharpened(self.worked, plan.knife)
        await self._reaches()
        for event in plan.events:
            await self._happens(event)
        await self._settles()
        if following is not None:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def recovers(self, *, dies_again: bool) -> None:
        """Any later process. Whoever proposed asks again: the answer is the one there is."""
        self.control.faults()
        if dies_again and self.plan.second_knife is not None:
            sharpened(self.worked, self.plan.second_knife)
        await patiently(self.desk.watch.recover)
        for proposal in self._stored():
            await self._propose(proposal)
        await self._settles()

    # To the state in which the fault strikes, and there.

    async def _reaches(self) -> None:
        plan, stage = self.plan, self.plan.stage
        placing = self._placing()
        match stage:
            case Stage.SENDING:
                await self._strikes(lambda: self._propose(self._wanted(takes=plan.takes)), placing)
                return
            case Stage.OPEN | Stage.PENDING_CANCEL:
                await self._placed(self._wanted(), *placing)
            case Stage.PARTIAL:
                doom = self.surface.place(DOOMED, share="0.4", ms=_NEVER_MS)
                await self._placed(self._wanted(), *(placing or [doom]))
            case Stage.UNKNOWN:
                lost = self.surface.place("unanswered" if plan.arrived else "cut", times=1)
                await self._placed(self._wanted(takes=plan.takes), lost, *placing)
            case Stage.CANCEL_UNKNOWN:
                await self._placed(self._wanted(), *placing)
                # Where a stream tells of it, a cancel that arrived is known at once.
                arrived = plan.arrived and not plan.streams
                for _ in range(1 if arrived else _CANCELS):
                    self.control.faults(self.surface.cancel("unanswered" if arrived else "cut"))
                    await self._cancels()
                    self.control.faults()
                    # A hint that comes late has the order asked for, and it is open still.
                    if self._stands(stage) or not self._live():
                        break
            case Stage.OVER:
                await self._placed(self._wanted(takes=True), *placing)
        if plan.fault == DOOMED:
            self.world.passes(_SOON_MS + 1_000)
        await self._strikes(self._cancels if stage is Stage.PENDING_CANCEL else self._looks, [])

    def _placing(self) -> list[dict[str, Any]]:
        """What must stand while the order is placed."""
        plan, stage = self.plan, self.plan.stage
        draw = plan.draw("doom")
        if plan.fault != DOOMED:
            return []
        share = {Stage.PARTIAL: "0.4", Stage.OPEN: "0", Stage.OVER: "1"}.get(stage, draw.choice(("0", "0.3")))
        ms = 0 if stage in (Stage.SENDING, Stage.OVER) else _SOON_MS
        to = draw.choice(("rejected", "expired", "cancelled"))
        return [self.surface.place(DOOMED, share=share, ms=ms, to=to)]

    async def _strikes(self, act: Callable[[], Awaitable[object]], also: list[dict[str, Any]]) -> None:
        plan, stage = self.plan, self.plan.stage
        rule, there = self._rule(), self._stands(stage)
        if rule is not None and plan.fault in STREAMS:
            self.control.faults(rule)
            await act()
            if stage not in (Stage.SENDING, Stage.PENDING_CANCEL):
                self._disturbs()
            await self._until_struck()
        elif rule is not None:
            self.control.faults(rule, *also)
            await act()
            if plan.fault == FROZEN:
                await self._happens("second")
        else:
            self.control.faults(*also)
            await act()
        struck = plan.fault == DOOMED or plan.fault in (SKEW, FROZEN) or bool(self.control.struck()[0])
        self.control.faults()
        if struck and there:
            self.tell("cell", plan.fault, stage.value)
        await self._looks()

    def _stands(self, stage: Stage) -> bool:
        """Whether the order is where the fault is to find it."""
        tried = self.desk.books.read(lambda conn: orderbook.attempts(conn, self._id("main")))
        if stage is Stage.SENDING:
            return not tried
        if not tried:
            return False
        if stage is Stage.PENDING_CANCEL:
            return tried[-1].state.live
        return not tried[-1].state.live if stage is Stage.OVER else tried[-1].state == stage.value

    def _rule(self) -> dict[str, Any] | None:
        plan, stage, draw = self.plan, self.plan.stage, self.plan.draw("rule")
        if plan.fault in STREAMS:
            return {"fault": plan.fault, "stream": "user", "times": plan.times}
        if plan.fault == SKEW:
            return {"fault": SKEW, "ms": draw.choice((-20_000, 20_000, 3_000))}
        if plan.fault == FROZEN:
            return {"fault": FROZEN}
        if plan.fault == LAG:
            return self.surface.read(LAG, self.surface.lists[-1], ms=3_000)
        if plan.fault == DOOMED:
            return None
        more = {"times": plan.times, **REQUESTS[plan.fault]}
        if stage is Stage.SENDING:
            return self.surface.place(plan.fault, **more)
        if stage is Stage.PENDING_CANCEL:
            return self.surface.cancel(plan.fault, **more)
        paths = self.surface.lists if stage is Stage.OVER else self.surface.reads
        return self.surface.read(plan.fault, draw.choice(paths), **more)

    def _disturbs(self) -> None:
        """Something that the account's stream would tell."""
        names = [a.client_order_id for a in self._live() if not a.external]
        if not (names and self.control.close(names[0], "cancelled")):
            self._deposit()

    async def _until_struck(self) -> None:
        async with asyncio.timeout(_STREAM_S):
            while not any(self.control.struck()):
                self._deposit()
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.02)

    async def _heard(self, rule: dict[str, Any], act: Callable[[], None]) -> None:
        """Waits until the account's stream carries something."""
        self.control.faults(rule)
        async with asyncio.timeout(_STREAM_S * 3):
            while not any(self.control.struck()):
                act()
                await asyncio.sleep(0.02)
        self.control.faults()

    # What happens.

    async def _happens(self, event: str) -> None:
        match event:
            case "fill":
                for attempt in self._live():
                    if (row := self._row(attempt.client_order_id)) is not None and row.limit_price is not None:
                        self._trades_beyond(row.side, row.limit_price)
                self.world.passes(500)
            case "time":
                self.world.passes(self.plan.draw("time").choice((1_000, 4_000, 30_000)))
            case "cancel":
                await self._cancels()
            case "again":
                for proposal in self._stored():
                    await self._propose(proposal)
            case "second":
                await self._propose(self._entry("second", takes=self.plan.takes, share=Decimal("0.8")))
            case "fall":
                self.world.trades_at(PRICE * Decimal("0.96"))
                self.world.passes(500)
            case "ended":
                for attempt in self._live()[:1]:
                    self.control.close(attempt.client_order_id, "expired")
            case "deposit":
                self._deposit()
            case "exit":
                await self._propose(self._exit("exit"))
        await self._looks()

    async def _looks(self) -> Reconciled | None:
        """One round of the watch and one reconciliation, as the timers of a live desk would. None: it cannot read."""
        with suppress(ExchangeUnavailable):
            await self.desk.watch.step()
        try:
            return await self.desk.watch.reconcile()
        except ExchangeUnavailable:
            return None

    async def _cancels(self) -> None:
        for attempt in self._live():
            with suppress(ExchangeUnavailable):
                await self.desk.gate.cancel(attempt.client_order_id, attempt.symbol)

    async def _placed(self, proposal: Proposal, *rules: dict[str, Any]) -> None:
        self.control.faults(*rules)
        await self._propose(proposal)
        self.control.faults()

    async def _propose(self, proposal: Proposal) -> Receipt:
        with proposing(self.worked, self.plant):
            receipt = await self.desk.gate.propose(proposal)
        denied = ",".join(verdict.code for verdict in receipt.review.denials)
        self.tell("answer", receipt.kind.value, denied)
        return receipt

    async def _follow(self) -> None:
        """As the live desk does: a hint is a reason to ask."""
        async for event in self.worked.venue.events():
            with suppress(ExchangeUnavailable):
                if event.client_order_id is None or event.symbol is None:
                    await self.desk.watch.poll_live()
                elif self.desk.books.read(lambda conn, e=event: orderbook.is_live(conn, e.client_order_id)):  # type: ignore[misc]
                    await self.desk.gate.poll(event.client_order_id, event.symbol)

    def _deposit(self) -> None:
        self.control.transfer("USDT", "1.25", "futures" if self.surface.contracts else "spot")

    def _trades_beyond(self, side: Side, limit: Decimal) -> None:
        self.world.trades_at(limit - side.sign * 100)

    # The end.

    async def _settles(self) -> None:
        """The venue is well again: within so many rounds everything is known, and both sides agree."""
        self.control.faults()
        if self.plan.cancelled_at_last:
            await self._cancels()
        rounds, agreed = 0, False
        while rounds < _ROUNDS and not agreed:
            rounds += 1
            self.world.passes(_ROUND_MS)
            found = await self._looks()
            agreed = found is not None and found.clean and not self._unsettled()
        self.tell("settled", rounds, agreed, self._unsettled(), *self._told())

    def _told(self) -> tuple[str, list[str], list[str], str]:
        """Profit by the books, and what is still open of contradictions and irregularities."""
        marks = {self.surface.symbol: self.world.market.price}
        earned = self.desk.books.read(lambda conn: performance.profit(conn, ACCOUNT, marks))
        total = "unknown"
        if earned.realised is not None and earned.unrealised is not None:
            total = str(earned.realised + earned.unrealised)
        kinds = (IncidentKind.MISMATCH, IncidentKind.IRREGULARITY)
        wrong, odd = (
            sorted(self.desk.books.read(lambda conn, k=kind: incidents.subjects(conn, ACCOUNT, k)))  # type: ignore[misc]
            for kind in kinds
        )
        return total, wrong, odd, str(self.world.market.price)

    def _unsettled(self) -> list[str]:
        return [f"{a.client_order_id} {a.state}" for a in self._live() if a.state in _UNSETTLED]

    # Orders.

    def _wanted(self, *, takes: bool = False) -> Proposal:
        """An exit only where it trades at once: one that waits would take the place of the stop that guards it."""
        if self.plan.exits and takes:
            return self._exit("main")
        return self._entry("main", takes=takes)

    def _entry(self, key: str, *, takes: bool, share: Decimal = Decimal("0.65"), plan: str = "") -> Proposal:
        """A part of what one asset may be: two of them would be too much."""
        draw = self.plan.draw(key)
        price = PRICE * (Decimal("1.002") if takes else Decimal("0.995"))
        worth = self.surface.money * CAP * share
        quantity = (worth / price * Decimal(draw.randint(950, 1000)) / 1000).quantize(self.surface.lot)
        tif = TimeInForce.IOC if takes and draw.random() < 0.3 else TimeInForce.GTC
        order = self._order(key, Side.BUY, quantity, price, tif)
        return Proposal(
            order,
            source=_PERSON,
            decided_ns=self.desk.clock.now_ns(),
            thesis="it rises",
            stop_price=Price(PRICE * Decimal("0.97")),
            invalidation=("last <= 1",),
            evidence=(_PERSON,),
            views_until_ns=self.desk.clock.now_ns() + 12 * HOUR_NS,
            plan=plan,
        )

    def _exit(self, key: str, quantity: Decimal | None = None) -> Proposal:
        draw = self.plan.draw(key)
        if quantity is None:
            share = self.surface.money * CAP / PRICE * Decimal(draw.randint(90, 270)) / 1_000
            quantity = share.quantize(self.surface.lot)
        price = None if self.plan.bare else PRICE * Decimal("0.998")
        order = self._order(key, Side.SELL, quantity, price, TimeInForce.GTC)
        return Proposal(order, source=_PERSON, decided_ns=self.desk.clock.now_ns(), evidence=(_PERSON,))

    def _order(self, key: str, side: Side, quantity: Decimal, price: Decimal | None, tif: TimeInForce) -> Order:
        return Order(
            proposal_id=self._id(key),
            account_id=ACCOUNT,
            owner="ada",
            symbol=self.surface.symbol,
            side=side,
            type=OrderType.MARKET if price is None else OrderType.LIMIT,
            quantity=Quantity(quantity),
            limit_price=None if price is None else Price(price),
            time_in_force=tif,
            reduce_only=self.surface.contracts and side is Side.SELL,
        )

    def _id(self, key: str) -> str:
        return identity.person_proposal_id(ACCOUNT, "ada", f"{self.plan.name}:{key}", self.surface.symbol)

    def _stored(self) -> list[Proposal]:
        """What this life proposes, as it was proposed, or as it would have been where nothing of it is known."""
        keys = ("before", "main") if self.plan.exits else ("main",)
        found = []
        for key in keys:
            name = self._id(key)
            row = self.desk.books.read(lambda conn, n=name: orderbook.find_proposal(conn, n))  # type: ignore[misc]
            if row is not None:
                found.append(orderbook.stored_proposal(row.body))
            elif key == "main":
                found.append(self._wanted(takes=self.plan.takes))
        return found

    def _live(self) -> list[orderbook.Attempt]:
        return self.desk.books.read(lambda conn: orderbook.live_attempts(conn, ACCOUNT))

    def _row(self, name: str) -> Any:
        return self.desk.books.read(lambda conn: lifecycle.order(conn, name))
