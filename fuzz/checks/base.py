"""What a check of one denial code answers. The oracle's own: it shares no code with the rules."""

from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

from fuzz.sums import Case


class Bound(NamedTuple):
    """One number that must not exceed another."""

    found: Fraction
    most: Fraction


# True where the order breaks it, False where it does not; None cannot be known, which breaks it too.
Finding = Bound | bool | None
Check = Callable[[Case], Finding]

registered: dict[str, Check] = {}


def check(code: str) -> Callable[[Check], Check]:
    """Registers what one denial code says."""

    def register(function: Check) -> Check:
        assert code not in registered, f"{code} is checked twice"
        registered[code] = function
        return function

    return register


def bound(found: Fraction | int | None, most: Fraction | int | None) -> Finding:
    return None if found is None or most is None else Bound(Fraction(found), Fraction(most))
