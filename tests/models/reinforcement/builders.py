"""A market whose direction can be read, with noise, in spells; and tapes of a few bars."""

import numpy as np
from numpy.typing import NDArray

from models.learners.port import Sample
from models.reinforcement.tape import Tape
from models.validation.trading import Costs

FREE = Costs(fee_rate=0.0, slippage=0.0)


def spells(n: int = 1500, *, seed: int = 1) -> Sample:
    """Rises and falls come in spells of 20 bars or so; the first feature shows which it is, the second nothing."""
    random = np.random.default_rng(seed)
    spell = np.where(np.cumsum(random.random(n) < 0.05) % 2, 1.0, -1.0)
    y = 0.004 * spell + 0.005 * random.normal(size=n)
    x = np.column_stack([spell + 0.5 * random.normal(size=n), random.normal(size=n)]).astype(np.float32)
    return Sample(x, y, names=("spell", "noise"))


def tape(*prices: tuple[float, float]) -> Tape:
    """Bars of (open, close); the one feature is the bar's number."""
    told: NDArray[np.float64] = np.array(prices, np.float64)
    return Tape(np.arange(len(told), dtype=np.float32)[:, None], told[:, 0].copy(), told[:, 1].copy())


def falling(n: int = 60, by: float = 0.02) -> Tape:
    close = 100 * (1 - by) ** np.arange(n)
    return tape(*zip(close.tolist(), close.tolist(), strict=True))
