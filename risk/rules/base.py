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
    None says that no quantity would change the answer.
    """

    code: ClassVar[str]
    layer: ClassVar[Layer]
    unit: ClassVar[str]
    floor: ClassVar[bool]
    binds_exits: ClassVar[bool]

    def measure(self, order: Order, facts: Facts, state: TradingState, policy: RiskSettings) -> Decimal | None: ...
    def cap(self, policy: RiskSettings, order: Order, facts: Facts) -> Decimal: ...
    def largest(self, order: Order, facts: Facts, policy: RiskSettings) -> Quantity | None: ...


class CountRule:
    """Base of the yes-or-no rules: counts what is wrong, allows none, and no quantity changes the answer."""

    unit: ClassVar[str] = "found"
    floor: ClassVar[bool] = False
    binds_exits: ClassVar[bool] = False

    def cap(self, policy: RiskSettings, order: Order, facts: Facts) -> Decimal:
        return ZERO

    def largest(self, order: Order, facts: Facts, policy: RiskSettings) -> Quantity | None:
        return None


def count(*wrong: bool) -> Decimal:
    return Decimal(sum(wrong))
