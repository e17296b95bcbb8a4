"""Searches: they find what is good, go on where they were, and count every set that they looked at."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backtest.ranges import corners
from backtest.searching import Search
from backtest.sweeps import Swept, sweep
from core.errors import ConfigError, DataRefused
from core.ports import Trials
from desk.compute import Here
from models.validation.trials import TrialsInMemory
from tests.models.builders import walk
from tools.simulation.grid import grid
from tools.simulation.settings import Terms

MARKET = grid([walk(400)])
TERMS = Terms(shorts=True, impact=0.0, participation=float("inf"))
OVER = {"fast": tuple(map(float, range(2, 30))), "slow": tuple(map(float, range(5, 60))), "average": ("sma",)}

PLANTED = """
import numpy as np

class Planted:
    look_back = 2
    def __init__(self, right: float = 0.0): self.right = right
    def exposure(self, bars):
        # Knows what the next open will be worth one later, on a share of bars that is largest at 60.
        ahead = np.append(np.diff(bars.open)[1:] > 0, [False, False])
        knows = np.random.default_rng(3).random(len(bars)) < 1 - abs(self.right - 60) / 60
        return np.where(knows & ahead, 1.0, 0.0)
"""


def searched(file: Path, ledger: Trials | None = None, *, trials: int = 20, **more: Any) -> Swept:
    given: dict[str, Any] = {"strategy": "trend", "over": OVER, "terms": TERMS, **more}
    strategy, over, terms = (given.pop(name) for name in ("strategy", "over", "terms"))
    search = Search(trials, file, given.pop("seed", 0))
    return sweep(
        MARKET, strategy, over, terms, ledger=ledger or TrialsInMemory(), compute=Here(), search=search, **given
    )


def test_a_search_finds_what_is_planted_with_a_tenth_of_all_sets(tmp_path: Path) -> None:
    own = tmp_path / "planted.py"
    own.write_text(PLANTED)
    over = {"right": tuple(k / 2 for k in range(241))}
    found = searched(
        tmp_path / "log",
        strategy=str(own),
        over=over,
        trials=48,
        terms=replace(TERMS, fee=0.0, slippage=0.0, latency_ms=0.0),
    )
    assert len(found.sets) <= 48
    assert abs(float(found.best[0].parameters["right"]) - 60) <= 5


def test_each_set_that_was_looked_at_is_a_trial_once(tmp_path: Path) -> None:
    ledger = TrialsInMemory()
    first = searched(tmp_path / "log", ledger)
    assert first.counted == len(first.sets) == len(ledger.of(first.study))


def test_the_same_search_goes_on_where_it_was(tmp_path: Path) -> None:
    ledger = TrialsInMemory()
    first = searched(tmp_path / "log", ledger)
    later = searched(tmp_path / "log", ledger)
    assert list(later.sets[: len(first.sets)]) == list(first.sets)
    assert len(later.sets) > len(first.sets)
    assert later.counted == len(later.sets)
    assert later.best[0].outcome.equity[-1] >= 0


def test_another_market_is_another_search(tmp_path: Path) -> None:
    first = searched(tmp_path / "log")
    other = sweep(
        grid([walk(400, seed=9)]),
        "trend",
        OVER,
        TERMS,
        ledger=TrialsInMemory(),
        compute=Here(),
        search=Search(8, tmp_path / "log"),
    )
    assert len(other.sets) <= 8 < len(first.sets)


def test_the_same_seed_asks_for_the_same_sets_and_another_one_does_not(tmp_path: Path) -> None:
    first, second = (searched(tmp_path / name) for name in "ab")
    assert first.sets == second.sets
    assert searched(tmp_path / "c", seed=5).sets != first.sets


def test_sets_that_cannot_be_made_are_told_and_not_counted(tmp_path: Path) -> None:
    ledger = TrialsInMemory()
    found = searched(tmp_path / "log", ledger, over={"fast": tuple(map(float, range(2, 30))), "slow": (20.0,)})
    assert sum(found.left_out.values()) > 0
    assert all(float(one["fast"]) < 20 for one in found.sets)
    assert found.counted == len(found.sets)


def test_more_sets_than_can_be_gone_through_can_be_searched(tmp_path: Path) -> None:
    wide = {name: tuple(k / 1000 for k in range(1, 500)) for name in ("stop", "trail")} | OVER
    found = searched(tmp_path / "log", over=wide, trials=8)
    assert set(found.sets[0]) == {"stop", "trail", "fast", "slow", "average"}
    assert found.begin == 58


def test_words_are_kept_whole_and_numbers_by_their_ends() -> None:
    over = {"slow": (5.0, 6.0, 7.0), "average": ("sma", "ema"), "fast": (2.0,)}
    assert len(corners(over)) == 4
    assert {one["slow"] for one in corners(over)} == {5.0, 7.0}


@pytest.mark.parametrize(
    ("more", "error", "said"),
    [
        ({"trials": 0}, ConfigError, "1 to 100,000 sets, found 0"),
        ({"over": {"quick": (5.0,)}}, ConfigError, "unknown parameter quick"),
        ({"over": {"slow": (4_000.0,)}}, DataRefused, "needs 4000 bars"),
    ],
)
def test_what_cannot_be_searched_is_refused(
    tmp_path: Path, more: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        searched(tmp_path / "log", **more)


def test_figures_of_a_search_are_those_of_a_sweep(tmp_path: Path) -> None:
    found = searched(tmp_path / "log")
    for row in (0, len(found.sets) - 1):
        over = {name: (value,) for name, value in found.sets[row].items()}
        alone = sweep(
            MARKET,
            "trend",
            over,
            TERMS,
            ledger=TrialsInMemory(),
            compute=Here(),
            from_ns=int(MARKET.close_ns[found.begin]),
        )
        assert np.array_equal(alone.table["equity"], found.table["equity"][row : row + 1])
