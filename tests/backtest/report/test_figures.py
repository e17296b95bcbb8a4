"""Figures are what plotly takes them for, and say what the numbers say."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from backtest.report import figures, prices
from backtest.summary import summarised
from core.time import DAY_NS
from tests.backtest.builders import MIDNIGHT, outcome, spans_of, trade, traded, walk_of
from tests.models.builders import walk


def painted(value: Any) -> Any:
    """The figure with a colour where the page would put that of its style."""
    if isinstance(value, dict):
        return {key: painted(one) for key, one in value.items()}
    if isinstance(value, list):
        return [painted(one) for one in value]
    return "#123456" if isinstance(value, str) and value.startswith("--") else value


def check(figure: figures.Drawn | None) -> figures.Drawn:
    """Plotly refuses a property that it does not have; JSON refuses what is no number."""
    from plotly.graph_objects import Figure

    assert figure is not None
    Figure(painted(figure))
    json.dumps(figure, allow_nan=False)
    return figure


def test_every_figure_is_one_that_plotly_can_draw() -> None:
    bars = walk(24 * 150)
    summary = summarised(traded(bars, spans_of(len(bars), 40)), draws=20)
    check(figures.equity(summary))
    check(figures.exposure(summary))
    check(figures.rolling_sharpe(summary.run.curve))
    check(figures.distribution(summary.run.closed.returns))
    for candles in (bars, None):
        check(prices.overview(bars.symbol, summary.outcome.trades, candles).figure)
        check(prices.close_up(summary.outcome.trades[0], candles))


def test_equity_that_is_no_number_is_a_gap() -> None:
    line = walk_of(100)
    line[50] = np.nan
    drawn = check(figures.equity(summarised(outcome(line), draws=20)))
    assert drawn["data"][1]["y"][50] is None
    assert [one["name"] for one in drawn["data"]] == ["buy and hold", "equity"]  # and no drawdown of what is unknown


@pytest.mark.parametrize(("last", "kind"), [(99.0, "linear"), (1001.0, "log"), (0.0, "linear"), (-5.0, "linear")])
def test_equity_that_grew_tenfold_is_drawn_by_its_logarithm(last: float, kind: str) -> None:
    drawn = figures.equity(summarised(outcome([100.0, 100.0, last], held=[100.0] * 3), draws=20))
    axis = drawn["layout"]["yaxis"]
    assert axis["type"] == kind
    if kind == "log":
        assert axis["ticktext"] == [f"{tick:,.10g}" for tick in axis["tickvals"]]
        assert {"100", "200", "500", "1,000"} <= set(axis["ticktext"])


def test_the_rolling_ratio_is_that_of_each_window() -> None:
    curve = summarised(outcome(walk_of(200)), draws=20).run.curve
    drawn = check(figures.rolling_sharpe(curve))
    window = curve.returns[-figures.WINDOW_DAYS :]
    assert drawn["data"][0]["y"][-1] == pytest.approx(window.mean() / window.std(ddof=1) * 365**0.5, rel=1e-5)
    assert drawn["data"][0]["y"][: figures.WINDOW_DAYS - 1] == [None] * (figures.WINDOW_DAYS - 1)
    assert figures.rolling_sharpe(summarised(outcome(walk_of(60)), draws=20).run.curve) is None


def test_a_distribution_counts_every_return_and_parts_losses_from_gains() -> None:
    returns = np.diff(walk_of(500)) / 10_000
    (bars,) = check(figures.distribution(returns))["data"]
    assert sum(bars["y"]) == len(returns)
    lost = sum(count for count, color in zip(bars["y"], bars["marker"]["color"], strict=True) if color == "--loss")
    assert lost == (returns < 0).sum()
    assert 10 <= len(bars["y"]) <= 82
    assert figures.distribution(np.zeros(9)) is None


def test_of_many_trades_those_that_moved_most_money_are_drawn() -> None:
    many = [trade(float(at), closed=at + 1) for at in range(1000)]
    found = prices.overview("BTC/USDT", many, None)
    assert (found.drawn, found.trades) == (prices.MOST_TRADES, 1000)
    won = next(one for one in check(found.figure)["data"] if one.get("name") == "left with a profit")
    assert min(won["x"]) == (MIDNIGHT + (1001 - prices.MOST_TRADES) * DAY_NS) // 1_000_000


def test_stops_are_drawn_where_there_are_any() -> None:
    def stop_of(made: figures.Drawn) -> figures.Drawn:
        return next(one for one in made["data"] if one.get("name") == "first stop")

    stopped = stop_of(check(prices.close_up(trade(5, stop=97.5), None)))
    assert stopped["y"] == [97.5, 97.5, None]
    assert stop_of(check(prices.close_up(trade(5), None)))["y"] == []


def test_the_best_and_the_worst_are_each_shown_once() -> None:
    some = [trade(float(at)) for at in range(4)]
    assert [one.profit for one in prices.remarkable(some)] == [3, 2, 1, 0]
    many = [trade(float(at)) for at in range(20)]
    assert [one.profit for one in prices.remarkable(many)] == [19, 18, 17, 2, 1, 0]


def test_no_word_of_others_is_in_a_figure() -> None:
    bars = walk(500)
    made = traded(bars, spans_of(500, 5))
    named = tuple(replace(one, symbol="<b>X</b>", strategy="<b>X</b>", agent="<b>X</b>") for one in made.trades)
    text = json.dumps(
        [
            prices.overview("<b>X</b>", named, bars).figure,
            prices.close_up(named[0], bars),
            figures.equity(summarised(replace(made, name="<b>X</b>", trades=named), draws=20)),
        ]
    )
    assert "<b>X</b>" not in text
