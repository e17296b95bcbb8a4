"""Walk-forward: what is traded was picked on what came before it, in one account, and nothing else."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backtest.searching import Search
from backtest.sweeps import sweep
from backtest.walking import Walk, Walked
from backtest.walking import walk as walked_by
from core.bars import Bars
from core.errors import ConfigError, DataRefused
from desk.compute import Here
from models.validation.trials import TrialsInMemory, TrialsOnDisk
from tests.models.builders import walk
from tools.simulation import running
from tools.simulation.grid import Grid, grid
from tools.simulation.settings import Exits, Terms

BARS = walk(900)
MARKET = grid([BARS])
TERMS = Terms(shorts=True, impact=0.0, participation=float("inf"))
OVER: dict[str, tuple[float | str, ...]] = {"fast": (5.0, 10.0), "slow": (20.0, 40.0)}


def walked(market: Grid = MARKET, *, folds: int = 3, window: int | None = None, **more: Any) -> Walked:
    given: dict[str, Any] = {"strategy": "trend", "over": OVER, "ledger": TrialsInMemory(), "compute": Here(), **more}
    strategy, over, terms = given.pop("strategy"), given.pop("over"), given.pop("terms", TERMS)
    return walked_by(market, strategy, over, terms, Walk(folds, window), **given)


def changed_after(bars: Bars, row: int) -> Bars:
    """The same bars up to `row`, others from it on."""
    other = walk(len(bars), seed=77)
    scale = bars.close[row - 1] / other.close[row - 1]
    columns = [
        np.append(getattr(bars, name)[:row], getattr(other, name)[row:] * scale)
        for name in ("open", "high", "low", "close")
    ]
    return Bars(bars.symbol, bars.timeframe, bars.open_ns, *columns, bars.volume)


def test_what_is_picked_for_a_part_depends_on_nothing_that_came_later() -> None:
    whole = walked()
    for number, part in enumerate(whole.parts):
        other = walked(grid([changed_after(BARS, part.first)]))
        assert other.parts[number].parameters == part.parameters
        assert other.parts[number].picked_sharpe == part.picked_sharpe
    last = whole.parts[-1].first
    begun = whole.parts[0].first
    other = walked(grid([changed_after(BARS, last)]))
    assert np.array_equal(other.outcome.equity[: last - begun], whole.outcome.equity[: last - begun])
    assert not np.array_equal(other.outcome.equity, whole.outcome.equity)


def test_a_strategy_that_looks_ahead_cannot_do_it_where_parameters_are_picked(tmp_path: Path) -> None:
    own = tmp_path / "ahead.py"
    own.write_text(
        "import numpy as np\n"
        "class Ahead:\n"
        "    look_back = 2\n"
        "    def __init__(self, k: float = 0.0): self.k = k\n"
        "    def exposure(self, bars):\n"
        "        with open(__file__ + '.log', 'a') as log: log.write(f'{len(bars)}\\n')\n"
        "        return np.zeros(len(bars))\n"
    )
    found = walked(strategy=str(own), over={"k": (1.0, 2.0)})
    given = {int(line) for line in Path(f"{own}.log").read_text().split()}
    assert given == {n for part in found.parts for n in (part.first, part.last + 1)}


def test_parts_follow_each_other_to_the_newest_bar() -> None:
    found = walked(folds=4)
    assert [part.first for part in found.parts[1:]] == [part.last + 1 for part in found.parts[:-1]]
    assert found.parts[-1].last == len(MARKET) - 1
    assert len(found.outcome.close_ns) == len(MARKET) - found.parts[0].first
    assert {part.learnt for part in found.parts} == {39}


def test_a_window_rolls_along() -> None:
    found = walked(window=150)
    assert [part.first - part.learnt for part in found.parts] == [150] * 3


def test_one_account_goes_through_all_parts() -> None:
    """With one set there is nothing to pick, and the whole is the sweep of that set from the first part on."""
    over = {"fast": (5.0,), "slow": (20.0,)}
    found = walked(over=over)
    since = int(MARKET.close_ns[found.parts[0].first])
    alone = sweep(MARKET, "trend", over, TERMS, ledger=TrialsInMemory(), compute=Here(), from_ns=since)
    assert np.array_equal(found.outcome.equity, alone.best[0].outcome.equity)
    assert len(found.outcome.trades) == len(alone.best[0].outcome.trades)


def test_ways_out_change_with_the_part_also_for_what_is_held() -> None:
    rows = np.ones((len(MARKET), 1))
    tight, none = Exits(stop=0.0005), Exits()
    at = 300
    turned = running.outcome(MARKET, rows, TERMS, {0: none, at: tight, at + 50: none})
    never = running.outcome(MARKET, rows, TERMS, none)
    always = running.outcome(MARKET, rows, TERMS, tight)
    assert np.array_equal(turned.equity[:at], never.equity[:at])
    assert len(never.trades) == 1
    assert always.trades[0].closed_ns < turned.trades[0].closed_ns or len(turned.trades) == 1
    trailing = running.outcome(MARKET, rows, TERMS, {0: none, at: Exits(trail=0.001)})
    assert trailing.trades[0].reason.value == "stop"
    closed = int(np.searchsorted(MARKET.close_ns, trailing.trades[0].closed_ns))
    assert at < closed < at + 50


def test_every_set_of_every_part_is_a_trial_and_so_is_the_whole(tmp_path: Path) -> None:
    ledger = TrialsOnDisk(tmp_path / "trials.jsonl")
    found = walked(ledger=ledger)
    assert found.counted == len(ledger.of(found.study)) == 3 * 4 + 1
    assert found.outcome.trials == found.deflated.trials == found.counted
    assert walked(ledger=ledger).counted == found.counted
    assert walked(ledger=ledger, folds=2).counted > found.counted


def test_earnings_of_the_parts_multiply_to_those_of_the_whole() -> None:
    found = walked()
    whole = found.outcome.equity[-1] / found.outcome.equity[0]
    assert np.prod([1 + part.earned for part in found.parts]) == pytest.approx(whole)


def test_parts_can_be_searched_instead(tmp_path: Path) -> None:
    over = {"fast": tuple(map(float, range(2, 20))), "slow": tuple(map(float, range(20, 60)))}
    found = walked(over=over, search=Search(10, tmp_path / "log"))
    assert all(1 <= part.tried <= 10 for part in found.parts)
    assert found.counted == sum(part.tried for part in found.parts) + 1


@pytest.mark.parametrize(
    ("more", "error", "said"),
    [
        ({"folds": 0}, ConfigError, "found 0 folds"),
        ({"folds": 2_000}, DataRefused, "861 bars are too few to walk forward in 2000 parts"),
        ({"over": {"quick": (5.0,)}}, ConfigError, "unknown parameter quick"),
    ],
)
def test_what_cannot_be_walked_is_refused(more: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        walked(**more)
