"""What agents and people might propose to a desk: sensible, greedy, confused, tricked or broken."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random
from typing import Any, Final

from core.exits import Chandelier, ExitPlan, Rung
from core.instruments import ContractKind
from core.money import Price, Quantity, nearest_tick, round_quantity
from core.orders import Expectation, Order, OrderType, Proposal, Side, TimeInForce
from core.taint import Taint
from core.time import HOUR_NS
from fuzz.tape import Tape
from fuzz.wild import NASTY
from fuzz.witness import Witness
from fuzz.worlds import between

CYCLE: Final = "fuzz"
SEEN: Final = "market_snapshot:BTC/USDT:seen"
READABLE: Final = ("last <= 1", "age_h > 400 and gain < -50%", "spread_bps > 900 or last < 0.0000001")
_UNREADABLE: Final = ("", "buy more", "last <", "last <= 1 and", "__import__('os')", "gain > 5 apples")


@dataclass
class Wishes:
    """Writes proposals for one desk; `said` are those of before."""

    rng: Random
    tape: Tape
    witness: Witness
    said: list[Proposal] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def next(self) -> Proposal:
        kind = self.rng.random()
        if kind < 0.06 and self.said:
            return self._again()
        exits = kind < 0.3 and self.witness.holdings.positions
        proposal = self._exit() if exits else self._entry()
        if self.rng.random() < 0.12:
            proposal = self._spoiled(proposal)
        self.said.append(proposal)
        return proposal

    def rush(self, n: int) -> list[Proposal]:
        """Several entries into one asset, each of which fits alone; the later the smaller, so that none is a repeat."""
        symbol = self.rng.choice(sorted(self.tape.instruments))
        instrument = self.tape.instruments[symbol]
        room = self._room(instrument.base, Decimal("0.2")) / self._price(symbol)
        sizes = [round_quantity(room * (Decimal("0.9") - at * Decimal("0.12")), instrument.lot_size) for at in range(n)]
        found = [self._proposal(symbol, Side.BUY, max(size, Quantity(instrument.lot_size))) for size in sizes]
        self.said += found
        return found

    def _again(self) -> Proposal:
        """The same again, or another order under an old name."""
        before = self.rng.choice(self.said)
        if self.rng.random() < 0.6:
            return before
        return replace(before, order=replace(before.order, quantity=Quantity(before.order.quantity * 2)))

    def _entry(self) -> Proposal:
        # Perpetuals less often: without a funding rate, which this market does not show, their entries are denied.
        symbol = self.rng.choice(sorted(self.tape.instruments))
        if self.tape.instruments[symbol].kind is ContractKind.PERPETUAL and self.rng.random() < 0.7:
            symbol = "BTC/USDT"
        instrument = self.tape.instruments[symbol]
        perpetual = instrument.kind is ContractKind.PERPETUAL
        side = Side.SELL if perpetual and self.rng.random() < 0.4 else Side.BUY
        price = self.tape.assets[instrument.base].price
        share = self.rng.choice((Decimal("0.2"), Decimal("0.1"), Decimal("0.05"), Decimal("0.02")))
        room = self._room(instrument.base, share) / price
        size = self._part(room, instrument.lot_size)
        return self._proposal(symbol, side, size)

    def _exit(self) -> Proposal:
        symbol = self.rng.choice(sorted(self.witness.holdings.positions))
        units = self.witness.holdings.positions[symbol].units
        side = Side.SELL if units > 0 else Side.BUY
        live = [
            s for s in self.witness.log.sent.values() if s.live and s.order.symbol == symbol and s.order.side is side
        ]
        free = abs(units) - sum(s.remaining for s in live)
        left = Decimal(free.numerator) / Decimal(free.denominator)
        size = self._part(max(left, Decimal(0)), self.tape.instruments[symbol].lot_size)
        proposal = self._proposal(symbol, side, size)
        only = self.rng.random() < 0.5
        return replace(proposal, order=replace(proposal.order, reduce_only=only), stop_price=None)

    def _part(self, whole: Decimal, lot: Decimal) -> Quantity:
        """All of it, a lot more, half, or far too much."""
        share = whole * between(self.rng, 0.05, 0.9)
        parts = (whole, whole, whole + lot, whole / 2, share, share, whole * 3, lot)
        return max(round_quantity(self.rng.choice(parts), lot), Quantity(lot))

    def _room(self, base: str, share: Decimal) -> Decimal:
        """Roughly what one asset may still grow by to be such a share of equity, in the numeraire."""
        cash = self.witness.holdings.balances["USDT"]
        equity = Decimal(int(cash)) + sum(
            (abs(Decimal(int(h.units * 10**6)) / 10**6) * self._price(s) for s, h in self._positions()), Decimal(0)
        )
        held = sum(
            (abs(Decimal(int(h.units * 10**6)) / 10**6) * self._price(s) for s, h in self._positions(base)), Decimal(0)
        )
        return max(equity * share - held, Decimal(30))

    def _positions(self, base: str | None = None) -> list[tuple[str, Any]]:
        found = self.witness.holdings.positions.items()
        return [(s, h) for s, h in found if base is None or self.tape.instruments[s].base == base]

    def _price(self, symbol: str) -> Decimal:
        return self.tape.assets[self.tape.instruments[symbol].base].price

    def _proposal(self, symbol: str, side: Side, size: Quantity) -> Proposal:
        rng, instrument, price = self.rng, self.tape.instruments[symbol], self._price(symbol)
        kind = rng.choice((OrderType.MARKET, OrderType.MARKET, OrderType.LIMIT, OrderType.LIMIT, OrderType.STOP))
        sign, tick = side.sign, instrument.tick_size
        passive = nearest_tick(price * (1 - sign * between(rng, -0.002, 0.04)), tick)
        beyond = nearest_tick(price * (1 + sign * between(rng, 0.001, 0.045)), tick)
        order = Order(
            proposal_id=f"p{next(self.numbers)}",
            account_id=self.witness.account_id,
            owner=rng.choice(("trend", "trend", "carry")),
            symbol=symbol,
            side=side,
            type=kind,
            quantity=size,
            limit_price=passive if kind is OrderType.LIMIT else None,
            trigger_price=beyond if kind is OrderType.STOP else None,
            time_in_force=rng.choice((TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC)),
        )
        near = min(price, passive) if sign > 0 else max(price, passive)
        source = rng.choice((f"cycle:{CYCLE}", f"cycle:{CYCLE}", "person:ada"))
        return Proposal(
            order,
            source=source,
            decided_ns=self.tape.now_ns,
            thesis="it moves",
            stop_price=nearest_tick(near * (1 - sign * between(rng, 0.03, 0.5)), tick),
            invalidation=(rng.choice(READABLE),),
            evidence=(source if source.startswith("person:") else SEEN,),
            taint=rng.choice((Taint.TRUSTED, Taint.TRUSTED, Taint.DERIVED)),
            views_until_ns=self.tape.now_ns + rng.randrange(1, 24) * HOUR_NS,
            confidence=None if rng.random() < 0.7 else between(rng, 0.5, 0.95),
            calibrated=rng.random() < 0.7,
            exits=self._plan(price, sign) if rng.random() < 0.2 else ExitPlan(),
        )

    def _plan(self, price: Decimal, sign: int) -> ExitPlan:
        """Ways out that make sense."""
        rungs = tuple(Rung(price * (1 + sign * step * Decimal("0.04")), Decimal("0.4")) for step in (1, 2))
        return self.rng.choice(
            (
                ExitPlan(trail=between(self.rng, 0.02, 0.2)),
                ExitPlan(chandelier=Chandelier(), break_even=Decimal("0.02")),
                ExitPlan(time_limit_s=self.rng.choice((60, 21_600))),
                ExitPlan(ladder=rungs if self.rng.random() < 0.5 else rungs[::-1]),
            )
        )

    def _spoiled(self, proposal: Proposal) -> Proposal:
        """One thing wrong, or beyond all reason."""
        rng, order = self.rng, proposal.order
        number = rng.choice([n for n in NASTY if not n.is_snan()])
        orders: tuple[dict[str, Any], ...] = (
            {"quantity": Quantity(number)},
            {"limit_price": Price(number)},
            {"trigger_price": Price(number)},
            {"symbol": rng.choice(("XRP/USDT", "", "BTC/EUR", "\u0000"))},
            {"owner": rng.choice(("", "\u0000", "x" * 10_000))},
            {"side": order.side.opposite},
            {"reduce_only": not order.reduce_only},
            {"quantity": Quantity(order.quantity * 1000)},
        )
        texts: tuple[dict[str, Any], ...] = (
            {"thesis": rng.choice(("", " ", "\u0000", "x" * 10_000))},
            {"stop_price": rng.choice((None, Price(number), Price(order.quantity)))},
            {"invalidation": rng.choice(((), (rng.choice(_UNREADABLE),)))},
            {"evidence": rng.choice(((), ("made:up",), ("text:news", SEEN), ("text:news",)))},
            {"taint": rng.choice((Taint.UNTRUSTED, Taint.HOSTILE))},
            {"views_until_ns": rng.choice((None, self.tape.now_ns - 1))},
            {"source": rng.choice(("cycle:other", "person:eve", "webhook:x"))},
            {"expectation": Expectation(Price(number), rng.choice((0, 60, 3600)))},
            {"confidence": Decimal("0.99"), "calibrated": False},
            {"confirmed": rng.choice((0, 1))},
            {"target_price": Price(number)},
            {"exits": ExitPlan(trail=number, break_even=rng.choice((number, None)))},
            {"exits": ExitPlan(chandelier=Chandelier(rng.choice((0, 22, 501)), number))},
            {
                "exits": ExitPlan(
                    ladder=(Rung(number, Decimal("0.5")), Rung(Decimal(9), rng.choice((number, Decimal(1)))))
                )
            },
            {"exits": ExitPlan(time_limit_s=rng.choice((0, -1, 10**12)))},
        )
        if rng.random() < 0.5:
            return replace(proposal, order=replace(order, **rng.choice(orders)))
        return replace(proposal, **rng.choice(texts))
