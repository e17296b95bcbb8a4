"""A planted leak of one bar: found by measuring again, by what a column alone tells, and by the alarms."""

from dataclasses import replace

import numpy as np
import pytest

from core.bars import Bars
from core.errors import DataRefused
from models.features import Frame, Inputs, frame
from models.labels.directions import forward_return
from models.learners.trees import Boosting
from models.learners.trees_xgboost import XGBoost
from models.validation.alarms import AlarmCode, alarms
from models.validation.leaks import too_telling, unknown_then
from models.validation.metrics import Scores
from models.validation.splits import walk_forward
from models.validation.trading import sides, traded
from models.validation.walking import table_of, walked
from tests.models.builders import walk

HONEST = ("return_1", "return_4", "bollinger_width_20")
NAMES = (*HONEST, "planted")
PLACES = np.array([150, 333, 700])


def market() -> Bars:
    """A market of which nothing can be told, opens at the last close."""
    bars = walk(1500)
    return replace(bars, open=np.concatenate([bars.close[:1], bars.close[:-1]]))


def honest(bars: Bars) -> np.ndarray:
    return frame(Inputs(with_opens_inside(bars)), HONEST).values


def with_opens_inside(bars: Bars) -> Bars:
    return replace(bars, high=np.maximum(bars.high, bars.open), low=np.minimum(bars.low, bars.open))


def leaking(bars: Bars) -> np.ndarray:
    """A return of the bar after, as a shift the wrong way makes it; the newest bar repeats its own."""
    returns = np.append(np.diff(np.log(bars.close)), 0.0)
    return np.column_stack([honest(bars), returns]).astype(np.float32)


def test_measuring_again_on_the_bars_of_then_names_the_column_that_looks_ahead() -> None:
    found = unknown_then(leaking, market(), NAMES, PLACES)
    assert [leak.name for leak in found] == ["planted"]
    assert "at bar 150" in found[0].message
    assert unknown_then(honest, market(), HONEST, PLACES) == ()


def test_scaling_by_the_whole_history_is_found_too() -> None:
    def scaled(bars: Bars) -> np.ndarray:
        values = honest(bars)
        return (values - np.nanmean(values, axis=0)) / np.nanstd(values, axis=0)

    assert [leak.name for leak in unknown_then(scaled, market(), HONEST, PLACES)] == list(HONEST)


def test_a_file_that_is_shifted_is_found_by_what_it_alone_tells() -> None:
    bars = market()
    y = forward_return(bars, horizon=1)
    assert [leak.name for leak in too_telling(leaking(bars), y, NAMES)] == ["planted"]
    assert [leak.name for leak in too_telling(-leaking(bars), y, NAMES)] == ["planted"]


def test_a_table_of_another_shape_is_refused() -> None:
    with pytest.raises(DataRefused, match=r"shape \(1500, 4\), found \(1500, 3\)"):
        unknown_then(honest, market(), NAMES, PLACES)


def test_a_model_that_learnt_a_leak_sets_off_the_alarms_and_an_honest_one_does_not() -> None:
    bars = market()
    said = {}
    for name, columns, values in (("leaking", NAMES, leaking(bars)), ("honest", HONEST, honest(bars))):
        features = Frame(columns, values, 20)
        table = table_of(features, forward_return(bars, horizon=1), np.arange(len(bars)) + 1)
        folds = walk_forward(table.spans, folds=3, calibration=0.2)
        found = walked(XGBoost(boosting=Boosting(trees=40, jobs=1)), table, folds, seed=1)
        result = traded(bars, table.spans.start[found.rows], sides(found.predicted.p_up))
        said[name] = {alarm.code for alarm in alarms(found.scores(), result)}
    assert {AlarmCode.ACCURACY, AlarmCode.SHARPE} <= said["leaking"]
    assert not {AlarmCode.ACCURACY, AlarmCode.SHARPE} & said["honest"]


# Alarms at their bounds


def scored(accuracy: float) -> Scores:
    return Scores(500, 0, accuracy, 0.5, 0.5, 0.5, 0.25, 0.69)


def test_exactly_seventy_percent_is_no_alarm_and_more_is() -> None:
    assert alarms(scored(0.70)) == ()
    assert "leakage until shown otherwise" in alarms(scored(0.701))[0].message


def test_a_ratio_of_three_and_a_hundred_trades_are_no_alarm() -> None:
    result = replace(traded(market(), np.arange(900), np.zeros(900)), sharpe=3.0, trades=100, gross=0.2, cost=0.2)
    assert alarms(None, result) == ()
    found = alarms(None, replace(result, sharpe=3.01, trades=99, cost=0.201))
    assert [alarm.code for alarm in found] == [AlarmCode.SHARPE, AlarmCode.TRADES, AlarmCode.COST]
    assert "99 trades are no evidence" in found[1].message
    assert "turnover eats the edge" in found[2].message
