"""What an order costs on its way: through gate, durable write, ccxt, HTTP and fill booking, on one core.

The venue is the emulator as a process of its own, on the same core. Times are shares of one run, so that a busy machine
changes both sides. `ours` is a send's time until its request is handed to the network, less what ccxt takes to sign it.
Reconciling is measured beside itself: ten times the orders and fills.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from statistics import median
from time import perf_counter_ns
from typing import Any

from sqlalchemy import Connection, insert

from bench.timing import row
from chaos.desk import Worked, opened
from chaos.life import Life
from chaos.market import PRICE
from chaos.plan import plan
from core.canonical import plain
from core.money import Quantity
from core.orders import Proposal, Side
from core.time import SECOND_NS
from core.verdicts import AnswerKind
from execution import orderbook
from execution.ports import OrderReport
from memory.books import tables
from memory.books.database import Books
from tests.execution.desk import Desk, copied_books
from tests.execution.handmade import Exchange

ORDERS, FILLS_EACH = 150, 5
_PLENTY = str(10**9)


@dataclass
class Meter:
    """Nanoseconds spent inside each part, and of each send until its socket."""

    spent: dict[str, int] = field(default_factory=dict)
    begun: int = 0
    signing: int = 0
    latencies: list[tuple[int, int]] = field(default_factory=list)  # propose to socket, of which ccxt

    def add(self, part: str, ns: int) -> None:
        self.spent[part] = self.spent.get(part, 0) + ns


@contextmanager
def venue() -> Iterator[str]:
    command = [sys.executable, "-m", "emulator", "--control", "--clock", "manual"]
    process = subprocess.Popen([*command, "--orders", _PLENTY, "--weight", _PLENTY], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def metered(worked: Worked, meter: Meter) -> None:
    """Every write of the books, every round trip, and when an order is signed and sent."""
    books, client = worked.desk.books, worked.client
    write, fetch, create, sign = books.write, client.fetch, client.create_order, client.sign

    def timed_write(work: Callable[[Any], Any]) -> Any:
        began = perf_counter_ns()
        try:
            return write(work)
        finally:
            meter.add("durable writes", perf_counter_ns() - began)

    async def timed_fetch(url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        began = perf_counter_ns()
        if method == "POST" and meter.begun:
            meter.latencies.append((began - meter.begun, began - meter.signing))
            meter.begun = 0
        try:
            return await fetch(url, method, headers, body)
        finally:
            meter.add("HTTP and venue", perf_counter_ns() - began)

    async def timed_create(*args: Any, **more: Any) -> Any:
        meter.signing = perf_counter_ns()
        return await create(*args, **more)

    def timed_sign(*args: Any, **more: Any) -> Any:
        began = perf_counter_ns()
        try:
            return sign(*args, **more)
        finally:
            meter.add("ccxt signs", perf_counter_ns() - began)

    books.write, client.fetch = timed_write, timed_fetch  # type: ignore[method-assign]
    client.create_order, client.sign = timed_create, timed_sign


async def orders(count: int) -> None:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, venue() as address:
        async with opened(address, Path(folder), PRICE, stream=False, timeout_ms=10_000) as worked:
            life = _Trader(worked)
            await life.trades(20)
            meter = Meter()
            metered(worked, meter)
            whole = await life.trades(count, meter)
    total = sum(whole)
    parts = {**meter.spent, "gate, booking, the rest": total - sum(meter.spent.values())}
    row("orders through everything", "orders/s", "ms each")
    row(f"{count:,} that fill at once", f"{count * 1e9 / total:,.0f}", f"{total / count / 1e6:.2f}")
    row("share of the time")
    for name, ns in parts.items():
        row(f"  {name}", f"{ns / total:.0%}")
    ours = sorted(latency - ccxt for latency, ccxt in meter.latencies)
    to_socket = sorted(latency for latency, _ in meter.latencies)
    row("milliseconds", "p50", "p99")
    for name, told in (("propose to socket", to_socket), ("  ours: without ccxt", ours)):
        row(name, f"{median(told) / 1e6:.2f}", f"{told[int(0.99 * len(told))] / 1e6:.2f}")


class _Trader(Life):
    def __init__(self, worked: Worked) -> None:
        super().__init__(worked, plan(1, 0), lambda *_: None, None)
        self._number = 0

    async def trades(self, count: int, meter: Meter | None = None) -> list[int]:
        """Buys and sells by turns; nanoseconds of each, from the wish to the booked fill."""
        taken = []
        for _ in range(count):
            self._number += 1
            if self._number % 2:
                share = Decimal(self._number % 50 + 10) / 100
                wanted = self._entry(f"n{self._number}", takes=True, share=share, plan=f"n{self._number // 50}")
                bought = Quantity(wanted.order.quantity * Decimal("0.99"))
            else:
                wanted = self._exit(f"n{self._number}", bought.quantize(Decimal("0.00001")))
            began = perf_counter_ns()
            if meter is not None:
                meter.begun = began
            await self.desk.gate.propose(wanted)
            taken.append(perf_counter_ns() - began)
            if meter is not None:
                meter.begun = 0
            self.world.passes(61_000)
        return taken


async def reconciled(few: int, many: int) -> None:
    """The first reconciliation books every fill; the second finds nothing new."""
    row("reconcile, ms", "orders", "fills", "books all", "nothing new")
    found = []
    for count in (few, many):
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            empty = Path(folder) / "empty.db"
            with Books.open(f"sqlite:///{empty}"):
                pass
            with copied_books(empty, Path(folder)) as books:
                first, second = await _reconciled(Desk.open(books), count)
        found.append((first, second))
        row("", f"{count:,}", f"{count * FILLS_EACH:,}", f"{first / 1e6:,.0f}", f"{second / 1e6:,.0f}")
    times = many / few
    row(f"{times:.0f} times as many", "", "", *(f"{b / a:.1f}x" for a, b in zip(*found, strict=True)))


class _Listed(Exchange):
    """Answers for one order without a search through all of them: the venue's own time must not grow."""

    async def report(self, client_order_id: str, symbol: str) -> OrderReport | None:
        order = self.orders[client_order_id]
        at = int(client_order_id, 16) * FILLS_EACH
        fills = tuple(self.trades[at : at + FILLS_EACH])
        return OrderReport(client_order_id, order.exchange_order_id, order.state, order.filled_quantity, fills)


async def _reconciled(desk: Desk, count: int) -> tuple[int, int]:
    exchange = _Listed.under(desk)
    wanted = []
    for number in range(count):
        side = (Side.BUY, Side.SELL)[number % 2]
        name = exchange.takes("1", name=f"{number:032x}", at="96", side=side)
        wanted.append((name, desk.buy("1", at="96") if side is Side.BUY else desk.sell("1", at="96")))
        for _ in range(FILLS_EACH):
            exchange.fills_some(name, "0.2")
        desk.clock.advance_to(desk.clock.now_ns() + SECOND_NS // 100)
    desk.books.write(lambda conn: _write(conn, wanted))
    taken = []
    for _ in range(2):
        desk.clock.advance_to(desk.clock.now_ns() + 10 * SECOND_NS)
        began = perf_counter_ns()
        found = await desk.watch.reconcile()
        taken.append(perf_counter_ns() - began)
        assert found is not None
        assert found.clean, found.mismatches[:3]
    return taken[0], taken[1]


def _write(conn: Connection, wanted: Sequence[tuple[str, Proposal]]) -> None:
    """Orders that were sent, and of which nothing was heard since."""
    for name, proposal in wanted:
        order = proposal.order
        row = {"proposal_id": order.proposal_id, "account_id": order.account_id, "body": plain(proposal)}
        row |= {"order_hash": order.order_hash, "kind": AnswerKind.WORKING, "created_ns": 0}
        conn.execute(insert(tables.proposals).values(**row))
        orderbook.write_attempt(
            conn,
            order,
            name,
            attempt=1,
            venue="paper",
            reserved=("USDT", Decimal(0)),
            reduce_only=False,
            protective=False,
            plan="",
            vouched=False,
            now_ns=0,
        )


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m bench.execution")
    options.add_argument("--orders", type=int, default=ORDERS, help="how many go through everything")
    options.add_argument("--reconcile", type=int, default=1_000, help="how many, and ten times as many")
    asked = options.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    asyncio.run(orders(asked.orders))
    print()
    asyncio.run(reconciled(asked.reconcile, 10 * asked.reconcile))


if __name__ == "__main__":
    main()
