"""What is left of an edge when costs are higher than was thought, or the order comes a bar later."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from backtest.checks.lines import Ask, Line, judged, unmeasured
from backtest.checks.subject import Subject
from tools.simulation.settings import Terms

if TYPE_CHECKING:
    from core.bars import FloatArray

_TIMES: Final = (0.0, 0.5, 1.0, 2.0, 4.0)
_DOUBLED: Final = 2.0
_HIGHEST: Final = 0.05  # of a fee that is looked at
_STEPS: Final = 16
KEPT: Final = 0.5  # of the Sharpe ratio


def fees(subject: Subject) -> Line:
    """Passed where it still earns at twice the fee. It also tells the fee at which nothing is left."""
    line = _dearer(subject, Ask.FEES, "fee", lambda fee: replace(subject.terms, fee=min(fee, 0.5)))
    if math.isnan(line.figures.get("free", math.nan)) or line.figures["free"] <= 0:
        return line
    bound = _bound(subject)
    told = f"even at a fee of {bound:.2%}" if bound >= _HIGHEST else f"up to a fee of {bound:.3%}"
    return replace(line, found=f"{line.found}; it earns {told}", figures={**line.figures, "earns_up_to": bound})


def slippage(subject: Subject) -> Line:
    """Passed where it still earns at twice the slippage, its impact on the bar's price doubled too."""

    def dearer(rate: float) -> Terms:
        times = rate / subject.terms.slippage
        return replace(subject.terms, slippage=min(rate, 0.5), impact=subject.terms.impact * times)

    return _dearer(subject, Ask.SLIPPAGE, "slippage", dearer)


def delay(subject: Subject) -> Line:
    """Every decision is taken one bar later: an edge that lives in a single bar is seldom there to be had."""
    own, late = subject.figures(np.stack([subject.wanted, _later(subject)])).sharpe
    then = f"Sharpe {subject.year(own):.2f}, one bar late {subject.year(late):.2f}"
    figures = {"sharpe_year": subject.year(own), "late_year": subject.year(late)}
    if not own > 0:
        return unmeasured(Ask.DELAY, f"{then}: there is no edge to lose", **figures)
    return judged(Ask.DELAY, bool(late >= KEPT * own), f"{then}, half of it is the least", **figures)


def _dearer(subject: Subject, ask: Ask, name: str, terms: Callable[[float], Terms]) -> Line:
    rate = getattr(subject.terms, name)
    if not rate:
        return unmeasured(ask, f"there is no {name} to double: --{name} says one")
    found = {times: _earned(subject, terms(rate * times)) for times in _TIMES}
    figures = {
        "free": found[0.0],
        "half": found[0.5],
        "as_is": found[1.0],
        "double": found[2.0],
        "fourfold": found[4.0],
    }
    told = f"return {found[1.0]:+.1%} at {rate:.3%}, {found[_DOUBLED]:+.1%} at twice that, {found[0.0]:+.1%} at none"
    return judged(ask, found[_DOUBLED] > 0, told, **figures)


def _earned(subject: Subject, terms: Terms) -> float:
    return float(subject.figures(subject.wanted[None], terms).equity[0]) / terms.capital - 1


def _bound(subject: Subject) -> float:
    """The fee at which nothing is earned any more, by halving."""
    low, high = 0.0, _HIGHEST
    if _earned(subject, replace(subject.terms, fee=high)) > 0:
        return high
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if _earned(subject, replace(subject.terms, fee=middle)) > 0 else (low, middle)
    return low


def _later(subject: Subject) -> FloatArray:
    """What it wanted at the bar before, of each symbol."""
    late = np.full_like(subject.wanted, np.nan)
    for k, rows in enumerate(subject.grid.rows):
        late[rows[1:], k] = subject.wanted[rows[:-1], k]
    return late
