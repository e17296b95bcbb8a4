"""What others say reaches a cycle with the weight of its record, is in the record, and shows where people look."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from agents.views import Outlook
from core.quotes import OutsideSignal
from core.taint import Taint
from core.time import HOUR_NS, Timeframe
from desk import scored
from desk.settings import Settings, parse
from market.simulated import SimulatedMarket
from market.store.candles import BarsKey
from market.store.manifest import Origin
from market.store.store import MarketStore
from tests.desk.desks import BUYS_BOTH, SYMBOLS, decide_once, fresh_home, simulated
from tests.desk.test_stored import bring, market_on, signal

HORIZON = 12
DAYS = 40


@pytest.fixture
def store() -> Iterator[MarketStore]:
    with fresh_home() as home:
        yield MarketStore(home.path)


def say(store: MarketStore, end_ns: int, *, right: bool, words: int = 60) -> None:
    """One word a horizon up to the last close, the older ones always right, or always wrong."""
    key = BarsKey("binance", "BTC/USDT", Timeframe.H1)
    closes = store.candles.snapshot(key)[0].rows.close
    said = []
    for ago in range(0, words * HORIZON, HORIZON):
        at = len(closes) - 1 - ago
        up = closes[min(at + HORIZON, len(closes) - 1)] > closes[at]
        said.append(signal("1" if up == right else "-1", end_ns - ago * HOUR_NS, source="signal:planted"))
    store.series.append(said, Origin("test", end_ns))


async def outlook(store: MarketStore, end_ns: int) -> Outlook:
    """Of Bitcoin, as a cycle at the last close records it."""
    cycle = await decide_once(market_on(store.root), end_ns)
    assert cycle.forecast is not None
    return next(one for one in cycle.forecast.outlooks if one.symbol == "BTC/USDT")


async def test_a_signal_that_was_right_votes_and_the_outlook_is_no_longer_ours_alone(store: MarketStore) -> None:
    end = bring(store, DAYS)
    silent = await outlook(store, end)
    assert silent.taint is Taint.TRUSTED
    say(store, end, right=True)
    told = await outlook(store, end)
    line = next(line for line in told.lines if line.name == "signal:planted")
    # Of 59 words whose horizon has passed, those in the kind of market that it is now.
    assert (line.hit_rate, line.n, line.regime) == (Decimal(1), 31, "ranging")
    assert line.weight == min(line.skill, line.log_skill) > Decimal("0.4")
    assert (told.taint, told.p_up != silent.p_up) == (Taint.DERIVED, True)
    assert [evidence.partition(":")[0] for evidence in told.evidence] == ["forecast", "signals"]


async def test_a_signal_that_was_wrong_is_muted_and_changes_nothing(store: MarketStore) -> None:
    end = bring(store, DAYS)
    before = await outlook(store, end)
    say(store, end, right=False)
    told = await outlook(store, end)
    assert next(line for line in told.lines if line.name == "signal:planted").weight == 0
    assert (told.p_up, told.taint) == (before.p_up, Taint.TRUSTED)


async def test_a_signal_with_too_few_words_is_silent_and_says_so(store: MarketStore) -> None:
    end = bring(store, DAYS)
    say(store, end, right=True, words=10)
    told = await outlook(store, end)
    (reason,) = [one.reason for one in told.silent if one.reason.startswith("signal:planted")]
    assert "needs 10 outcomes to be scored, found 9" in reason


class Prophesied(SimulatedMarket):
    """The simulated market, and somebody who was always right about both symbols."""

    def signals(self, symbol: str, *, since_ns: int, as_of_ns: int) -> tuple[OutsideSignal, ...]:
        bars = self.bars(symbol, Timeframe.H1, as_of_ns=as_of_ns, n=60 * HORIZON + 1)
        said = []
        for at in range(0, len(bars), HORIZON):
            up = bars.close[min(at + HORIZON, len(bars) - 1)] >= bars.close[at]
            close_ns = int(bars.open_ns[at]) + HOUR_NS
            said.append(OutsideSignal("signal:planted", Decimal(1 if up else -1), close_ns, close_ns))
        return tuple(said)


async def test_an_order_that_rests_on_a_signal_too_is_no_longer_trusted() -> None:
    seed, as_of_ns = BUYS_BOTH
    deaf = parse({"models": {"text_window_s": 1}}, "the test")  # no texts: they are derived as well
    taints = []
    for market in (simulated(seed), Prophesied(seed, SYMBOLS)):
        cycle = await decide_once(market, as_of_ns, deaf)
        taints.append({order.taint for order in cycle.plans[0].orders})
    assert taints == [{Taint.TRUSTED}, {Taint.DERIVED}]


def doctor(store: MarketStore, now_ns: int) -> dict[str, str]:
    return {
        found.part: ("" if found.ok else "ILL ") + found.found for found in scored.examine(store, Settings(), now_ns)
    }


def test_the_doctor_says_what_each_signal_is_worth(store: MarketStore) -> None:
    end = bring(store, DAYS)
    say(store, end, right=True)
    told = doctor(store, end)
    assert told["signal:guru BTC"].startswith("no vote: signal:guru needs 10 outcomes to be scored, found 0")
    assert told["signal:planted BTC"].startswith("votes with weight 0.")
    assert "right 100% of 31 times while ranging as now" in told["signal:planted BTC"]
    assert told["signal:planted BTC"].endswith("over 12 bars of binance BTC/USDT 1h")
    # And at a moment before anything was known there is nothing to say.
    assert doctor(store, end - 2 * DAYS * 24 * HOUR_NS)["signal:planted BTC"].startswith("no vote")


def test_the_doctor_says_of_a_wrong_signal_that_it_is_muted(store: MarketStore) -> None:
    end = bring(store, DAYS)
    say(store, end, right=False)
    assert doctor(store, end)["signal:planted BTC"].startswith("muted: right 0% of 31 times")


def test_without_candles_a_signal_cannot_be_judged(tmp_path: Path) -> None:
    store = MarketStore(tmp_path)
    assert doctor(store, 1) == {}
    store.series.append([signal("1", HOUR_NS)], Origin("test", HOUR_NS))
    assert doctor(store, 2 * HOUR_NS)["signal:guru BTC"] == (
        "no vote: there are no candles of BTC in the store to judge it by"
    )
