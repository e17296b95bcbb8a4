"""What programs are told: whole, and JSON that any of them can read."""

import json

import numpy as np
import pytest

from backtest import words
from backtest.metrics import Unit, catalogue
from backtest.summary import summarised, told
from tests.backtest.builders import outcome, spans_of, trade, traded, walk_of
from tests.models.builders import walk


def test_programs_are_told_every_figure_or_why_there_is_none() -> None:
    found = told(summarised(traded(walk(24 * 100), spans_of(24 * 100, 40)), draws=50))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert set(found["figures"]) == set(catalogue())
    assert {one["metric"] for one in found["thresholds"]} == {
        *("sharpe", "max_drawdown", "win_rate", "profit_factor", "average_trade")
    }
    assert found["attribution"]["strategy"][0]["trades"] + found["attribution"]["strategy"][1]["trades"] == 40
    assert found["data"] == {"BTC/USDT": "ab" * 32}


@pytest.mark.parametrize("line", [[1.0], [1.0, np.nan], [1.0, 0.0, 0.0]])
def test_what_cannot_be_told_is_null(line: list[float]) -> None:
    found = told(summarised(outcome(line, trades=[trade(np.nan), trade(1)]), draws=5))
    assert json.dumps(found, allow_nan=False)
    assert found["months"] == {}
    assert found["figures"]["sharpe"]["value"] is None
    assert found["figures"]["sharpe"]["why"]


def test_an_end_without_bound_is_null() -> None:
    trades = [*(trade(1, closed=at) for at in range(39)), trade(-1, closed=50)]
    found = told(summarised(outcome(walk_of(100), trades=trades), draws=200))
    factor = next(one for one in found["thresholds"] if one["metric"] == "profit_factor")
    assert factor["interval"]["high"] is None
    assert json.dumps(found, allow_nan=False)


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.1234, Unit.FRACTION, "12.34%"),
        (-0.000001, Unit.FRACTION, "0.00%"),
        (float("inf"), Unit.RATIO, "∞"),
        (None, Unit.RATIO, "—"),
        (1234.5, Unit.DAYS, "1,234.5 days"),
        (3000.0, Unit.COUNT, "3,000"),
    ],
)
def test_numbers_look_the_same_everywhere(value: float | None, unit: Unit, shown: str) -> None:
    assert words.number(value, unit) == shown
