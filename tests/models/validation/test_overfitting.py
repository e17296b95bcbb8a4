"""Deflated Sharpe ratios and the probability of backtest overfitting, against what was published and what is known."""

import errno
import math
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from core.errors import ConfigError, DataRefused
from core.ports import Trial, Trials
from models.validation.overfitting import (
    backtest_overfitting,
    deflated_sharpe,
    expected_best,
    probabilistic_sharpe,
)
from models.validation.trading import sharpe_of
from models.validation.trials import TrialsInMemory, TrialsOnDisk, ratio, ratios

# Bailey and López de Prado (2014), their example: five years of days, 2.5 a year, ratios with a variance of 1/2 a year.
YEAR = 250
SHARPE, VARIANCE = 2.5 / math.sqrt(YEAR), 0.5 / YEAR


def test_the_published_example_is_reproduced() -> None:
    threshold = expected_best(VARIANCE, 100)
    assert threshold == pytest.approx(0.1132, abs=5e-5)
    found = probabilistic_sharpe(SHARPE, threshold, n=1250, skewness=-3, kurtosis=10)
    assert found == pytest.approx(0.9004, abs=5e-5)


@pytest.mark.parametrize(("trials", "skewness", "kurtosis"), [(46, -3, 10), (88, 0, 3)])
def test_so_many_trials_would_have_been_few_enough(trials: int, skewness: float, kurtosis: float) -> None:
    found = probabilistic_sharpe(SHARPE, expected_best(VARIANCE, trials), n=1250, skewness=skewness, kurtosis=kurtosis)
    assert found == pytest.approx(0.9505, abs=1e-4)


def test_the_best_of_many_without_skill_has_about_the_expected_ratio() -> None:
    best = np.random.default_rng(1).normal(0, 0.1, (2000, 50)).max(axis=1).mean()
    assert best == pytest.approx(expected_best(0.01, 50), rel=0.03)


def test_the_best_of_many_without_skill_is_seldom_believed_and_one_of_its_own_is_not_punished() -> None:
    random, believed, naive = np.random.default_rng(2), 0, 0
    for _ in range(100):
        returns = random.normal(0, 0.01, (500, 40))
        tried = [sharpe_of(column) for column in returns.T]
        picked = returns[:, int(np.argmax(tried))]
        believed += deflated_sharpe(picked, tried).probability > 0.95
        naive += deflated_sharpe(picked, [max(tried)]).probability > 0.95
    assert believed <= 12
    assert naive >= 80


def test_a_ratio_that_is_no_number_counts_as_a_trial() -> None:
    returns = np.random.default_rng(3).normal(0.001, 0.01, 300)
    found = deflated_sharpe(returns, [0.1, -0.1, math.nan])
    assert found.trials == 3
    assert math.isnan(deflated_sharpe(np.zeros(10), [math.nan]).probability)
    with pytest.raises(DataRefused, match="no trial in it"):
        deflated_sharpe(returns, [])


# The probability of backtest overfitting


def test_candidates_without_any_whole_skill_are_always_overfitted() -> None:
    """Bailey et al. (2017): where all ratios of the whole history are 0, what one half wins the other loses."""
    returns = np.random.default_rng(4).normal(0, 0.01, (400, 30))
    found = backtest_overfitting(returns - returns.mean(axis=0))
    assert found.probability > 0.95
    assert found.loss == 1.0


def test_picking_among_noise_is_right_no_more_often_than_by_lot() -> None:
    random = np.random.default_rng(5)
    found = [backtest_overfitting(random.normal(0, 0.01, (400, 20)), blocks=8).probability for _ in range(40)]
    assert 0.4 <= np.mean(found) <= 0.7


def test_one_candidate_with_skill_is_picked_and_stays_best() -> None:
    returns = np.random.default_rng(6).normal(0, 0.01, (1000, 20))
    returns[:, 7] += 0.003
    found = backtest_overfitting(returns)
    assert found.probability == 0
    assert len(found.logits) == 252


def test_twins_share_their_rank() -> None:
    one = np.random.default_rng(7).normal(0, 0.01, 200)
    assert backtest_overfitting(np.column_stack([one, one, one])).logits.tolist() == [0.0] * 252


def test_what_cannot_be_halved_is_refused() -> None:
    with pytest.raises(ConfigError, match="even number from 2 to 16, found 5"):
        backtest_overfitting(np.zeros((100, 3)), blocks=5)
    with pytest.raises(DataRefused, match=r"found \(100, 1\)"):
        backtest_overfitting(np.zeros((100, 1)))


# The ledger of what was tried


@pytest.fixture(params=["memory", "disk"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Trials:
    return TrialsInMemory() if request.param == "memory" else TrialsOnDisk(tmp_path / "models" / "trials.jsonl")


def test_every_trial_counts_in_its_study_and_the_same_settings_once(ledger: Trials) -> None:
    ledger.count(Trial("btc", "xgboost", "a", ratio(0.1)))
    ledger.count(Trial("btc", "xgboost", "b", ratio(math.nan)))
    ledger.count(Trial("eth", "xgboost", "a", ratio(0.3)))
    ledger.count(Trial("btc", "xgboost", "a", ratio(0.2)))
    found = tuple(ledger.of("btc"))
    assert [(trial.settings, trial.sharpe) for trial in found] == [("a", Decimal("0.2")), ("b", None)]
    assert ratios(found)[0] == 0.2
    assert math.isnan(ratios(found)[1])
    assert tuple(ledger.of("sol")) == ()


def test_trials_outlive_the_process_and_a_broken_line_is_not_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    TrialsOnDisk(path).count(Trial("btc", "lstm", "a", Decimal("0.05")))
    assert TrialsOnDisk(path).of("btc") == (Trial("btc", "lstm", "a", Decimal("0.05")),)
    with path.open("a") as file:
        file.write('{"study": "btc"\n')
    with pytest.raises(DataRefused, match="line 2 is no trial"):
        TrialsOnDisk(path).of("btc")


A, B, C = (Trial("btc", "lstm", settings, Decimal("0.05")) for settings in "abc")


def test_half_a_line_that_a_dead_process_left_is_passed_over_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "trials.jsonl"
    ledger = TrialsOnDisk(path)
    ledger.count_all((A, B))
    path.write_bytes(path.read_bytes()[:-5])
    assert ledger.of("btc") == (A,)
    assert f"{path} ends in the middle of line 2" in caplog.text
    ledger.count(C)
    caplog.clear()
    assert (ledger.of("btc"), caplog.text) == ((A, C), ""), "the next one is no continuation of it"


@pytest.mark.parametrize("size", [1, 7, 1 << 16])
def test_what_the_disk_takes_in_pieces_is_written_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:size]))
    ledger = TrialsOnDisk(tmp_path / "trials.jsonl")
    ledger.count_all((A, B))
    assert ledger.of("btc") == (A, B)


def test_of_what_a_full_disk_takes_half_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, write, left = TrialsOnDisk(tmp_path / "trials.jsonl"), os.write, [120]
    ledger.count(A)

    def full(file: int, data: bytes) -> int:
        if not left[0]:
            raise OSError(errno.ENOSPC, "no space left on device")
        taken = write(file, data[: left[0]])
        left[0] -= taken
        return taken

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(OSError, match="no space"):
            ledger.count_all((B, C))
    assert ledger.of("btc") == (A,)
    ledger.count(C)
    assert ledger.of("btc") == (A, C)


def test_several_processes_write_whole_lines(tmp_path: Path) -> None:
    path, work = (
        tmp_path / "trials.jsonl",
        "from tests.models.validation.test_overfitting import tries; tries({!r}, {})",
    )
    lines = [sys.executable, "-c"]
    writers = [subprocess.Popen([*lines, work.format(str(path), number)]) for number in range(3)]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0]
    assert len(TrialsOnDisk(path).of("btc")) == 3 * 40


def tries(path: str, number: int) -> None:
    """Writes in small pieces, so that others would come between."""
    write = os.write
    os.write = lambda file, data: write(file, data[:10])  # type: ignore[assignment,index]
    for index in range(20):
        pair = [Trial("btc", "lstm", f"{number}/{index}/{each}", Decimal("0.05")) for each in "ab"]
        TrialsOnDisk(Path(path)).count_all(pair)
