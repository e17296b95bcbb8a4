"""What a rule is: one measure, one cap, and the largest quantity that would pass, in closed form."""

from decimal import Decimal
from typing import ClassVar, Literal, Protocol

from core.money import ZERO, Quantity
from core.orders import Order
from risk.facts import Facts
from risk.settings import RiskSettings
from risk.states import TradingState

Layer = Literal["form", "sanity", "account", "market", "conduct", "provenance"]


class Rule(Protocol):
    """`measure` against `cap`; None is denied. `floor` turns the comparison round: at least the cap is allowed.

    `binds_exits` marks the closed list that even an order proven to reduce must pass. `largest` is in base units;
    None says that no quantity would change the answer. `setting` names the limit in the policy, where it is one;
    `fixed` says in words what is allowed where it is not, and `missing` what becomes of an order without the reading.
    """

    code: ClassVar[str]
    layer: ClassVar[Layer]
    unit: ClassVar[str]
    floor: ClassVar[bool]
    binds_exits: ClassVar[bool]
    setting: ClassVar[str | None]
    fixed: ClassVar[str]
    missing: ClassVar[str]

    def measure(self, order: Order, facts: Facts, state: TradingState, policy: RiskSettings) -> Decimal | None: ...
    def cap(self, policy: RiskSettings, order: Order, facts: Facts) -> Decimal: ...
    def largest(self, order: Order, facts: Facts, policy: RiskSettings) -> Quantity | None: ...


class LimitRule:
    """What most rules are: an upper limit that exits are not held to, and a missing reading is denied."""

    unit: ClassVar[str] = "fraction"
    floor: ClassVar[bool] = False
    binds_exits: ClassVar[bool] = False
    setting: ClassVar[str | None] = None
    fixed: ClassVar[str] = "none"
    missing: ClassVar[str] = "denied"


class CountRule(LimitRule):
    """Base of the yes-or-no rules: counts what is wrong, allows none, and no quantity changes the answer."""

    unit: ClassVar[str] = "found"

    def cap(self, policy: RiskSettings, order: Order, facts: Facts) -> Decimal:
        return ZERO

    def largest(self, order: Order, facts: Facts, policy: RiskSettings) -> Quantity | None:
        return None


def count(*wrong: bool) -> Decimal:
    return Decimal(sum(wrong))
