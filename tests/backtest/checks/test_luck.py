"""Costs, a late bar, random entries, neighbours and the ledger: what speaks against a result says so."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backtest.checks.lines import Ask, Verdict
from core.errors import ConfigError
from models.validation.overfitting import deflated_sharpe
from models.validation.trials import TrialsInMemory, ratios
from tests.backtest.checks.builders import FREE, HONEST, MARKET, TERMS, checked, strategy, waves
from tests.models.builders import bars_of, walk
from tools.simulation.grid import grid
from tools.simulation.settings import Terms
from tools.simulation.sweeping import study_of

MOMENTUM = """
        before = np.append(np.full(self.n, close[0]), close)[:n]
        return np.where(close > before, 1.0, -1.0)
"""


def test_an_edge_that_is_there_stands_every_question(tmp_path: Path) -> None:
    found = checked(strategy(tmp_path, MOMENTUM, look_back=6), market=waves(), terms=TERMS)
    lines = {line.ask: line for line in found.lines}
    for ask in (Ask.FEES, Ask.SLIPPAGE, Ask.DELAY, Ask.RANDOM, Ask.PLATEAU, Ask.DEFLATED, Ask.INTERVAL):
        assert lines[ask].verdict is Verdict.PASSED, lines[ask]
    # It is too good all the same, and says so.
    assert lines[Ask.TOO_GOOD].verdict is Verdict.FAILED
    assert lines[Ask.ACCURACY].verdict is Verdict.FAILED
    assert lines[Ask.TRADES].verdict is Verdict.FAILED


def test_noise_stands_hardly_any(tmp_path: Path) -> None:
    found = checked(strategy(tmp_path, MOMENTUM, look_back=6))
    lines = {line.ask: line for line in found.lines}
    for ask in (Ask.FEES, Ask.SLIPPAGE, Ask.RANDOM, Ask.DEFLATED, Ask.INTERVAL):
        assert lines[ask].verdict is Verdict.FAILED, lines[ask]
    assert lines[Ask.DELAY].verdict is Verdict.UNMEASURED
    assert lines[Ask.TOO_GOOD].verdict is Verdict.PASSED


def test_costs_that_are_not_there_cannot_be_doubled(tmp_path: Path) -> None:
    found = checked(strategy(tmp_path, HONEST), terms=FREE)
    for ask in (Ask.FEES, Ask.SLIPPAGE):
        assert found.line(ask).verdict is Verdict.UNMEASURED
        assert "to double" in found.line(ask).found


def test_the_fee_at_which_nothing_is_left_earns_nothing(tmp_path: Path) -> None:
    own = strategy(tmp_path, MOMENTUM, look_back=6)
    bound = checked(own, market=waves(), terms=TERMS).line(Ask.FEES).figures["earns_up_to"]
    assert 0.001 < bound < 0.05
    terms = Terms(shorts=True, impact=0.0, participation=math.inf, fee=bound)
    assert checked(own, market=waves(), terms=terms).line(Ask.FEES).figures["as_is"] == pytest.approx(0, abs=0.02)


def test_an_edge_of_one_bar_is_gone_a_bar_later(tmp_path: Path) -> None:
    # A jump lasts for two bars, and is undone by the next two.
    steps = np.random.default_rng(1).choice([-0.02, 0.02], 400)
    close = 100 * np.exp(np.cumsum(np.repeat(steps, 2) * np.tile([1, 1, -1, -1], 200)))
    opens = np.append(100.0, close[:-1])
    bars = bars_of(close, high=np.maximum(opens, close), low=np.minimum(opens, close))
    lines = "        up = np.append(0, np.diff(close)) > 0\n        first = np.arange(n) % 2 == 0\n"
    lines += "        return np.where(first, np.where(up, 1.0, -1.0), 0.0)"
    found = checked(strategy(tmp_path, lines), market=grid([replace(bars, open=opens)]), terms=FREE)
    assert found.line(Ask.DELAY).verdict is Verdict.FAILED, found.line(Ask.DELAY)


def test_a_peak_among_its_neighbours_is_no_plateau(tmp_path: Path) -> None:
    lines = "        before = np.append(np.full(5, close[0]), close)[:n]\n"
    lines += "        side = np.where(close > before, 1.0, -1.0)\n"
    lines += "        return side if self.n == 5 else -side"
    found = checked(strategy(tmp_path, lines, look_back=6), market=waves())
    line = found.line(Ask.PLATEAU)
    assert line.verdict is Verdict.FAILED
    assert "the worst" in line.found


def test_a_number_that_does_nothing_is_no_neighbour(tmp_path: Path) -> None:
    line = checked(strategy(tmp_path, HONEST)).line(Ask.PLATEAU)
    assert line.verdict is Verdict.UNMEASURED
    assert "no number that changes anything" in line.found


def test_a_neighbour_that_cannot_be_is_left_out(tmp_path: Path) -> None:
    lines = "        if self.n > 5: raise RuntimeError('too many')\n" + MOMENTUM.removeprefix("\n")
    line = checked(strategy(tmp_path, lines, look_back=6), market=waves()).line(Ask.PLATEAU)
    assert ", 1 neighbour " in line.found


def test_the_set_and_its_neighbours_are_counted_and_deflate_it() -> None:
    ledger = TrialsInMemory()
    found = checked("trend", {"fast": (10.0,), "slow": (30.0,)}, ledger=ledger)
    tried = ledger.of(study_of(MARKET))
    assert len(tried) == 1 + 8
    assert found.run is not None
    assert found.deflated == deflated_sharpe(found.run.outcome.returns, ratios(tried))
    again = checked("trend", {"fast": (10.0,), "slow": (30.0,)}, ledger=ledger)
    assert again.deflated == found.deflated


def test_of_ranges_the_best_is_checked_and_the_others_tell_whether_it_was_picked_by_luck() -> None:
    over = {"fast": (5.0, 10.0), "slow": (20.0, 30.0, 40.0)}
    found = checked("trend", over)
    line = found.line(Ask.OVERFITTING)
    assert line.verdict is not Verdict.UNMEASURED
    assert line.figures["candidates"] == 6
    assert set(found.subject.parameters) == {"fast", "slow"}


def test_of_noise_the_best_of_many_is_below_the_middle_as_often_as_not(tmp_path: Path) -> None:
    lines = "        return np.where(np.random.default_rng(self.n).random(n + 9)[:n] > 0.5, 1.0, -1.0)"
    market = grid([walk(2_000, seed=3)])
    over = {"n": tuple(float(k) for k in range(1, 31))}
    line = checked(strategy(tmp_path, lines), over, market=market, terms=FREE, signals=5).line(Ask.OVERFITTING)
    assert 0.2 < line.figures["probability"] < 0.9


def test_one_set_was_not_picked_from_any() -> None:
    line = checked("trend").line(Ask.OVERFITTING)
    assert line.verdict is Verdict.UNMEASURED
    assert "--param NAME=RANGE" in line.found


def test_several_symbols_with_gaps_are_checked_together() -> None:
    btc = walk(700)
    eth = walk(900, seed=8)
    keep = np.ones(900, bool)
    keep[:200] = keep[500:520] = False
    columns = ("open_ns", "open", "high", "low", "close", "volume")
    late = type(eth)("ETH/USDT", eth.timeframe, *(getattr(eth, name)[keep] for name in columns))
    found = checked("breakout", market=grid([btc, late]))
    assert found.honest, found.lines
    assert found.line(Ask.RANDOM).verdict is not Verdict.UNMEASURED


def test_what_cannot_be_made_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown parameter quick"):
        checked("trend", {"quick": (5.0,)})
