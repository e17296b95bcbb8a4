"""The kernel beside the desk itself: the paper venue's fills to a tick, and the supervisor's largest quantity."""

from decimal import Decimal

import numpy as np
import pytest

from core.money import ZERO, exact
from core.orders import Side
from core.time import Timeframe
from execution.settings import PaperSettings
from memory.books.database import Books
from risk import arithmetic
from risk.codes import DenialCode
from tests.execution.desk import BTC
from tests.execution.test_paper import Exchange
from tests.risk.builders import buy, largest_of, review_of
from tests.tools.simulation.markets import bars_of
from tools.simulation import running
from tools.simulation.grid import grid
from tools.simulation.outcome import ExitReason
from tools.simulation.settings import Exits, Terms

ROWS = [
    ("100", "100", "100", "100", "1000"),
    ("100", "101", "98.5", "99", "200"),  # bought here
    ("99", "103", "98", "102", "300"),
    ("94", "97", "90", "95", "250"),  # gaps through the stop
    ("95", "96", "94", "95", "100"),
]


async def test_market_orders_and_stops_fill_at_the_paper_venues_prices_to_a_tick(books: Books) -> None:
    settings = PaperSettings()
    venue = Exchange(books, settings, USDT="10000")
    await venue.place(Side.BUY, "3", "in")
    await venue.hour(*ROWS[1])
    await venue.book("in")
    entry = (await venue.trades("in"))[0].price
    await venue.place(Side.SELL, "3", "stop", trigger_price="96")
    await venue.hour(*ROWS[2])
    await venue.hour(*ROWS[3])
    out = (await venue.trades("stop"))[0].price
    rows = [tuple(float(cell) for cell in row) for row in ROWS]
    market = grid([bars_of(rows, timeframe=Timeframe.H1)])  # type: ignore[arg-type]
    terms = Terms(
        units=3,
        fee=float(BTC.taker_fee),
        slippage=float(settings.slippage),
        impact=float(settings.impact),
        participation=float(settings.participation),
        latency_ms=settings.decision_latency_ms,
    )
    stop = 1 - 96 / float(running.outcome(market, np.ones((5, 1)), terms, Exits()).trades[0].entry)
    (trade,) = running.outcome(market, np.ones((5, 1)), terms, Exits(stop=stop)).trades
    assert trade.reason is ExitReason.STOP
    assert trade.entry == pytest.approx(float(entry), abs=float(BTC.tick_size))
    assert trade.exit == pytest.approx(float(out), abs=float(BTC.tick_size))


@pytest.mark.parametrize("equity", ["10000", "777.77", "123456.789"])
@pytest.mark.parametrize("cap", ["0.2", "0.05", "0.1337"])
def test_a_size_that_the_kernel_makes_is_one_that_the_supervisor_allows(equity: str, cap: str) -> None:
    rows = [(50_000.0, 50_000.0, 50_000.0, 50_000.0, 1e9)] * 3
    terms = Terms(capital=float(equity), fee=0.0, slippage=0.0, impact=0.0, latency_ms=0.0, max_asset=float(cap))
    (trade,) = running.outcome(grid([bars_of(rows)]), np.ones((3, 1)), terms, Exits()).trades
    ours = exact(trade.quantity)
    limits = {"equity": equity, "max_asset_exposure": cap}
    most = largest_of(DenialCode.ASSET_EXPOSURE, buy(ours, at="50000"), **limits)
    assert most is not None
    assert most * (1 - Decimal("1e-7")) < ours <= most
    assert DenialCode.ASSET_EXPOSURE not in review_of(buy(ours, at="50000"), **limits).denials
    beyond = buy(ours * Decimal("1.00001"), at="50000")
    assert DenialCode.ASSET_EXPOSURE in review_of(beyond, **limits).denials
    assert arithmetic.share_after(ZERO, ours * 50_000, Decimal(equity)) < Decimal(cap)
