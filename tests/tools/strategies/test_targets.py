"""Target strategies: each value comes from its bar and those before it, and what is no exposure is refused."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import ConfigError, DataRefused
from tests.models.builders import walk
from tools.strategies import targets
from tools.strategies.breakout import Breakout
from tools.strategies.composite import CompositeScore
from tools.strategies.reversion import MeanReversion
from tools.strategies.signal import ModelSignal
from tools.strategies.targets import OURS, exposed, locked, made, named
from tools.strategies.trend import TrendFollowing

BARS = locked(walk(900))
COLUMNS = ("open_ns", "open", "high", "low", "close", "volume")


def until(n: int) -> Any:
    return replace(BARS, **{name: getattr(BARS, name)[:n] for name in COLUMNS})


def falling_then_rising(n: int = 60) -> Any:
    closes = np.concatenate([np.linspace(200, 100, n), np.linspace(100, 200, n)])
    bars = walk(2 * n)
    return replace(bars, open=closes, high=closes * 1.001, low=closes * 0.999, close=closes)


ALL = [
    TrendFollowing(fast=5, slow=20),
    TrendFollowing(fast=5, slow=20, average="ema", adx_exit=20),
    MeanReversion(deviations=1.5, oversold=45, rsi_bars=5),
    Breakout(enter=10, leave=5),
    Breakout(enter=1, leave=1),
    CompositeScore(enter=50),
    ModelSignal(size="volatility").given(lambda bars: np.where(bars.close > bars.open, 0.8, 0.2), least=30),
]


@pytest.mark.parametrize("strategy", ALL, ids=lambda one: type(one).__name__)
def test_no_exposure_depends_on_a_later_bar(strategy: Any) -> None:
    whole = exposed(strategy, BARS, {})
    assert len(np.unique(whole[~np.isnan(whole)])) > 1
    assert np.isnan(whole[: strategy.look_back - 1]).all()
    for n in (strategy.look_back + 3, 700):
        assert np.array_equal(exposed(strategy, until(n), {}), whole[:n], equal_nan=True)


def test_a_trend_is_followed_down_and_up() -> None:
    bars = falling_then_rising()
    wanted = TrendFollowing(fast=5, slow=20).exposure(bars)
    assert wanted[40] == -1
    assert wanted[-1] == 1


def test_without_a_trend_the_index_says_flat() -> None:
    wanted = TrendFollowing(fast=5, slow=20, adx_exit=99).exposure(BARS)
    assert (wanted[TrendFollowing(fast=5, slow=20, adx_exit=99).look_back :] == 0).all()


def test_a_breakout_is_beyond_the_bars_before_it_and_not_at_them() -> None:
    closes = np.array([10, 11, 12, 11, 12, 13, 12, 11, 10, 9.0])
    bars = replace(until(10), open=closes, high=closes, low=closes, close=closes)
    wanted = Breakout(enter=3, leave=2).exposure(bars)
    assert list(wanted[3:]) == [0, 0, 1, 1, -1, -1, -1]


def test_a_model_is_followed_where_it_is_sure_and_sized_by_kelly() -> None:
    p_up = np.array([0.5, 0.65, 0.9, 0.35, 0.1, math.nan])
    strategy = ModelSignal(size="kelly").given(lambda bars: p_up, least=1)
    wanted = strategy.exposure(until(6))
    assert wanted == pytest.approx([0, 0.25 * 0.3, 0.25 * 0.8, -0.25 * 0.3, -0.25 * 0.8, 0])


def test_a_signal_without_a_model_is_refused() -> None:
    with pytest.raises(DataRefused, match="no model answers"):
        exposed(ModelSignal(), BARS, {})


# What is no strategy.


class Bad:
    look_back = 3

    def __init__(self, answer: str = "short") -> None:
        self.answer = answer

    def exposure(self, bars: Any) -> Any:
        if self.answer == "raises":
            raise KeyError("volume")
        if self.answer == "changes":
            bars.close[0] = 1.0
        wanted = np.zeros(len(bars))
        if self.answer == "short":
            return wanted[1:]
        wanted[10 if self.answer != "early" else 1] = math.inf if self.answer == "infinite" else math.nan
        return wanted + (2 if self.answer == "large" else 0)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("short", r"answered the shape \(899,\), allowed is \(900,\)"),
        ("raises", r"failed: KeyError: 'volume', in test_targets.py line \d+"),
        ("changes", "changes its input"),
        ("nan", "no NaN after its look-back"),
        ("infinite", "answered inf"),
        ("large", "answered 2"),
    ],
)
def test_what_is_no_exposure_is_refused(answer: str, said: str) -> None:
    with pytest.raises(DataRefused, match=said):
        exposed(Bad(answer), BARS, {"answer": answer})


def test_nan_within_the_look_back_is_allowed() -> None:
    assert np.isnan(exposed(Bad("early"), BARS, {})[1])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"quick": 3.0}, "unknown parameter quick, allowed are fast, slow"),
        ({"fast": 60.0, "slow": 50.0}, "expected fewer bars than slow"),
        ({"fast": 2.5}, "fast: .*integer.*, found 2.5"),
    ],
)
def test_parameters_that_a_strategy_does_not_have_are_refused(given: Mapping[str, float], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        made(named("trend"), given)


def test_every_strategy_of_ours_is_made_without_parameters() -> None:
    assert all(made(making, {}).look_back >= 1 for making in OURS.values())


def test_an_unknown_name_says_which_there_are() -> None:
    with pytest.raises(ConfigError, match="allowed are trend, reversion"):
        named("tend")


OWN = """
from __future__ import annotations
from dataclasses import dataclass
import numpy as np

@dataclass
class Always:
    side: float = 1.0
    look_back: int = 1

    def exposure(self, bars):
        return np.full(len(bars), self.side)
"""


def test_a_strategy_of_ones_own_comes_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(OWN)
    strategy = made(named(str(file)), {"side": -1.0})
    assert (exposed(strategy, BARS, {}) == -1).all()
    file.write_text(OWN + OWN.replace("Always", "Never").replace("from __future__ import annotations", ""))
    with pytest.raises(ConfigError, match="has Always, Never: name one"):
        named(str(file))
    assert made(named(f"{file}:Never"), {}).look_back == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import nothing_like_it", "cannot be loaded: ModuleNotFoundError"),
        ("x = 1", "no class with"),
        ("x = 1\nraise SystemExit(3)", "cannot be loaded: SystemExit: 3, in own.py line 2"),
        ("def f(:", "cannot be loaded: invalid syntax, in own.py line 1"),
    ],
)
def test_a_file_without_a_strategy_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "own.py"
    file.write_text(text)
    with pytest.raises(ConfigError, match=said):
        named(str(file))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no file"):
        named(str(tmp_path / "none.py"))


def test_an_installed_strategy_is_found_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "acme_always.py").write_text(OWN)
    info = tmp_path / "acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{targets.GROUP}]\nalways = acme_always:Always\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert made(named("always"), {}).look_back == 1
