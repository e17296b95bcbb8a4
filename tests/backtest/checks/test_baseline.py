"""A check that is written down is read back as it was, and whatever became worse is named."""

import json
from copy import deepcopy
from pathlib import Path

import pytest

from backtest.checks import baseline
from backtest.checks.lines import Ask
from core.canonical import JSON
from core.errors import ConfigError, DataRefused
from tests.backtest.checks.builders import BAD, checked, strategy, waves


@pytest.fixture(scope="module")
def told() -> JSON:
    return baseline.told(checked("breakout", {"enter": (10.0,), "leave": (5.0,)}, market=waves()))


def verdicts(one: JSON, **changed: str) -> JSON:
    found = deepcopy(one)
    for line in found["checks"]:
        line["verdict"] = changed.get(Ask(line["check"]).name, line["verdict"])
    return found


def test_what_is_read_is_what_was_saved_and_nothing_is_worse(told: JSON, tmp_path: Path) -> None:
    file = tmp_path / "base.json"
    baseline.save(file, told)
    found = baseline.read(file)
    assert found == json.loads(json.dumps(told))
    assert baseline.compare(found, told) == baseline.Compared((), True)


def test_what_passed_and_does_not_now_is_a_regression(told: JSON) -> None:
    before = verdicts(told, FEES="passed", DELAY="passed", RANDOM="failed")
    now = verdicts(told, FEES="failed", DELAY="not measured", RANDOM="failed")
    found = baseline.compare(before, now).regressions
    assert [one.partition(",")[0] for one in found] == ["fees doubled: passed", "one bar late: passed"]
    assert baseline.compare(now, before).regressions == ()


@pytest.mark.parametrize(
    ("name", "factor", "worse"),
    [("sharpe", 0.95, False), ("sharpe", 0.85, True), ("max_drawdown", 1.05, False), ("max_drawdown", 1.2, True)],
)
def test_on_the_same_bars_a_tenth_less_is_a_regression(told: JSON, name: str, factor: float, worse: bool) -> None:
    now = deepcopy(told)
    now["figures"][name] = told["figures"][name] * factor
    found = baseline.compare(told, now)
    assert found.alike
    assert bool(found.regressions) is worse


def test_on_other_bars_or_terms_verdicts_alone_are_compared(told: JSON) -> None:
    for changed in ({"data": {"BTC/USDT": "ab"}}, {"terms": {**told["terms"], "fee": 0.002}}):
        now = {**deepcopy(told), **changed}
        now["figures"]["sharpe"] = -9.0
        assert baseline.compare(told, now) == baseline.Compared((), False)


def test_a_file_is_known_by_its_name_wherever_it_lies(tmp_path: Path) -> None:
    assert baseline.told(checked(strategy(tmp_path, BAD["the last row"])))["strategy"] == "own.py"


def test_a_baseline_of_something_else_is_refused(told: JSON) -> None:
    for changed in ({"strategy": "trend"}, {"symbols": ["ETH/USDT"]}, {"timeframe": "4h"}):
        with pytest.raises(ConfigError, match="the baseline is of the"):
            baseline.compare(told | changed, told)


@pytest.mark.parametrize(
    ("text", "said"),
    [("[]", "no baseline"), ("{}", "no baseline"), ('{"schema": 9}', "schema 9"), ("no", "no baseline"), ("", "no")],
)
def test_what_is_no_baseline_is_refused(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "base.json"
    file.write_text(text)
    with pytest.raises(DataRefused, match=said):
        baseline.read(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        baseline.read(tmp_path / "none.json")
