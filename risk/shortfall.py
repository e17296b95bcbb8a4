"""Expected shortfall by historical simulation: the mean of the worst outcomes that were seen.

The worst `tail` of n outcomes are its ceil(tail * n) largest losses. With that count fixed the measure is coherent, so
that two risks together are never worse than their sum, which is what the review relies on.

References
----------
Acerbi and Tasche, *On the coherence of expected shortfall* (2002); Basel Committee, *Minimum capital requirements for
market risk* (2019), for the 97.5 % level.
"""

from collections.abc import Sequence
from math import ceil, fsum

TAIL = 0.025
# With fewer outcomes the worst 2.5 % are a handful of accidents.
LEAST_OUTCOMES = 200


def expected_shortfall(losses: Sequence[float], tail: float = TAIL) -> float:
    """Mean of the worst `tail` of `losses` (positive is a loss), at least 0. `losses` must not be empty."""
    worst = sorted(losses, reverse=True)[: max(1, ceil(tail * len(losses)))]
    return max(0.0, fsum(worst) / len(worst))
