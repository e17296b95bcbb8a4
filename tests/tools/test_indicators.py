import pytest

from models import indicators as of
from tests.models.builders import bars_of, mirrored, real_bitcoin, walk
from tests.tools.builders import context
from tools.indicators import ClassicIndicators, TrendView, classic_indicators, trend_view
from tools.spec import SymbolInput, Unavailable, number

BTC = SymbolInput(symbol="BTC/USDT")
DIRECTED = ("trend", "momentum", "log_rsi", "channel_position")
UNDIRECTED = ("log_atr", "volatility", "adx")


@pytest.mark.parametrize(("tool", "least"), [(trend_view, 48), (classic_indicators, 34)])
def test_one_bar_too_few_is_unavailable_and_not_a_wrong_argument(tool: object, least: int) -> None:
    assert callable(tool)
    answer = tool(context(walk(least - 1)), BTC)
    assert isinstance(answer, Unavailable)
    assert answer.unavailable.endswith(f"found {least - 1}")
    assert not isinstance(tool(context(walk(least)), BTC), Unavailable)


def test_a_broken_bar_is_unavailable_and_never_a_number() -> None:
    bars = walk(100)
    bars.close[50] = float("nan")
    cycle = context(bars)
    assert isinstance(trend_view(cycle, BTC), Unavailable)
    assert isinstance(classic_indicators(cycle, BTC), Unavailable)


def test_only_the_last_two_hundred_bars_count() -> None:
    bars = walk(300)
    seen = trend_view(context(bars), BTC)
    assert isinstance(seen, TrendView)
    assert (seen.bars, seen.trend) == (200, number(of.trend(bars.close[-200:])))


def test_classics_are_the_last_values_of_the_series() -> None:
    bars = walk(200)
    seen = classic_indicators(context(bars), BTC)
    assert isinstance(seen, ClassicIndicators)
    assert seen.rsi == number(of.rsi(bars.close)[-1])
    assert seen.atr == number(of.atr(bars.high, bars.low, bars.close)[-1])
    assert seen.adx == number(of.adx(bars.high, bars.low, bars.close)[-1])
    assert seen.bollinger_width == number(of.bollinger_width(bars.close)[-1])
    assert seen.macd_difference == number(of.macd_difference(bars.close)[-1])


def test_a_market_that_does_not_move_has_features_of_zero() -> None:
    seen = trend_view(context(bars_of([100.0] * 60)), BTC)
    assert isinstance(seen, TrendView)
    assert {getattr(seen, name) for name in (*DIRECTED, *UNDIRECTED)} == {0}


@pytest.mark.parametrize("first", [5_000, 32_500])
def test_real_bitcoin_upside_down_has_the_mirrored_view(first: int) -> None:
    bars = real_bitcoin(first, 200)
    up, down = trend_view(context(bars), BTC), trend_view(context(mirrored(bars)), BTC)
    for name in DIRECTED:
        assert float(getattr(down, name)) == pytest.approx(-float(getattr(up, name)), rel=1e-7), name
    for name in UNDIRECTED:
        assert float(getattr(down, name)) == pytest.approx(float(getattr(up, name)), rel=1e-7), name
