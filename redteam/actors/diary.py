"""What an actor tried, and what came back."""

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal


@dataclass
class Diary:
    """What an actor tried and what it saw. `ruses` names each order of the cycle's plan by its index."""

    calls: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    outside: list[str] = field(default_factory=list)  # tools that are on no list and answered all the same
    crashed: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    ruses: dict[int, str] = field(default_factory=dict)
    sized: dict[str, Decimal] = field(default_factory=dict)  # what the sizing tool gave for an entry, by symbol
    steered: list[str] = field(default_factory=list)  # sizes that a lesson changed
    unparsed: Counter[str] = field(default_factory=Counter)
