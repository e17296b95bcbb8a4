"""Short statements of every tone, by which two precisions of one classifier are held against each other."""

from __future__ import annotations

from itertools import product
from typing import Final

_WHO: Final = (
    "Bitcoin",
    "The exchange",
    "Net profit of the quarter",
    "The regulator's case against the issuer",
    "Ethereum's network",
    "Shares of the miner",
    "Demand for the stablecoin",
    "The company's guidance for next year",
)
_WHAT: Final = (
    "soars to a record high after approval",
    "rises slightly in thin trading",
    "was unchanged from the day before",
    "will be presented at a conference in June",
    "falls sharply as investors flee",
    "was hacked and funds were stolen, the auditors said on Monday",
    "beats expectations by a wide margin",
    "misses estimates, and a lawsuit adds to the losses",
    "is reviewed every three months by a committee of five members",
    "did not collapse, as many had feared",
    "faces bankruptcy",
    "recovers",
    "remains under investigation although charges were dropped",
    "is 12 % higher year on year",
    "is 12 % lower year on year",
)
PROBES: Final = tuple(f"{who} {what}." for who, what in product(_WHO, _WHAT))
