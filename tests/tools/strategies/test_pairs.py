"""Pairs: two legs that are even, no exposure from a later bar, and nothing traded where there is no tie."""

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from backtest.sweeps import sweep
from core.bars import Bars
from core.errors import ConfigError, DataRefused
from desk.compute import Here
from models.validation.trials import TrialsInMemory
from tests.models.builders import bars_of
from tools.simulation.grid import grid, rows_of
from tools.simulation.settings import Terms
from tools.strategies.pairs import Pairs, fitted
from tools.strategies.targets import named

PAIR = Pairs(formation=200, refit=24)


def tied(n: int = 1_500, *, ratio: float = 0.7, seed: int = 5, back: float = 0.9) -> tuple[Bars, Bars]:
    """Two symbols whose distance is an autoregression: it comes back."""
    random = np.random.default_rng(seed)
    second = np.cumsum(random.normal(0, 0.01, n)) + 5
    apart = np.zeros(n)
    for at in range(1, n):
        apart[at] = back * apart[at - 1] + random.normal(0, 0.01)
    first = 2 + ratio * second + apart
    return tuple(
        replace(bars_of(np.exp(line)), symbol=symbol) for line, symbol in ((first, "ETH/USDT"), (second, "BTC/USDT"))
    )  # type: ignore[return-value]


def first_rows(bars: tuple[Bars, Bars], n: int) -> tuple[Bars, ...]:
    columns = ("open_ns", "open", "high", "low", "close", "volume")
    return tuple(Bars(one.symbol, one.timeframe, *(getattr(one, name)[:n] for name in columns)) for one in bars)


def test_no_exposure_depends_on_a_later_bar() -> None:
    bars = tied()
    whole = PAIR.exposures(bars)
    for n in (200, 201, 640, 1_100):
        assert np.array_equal(PAIR.exposures(first_rows(bars, n)), whole[:n], equal_nan=True)


def test_the_legs_are_opposite_split_by_the_ratio_and_one_together() -> None:
    wanted = PAIR.exposures(tied())
    held = wanted[np.abs(wanted[:, 0]) > 0]
    assert len(held) > 50
    assert (np.sign(held[:, 0]) == -np.sign(held[:, 1])).all()
    assert np.allclose(np.abs(held).sum(axis=1), 1)
    assert 0.5 < np.median(np.abs(held[:, 1] / held[:, 0])) < 0.9


def test_the_dear_one_is_sold_and_the_cheap_one_bought() -> None:
    bars = tied()
    wanted = PAIR.exposures(bars)
    log = [np.log(one.close) for one in bars]
    entered = np.flatnonzero((np.abs(wanted[1:, 0]) > 0) & (wanted[:-1, 0] == 0)) + 1
    assert len(entered) > 5
    apart = log[0] - 2 - 0.7 * log[1]
    assert np.mean(np.sign(apart[entered]) == -np.sign(wanted[entered, 0])) > 0.9


def test_two_walks_without_a_tie_are_seldom_traded() -> None:
    walks = tuple(
        replace(bars_of(np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, 1_500)) + 5)), symbol=symbol)
        for seed, symbol in ((1, "ETH/USDT"), (2, "BTC/USDT"))
    )
    never, often = (np.count_nonzero(PAIR.exposures(bars)[200:, 0]) for bars in (walks, tied()))
    assert 3 * never < often


def test_the_line_is_that_of_which_the_two_were_made() -> None:
    first, second = (np.log(one.close) for one in tied(5_000))
    fit = fitted(first, second)
    assert fit is not None
    assert (fit.ratio, fit.level) == (pytest.approx(0.7, abs=0.05), pytest.approx(2, abs=0.25))
    assert fit.spread == pytest.approx(0.01 / np.sqrt(1 - 0.9**2), rel=0.15)
    assert fit.p < 0.01


def test_a_symbol_with_itself_is_refused_and_one_that_stands_still_is_not_traded() -> None:
    line = np.log(tied()[0].close)
    with pytest.raises(DataRefused, match="the two symbols are one"):
        fitted(line, line)
    assert fitted(line, np.full(len(line), 5.0)) is None


def test_it_is_swept_on_two_symbols_where_only_one_has_a_gap() -> None:
    eth, btc = tied(800)
    kept = np.r_[0:300, 320:800]
    gappy = rows_of(btc, kept)
    terms = Terms(shorts=True, impact=0.0, participation=float("inf"), fee=0.0, slippage=0.0)
    over = {"formation": (150.0, 200.0)}
    found = sweep(grid([eth, gappy]), "pairs", over, terms, ledger=TrialsInMemory(), compute=Here())
    assert (found.table["trips"] > 4).all()
    outcome = found.best[0].outcome
    assert {trade.direction for trade in outcome.trades} == {-1, 1}
    assert {trade.symbol for trade in outcome.trades} == {"BTC/USDT", "ETH/USDT"}


@pytest.mark.parametrize(
    ("symbols", "shorts", "said"), [(1, True, "pairs trades 2 symbols, found ETH/USDT"), (2, False, "it needs --short")]
)
def test_one_leg_alone_is_never_traded(symbols: int, shorts: bool, said: str) -> None:
    ledger = TrialsInMemory()
    with pytest.raises(ConfigError, match=said):
        sweep(grid(list(tied(800)[:symbols])), "pairs", {}, Terms(shorts=shorts), ledger=ledger, compute=Here())


def test_bounds_that_contradict_each_other_are_refused() -> None:
    assert named("pairs") is Pairs
    with pytest.raises(ValidationError, match="leave < enter < stop"):
        Pairs(enter=1.0, leave=1.5)
