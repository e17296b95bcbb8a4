"""Account: what the order would do to the account if it and everything open filled at its worst."""

from decimal import Decimal
from typing import ClassVar

from core.money import ZERO, Quantity
from core.orders import Order, Side
from risk.arithmetic import beyond, cost_with_fee, largest_affordable, largest_within, share, share_after
from risk.codes import DenialCode
from risk.facts import Facts, provable_reduction, worst_fill_price, worth_price
from risk.rules.base import CountRule, Layer, LimitRule
from risk.settings import RiskSettings
from risk.states import TradingState


class AccountRule(LimitRule):
    layer: ClassVar[Layer] = "account"


class OpenForRisk(CountRule):
    """Severity of the trading state: 0 active, 1 reducing, 2 halted."""

    code: ClassVar[str] = DenialCode.TRADING_STATE
    fixed: ClassVar[str] = "active"
    layer: ClassVar[Layer] = "account"
    unit: ClassVar[str] = "severity"

    def measure(self, order: Order, facts: Facts, state: TradingState, policy: RiskSettings) -> Decimal | None:
        return Decimal(state.severity)


class FreeBalance(AccountRule):
    """Used part of the balance that pays, once this order is reserved at its worst price with fees; at most all of it.

    A buy pays in quote currency; a spot sale pays in base units.
    """

    code: ClassVar[str] = DenialCode.FREE_BALANCE
    fixed: ClassVar[str] = "all of the balance"

    def measure(self, order: Order, facts: Facts, state: TradingState, policy: RiskSettings) -> Decimal | None:
        instrument, quote = facts.instrument(order), facts.quote(order)
        if instrument is None:
            return None
        if order.side is Side.SELL:
            total, reserved, needed = self._purse(facts, instrument.base, order.quantity)
        elif quote is None:
            return None
        else:
            price = worst_fill_price(order, quote, policy.market_slippage)
            cost = cost_with_fee(order.quantity, price, instrument.taker_fee)
            total, reserved, needed = self._purse(facts, instrument.quote, cost)
        return None if total <= 0 else share(reserved + needed, total)

    def _purse(self, facts: Facts, currency: str, needed: Decimal) -> tuple[Decimal, Decimal, Decimal]:
        return facts.balances.get(currency, ZERO), facts.reserved.get(currency, ZERO), needed

    def cap(self, policy: RiskSettings, order: Order, facts: Facts) -> Decimal:
        return Decimal(1)

    def largest(self, order: Order, facts: Facts, policy: RiskSettings) -> Quantity | None:
        instrument, quote = facts.instrument(order), facts.quote(order)
        if instrument is None or quote is None:
            return None
        if order.side is Side.SELL:
            total, reserved, _ = self._purse(facts, instrument.base, ZERO)
            return Quantity(total - reserved)
        total, reserved, _ = self._purse(facts, instrument.quote, ZERO)
        price = worst_fill_price(order, quote, policy.market_slippage)
        return Quantity(largest_affordable(Decimal(1), total, reserved, price, instrument.taker_fee))


class AssetExposure(AccountRule):
    """Worth of one asset as a fraction of equity, if this order and all open, in-flight and unknown ones filled."""

    code: ClassVar[str] = DenialCode.ASSET_EXPOSURE
    setting: ClassVar[str | None] = "max_asset_exposure"

    def measure(self, order: Order, facts: Facts, state: TradingState, policy: RiskSettings) -> Decimal | None:
        price, held = worth_price(order, facts), self._held(order, facts)
        if price is None or held is None or facts.equity is None or facts.equity <= 0:
            return None
        return share_after(held, order.quantity, price, facts.equity)

    def cap(self, policy: RiskSettings, order: Order, facts: Facts) -> Decimal:
        return policy.max_asset_exposure

    def largest(self, order: Order, facts: Facts, policy: RiskSettings) -> Quantity | None:
        price, held = worth_price(order, facts), self._held(order, facts)
        if price is None or held is None or facts.equity is None:
            return None
        return Quantity(largest_within(policy.max_asset_exposure, facts.equity, held, price))

    def _held(self, order: Order, facts: Facts) -> Decimal | None:
        instrument = facts.instrument(order)
        if instrument is None or facts.asset_values is None:
            return None
        return facts.asset_values.get(instrument.base, ZERO)


class GrossExposure(AccountRule):
    """Worth of all assets as a fraction of equity, if this order and all open, in-flight and unknown ones filled."""

    code: ClassVar[str] = DenialCode.GROSS_EXPOSURE
    setting: ClassVar[str | None] = "max_gross_exposure"

    def measure(self, order: Order, facts: Facts, state: TradingState, policy: RiskSettings) -> Decimal | None:
        price = worth_price(order, facts)
        if price is None or facts.gross_value is None or facts.equity is None or facts.equity <= 0:
            return None
        return share_after(facts.gross_value, order.quantity, price, facts.equity)

    def cap(self, policy: RiskSettings, order: Order, facts: Facts) -> Decimal:
        return policy.max_gross_exposure

    def largest(self, order: Order, facts: Facts, policy: RiskSettings) -> Quantity | None:
        price = worth_price(order, facts)
        if price is None or facts.gross_value is None or facts.equity is None:
            return None
        return Quantity(largest_within(policy.max_gross_exposure, facts.equity, facts.gross_value, price))


class OpenOrders(CountRule):
    """Orders that may still fill, this one included."""

    code: ClassVar[str] = DenialCode.OPEN_ORDERS
    setting: ClassVar[str | None] = "max_open_orders"
    layer: ClassVar[Layer] = "account"
    unit: ClassVar[str] = "orders"

    def measure(self, order: Order, facts: Facts, state: TradingState, policy: RiskSettings) -> Decimal | None:
        return Decimal(len(facts.orders) + 1)

    def cap(self, policy: RiskSettings, order: Order, facts: Facts) -> Decimal:
        return Decimal(policy.max_open_orders)


class ReduceOnly(AccountRule):
    """Base units by which a reduce-only order goes beyond what is proven to be held."""

    code: ClassVar[str] = DenialCode.REDUCE_ONLY
    unit: ClassVar[str] = "base"

    def measure(self, order: Order, facts: Facts, state: TradingState, policy: RiskSettings) -> Decimal | None:
        return beyond(order.quantity, provable_reduction(order, facts)) if order.reduce_only else ZERO

    def cap(self, policy: RiskSettings, order: Order, facts: Facts) -> Decimal:
        return ZERO

    def largest(self, order: Order, facts: Facts, policy: RiskSettings) -> Quantity | None:
        return Quantity(provable_reduction(order, facts)) if order.reduce_only else None
