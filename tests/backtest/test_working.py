"""Working strategies over a history: each set is a replay of the desk, within its own budget, and counted."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backtest.sweeps import Swept
from backtest.working import Task, instruction_of, replayed, sweep
from core.errors import ConfigError
from core.time import show_time
from desk.compute import Here, LocalProcesses
from desk.markets import MarketSpec
from desk.settings import Settings
from models.validation.trials import TrialsInMemory
from tests.models.builders import walk
from tools.simulation.grid import grid

# Calm and deep enough that the gate lets small orders through.
BARS = replace(walk(160, volatility=0.001), volume=np.full(160, 10_000.0))
SINCE = int(BARS.open_ns[100])  # volatility and depth are measured on bars before
PRICE = float(BARS.close[0])
SETTINGS = Settings()


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> MarketSpec:
    path = tmp_path_factory.mktemp("candles") / "btc.csv"
    with path.open("w", newline="") as opened:
        rows = csv.writer(opened)
        columns = ("open", "high", "low", "close", "volume")
        rows.writerow(["date", *columns])
        for k in range(len(BARS)):
            stamp = show_time(int(BARS.open_ns[k])).replace(" ", "T")
            rows.writerow([stamp, *(repr(float(getattr(BARS, name)[k])) for name in columns)])
    return MarketSpec("recorded", ("BTC/USDT",), 0, {"BTC/USDT": str(path)})


def swept(spec: MarketSpec, over: dict[str, Any], kind: str = "dca", **more: Any) -> Swept:
    given: dict[str, Any] = {"ledger": TrialsInMemory(), "compute": Here(), "from_ns": SINCE, **more}
    return sweep(grid([BARS]), spec, kind, over, SETTINGS, **given)


@pytest.fixture(scope="module")
def bought(spec: MarketSpec) -> Swept:
    return swept(spec, {"quote": (100.0, 200.0), "every": ("12h",), "max_orders": (3.0,)})


def test_each_set_buys_what_it_says_and_no_more_than_its_budget(bought: Swept) -> None:
    fees = bought.table["fees"]
    assert fees[1] == pytest.approx(2 * fees[0], rel=0.01)
    for row, quote in enumerate((100.0, 200.0)):
        assert 0.9 * 3 * quote < bought.table["turnover"][row] <= 3 * quote
    assert [len(one.outcome.trades) for one in bought.best] == [1, 1]  # one long position each, still held


def test_the_outcome_is_that_of_the_table_and_says_whose_it_is(bought: Swept) -> None:
    best = bought.best[0]
    assert best.outcome.equity[-1] == bought.table["equity"][best.row]
    assert best.outcome.parameters == dict(bought.sets[best.row])
    assert (best.outcome.name, best.outcome.trials) == ("dca", 2)
    assert {trade.strategy for trade in best.outcome.trades} == {"dca"}
    assert bought.table["sharpe"][best.row] == np.nanmax(bought.table["sharpe"])


def test_each_set_is_a_trial_once(spec: MarketSpec) -> None:
    ledger, over = TrialsInMemory(), {"quote": (100.0,), "every": ("1d",)}
    first = swept(spec, over, ledger=ledger)
    assert swept(spec, over, ledger=ledger).counted == first.counted == 1


def test_another_process_answers_the_same(spec: MarketSpec, bought: Swept) -> None:
    over = {"quote": (100.0, 200.0), "every": ("12h",), "max_orders": (3.0,)}
    found = swept(spec, over, compute=LocalProcesses(1))
    assert all(np.array_equal(found.table[name], bought.table[name], equal_nan=True) for name in found.table)


def test_a_replay_is_the_same_twice_and_leaves_nothing_behind(
    spec: MarketSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    made = instruction_of("dca", "BTC/USDT", {"quote": 150.0, "every": "1d"})
    task = Task(made, spec, SETTINGS, SINCE, int(BARS.open_ns[150]))
    first, second = replayed(task), replayed(task)
    assert np.array_equal(first.equity, second.equity)
    assert first.trades == second.trades
    assert list(tmp_path.iterdir()) == []


def test_a_grid_and_a_smart_trade_are_replayed_too(spec: MarketSpec) -> None:
    low, high = float(BARS.low.min()), float(BARS.high.max())
    levels = {
        "lower": (low,),
        "upper": (high,),
        "stop": (low / 2,),
        "quote": (200.0,),
        "cells": (4.0,),
        "reach": (0.5,),
    }
    found = swept(spec, levels, "grid")
    assert found.table["turnover"][0] > 0
    found = swept(spec, {"quote": (500.0,), "stop": (PRICE * 0.8, PRICE * 0.9), "trail": (0.3,)}, "smart")
    assert (found.table["turnover"] > 0).all()


def test_a_set_that_is_no_instruction_is_left_out_and_told(spec: MarketSpec) -> None:
    found = swept(spec, {"quote": (100.0,), "every": ("1d", "soon")})
    assert len(found.sets) == 1
    assert sum(found.left_out.values()) == 1


@pytest.mark.parametrize(
    ("kind", "over", "said"),
    [
        ("dca", {"quick": (5.0,)}, "unknown parameter quick, dca has quote, every, stop, max_orders, max_spend"),
        ("dca", {"quote": (5.0,)}, "none of 1 sets can be made"),
        ("grid", {"lower": (5.0,), "upper": (4.0,), "stop": (1.0,), "quote": (9.0,)}, "stop < lower < upper"),
    ],
)
def test_what_cannot_be_replayed_is_refused_and_not_counted(
    spec: MarketSpec, kind: str, over: dict[str, Any], said: str
) -> None:
    ledger = TrialsInMemory()
    with pytest.raises(ConfigError, match=said):
        swept(spec, over, kind, ledger=ledger)
