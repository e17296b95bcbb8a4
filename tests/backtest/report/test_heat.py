"""Heat maps: every cell is the median of its sets, and what was not tried stays empty."""

import json
import math
from typing import Any

import numpy as np
import pytest

from backtest.report.heat import maps
from tests.backtest.report.test_figures import check
from tools.simulation.outcome import Tried


def tried(sharpe: list[float], **values: Any) -> Tried:
    return Tried(0, 10**18, {name: tuple(column) for name, column in values.items()}, np.array(sharpe))


TWO = tried([1.0, 2.0, 3.0, math.nan], fast=[10.0, 5.0, 10.0, 5.0], slow=[50.0, 50.0, 20.0, 20.0])


def test_a_cell_is_where_its_two_values_meet() -> None:
    found = maps(TWO, {})[0]
    check(found.figure)
    heat = found.figure["data"][0]
    assert (found.across, found.down) == ("fast", "slow") or (found.across, found.down) == ("slow", "fast")
    at = {"fast": [5.0, 10.0], "slow": [20.0, 50.0]}
    for across, x in enumerate(at[found.across]):
        for down, y in enumerate(at[found.down]):
            one = {found.across: x, found.down: y}
            expected = {(5.0, 50.0): 2.0, (10.0, 50.0): 1.0, (10.0, 20.0): 3.0}.get((one["fast"], one["slow"]))
            assert heat["z"][down][across] == expected


def test_colours_are_even_around_nothing_so_that_a_loss_never_looks_like_a_gain() -> None:
    heat = maps(tried([-1.0, 0.5], a=[1.0, 2.0], b=[1.0, 2.0]), {})[0].figure["data"][0]
    assert (heat["zmin"], heat["zmax"]) == (-1.0, 1.0)


def test_of_more_parameters_each_pair_shows_the_median_over_the_rest() -> None:
    values = {"a": [], "b": [], "c": []}
    sharpe = []
    for a in (1.0, 2.0):
        for b in (1.0, 2.0):
            for c in (1.0, 2.0, 9.0):
                for name, value in (("a", a), ("b", b), ("c", c)):
                    values[name].append(value)
                sharpe.append(a * 10 + b + c)
    found = maps(tried(sharpe, **values), {})
    assert len(found) == 3
    first = next(one for one in found if {one.across, one.down} == {"a", "b"})
    z = first.figure["data"][0]["z"]
    assert sorted(cell for row in z for cell in row) == [13.0, 14.0, 23.0, 24.0]


def test_the_picked_one_is_marked_where_it_is() -> None:
    found = maps(TWO, {"fast": 10.0, "slow": 20.0})[0]
    mark = found.figure["data"][1]
    at = {"fast": [1], "slow": [0]}
    assert (mark["x"], mark["y"]) == (at[found.across], at[found.down])
    assert len(maps(TWO, {"fast": 7.0, "slow": 20.0})[0].figure["data"]) == 1


def test_one_parameter_is_a_line() -> None:
    found = maps(tried([1.0, 3.0, 2.0], fast=[5.0, 15.0, 10.0]), {"fast": 15.0})
    check(found[0].figure)
    assert found[0].figure["data"][0]["y"] == [1.0, 2.0, 3.0]
    assert (found[0].figure["data"][1]["x"], found[0].figure["data"][1]["y"]) == ([2], [3.0])


def test_words_are_numbered_and_no_figure_holds_one() -> None:
    found = maps(tried([1.0, 2.0], average=["<b>sma", "ema"], fast=[1.0, 2.0]), {})[0]
    assert found.words == {"average": ("<b>sma", "ema")}
    assert "sma" not in json.dumps(found.figure)


@pytest.mark.parametrize(
    "one", [tried([1.0]), tried([1.0, 2.0], fast=[5.0, 5.0]), tried([math.nan, math.nan], fast=[5.0, 6.0])]
)
def test_where_nothing_was_varied_or_measured_there_is_no_map(one: Tried) -> None:
    assert maps(one, {}) == ()
