"""What a rule is: one measure, one cap, and the largest quantity that would pass, in closed form."""

from decimal import Decimal
from typing import ClassVar, Final, Literal, Protocol

from core.money import ZERO, Quantity
from risk.candidate import Candidate
from risk.settings import RiskSettings

Layer = Literal["form", "sanity", "account", "market", "conduct", "provenance"]

_COUNTS: Final = (ZERO, *(Decimal(n) for n in range(1, 512)))


class Rule(Protocol):
    """`measure` against `cap`; None is denied. `floor` turns the comparison round: at least the cap is allowed.

    `cap` is what the policy alone decides; where it answers None, `bound` says it for one candidate. `scales` marks the
    caps that a loss tier makes smaller. `binds_exits` marks the closed list that even an order proven to reduce must
    pass; `person_may` the denials that a person's release overcomes. `largest` is in base units; None says that no
    quantity would change the answer. `setting` names the limit in the policy, where it is one; `fixed` says in words
    what is allowed where it is not, and `missing` what becomes of an order without the reading.
    """

    code: ClassVar[str]
    layer: ClassVar[Layer]
    unit: ClassVar[str]
    floor: ClassVar[bool]
    scales: ClassVar[bool]
    binds_exits: ClassVar[bool]
    person_may: ClassVar[bool]
    setting: ClassVar[str | None]
    fixed: ClassVar[str]
    missing: ClassVar[str]

    def measure(self, c: Candidate) -> Decimal | None: ...
    def cap(self, policy: RiskSettings) -> Decimal | None: ...
    def bound(self, c: Candidate) -> Decimal: ...
    def largest(self, c: Candidate, limit: Decimal) -> Quantity | None: ...


class LimitRule:
    """What most rules are: an upper limit of the policy that exits are not held to, and a missing reading is denied."""

    unit: ClassVar[str] = "fraction"
    floor: ClassVar[bool] = False
    scales: ClassVar[bool] = False
    binds_exits: ClassVar[bool] = False
    person_may: ClassVar[bool] = False
    setting: ClassVar[str | None] = None
    fixed: ClassVar[str] = "none"
    missing: ClassVar[str] = "denied"

    def cap(self, policy: RiskSettings) -> Decimal | None:
        return ZERO if self.setting is None else Decimal(getattr(policy, self.setting))

    def bound(self, c: Candidate) -> Decimal:
        raise NotImplementedError(f"{type(self).__name__} has no limit of its own for one order")

    def largest(self, c: Candidate, limit: Decimal) -> Quantity | None:
        return None


class CountRule(LimitRule):
    """Base of the yes-or-no rules: counts what is wrong, allows none, and no quantity changes the answer."""

    unit: ClassVar[str] = "found"


def positive(number: Decimal | None) -> Decimal | None:
    """What a price, a balance or a volume must be to measure anything with: finite and above zero; else None."""
    return number if number is not None and number.is_finite() and number > ZERO else None


def tally(n: int) -> Decimal:
    """A count as a measure."""
    return _COUNTS[n] if n < 512 else Decimal(n)
