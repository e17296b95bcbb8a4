"""The page of the study tells what is in its cache, and no more."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.study import cells_of, fresh
from bench.study_cells import (
    COMPOSITES,
    FORECASTERS,
    LEDGER,
    MARKETS,
    NAIVE,
    SENTIMENT,
    TIMEFRAMES,
    Budget,
    Cell,
    judge,
)
from bench.study_cells import forecast as measured
from bench.study_page import NOT_MEASURED, page
from models.validation.trials import TrialsInMemory, TrialsOnDisk
from tests.models.builders import walk

BUDGET = Budget(folds=3, draws=50)
CELL = Cell("last_sign", "BTC/USDT", "1h")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cell, of a market of which nothing can be told."""
    folder = tmp_path_factory.mktemp("study")
    found = measured(CELL, walk(1500), TrialsOnDisk(folder / LEDGER), BUDGET)
    told = {"cell": CELL.told(), "budget": BUDGET.told(CELL.name), "seconds": 0.1, **found}
    (folder / CELL.file).write_text(json.dumps(told))
    return folder


def test_what_was_not_measured_says_so(tmp_path: Path) -> None:
    rows = [line for line in page(tmp_path).splitlines() if line.startswith("| ") and NOT_MEASURED in line]
    assert len(rows) == len(FORECASTERS) * len(MARKETS) * len(TIMEFRAMES) + len(COMPOSITES) * len(MARKETS) * 2


def test_a_cell_that_was_measured_is_told_with_its_interval_and_its_alarms(cache: Path) -> None:
    told = page(cache)
    row = next(line for line in told.splitlines() if line.startswith("| last_sign") and NOT_MEASURED not in line)
    accuracy, low, high = (float(word.strip("[],%|")) for word in row.split("|")[2].split())
    assert low < accuracy < high
    assert 45 < accuracy < 55
    alarms = json.loads((cache / CELL.file).read_text())["alarms"]
    assert [line for line in told.splitlines() if line.startswith("- last_sign: ")] == [
        f"- last_sign: {alarm}" for alarm in alarms
    ]
    assert "in 3 folds" in told


def test_measuring_counts_a_trial_once_however_often_it_is_done(cache: Path) -> None:
    ledger = TrialsOnDisk(cache / LEDGER)
    measured(CELL, walk(1500), ledger, BUDGET)
    assert [trial.name for trial in ledger.of("BTC/USDT 1h")] == ["last_sign"]


def test_a_cell_is_measured_again_only_with_another_budget(cache: Path) -> None:
    assert fresh(CELL, cache, BUDGET)
    assert not fresh(CELL, cache, Budget(folds=4, draws=50))
    assert fresh(CELL, cache, Budget(folds=3, draws=50, composite_folds=9))
    assert not fresh(Cell("drift", "BTC/USDT", "1h"), cache, BUDGET)


def test_every_forecaster_is_judged_on_the_same_rows() -> None:
    bars = walk(2600)
    bars = replace(bars, volume=np.random.default_rng(2).random(2600) + 1)
    rows = [judge(name, bars, TrialsInMemory(), "all", BUDGET)[1] for name in (*NAIVE, "lightgbm")]
    assert all(np.array_equal(rows[0], other) for other in rows[1:])


def test_the_cells_asked_for_come_daily_first_and_the_score_is_not_asked_of_days() -> None:
    cells = cells_of(["drift", *COMPOSITES, SENTIMENT], ["BTC/USDT"], list(TIMEFRAMES))
    assert [(cell.name, cell.timeframe) for cell in cells] == [
        ("drift", "1d"),
        ("drift", "4h"),
        *((name, "4h") for name in COMPOSITES),
        ("drift", "1h"),
        *((name, "1h") for name in COMPOSITES),
        (SENTIMENT, ""),
    ]
