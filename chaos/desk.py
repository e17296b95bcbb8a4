"""One account's desk as it is wired for work, over the emulated venue, by a clock that is moved by hand.

The wiring is `desk.build`; gate, adapter, books, watch and reconciler are the real ones. What is ours is time: the
venue, the desk, ccxt and the rate budget all read one clock, so that no quiet period is waited for.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from chaos.market import Market
from chaos.surfaces import BINANCE, SURFACES, Surface
from chaos.venue import KEY, SECRET, Control
from core.errors import ExchangeUnavailable
from core.time import ManualClock
from desk.build import Desk, build
from desk.home import Home
from desk.opening import open_account
from desk.settings import AccountSettings, Settings
from execution.settings import ExecutionSettings
from execution.venues.exchange.adapter import ExchangeVenue
from execution.venues.exchange.budget import RateBudget
from execution.venues.exchange.client import Access, Keys
from execution.venues.exchange.client import build as client_of
from execution.venues.exchange.facts import facts_of
from memory.books.database import Books
from risk.settings import RiskSettings

ACCOUNT: Final = "chaos"
MS_NS: Final = 1_000_000
CAP: Final = Decimal("0.02")  # of equity in one asset: two orders of a life would be over it
# What this campaign is not about.
POLICY: Final = RiskSettings(
    max_asset_exposure=CAP,
    max_orders_second=20,
    max_orders_minute=100,
    max_messages_second=20,
    max_messages_minute=200,
    max_layers=10,
    max_loop_lag_s=Decimal(10),
)
_TLS: Final = ssl.create_default_context()  # loaded once: no line of ours needs it
_STEP_MS: Final = 100
_PER_S: Final = 1e6  # units of cost: the budget is in nobody's way


@dataclass
class World:
    """One clock and one price for the venue, the desk and everything between them."""

    control: Control
    clock: ManualClock
    market: Market
    surface: Surface

    def passes(self, ms: int) -> None:
        self.clock.advance_to(self.control.step(ms) * MS_NS)

    def trades_at(self, price: Decimal) -> None:
        self.control.price(self.surface.symbol, str(price))
        self.market.price = price
        self.passes(_STEP_MS)  # the venue's book follows with its next step

    def ms(self) -> int:
        return self.clock.now_ns() // MS_NS


@dataclass
class Worked:
    """A desk at its venue; `client` is the class of ccxt inside."""

    desk: Desk[Market, ManualClock]
    venue: ExchangeVenue
    client: Any
    world: World

    @property
    def surface(self) -> Surface:
        return self.world.surface


@asynccontextmanager
async def opened(
    address: str,
    folder: Path,
    price: Decimal,
    *,
    stream: bool,
    timeout_ms: int,
    policy: RiskSettings = POLICY,
    surface: Surface = SURFACES[BINANCE],
) -> AsyncIterator[Worked]:
    """A process's desk: on new books an account is opened with what the venue holds."""
    control = Control(address)
    clock = ManualClock(control.step(0) * MS_NS)
    market = Market(clock, {}, price)
    world = World(control, clock, market, surface)
    world.trades_at(price)

    async def sleep(seconds: float) -> None:
        world.passes(int(seconds * 1000) + 1)

    budget = RateBudget(_PER_S, now_s=lambda: clock.now_ns() / 1e9, sleep=sleep)
    facts = facts_of(surface.exchange, surface.kind)
    access = Access(endpoints={"rest": address}, timeout_ms=timeout_ms, stream=stream)
    client = client_of(facts, surface.kind, Keys(KEY, SECRET), budget, access)
    client.milliseconds = world.ms
    client.ssl_context = _TLS
    venue = ExchangeVenue(ACCOUNT, client, facts, surface.kind, clock, budget)
    settings = Settings(
        risk=policy, account=AccountSettings(id=ACCOUNT), execution=ExecutionSettings(reconcile_every_s=3600)
    )
    try:
        market.instruments |= await patiently(lambda: venue.open([surface.symbol]))
        with Books.open(f"sqlite:///{folder / 'desk.db'}") as books:
            desk = build(settings, Home(folder), books, market, ACCOUNT, clock, venue=venue)
            desk.vitals.hears_time(clock.now_ns())
            beats = asyncio.create_task(desk.vitals.beat(0.05))
            while desk.vitals.loop_lag_s() is None:
                await asyncio.sleep(0.005)
            await patiently(lambda: open_account(desk, venue, (), sleep))
            try:
                yield Worked(desk, venue, client, world)
            finally:
                beats.cancel()
                await asyncio.gather(beats, return_exceptions=True)
    finally:
        await venue.close()
        control.hang_up()


async def patiently(ask: Any, times: int = 20) -> Any:
    """Asks again where the venue could not be read, as every loop of a live desk does."""
    for left in reversed(range(times)):
        try:
            return await ask()
        except ExchangeUnavailable:
            if not left:
                raise
    return None
