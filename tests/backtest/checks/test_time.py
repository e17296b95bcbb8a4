"""What knows too much is found: by cutting bars off, by another future, and by asking twice."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backtest.checks import subject as subjects
from backtest.checks.lines import Ask, Verdict
from backtest.checks.subject import between, poisoned
from core.errors import DataRefused
from models.validation.trials import TrialsInMemory
from tests.backtest.checks.builders import BAD, HONEST, MARKET, checked, strategy, waves
from tests.models.builders import bars_of, walk
from tools.simulation.grid import grid
from tools.strategies.targets import OURS


@pytest.mark.parametrize("knows", BAD)
def test_what_knows_too_much_fails_and_gets_no_figure(knows: str, tmp_path: Path) -> None:
    ledger = TrialsInMemory()
    found = checked(strategy(tmp_path, BAD[knows]), ledger=ledger)
    line = found.line(Ask.TRUNCATED)
    assert line.verdict is Verdict.FAILED
    assert "it looks ahead" in line.found
    assert not found.honest
    assert found.run is None
    assert {one.verdict for one in found.lines if one.ask not in (Ask.TWICE, Ask.TRUNCATED)} == {Verdict.UNMEASURED}
    assert [one.ask for one in found.lines] == list(Ask)
    assert not ledger.of("backtest BTC/USDT 1h")


@pytest.mark.parametrize("name", OURS)
def test_our_own_strategies_look_at_nothing_later(name: str) -> None:
    found = checked(name, market=grid([walk(1_500, volatility=0.02)]), signals=15)
    assert found.honest, found.lines
    assert found.line(Ask.TWICE).verdict is found.line(Ask.POISONED).verdict is Verdict.PASSED


def test_a_highest_of_all_that_came_early_shows_in_no_cut_but_before_another_future(tmp_path: Path) -> None:
    falling = grid([bars_of(100 * np.exp(-0.001 * np.arange(700) + np.random.default_rng(2).normal(0, 0.001, 700)))])
    found = checked(strategy(tmp_path, "        return close / close.max()"), market=falling)
    assert found.line(Ask.TRUNCATED).verdict is Verdict.PASSED
    assert found.line(Ask.POISONED).verdict is Verdict.FAILED
    assert "before another future" in found.line(Ask.POISONED).found
    assert not found.honest


def test_what_fails_only_on_shorter_bars_is_named(tmp_path: Path) -> None:
    lines = "        close[600]\n        return np.where(np.arange(n) % 9 == 0, 1.0, 0.0)"
    found = checked(strategy(tmp_path, lines))
    assert "alone it failed" in found.line(Ask.TRUNCATED).found
    assert "IndexError" in found.line(Ask.TRUNCATED).found
    assert not found.honest


def test_who_draws_lots_cannot_be_checked(tmp_path: Path) -> None:
    lines = "        return np.where(np.random.default_rng().random(n) > 0.5, 1.0, 0.0)"
    found = checked(strategy(tmp_path, lines))
    assert found.line(Ask.TWICE).verdict is Verdict.FAILED
    assert "draws lots, or remembers" in found.line(Ask.TWICE).found
    assert not found.honest


def test_who_remembers_later_bars_between_calls_is_found_out(tmp_path: Path) -> None:
    lines = "        SEEN.append(close.copy())\n        known = max(SEEN, key=len)\n"
    lines += "        return np.where(np.append(known[1:n], known[n - 1 : n] * 0 + known[-1])[:n] > close, 1.0, 0.0)"
    assert not checked(strategy(tmp_path, lines)).honest


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("        raise RuntimeError('lost')", "failed: RuntimeError"),
        ("        return np.full(n, np.nan)", "no NaN after its look-back"),
        ("        close[:] = 1\n        return np.ones(n)", "changes its input"),
        ("        return np.full(n, 1.5)", "allowed is -1 to 1"),
        ("        return np.ones(n - 1)", "answered the shape"),
    ],
)
def test_what_is_no_strategy_is_refused_and_nothing_is_told_or_counted(lines: str, said: str, tmp_path: Path) -> None:
    ledger = TrialsInMemory()
    with pytest.raises(DataRefused, match=said):
        checked(strategy(tmp_path, lines), ledger=ledger)
    assert not ledger.of("backtest BTC/USDT 1h")


def test_a_simulation_that_looks_ahead_is_found_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = subjects.running.outcome

    def peeking(*args: object, **more: object) -> object:
        found = real(*args, **more)  # type: ignore[arg-type]
        return replace(found, equity=found.equity + np.append(found.equity[5:], [found.equity[-1]] * 5) * 1e-3)

    monkeypatch.setattr(subjects.running, "outcome", peeking)
    found = checked(strategy(tmp_path, HONEST))
    assert "the simulation looks ahead" in found.line(Ask.POISONED).found
    assert not found.honest


def test_bars_that_are_missing_are_no_reason_to_suspect_anybody() -> None:
    bars = walk(900)
    there = np.random.default_rng(5).random(900) > 0.3
    there[0] = there[-1] = True
    columns = ("open_ns", "open", "high", "low", "close", "volume")
    gaps = type(bars)(bars.symbol, bars.timeframe, *(getattr(bars, name)[there] for name in columns))
    for name in ("trend", "breakout"):
        assert checked(name, market=grid([gaps])).honest


# Warm-up.


def test_a_mean_of_bars_needs_its_look_back_and_no_more(tmp_path: Path) -> None:
    lines = "        mean = np.convolve(close, np.ones(20) / 20)[:n]\n        return np.where(close > mean, 1.0, 0.0)"
    line = checked(strategy(tmp_path, lines, look_back=20)).line(Ask.WARM_UP)
    assert (line.verdict, line.figures["bars"]) == (Verdict.PASSED, 20)


def test_a_look_back_that_is_too_short_is_told_with_the_bars_that_are_enough(tmp_path: Path) -> None:
    lines = "        mean = np.convolve(close, np.ones(20) / 20)[:n]\n        return np.where(close > mean, 1.0, 0.0)"
    line = checked(strategy(tmp_path, lines, look_back=5)).line(Ask.WARM_UP)
    assert line.verdict is Verdict.PASSED
    assert 15 <= line.figures["bars"] <= 20
    assert "its look-back says 5 bars" in line.found


def test_what_depends_on_where_its_bars_begin_never_settles(tmp_path: Path) -> None:
    lines = "        return np.where(close > close[0], 1.0, 0.0)"
    found = checked(strategy(tmp_path, lines), market=waves())
    assert found.honest
    assert found.line(Ask.WARM_UP).verdict is Verdict.FAILED
    assert "where its bars begin" in found.line(Ask.WARM_UP).found


def test_a_look_back_of_most_bars_cannot_be_measured(tmp_path: Path) -> None:
    line = checked(strategy(tmp_path, HONEST, look_back=300)).line(Ask.WARM_UP)
    assert line.verdict is Verdict.UNMEASURED


# What is cut, and what is put after.


def test_another_future_leaves_what_was_as_it_was_and_is_a_possible_market() -> None:
    other = poisoned(MARKET, 300, seed=1)
    assert np.array_equal(other.prices[:, :301], MARKET.prices[:, :301])
    assert not np.isclose(other.prices[3, 301:], MARKET.prices[3, 301:]).any()
    assert len(other) == len(MARKET)


def test_bars_between_two_rows_are_those_and_no_others() -> None:
    part, begins = between(MARKET, 100, 199)
    assert (len(part), begins) == (100, 100)
    assert np.array_equal(part.prices, MARKET.prices[:, 100:200])
