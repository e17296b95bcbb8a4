"""Sweeps: every set is simulated and counted, and the best ones are told with their luck."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backtest.metrics import measured, run_of
from backtest.sweeps import Swept, sweep
from core.errors import ConfigError, DataRefused
from core.ports import Trials
from desk.compute import Here, LocalProcesses, compute_of
from models.validation.overfitting import deflated_sharpe
from models.validation.trials import TrialsInMemory, TrialsOnDisk, ratios
from tests.models.builders import walk
from tools.simulation.grid import grid
from tools.simulation.settings import Terms

MARKET = grid([walk(400)])
TERMS = Terms(shorts=True, impact=0.0, participation=float("inf"))
OVER: dict[str, Sequence[float | str]] = {"fast": (5.0, 10.0), "slow": (8.0, 20.0, 40.0)}


def swept(ledger: Trials | None = None, **more: Any) -> Swept:
    given: dict[str, Any] = {"strategy": "trend", "over": OVER, "terms": TERMS, "compute": Here(), "best": 2, **more}
    grid_, strategy, over, terms = (given.pop(name, MARKET) for name in ("grid", "strategy", "over", "terms"))
    return sweep(grid_, strategy, over, terms, ledger=ledger or TrialsInMemory(), **given)


def test_every_set_that_can_be_made_is_simulated_and_the_others_are_told() -> None:
    found = swept()
    assert len(found.sets) == len(found.table["equity"]) == 5
    assert found.left_out == {"fast: expected fewer bars than slow": 1}


def test_all_sets_trade_over_the_same_bars() -> None:
    assert swept().begin == 39


def test_the_best_is_the_one_with_the_highest_sharpe_ratio_and_its_outcome_is_that_of_the_table() -> None:
    found = swept()
    best = found.best[0]
    assert found.table["sharpe"][best.row] == np.nanmax(found.table["sharpe"])
    assert best.outcome.equity[-1] == found.table["equity"][best.row]
    assert best.outcome.parameters == dict(found.sets[best.row])


def test_each_set_is_a_trial_once_however_often_it_is_swept(tmp_path: Path) -> None:
    ledger = TrialsOnDisk(tmp_path / "trials.jsonl")
    first = swept(ledger)
    assert first.counted == len(ledger.of(first.study)) == 5
    assert swept(ledger).counted == 5
    assert swept(ledger, over={"fast": (6.0,), "slow": (20.0,)}, best=1).counted == 6
    assert swept(ledger, terms=Terms(fee=0.0, impact=0.0), over={"fast": (6.0,)}, best=1).counted == 7


def test_the_best_is_deflated_by_all_that_were_ever_tried_in_its_market() -> None:
    ledger = TrialsInMemory()
    alone = swept(ledger, over={"fast": (5.0,), "slow": (20.0,)}, best=1)
    later = swept(ledger)
    returns = later.best[0].outcome.equity[1:] / later.best[0].outcome.equity[:-1] - 1
    expected = deflated_sharpe(returns, ratios(ledger.of(later.study)))
    assert later.best[0].deflated == expected
    assert later.best[0].outcome.trials == later.counted == 6  # one had another begin
    assert alone.counted == 1


def test_a_report_deflates_the_best_as_the_sweep_did() -> None:
    best = swept(grid=grid([walk(1_000)])).best[0]
    assert measured(run_of(best.outcome))["deflated_sharpe"].value == best.deflated.probability
    assert best.outcome.luck == best.deflated.threshold > 0


def test_ways_out_are_swept_like_parameters() -> None:
    found = swept(over={"fast": (5.0,), "slow": (20.0,), "stop": (0.001, 0.5)})
    assert found.table["trips"][0] != found.table["trips"][1]


def test_parts_that_fit_into_memory_come_out_like_one(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = swept()
    monkeypatch.setattr("backtest.sweeps._ROOM", 2 * 8 * 400)
    passed: list[int] = []
    parts = swept(passed=passed.append)
    assert passed == [2, 2, 1]
    assert all(np.array_equal(whole.table[name], parts.table[name], equal_nan=True) for name in whole.table)


def test_nothing_is_decided_before_the_time_from_which_on_it_trades() -> None:
    since = int(MARKET.close_ns[200])
    found = swept(from_ns=since)
    assert found.begin == 200
    assert found.best[0].outcome.close_ns[0] == since


@pytest.mark.parametrize(
    ("more", "error", "said"),
    [
        ({"over": {"quick": (5.0,)}}, ConfigError, "unknown parameter quick"),
        ({"over": {"fast": (50.0,), "slow": (20.0,)}}, ConfigError, "none of 1 sets can be made"),
        ({"over": {"slow": (4_000.0,)}}, DataRefused, "needs 4000 bars, found 400"),
        ({"from_ns": int(MARKET.close_ns[-1])}, DataRefused, "no bar is left to trade on"),
        ({"strategy": "luck"}, ConfigError, "found the strategy 'luck'"),
    ],
)
def test_what_cannot_be_swept_is_refused(more: dict[str, Any], error: type[Exception], said: str) -> None:
    ledger = TrialsInMemory()
    with pytest.raises(error, match=said):
        swept(ledger, **more)


OWN = """
import numpy as np

class Own:
    look_back = 2
    def __init__(self, at: float = 0.0): self.at = at
    def exposure(self, bars):
        if self.at == 3: raise RuntimeError("lost")
        return np.where(bars.close > bars.open, 1.0, 0.0)
"""


def test_a_strategy_that_raises_ends_the_sweep_and_is_named(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(OWN)
    with pytest.raises(DataRefused, match=r"Own with at=3 on .* failed: RuntimeError"):
        swept(strategy=str(file), over={"at": (1.0, 3.0)})


def test_a_strategys_source_is_part_of_its_trial(tmp_path: Path) -> None:
    ledger, file = TrialsInMemory(), tmp_path / "own.py"
    file.write_text(OWN)
    assert swept(ledger, strategy=str(file), over={}).counted == 1
    file.write_text(OWN.replace(">", "<"))
    assert swept(ledger, strategy=str(file), over={}).counted == 2


# Where it runs.


def test_one_worker_is_this_process_and_none_is_refused() -> None:
    assert isinstance(compute_of(1), Here)
    with pytest.raises(ConfigError, match="workers are 1 or more"):
        compute_of(0)


def test_several_processes_answer_in_order() -> None:
    assert list(LocalProcesses(1).map(abs, [-3, 2, -1])) == [3, 2, 1]


def test_an_error_of_one_item_is_raised_here() -> None:
    with pytest.raises(ZeroDivisionError):
        list(LocalProcesses(1).map(_inverse, [0]))


def _inverse(number: int) -> float:
    return 1 / number
