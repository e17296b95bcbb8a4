"""Where the simulated market's chance comes from: one stream of uniform draws for each purpose of each symbol."""

from enum import IntEnum

import numpy as np

FACTOR_KEY = 0  # of what all symbols share; a symbol's own keys count from 1


class Draws(IntEnum):
    SHOCKS = 0
    JUMPS = 1
    REGIMES = 2
    TURNOVER = 3
    NEWS = 4
    WORDS = 5
    DEPTH = 6
    BASIS = 7
    PREMIUM = 8


def stream(seed: int, key: int, purpose: Draws, *more: int) -> np.random.Generator:
    """The stream that (seed, symbol's key, purpose, ...) names; read in order of time and by nobody else."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, key, purpose, *more])))
