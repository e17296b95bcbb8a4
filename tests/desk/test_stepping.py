"""Standing instructions of a live desk: stepped on what the bus brings, a round at a time, each with what is newest."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from core.time import ManualClock
from desk import stepping
from desk.stepping import Stepping, topics
from execution.readings import Sight
from execution.watch import WatchReport
from market.bus.memory import MemoryBus
from market.bus.policies import topic_of
from risk.states import TradingState

BTC, ETH, PERPETUAL = "BTC/USDT", "ETH/USDT", "BTC/USDT:USDT"
_PATIENCE_S = 20


class Rounds:
    """Instructions that keep for which symbols they were stepped, and what was the newest price then."""

    def __init__(self) -> None:
        self.rests = False
        self.looked = 0
        self.stepped: list[tuple[frozenset[str] | None, int]] = []
        self.price = 0
        self.under_way = 0
        self.most_under_way = 0
        self.may_end = asyncio.Event()
        self.may_end.set()

    @property
    def idle(self) -> bool:
        self.looked += 1
        return self.rests

    async def step(self, report: WatchReport, symbols: Collection[str] | None = None) -> None:
        assert report.state is TradingState.ACTIVE
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        self.stepped.append((None if symbols is None else frozenset(symbols), self.price))
        await self.may_end.wait()
        self.under_way -= 1


async def until(so: Callable[[], bool]) -> None:
    async with asyncio.timeout(_PATIENCE_S):
        while not so():
            await asyncio.sleep(0.001)


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> Rounds:
    monkeypatch.setattr(stepping, "_REST_S", 0.0)
    monkeypatch.setattr(stepping, "sight", lambda conn, account, market, now_ns: Sight(now_ns, None, {}, frozenset()))
    return Rounds()


@asynccontextmanager
async def at_work(rounds: Rounds, *symbols: str) -> AsyncIterator[tuple[Stepping, Callable[[str], None]]]:
    """The two tasks over a bus, and a way to tell of a new price of a symbol."""
    standing = SimpleNamespace(state=TradingState.ACTIVE)
    desk: Any = SimpleNamespace(
        account_id="live",
        market=None,
        clock=ManualClock(1),
        instructions=rounds,
        books=SimpleNamespace(read=lambda work: work(None)),
        breakers=SimpleNamespace(standing=lambda conn, now_ns: standing),
    )
    async with MemoryBus() as bus:
        steps = Stepping(desk, bus, topics("binance", symbols, ("book", "trades")))
        tasks = [asyncio.create_task(steps.listen()), asyncio.create_task(steps.work())]
        await asyncio.sleep(0)  # it listens from here on

        def trades(symbol: str) -> None:
            rounds.price += 1
            bus.publish(topic_of("trades", "binance", symbol), rounds.price)

        try:
            yield steps, trades
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def test_it_listens_to_what_prices_come_by() -> None:
    assert topics("binance", (BTC,), ("book", "candles")) == ("book:binance:BTC/USDT",)


async def test_news_of_a_symbol_step_what_trades_it(rounds: Rounds) -> None:
    async with at_work(rounds, BTC, ETH, PERPETUAL) as (_, trades):
        trades(ETH)
        await until(lambda: len(rounds.stepped) == 1)
        trades(PERPETUAL)
        await until(lambda: len(rounds.stepped) == 2)
    assert [symbols for symbols, _ in rounds.stepped] == [frozenset({ETH}), frozenset({PERPETUAL})]


async def test_what_comes_while_a_round_is_under_way_is_one_reason_for_one_more(rounds: Rounds) -> None:
    async with at_work(rounds, BTC, ETH) as (_, trades):
        rounds.may_end.clear()
        trades(BTC)
        await until(lambda: rounds.under_way == 1)
        for _ in range(500):
            trades(BTC)
        trades(ETH)
        rounds.may_end.set()
        await until(lambda: len(rounds.stepped) > 1 and not rounds.under_way)
        for _ in range(20):
            await asyncio.sleep(0)
    assert rounds.stepped == [(frozenset({BTC}), 1), (frozenset({BTC, ETH}), 502)], "the second saw what was newest"
    assert rounds.most_under_way == 1


async def test_what_the_watch_has_done_is_a_reason_to_step_all(rounds: Rounds) -> None:
    async with at_work(rounds, BTC) as (steps, _):
        steps.wake(BTC)
        steps.wake()
        await until(lambda: bool(rounds.stepped))
    assert rounds.stepped == [(None, 0)]


async def test_nothing_is_read_where_none_stands(rounds: Rounds) -> None:
    rounds.rests = True
    async with at_work(rounds, BTC) as (_, trades):
        trades(BTC)
        await until(lambda: rounds.looked == 1)
        rounds.rests = False
        trades(BTC)
        await until(lambda: rounds.looked == 2)
    assert rounds.stepped == [(frozenset({BTC}), 2)]
