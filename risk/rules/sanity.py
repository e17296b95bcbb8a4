"""Sanity: orders that are well formed and still make no sense."""

from decimal import Decimal
from functools import lru_cache
from typing import ClassVar

from core.money import ONE, ZERO, Price, Quantity, round_quantity
from core.time import SECOND_NS
from risk.arithmetic import deviation, largest_within, share
from risk.candidate import Candidate
from risk.codes import DenialCode
from risk.rules.base import CountRule, Layer, LimitRule, positive, tally
from risk.settings import RiskSettings

# Mean absolute deviation to standard deviation of a normal distribution: sqrt(pi / 2).
_SIGMA_OF_MEAN = Decimal("1.2533")


class SanityRule(LimitRule):
    layer: ClassVar[Layer] = "sanity"


class Tradable(CountRule):
    """The instrument or its whole venue is closed. Binds exits too: a closed venue takes nothing."""

    code: ClassVar[str] = DenialCode.TRADABLE
    layer: ClassVar[Layer] = "sanity"
    binds_exits: ClassVar[bool] = True

    def measure(self, c: Candidate) -> Decimal | None:
        if c.instrument is None:
            return None
        return ZERO if c.instrument.tradable and c.facts.venue_status < 2 else ONE


class AllowList(CountRule):
    """A symbol that is not on the allow-list; without a list every listed instrument is allowed."""

    code: ClassVar[str] = DenialCode.ALLOW_LIST
    layer: ClassVar[Layer] = "sanity"
    fixed: ClassVar[str] = "`allowed_symbols`"

    def measure(self, c: Candidate) -> Decimal | None:
        allowed = c.policy.allowed_symbols
        return ZERO if allowed is None or c.order.symbol in allowed else ONE


class OrderSize(SanityRule):
    """Worth of one order as a fraction of equity: quantity * max(limit price, ask). Exactly the cap is allowed."""

    code: ClassVar[str] = DenialCode.ORDER_SIZE
    setting: ClassVar[str | None] = "max_order_size"
    scales: ClassVar[bool] = True

    def measure(self, c: Candidate) -> Decimal | None:
        return None if c.worth is None or c.equity is None else share(c.worth, c.equity)

    def largest(self, c: Candidate, limit: Decimal) -> Quantity | None:
        if c.price is None or c.equity is None:
            return None
        return Quantity(largest_within(limit, c.equity, ZERO, c.price))


class OrderNotional(SanityRule):
    """Worth of one order in the numeraire, however rich the account: quantity * max(limit price, ask)."""

    code: ClassVar[str] = DenialCode.ORDER_NOTIONAL
    setting: ClassVar[str | None] = "max_order_notional"
    scales: ClassVar[bool] = True
    unit: ClassVar[str] = "quote"

    def measure(self, c: Candidate) -> Decimal | None:
        return c.worth

    def largest(self, c: Candidate, limit: Decimal) -> Quantity | None:
        return None if c.price is None else Quantity(limit / c.price)


class OrderQuantity(SanityRule):
    """Quantity in base units against the most that the venue takes in one order; none stated, none held against it."""

    code: ClassVar[str] = DenialCode.ORDER_QUANTITY
    fixed: ClassVar[str] = "the instrument's maximum"
    missing: ClassVar[str] = "passes where the venue states no maximum"
    unit: ClassVar[str] = "base"

    def measure(self, c: Candidate) -> Decimal | None:
        if c.instrument is None:
            return None
        return ZERO if c.instrument.max_quantity is None else c.quantity

    def cap(self, policy: RiskSettings) -> Decimal | None:
        return None

    def bound(self, c: Candidate) -> Decimal:
        most = None if c.instrument is None else c.instrument.max_quantity
        return ZERO if most is None else most

    def largest(self, c: Candidate, limit: Decimal) -> Quantity | None:
        most = None if c.instrument is None else c.instrument.max_quantity
        return None if most is None else Quantity(most)


class MidCollar(SanityRule):
    """Distance of the limit or trigger price from the fresh mid, as a fraction. Market orders have none."""

    code: ClassVar[str] = DenialCode.MID_COLLAR
    setting: ClassVar[str | None] = "max_mid_deviation"

    def measure(self, c: Candidate) -> Decimal | None:
        if c.quote is None:
            return None
        own = c.order.limit_price or c.order.trigger_price
        return ZERO if own is None else deviation(own, c.quote.mid)


class WindowCollar(SanityRule):
    """Distance of the price that the order would trade at from the mean price of the last bars, as a fraction."""

    code: ClassVar[str] = DenialCode.WINDOW_COLLAR
    setting: ClassVar[str | None] = "max_window_deviation"

    def measure(self, c: Candidate) -> Decimal | None:
        mean = positive(c.conditions.window_price)
        if c.quote is None or mean is None:
            return None
        own: Price = c.order.limit_price or c.order.trigger_price or c.quote.last
        return deviation(own, mean)


class PriceJump(SanityRule):
    """The largest move between the last price points, as a fraction a minute: beyond it the data are wrong."""

    code: ClassVar[str] = DenialCode.PRICE_JUMP
    setting: ClassVar[str | None] = "max_jump"

    def measure(self, c: Candidate) -> Decimal | None:
        return c.conditions.jump


class Plausible(SanityRule):
    """How many usual moves of its horizon the forecast behind the order expects: beyond it the forecast is an error.

    The usual move is the mean absolute return a bar, times sqrt(pi / 2), times the square root of the bars ahead. An
    order without a forecast has nothing to judge.
    """

    code: ClassVar[str] = DenialCode.FORECAST
    setting: ClassVar[str | None] = "max_forecast_sigmas"
    missing: ClassVar[str] = "passes without a forecast"
    unit: ClassVar[str] = "sigmas"

    def measure(self, c: Candidate) -> Decimal | None:
        expected, usual = c.intent.expectation, positive(c.conditions.usual_volatility)
        if expected is None:
            return ZERO
        if c.quote is None or usual is None or expected.horizon_s <= 0:
            return None
        sigma = usual * _sigmas(expected.horizon_s, c.conditions.bar_s)
        return deviation(expected.price, c.quote.last) / sigma


class NearDuplicate(CountRule):
    """Orders of the last seconds with the same symbol and side that this one repeats or exceeds.

    At least as large (within the tolerance) counts: a looping agent must not escape by asking for a little more.
    """

    code: ClassVar[str] = DenialCode.NEAR_DUPLICATE
    layer: ClassVar[Layer] = "sanity"
    fixed: ClassVar[str] = "none within `duplicate_window_s`"

    def measure(self, c: Candidate) -> Decimal | None:
        twins = self._twins(c)
        return tally(sum(c.quantity >= twin for twin in twins)) if twins else ZERO

    def largest(self, c: Candidate, limit: Decimal) -> Quantity | None:
        """The lot below the smallest twin. What repeats one is told no size: a little less would still repeat it."""
        smallest = min(self._twins(c), default=None)
        if smallest is None or c.instrument is None or c.quantity >= smallest:
            return None
        most = round_quantity(smallest, c.instrument.lot_size)
        return Quantity(most - c.instrument.lot_size) if most == smallest else most

    def _twins(self, c: Candidate) -> list[Decimal]:
        """From which quantity on the order would repeat each of the recent ones."""
        placed = c.sums.placed.get((c.order.symbol, c.side))
        if placed is None:
            return []
        since = c.facts.now_ns - c.policy.duplicate_window_s * SECOND_NS
        least = 1 - c.policy.duplicate_tolerance
        return [
            before.quantity * least
            for before in placed
            if before.placed_ns > since and before.proposal_id != c.order.proposal_id
        ]


class RateRule(SanityRule):
    """How many would have been sent in a window, this one included. Denied, never queued: waiting would hide a loop."""

    unit: ClassVar[str] = "orders"


class OrdersSecond(RateRule):
    """Orders in the last second, this one included."""

    code: ClassVar[str] = DenialCode.ORDERS_SECOND
    setting: ClassVar[str | None] = "max_orders_second"

    def measure(self, c: Candidate) -> Decimal | None:
        return tally(c.facts.activity.orders_second + 1)


class OrdersMinute(RateRule):
    """Orders in the last minute, this one included."""

    code: ClassVar[str] = DenialCode.ORDERS_MINUTE
    setting: ClassVar[str | None] = "max_orders_minute"

    def measure(self, c: Candidate) -> Decimal | None:
        return tally(c.facts.activity.orders_minute + 1)


class OrdersDay(RateRule):
    """Orders of this UTC day, this one included."""

    code: ClassVar[str] = DenialCode.ORDERS_DAY
    setting: ClassVar[str | None] = "max_orders_day"

    def measure(self, c: Candidate) -> Decimal | None:
        return tally(c.facts.activity.orders_day + 1)


class MessagesSecond(RateRule):
    """Orders and cancels in the last second, this one included."""

    code: ClassVar[str] = DenialCode.MESSAGES_SECOND
    setting: ClassVar[str | None] = "max_messages_second"
    unit: ClassVar[str] = "messages"

    def measure(self, c: Candidate) -> Decimal | None:
        return tally(c.facts.activity.messages_second + 1)


class MessagesMinute(RateRule):
    """Orders and cancels in the last minute, this one included."""

    code: ClassVar[str] = DenialCode.MESSAGES_MINUTE
    setting: ClassVar[str | None] = "max_messages_minute"
    unit: ClassVar[str] = "messages"

    def measure(self, c: Candidate) -> Decimal | None:
        return tally(c.facts.activity.messages_minute + 1)


class MessagesDay(RateRule):
    """Orders and cancels of this UTC day, this one included."""

    code: ClassVar[str] = DenialCode.MESSAGES_DAY
    setting: ClassVar[str | None] = "max_messages_day"
    unit: ClassVar[str] = "messages"

    def measure(self, c: Candidate) -> Decimal | None:
        return tally(c.facts.activity.messages_day + 1)


@lru_cache(maxsize=256)
def _sigmas(horizon_s: int, bar_s: int) -> Decimal:
    """One standard deviation of a move over a horizon, in mean absolute moves of a bar.

    Kept, and cut to what an estimate is worth: a root of sixty digits costs as much as ten rules.
    """
    return round(_SIGMA_OF_MEAN * (Decimal(horizon_s) / bar_s).sqrt(), 12)
