"""A day by an accelerated clock: thousands of orders over real HTTP, with faults on, which must end in agreement.

It tells the resident memory of desk and venue as it goes: neither may grow with what is over.
"""

import asyncio
import gc
import resource
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final

from chaos import processes
from chaos.campaign import MEMORY
from chaos.desk import ACCOUNT, CAP, POLICY, Worked, opened
from chaos.judge import KINDS, judged
from chaos.life import Life
from chaos.market import PRICE
from chaos.plan import LAG, REQUESTS, plan
from chaos.venue import Control
from core.errors import ExchangeUnavailable
from core.money import ZERO
from core.orders import Proposal
from core.verdicts import AnswerKind
from execution import latches
from memory.books import ledger
from memory.books.database import Books
from risk.ceilings import MIN_DUPLICATE_WINDOW_S
from risk.readings import Reading
from risk.settings import RiskSettings
from risk.states import Kind

_DAY_S: Final = 86_400
_MOMENTS: Final = 8
_FAULTY: Final = 0.1  # of the orders
_SLOW: Final = ("hang", "silent", "late", "drip")  # each is waited for: few of them
_LONGEST_S: Final = 3_600.0
_BUSY: Final = RiskSettings.model_validate(
    {
        **POLICY.model_dump(),
        "max_orders_day": 10_000,
        "max_messages_day": 50_000,
        "max_cancel_ratio": Decimal(100),
        "max_repeats": 1_000,
        "duplicate_window_s": MIN_DUPLICATE_WINDOW_S,
    }
)


def day(seed: int, orders: int) -> int:
    processes.load()
    with TemporaryDirectory(dir=MEMORY, prefix="chaos-") as folder:
        home = Path(folder)
        with Books.open(f"sqlite:///{home / 'desk.db'}"):
            pass
        with processes.venue(seed) as address:
            ended = processes.watched(_process, (address, folder, seed, orders), _LONGEST_S, heard=_said)
            control = Control(address)
            books = control.books()
            control.hang_up()
        settled = next((told[1:] for told in ended.told if told[0] == "settled"), None)
        found = judged(books, home / "desk.db", settled, CAP)
    attempts = sum(len(account["orders"]) for account in books["accounts"].values())
    counted = Counter(kind for kind, _ in found)
    print(*(f"{kind}: {what}" for kind, what in found[:20]), sep="\n")
    print(f"attempts: {attempts}, " + ", ".join(f"{kind}: {counted[kind]}" for kind in KINDS))
    return 1 if found or ended.code else 0


def _said(told: tuple[Any, ...]) -> None:
    if told[0] in ("moment", "answers", "broken"):
        print(*told[1:], flush=True)


def _process(address: str, folder: str, seed: int, orders: int, telling: Connection) -> None:
    gc.freeze()
    asyncio.run(_worked(address, Path(folder), seed, orders, lambda *what: telling.send(what)))


async def _worked(address: str, folder: Path, seed: int, orders: int, tell: Callable[..., None]) -> None:
    async with opened(address, folder, PRICE, stream=False, timeout_ms=400, policy=_BUSY) as worked:
        await worked.desk.watch.recover()
        await _Day(worked, seed, orders, tell).runs()


class _Day(Life):
    """Buys, sells and cancels small amounts around one price, all day."""

    def __init__(self, worked: Worked, seed: int, orders: int, tell: Callable[..., None]) -> None:
        super().__init__(worked, plan(seed, 0), tell, None)
        self._draw = Random(f"{seed}:day")
        self._orders = orders
        self._answers: Counter[str] = Counter()
        self._tell = tell
        self._began_ms = self.world.ms()

    async def runs(self) -> None:
        apart_ms = _DAY_S * 1000 // self._orders
        for number in range(self._orders):
            if number % (self._orders // _MOMENTS) == 0:
                self._moment(number)
            self._breaks()
            await self._one(number)
            self.world.passes(apart_ms)
            with suppress(ExchangeUnavailable):
                await self.desk.watch.step()
            if number % 50 == 0:
                await self._person_looks()
        self._moment(self._orders)
        self._tell("answers", ", ".join(f"{name} {n}" for name, n in self._answers.most_common()))
        await self._settles()

    async def _one(self, number: int) -> None:
        held = sum((p.quantity for p in self.desk.books.read(lambda c: ledger.positions(c, ACCOUNT))), ZERO)
        chance = self._draw.random()
        if held > Decimal("0.02") or (held > Decimal("0.002") and chance < 0.4):
            await self._asks(self._sells(number, held))
        elif chance < 0.85:
            await self._asks(self._buys(number, takes=True))
        else:
            await self._asks(self._buys(number, takes=False))
            self.world.passes(6_000)
            await self._cancels()

    async def _asks(self, proposal: Proposal) -> None:
        receipt = await self.desk.gate.propose(proposal)
        self._answers[receipt.kind.value] += 1
        if receipt.kind is AnswerKind.DENIED:
            self._answers.update(verdict.code for verdict in receipt.review.denials)

    def _buys(self, number: int, *, takes: bool) -> Proposal:
        share = Decimal(self._draw.randint(150, 1_500)) / 100_000
        return self._entry(f"buy{number}", takes=takes, share=share, plan=f"day-{number // 200}")

    def _sells(self, number: int, held: Decimal) -> Proposal:
        return self._exit(f"sell{number}", held.quantize(Decimal("0.00001"), rounding="ROUND_DOWN"))

    def _breaks(self) -> None:
        if self._draw.random() >= _FAULTY:
            self.control.faults()
            return
        fault = self._draw.choice([*REQUESTS, LAG])
        if fault in _SLOW and self._draw.random() < 0.8:
            fault = "unanswered"
        method = "GET" if fault == LAG else self._draw.choice(("POST", "GET", "DELETE"))
        more = {"ms": 3_000} if fault == LAG else REQUESTS[fault]
        path = self.surface.lists[-1]
        self.control.faults({"fault": fault, "method": method, "path": path, "times": 1, **more})

    async def _person_looks(self) -> None:
        """Losing a little, again and again, is what such a day is: a person re-arms that breaker, and no other."""
        now_ns = self.desk.clock.now_ns()
        for latch in self.desk.books.read(lambda conn: latches.live(conn, ACCOUNT, now_ns)):
            if latch.cause.kind is Kind.LATCH and latch.cause.reads is Reading.LOSING_STREAK:
                await self.desk.gate.rearm(latch.latch_id, by="ada", reason="small losses are what this day is")

    def _moment(self, number: int) -> None:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        rss = pages * resource.getpagesize() / 2**20
        hours = (self.world.ms() - self._began_ms) / 3_600_000
        self._tell("moment", f"{hours:4.1f} h, {number:,} orders: {rss:.0f} MiB resident")
