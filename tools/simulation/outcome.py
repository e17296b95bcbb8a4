"""What a simulated run came to: the same for a compiled sweep and a replayed desk, so that one report reads both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from core.bars import FloatArray, IntArray

_NEXT_TO_NOTHING: Final = 1e-300


class ExitReason(StrEnum):
    SIGNAL = "signal"
    STOP = "stop"
    TARGET = "target"
    TIME = "time"
    TIER = "tier"  # a loss tier closed or shrank it
    LIQUIDATION = "liquidation"
    END = "end"  # still open when the data ended, closed at the last price


@dataclass(frozen=True, slots=True)
class Trade:
    """One round trip. Money in quote currency, quantity in base units, `direction` +1 long, -1 short.

    `profit` is net of fees, slippage and funding; `slippage` is what fills cost against the price that was asked for.
    `strategy` and `agent` say who wanted it, '' where nobody in particular did. `stop` is the first stop, None without.
    """

    symbol: str
    direction: int
    opened_ns: int
    closed_ns: int
    quantity: float
    entry: float
    exit: float
    fees: float
    slippage: float
    funding: float
    profit: float
    reason: ExitReason
    stop: float | None = None
    strategy: str = ""
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Tried:
    """Every set of parameters that one was picked from, on the bars from `first_ns` to `last_ns`.

    `values` holds each parameter's value in each set, `sharpe` (n_sets,) their ratios of a year, NaN where returns did
    not vary. Parameters that were the same in all are left out.
    """

    first_ns: int
    last_ns: int
    values: Mapping[str, tuple[float | str, ...]]
    sharpe: FloatArray


@dataclass(frozen=True, slots=True)
class Outcome:
    """Equity and trades of one run. Arrays are float64 of shape (n_bars,), stamped by `close_ns` (int64, UTC).

    `exposure` is gross exposure over equity; `held` is the equity of buying the same symbols in equal parts at the
    start and holding them, after the same costs. `parameters` are the strategy's, `data` names each input by its hash.
    `vetoes` counts denials by code. `interval_ns` is the length of a bar. It was picked from `trials`; `luck` is the
    Sharpe ratio, of one bar, that the best of them would have had without skill, None where their ratios are not known.
    """

    name: str
    symbols: tuple[str, ...]
    interval_ns: int
    close_ns: IntArray
    equity: FloatArray
    exposure: FloatArray
    held: FloatArray
    trades: tuple[Trade, ...]
    parameters: Mapping[str, float | str] = field(default_factory=dict)
    costs: Mapping[str, float] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)
    vetoes: Mapping[str, int] = field(default_factory=dict)
    trials: int = 1
    luck: float | None = None

    @property
    def returns(self) -> FloatArray:
        """Of each bar after the first, shape (n_bars - 1,); where nothing was left, what follows is without bound."""
        found: FloatArray = self.equity[1:] / np.maximum(self.equity[:-1], _NEXT_TO_NOTHING) - 1
        return found
