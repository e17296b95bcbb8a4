"""Account: what the order would do to the account if it and everything open filled at its worst.

Net, cluster and stress measures look in the order's own direction: what it hedges lowers them, and a larger quantity
of the same order never does.
"""

from decimal import Decimal
from typing import ClassVar, Final

from core.money import ONE, ZERO, Quantity
from risk.arithmetic import (
    beyond,
    cost_with_fee,
    largest_affordable,
    largest_at_loss,
    largest_within,
    loss_share_after,
    net_after,
    share,
    share_after,
    shortfall_share_after,
)
from risk.candidate import Candidate, unit_cost
from risk.codes import DenialCode
from risk.facts import cluster_worth
from risk.rules.base import CountRule, Layer, LimitRule, positive, tally
from risk.settings import RiskSettings
from risk.states import TradingState

MARKET_FALL: Final = Decimal("0.30")  # every asset at once, against the position
_SEVERITIES: Final = {state: tally(state.severity) for state in TradingState}
DEPEG_FALL: Final = Decimal("0.10")  # a stablecoin at 0.90


class AccountRule(LimitRule):
    layer: ClassVar[Layer] = "account"


class ExposureRule(AccountRule):
    """A worth after the order as a fraction of equity; loss tiers lower its cap."""

    scales: ClassVar[bool] = True

    def held(self, c: Candidate) -> Decimal | None:
        """What counts beside the order, in the numeraire; None where it cannot be known."""
        raise NotImplementedError

    def measure(self, c: Candidate) -> Decimal | None:
        held = self.held(c)
        if held is None or c.worth is None or c.equity is None:
            return None
        return share_after(held, c.worth, c.equity)

    def largest(self, c: Candidate, limit: Decimal) -> Quantity | None:
        held = self.held(c)
        if held is None or c.price is None or c.equity is None:
            return None
        return Quantity(largest_within(limit, c.equity, held, c.price))


class OpenForRisk(CountRule):
    """Severity of the trading state in the order's scopes: 0 active, 1 reducing, 2 halted."""

    code: ClassVar[str] = DenialCode.TRADING_STATE
    fixed: ClassVar[str] = "active"
    layer: ClassVar[Layer] = "account"
    unit: ClassVar[str] = "severity"

    def measure(self, c: Candidate) -> Decimal | None:
        return _SEVERITIES[c.standing.state]


class FreeBalance(AccountRule):
    """Used part of the balance that pays, once this order is reserved at its worst price with fees; at most all of it.

    A spot sale pays in base units; everything else in quote currency, a perpetual with its whole worth as margin.
    """

    code: ClassVar[str] = DenialCode.FREE_BALANCE
    fixed: ClassVar[str] = "all of the balance"

    def measure(self, c: Candidate) -> Decimal | None:
        pays = self._pays(c)
        if pays is None:
            return None
        total, reserved, price, rate = pays
        return None if positive(total) is None else share(reserved + cost_with_fee(c.quantity, price, rate), total)

    def cap(self, policy: object) -> Decimal:
        return ONE

    def largest(self, c: Candidate, limit: Decimal) -> Quantity | None:
        pays = self._pays(c)
        if pays is None:
            return None
        total, reserved, price, rate = pays
        return Quantity(largest_affordable(limit, total, reserved, price, rate))

    def _pays(self, c: Candidate) -> tuple[Decimal, Decimal, Decimal, Decimal] | None:
        """The paying balance, what is reserved of it, the worst price of one unit and the fee rate."""
        cost = None if c.instrument is None else unit_cost(c.order, c.instrument, c.quote, c.policy.market_slippage)
        if cost is None:
            return None
        currency, price, rate = cost
        return c.facts.balances.get(currency, ZERO), c.facts.reserved.get(currency, ZERO), price, rate


class AssetExposure(ExposureRule):
    """Worth of one asset as a fraction of equity, if this order and all open, in-flight and unknown ones filled."""

    code: ClassVar[str] = DenialCode.ASSET_EXPOSURE
    setting: ClassVar[str | None] = "max_asset_exposure"

    def held(self, c: Candidate) -> Decimal | None:
        if c.instrument is None or c.portfolio is None:
            return None
        return c.portfolio.of(c.instrument.base)


class VenueExposure(ExposureRule):
    """Worth of everything at the order's venue as a fraction of equity, at worst case."""

    code: ClassVar[str] = DenialCode.VENUE_EXPOSURE
    setting: ClassVar[str | None] = "max_venue_exposure"

    def held(self, c: Candidate) -> Decimal | None:
        if c.instrument is None or c.portfolio is None:
            return None
        return c.portfolio.venues.get(c.instrument.venue, ZERO)


class GrossExposure(ExposureRule):
    """Worth of all assets as a fraction of equity, if this order and all open, in-flight and unknown ones filled."""

    code: ClassVar[str] = DenialCode.GROSS_EXPOSURE
    setting: ClassVar[str | None] = "max_gross_exposure"

    def held(self, c: Candidate) -> Decimal | None:
        return None if c.portfolio is None else c.portfolio.gross


class NetExposure(ExposureRule):
    """Worth on the order's side with the order, less what is held on the other, as a fraction of equity.

    A hedge is negative. Open orders on the other side may never fill, and hedge nothing.
    """

    code: ClassVar[str] = DenialCode.NET_EXPOSURE
    setting: ClassVar[str | None] = "max_net_exposure"

    def held(self, c: Candidate) -> Decimal | None:
        if c.portfolio is None:
            return None
        same, other = c.portfolio.long, c.portfolio.held_shorts
        if not c.buys:
            same, other = c.portfolio.short, c.portfolio.held_longs
        return net_after(same, sum(other.values(), ZERO), ZERO)


class Leverage(ExposureRule):
    """Worth of all perpetuals as a multiple of equity, at worst case. Spot carries none."""

    code: ClassVar[str] = DenialCode.LEVERAGE
    setting: ClassVar[str | None] = "max_leverage"
    unit: ClassVar[str] = "times"

    def measure(self, c: Candidate) -> Decimal | None:
        return super().measure(c) if c.perpetual else ZERO

    def largest(self, c: Candidate, limit: Decimal) -> Quantity | None:
        return super().largest(c, limit) if c.perpetual else None

    def held(self, c: Candidate) -> Decimal | None:
        return None if c.portfolio is None else c.portfolio.perpetuals


class OpenOrders(AccountRule):
    """Orders that may still fill, this one included."""

    code: ClassVar[str] = DenialCode.OPEN_ORDERS
    setting: ClassVar[str | None] = "max_open_orders"
    unit: ClassVar[str] = "orders"

    def measure(self, c: Candidate) -> Decimal | None:
        return tally(len(c.facts.orders) + 1)


class Positions(AccountRule):
    """Symbols held or being bought, this one included."""

    code: ClassVar[str] = DenialCode.POSITIONS
    setting: ClassVar[str | None] = "max_positions"
    unit: ClassVar[str] = "positions"

    def measure(self, c: Candidate) -> Decimal | None:
        at_risk = c.sums.symbols_at_risk
        return tally(len(at_risk) + (c.order.symbol not in at_risk))


class ClusterExposure(ExposureRule):
    """Worth on the order's side of all assets that move with the order's, as a fraction of equity.

    An asset whose correlation is not known, or is none, moves with it.
    """

    code: ClassVar[str] = DenialCode.CLUSTER_EXPOSURE
    setting: ClassVar[str | None] = "max_cluster_exposure"

    def held(self, c: Candidate) -> Decimal | None:
        if c.instrument is None or c.portfolio is None:
            return None
        return cluster_worth(c.facts, c.instrument, c.side, c.policy.cluster_correlation)


class ExpectedShortfall(AccountRule):
    """Mean loss of the worst 2.5 % of days, as a fraction of equity: at most the account's and the order's together.

    An asset with too little history counts with `assumed_shortfall`, one that only ever gained with nothing: more of it
    must not make room for itself.
    """

    code: ClassVar[str] = DenialCode.SHORTFALL
    setting: ClassVar[str | None] = "max_expected_shortfall"
    scales: ClassVar[bool] = True

    def measure(self, c: Candidate) -> Decimal | None:
        before = c.facts.portfolio_shortfall
        if before is None or c.worth is None or c.equity is None:
            return None
        return shortfall_share_after(before, c.worth, self._unit(c), c.equity)

    def largest(self, c: Candidate, limit: Decimal) -> Quantity | None:
        before = c.facts.portfolio_shortfall
        if before is None or c.price is None or c.equity is None:
            return None
        return Quantity(largest_at_loss(limit, c.equity, before, self._unit(c), c.price))

    def _unit(self, c: Candidate) -> Decimal:
        own = c.conditions.shortfall
        return c.policy.assumed_shortfall if own is None else own if own > ZERO or own.is_infinite() else ZERO


class StressRule(AccountRule):
    """A fixed scenario's loss in the order's direction, as a fraction of equity."""

    scales: ClassVar[bool] = True
    fall: ClassVar[Decimal]

    def held(self, c: Candidate) -> Decimal | None:
        """Worth that the scenario hits, in the numeraire; None where it cannot be known."""
        raise NotImplementedError

    def measure(self, c: Candidate) -> Decimal | None:
        held = self.held(c)
        if held is None or c.worth is None or c.equity is None:
            return None
        return loss_share_after(held, c.worth, self.fall, c.equity)

    def largest(self, c: Candidate, limit: Decimal) -> Quantity | None:
        held = self.held(c)
        if held is None or c.price is None or c.equity is None:
            return None
        return Quantity(largest_at_loss(limit, c.equity, held * self.fall, self.fall, c.price))


class StressLoss(StressRule):
    """Loss if every asset moved 30 % against the order's side at once, as a fraction of equity."""

    code: ClassVar[str] = DenialCode.STRESS_LOSS
    setting: ClassVar[str | None] = "max_stress_loss"
    fall: ClassVar[Decimal] = MARKET_FALL

    def held(self, c: Candidate) -> Decimal | None:
        if c.portfolio is None:
            return None
        return c.portfolio.long if c.buys else c.portfolio.short


class DepegLoss(StressRule):
    """Loss if the stablecoins that the account buys fell to 0.90 at once, as a fraction of equity.

    The numeraire itself is cash that an order only ever lowers: it is watched by DEPEG, not held against a purchase.
    """

    code: ClassVar[str] = DenialCode.DEPEG_LOSS
    setting: ClassVar[str | None] = "max_depeg_loss"
    fall: ClassVar[Decimal] = DEPEG_FALL

    def measure(self, c: Candidate) -> Decimal | None:
        return super().measure(c) if self._hit(c) else ZERO

    def largest(self, c: Candidate, limit: Decimal) -> Quantity | None:
        return super().largest(c, limit) if self._hit(c) else None

    def held(self, c: Candidate) -> Decimal | None:
        if c.portfolio is None:
            return None
        return sum((worth for base, worth in c.portfolio.longs.items() if base in c.policy.stablecoins), ZERO)

    def _hit(self, c: Candidate) -> bool:
        return c.buys and c.instrument is not None and c.instrument.base in c.policy.stablecoins


class ReduceOnly(AccountRule):
    """Base units by which a reduce-only order goes beyond what is proven to be held."""

    code: ClassVar[str] = DenialCode.REDUCE_ONLY
    unit: ClassVar[str] = "base"

    def measure(self, c: Candidate) -> Decimal | None:
        return beyond(c.quantity, c.proven) if c.order.reduce_only else ZERO

    def largest(self, c: Candidate, limit: Decimal) -> Quantity | None:
        return Quantity(c.proven) if c.order.reduce_only else None


class Flip(AccountRule):
    """Base units by which an order against a perpetual position goes beyond what is proven to be held.

    Closing and opening the other way are two orders: the second is reviewed as the new risk that it is.
    """

    code: ClassVar[str] = DenialCode.FLIP
    unit: ClassVar[str] = "base"

    def measure(self, c: Candidate) -> Decimal | None:
        return beyond(c.quantity, c.proven) if self._opposes(c) else ZERO

    def largest(self, c: Candidate, limit: Decimal) -> Quantity | None:
        return Quantity(c.proven) if self._opposes(c) else None

    def _opposes(self, c: Candidate) -> bool:
        opposes = c.position is not None and c.position.side is not c.side
        return c.perpetual and opposes and not c.order.reduce_only


class Unmanaged(AccountRule):
    """Base units of a spot sale beyond the desk's own position: coins that were owned before are not its to sell."""

    code: ClassVar[str] = DenialCode.UNMANAGED
    unit: ClassVar[str] = "base"

    def measure(self, c: Candidate) -> Decimal | None:
        return beyond(c.quantity, c.proven) if self._sells_spot(c) else ZERO

    def largest(self, c: Candidate, limit: Decimal) -> Quantity | None:
        return Quantity(c.proven) if self._sells_spot(c) else None

    def _sells_spot(self, c: Candidate) -> bool:
        return not c.buys and not c.perpetual and not c.order.reduce_only


class ManagedCapital(AccountRule):
    """Worth of everything held and open with this order, in the numeraire, against the capital given to the desk."""

    code: ClassVar[str] = DenialCode.MANAGED_CAPITAL
    fixed: ClassVar[str] = "`managed_capital`; all of the account where none is named"
    unit: ClassVar[str] = "quote"
    scales: ClassVar[bool] = True

    def measure(self, c: Candidate) -> Decimal | None:
        if c.policy.managed_capital is None:
            return ZERO
        if c.portfolio is None or c.worth is None:
            return None
        return net_after(c.portfolio.gross, ZERO, c.worth)

    def cap(self, policy: RiskSettings) -> Decimal:
        return ZERO if policy.managed_capital is None else policy.managed_capital

    def largest(self, c: Candidate, limit: Decimal) -> Quantity | None:
        if c.policy.managed_capital is None or c.portfolio is None or c.price is None:
            return None
        return Quantity(largest_within(limit, ONE, c.portfolio.gross, c.price))
