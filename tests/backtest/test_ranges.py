"""Ranges of parameters: both ends are there, tenths do not drift, and nonsense is named."""

import pytest

from backtest.ranges import ranges, sets
from core.errors import ConfigError
from tools.simulation.sweeping import exits, split


def test_a_range_has_both_its_ends() -> None:
    assert ranges(["fast=5:20:5"]) == {"fast": (5.0, 10.0, 15.0, 20.0)}


def test_tenths_do_not_drift() -> None:
    assert ranges(["x=0.1:0.7:0.1"])["x"] == (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)


def test_a_list_and_a_word_are_values() -> None:
    assert ranges(["average=sma,ema", "slow=50"]) == {"average": ("sma", "ema"), "slow": (50.0,)}


def test_sets_are_every_combination() -> None:
    assert sets({"a": (1.0, 2.0), "b": ("x", "y")}) == [
        {"a": 1.0, "b": "x"},
        {"a": 1.0, "b": "y"},
        {"a": 2.0, "b": "x"},
        {"a": 2.0, "b": "y"},
    ]


def test_without_a_range_there_is_one_set() -> None:
    assert sets({}) == [{}]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("fast", "NAME=FIRST:LAST:STEP"),
        ("=5", "NAME=FIRST:LAST:STEP"),
        ("fast=", "NAME=FIRST:LAST:STEP"),
        ("fast=9:5", "rises by a step"),
        ("fast=5:9:0", "rises by a step"),
        ("fast=5:9:-1", "rises by a step"),
        ("fast=a:9", "in numbers"),
        ("fast=1:2:3:4", "in numbers"),
        ("fast=nan", "is finite"),
        ("fast=1,1", "each value once"),
        ("fast=0:1:1e-9", "makes 1000000000 values"),
    ],
)
def test_what_is_no_range_is_refused(word: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        ranges([word])


def test_a_parameter_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="there twice"):
        ranges(["fast=5", "fast=6"])


def test_too_many_sets_are_refused() -> None:
    with pytest.raises(ConfigError, match="make 1000000 sets"):
        sets({name: tuple(float(n) for n in range(1000)) for name in "ab"})


def test_ways_out_are_told_from_the_strategys_own() -> None:
    assert split({"fast": 5.0, "stop": 0.1}, ["fast", "slow"]) == ({"fast": 5.0}, {"stop": 0.1})
    assert split({"stop": 0.1}, ["stop"]) == ({"stop": 0.1}, {})


def test_a_take_profit_closes_all() -> None:
    assert exits({"take": 0.05, "stop": 0.1}).take == ((0.05, 1.0),)
    with pytest.raises(ConfigError, match="stop is a number"):
        exits({"stop": "near"})
