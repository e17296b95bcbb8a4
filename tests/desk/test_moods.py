"""The desk's own scores of texts: stored where it scores them, and read beside bars like any other series."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from agents.cycle import Cycle
from agents.views import Abstention, Mood, SentimentView
from core.bars import Bars
from core.taint import Taint
from core.time import HOUR_NS, SECOND_NS, Timeframe
from desk import live, moods
from desk.home import Home
from desk.live import LiveDesk
from market.beside import Beside, stored
from market.store.store import MarketStore

AT_NS = 472_000 * HOUR_NS
KNOWN_NS = AT_NS + 3 * SECOND_NS
SCORER = "finbert#0a1b2c3d int8"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def mood(symbol: str, score: str) -> Mood:
    read = {"texts": 2, "scorer": SCORER, "fallback": False, "evidence": (), "effective": Decimal(2)}
    return Mood(symbol=symbol, score=Decimal(score), **read)


def cycle(*found: Mood) -> Cycle:
    silent = Abstention(symbol="SOL/USDT", reason="no text")
    begun = Cycle("cycle", "paper", "run", ("BTC/USDT",), AT_NS, 0, "policy")
    return replace(begun, sentiment=SentimentView(moods=found, abstentions=(silent,), events=()))


def beside(home: Home, symbol: str = "BTC/USDT", *, hours: int = 2) -> list[float | None]:
    """The score beside bars of which the first closes as the cycle begins."""
    store, ones = MarketStore(home.candles), np.ones(hours)
    opens = AT_NS + HOUR_NS * np.arange(-1, hours - 1, dtype=np.int64)
    ((key,),) = stored(store, symbol).values()
    found = Beside(store, {"sentiment": key})(Bars(symbol, Timeframe.H1, opens, ones, ones, ones, ones, ones))
    return [None if np.isnan(one) else one for one in found["sentiment"].tolist()]


async def test_a_score_is_beside_the_first_bar_that_closes_after_it_was_known(home: Home) -> None:
    assert (
        await moods.keep(
            home, cycle(mood("BTC/USDT", "0.4"), mood("BTC/USDC", "0.4"), mood("ETH/USDT", "-1")), KNOWN_NS
        )
        is None
    )
    assert beside(home) == [None, 0.4]
    assert beside(home, "ETH/USDT") == [None, -1.0]
    assert not stored(MarketStore(home.candles), "SOL/USDT"), "an abstention is no number"
    held = MarketStore(home.candles).series.series("sentiment", "BTC", as_of_ns=KNOWN_NS, n=9)
    assert [(one.source, one.event_ns, one.known_at_ns, one.taint) for one in held] == [
        (SCORER, AT_NS, KNOWN_NS, Taint.DERIVED)
    ]


async def test_a_cycle_that_is_run_again_stores_nothing_twice(home: Home) -> None:
    for known_ns in (KNOWN_NS, KNOWN_NS + HOUR_NS):
        await moods.keep(home, cycle(mood("BTC/USDT", "0.4")), known_ns)
    assert beside(home) == [None, 0.4]
    said = MarketStore(home.candles).series.versions("sentiment", "BTC", since_ns=0, as_of_ns=KNOWN_NS + HOUR_NS)
    assert len(said) == 1


async def test_where_nobody_spoke_nothing_is_stored(home: Home) -> None:
    assert await moods.keep(home, cycle(), KNOWN_NS) is None
    assert await moods.keep(home, replace(cycle(), sentiment=None), KNOWN_NS) is None
    assert not home.candles.exists()


async def test_a_desk_at_work_keeps_what_its_cycles_say_and_tells_of_a_disk_that_takes_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run_cycle(*_: object, **__: object) -> Cycle:
        return cycle(mood("BTC/USDT", "0.4"))

    monkeypatch.setattr(live, "run_cycle", run_cycle)
    desk = SimpleNamespace(
        home=home, clock=SimpleNamespace(now_ns=lambda: KNOWN_NS), books=SimpleNamespace(read=lambda _: 0)
    )
    at_work: Any = SimpleNamespace(
        desk=desk, _deciding=asyncio.Lock(), run_id="run", command=SimpleNamespace(symbols=("BTC/USDT",)), troubles={}
    )
    home.candles.write_text("a file where a folder should be")
    await LiveDesk.cycle(at_work)
    assert at_work.troubles["moods"].startswith("the scores of texts are not stored: ")
    home.candles.unlink()
    await LiveDesk.cycle(at_work)
    assert at_work.troubles == {}
    assert beside(home) == [None, 0.4]
