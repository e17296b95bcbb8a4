from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from core.time import HOUR_NS, SECOND_NS
from tests.models.builders import bars_of, walk
from tests.tools.builders import MemoryMarket, context, end_of, quote_at, without_quote
from tools.context import ToolContext
from tools.market import MarketSnapshot, RecentBars, RecentBarsInput, market_snapshot, recent_bars
from tools.spec import SymbolInput, Unavailable

BTC = SymbolInput(symbol="BTC/USDT")


def snapshot(cycle: ToolContext) -> MarketSnapshot:
    answer = market_snapshot(cycle, BTC)
    assert isinstance(answer, MarketSnapshot)
    return answer


def test_without_a_quote_the_snapshot_is_unavailable() -> None:
    assert isinstance(market_snapshot(without_quote(), BTC), Unavailable)


def test_a_quote_that_is_known_only_later_is_not_read() -> None:
    bars = walk(300)
    later = quote_at("30000", end_of(bars) + 1)
    assert isinstance(market_snapshot(context(bars, later), BTC), Unavailable)


@pytest.mark.parametrize(("bid", "ask"), [("30001", "29999"), ("0", "30000")])
def test_a_crossed_or_one_sided_quote_has_no_spread(bid: str, ask: str) -> None:
    bars = walk(300)
    quote = quote_at("30000", end_of(bars), bid=bid, ask=ask)
    assert snapshot(context(bars, quote)).spread_bps is None


def test_the_spread_is_in_basis_points_of_the_mid() -> None:
    bars = walk(300)
    assert snapshot(context(bars, quote_at("30000", end_of(bars), bid="29997", ask="30003"))).spread_bps == 2


def test_age_counts_beyond_the_cadence_and_never_below_zero() -> None:
    bars = walk(300)
    fresh = replace(quote_at("30000", end_of(bars) - HOUR_NS), cadence_ns=HOUR_NS)
    late = replace(fresh, ts_event_ns=fresh.ts_event_ns - 90 * SECOND_NS)
    assert snapshot(context(bars, fresh)).age_s == 0
    assert snapshot(context(bars, late)).age_s == 90
    assert snapshot(context(bars, replace(fresh, cadence_ns=2 * HOUR_NS))).age_s == 0


@pytest.mark.parametrize(("bars", "known"), [(0, 0), (1, 0), (2, 1), (24, 1), (25, 2), (168, 2), (169, 3)])
def test_a_return_is_null_until_history_reaches_back(bars: int, known: int) -> None:
    whole = walk(300)
    at = int(whole.open_ns[0]) + bars * HOUR_NS
    cycle = replace(context(whole, quote_at("30000", at)), as_of_ns=at)
    seen = snapshot(cycle)
    assert seen.bars == bars
    assert [seen.return_1, seen.return_24, seen.return_168].count(None) == 3 - known


def test_returns_are_fractions_over_closed_bars() -> None:
    seen = snapshot(context(bars_of([100.0 + n for n in range(200)])))
    # 299 / 298 - 1 and 299 / 275 - 1
    assert (seen.return_1, seen.return_24) == (Decimal("0.0033557047"), Decimal("0.0872727273"))


def test_missing_bars_are_counted_and_not_filled() -> None:
    bars = walk(60)
    bars.open_ns[30:] += 5 * HOUR_NS
    seen = snapshot(context(bars))
    assert (seen.bars, seen.missing_bars) == (60, 5)


def test_no_closed_bar_is_no_table() -> None:
    cycle = replace(context(), market=MemoryMarket(None, None))
    assert isinstance(recent_bars(cycle, RecentBarsInput(symbol="BTC/USDT")), Unavailable)


def test_the_table_ends_with_the_last_bar_that_has_closed() -> None:
    bars = bars_of([100.25, 101.5, 102.125], high=np.array([103.0] * 3), low=np.array([99.0] * 3))
    cycle = replace(context(bars), as_of_ns=end_of(bars) - 1)
    table = recent_bars(cycle, RecentBarsInput(symbol="BTC/USDT", n=100))
    assert isinstance(table, RecentBars)
    assert table.columns == ("opened", "open", "high", "low", "close", "volume")
    assert table.model_dump(mode="json")["rows"] == [
        ["2021-05-03 00:00:00Z", "100.25", "103", "99", "100.25", "1"],
        ["2021-05-03 01:00:00Z", "101.5", "103", "99", "101.5", "1"],
    ]
