"""Market: whether the price that everything was measured with can be trusted, and what trading would cost now."""

from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar

from core.fills import liquidation_price
from core.money import ONE, ZERO, Quantity
from core.quotes import Level
from risk.arithmetic import deviation, liquidation_distance, modelled_slippage_bps, share, slippage_bps, spread_bps
from risk.candidate import LIMIT, Candidate
from risk.codes import DenialCode
from risk.rules.base import CountRule, Layer, LimitRule, positive, tally


class MarketRule(LimitRule):
    layer: ClassVar[Layer] = "market"


class HasPrice(CountRule):
    """No quote was ever seen, or its last price is none."""

    code: ClassVar[str] = DenialCode.NO_PRICE
    layer: ClassVar[Layer] = "market"

    def measure(self, c: Candidate) -> Decimal | None:
        return ONE if c.quote is None or positive(c.quote.last) is None else ZERO


class PriceAge(MarketRule):
    """Seconds by which a price is overdue: its age beyond the feed's own cadence. The future is refused.

    The worst of the order's symbol and every held or working one: the account is measured with all of them.
    """

    code: ClassVar[str] = DenialCode.PRICE_AGE
    setting: ClassVar[str | None] = "max_price_age_s"
    unit: ClassVar[str] = "s"

    def measure(self, c: Candidate) -> Decimal | None:
        return None if c.quote is None else c.sums.overdue_s


class StreamAge(MarketRule):
    """Seconds by which the most overdue of the symbol's streams is late: book, trades, funding."""

    code: ClassVar[str] = DenialCode.STREAM_AGE
    setting: ClassVar[str | None] = "max_stream_age_s"
    missing: ClassVar[str] = "passes where the market has no streams"
    unit: ClassVar[str] = "s"

    def measure(self, c: Candidate) -> Decimal | None:
        streams = c.conditions.overdue_s
        return max(streams.values()) if streams else ZERO


class LoopLag(MarketRule):
    """Seconds by which the desk's own loop runs late: whatever it knows is at least as old."""

    code: ClassVar[str] = DenialCode.LOOP_LAG
    setting: ClassVar[str | None] = "max_loop_lag_s"
    unit: ClassVar[str] = "s"

    def measure(self, c: Candidate) -> Decimal | None:
        return c.facts.loop_lag_s


class Spread(MarketRule):
    """(ask - bid) / mid in basis points. A crossed, one-sided or empty quote cannot be measured."""

    code: ClassVar[str] = DenialCode.SPREAD
    setting: ClassVar[str | None] = "max_spread_bps"
    unit: ClassVar[str] = "bps"

    def measure(self, c: Candidate) -> Decimal | None:
        quote = c.quote
        return spread_bps(quote.bid, quote.ask) if quote is not None and ZERO < quote.bid <= quote.ask else None


class WholeBook(CountRule):
    """A book that is crossed, or empty on a side. A market that shows no book has none to be wrong."""

    code: ClassVar[str] = DenialCode.BOOK
    layer: ClassVar[Layer] = "market"
    missing: ClassVar[str] = "passes where the market shows no book"

    def measure(self, c: Candidate) -> Decimal | None:
        bids, asks = c.conditions.bids, c.conditions.asks
        if bids is None or asks is None:
            return ZERO if bids is asks else ONE
        if not bids or not asks:
            return ONE
        return ONE if bids[0].price >= asks[0].price else ZERO


class Volatility(MarketRule):
    """Mean absolute return a bar lately, as a multiple of what is usual for this market."""

    code: ClassVar[str] = DenialCode.VOLATILITY
    setting: ClassVar[str | None] = "max_volatility_ratio"
    unit: ClassVar[str] = "times"

    def measure(self, c: Candidate) -> Decimal | None:
        # A price that never moved is a broken feed or a halted market, not a calm one.
        now, usual = c.conditions.volatility, positive(c.conditions.usual_volatility)
        return None if now is None or usual is None else share(now, usual)


class Depth(MarketRule):
    """The order as a share of what rests on the side that it takes from; of a usual bar's volume where no depth is."""

    code: ClassVar[str] = DenialCode.DEPTH
    setting: ClassVar[str | None] = "max_depth_share"

    def measure(self, c: Candidate) -> Decimal | None:
        depth = positive(self._depth(c))
        return None if depth is None else share(c.quantity, depth)

    def largest(self, c: Candidate, limit: Decimal) -> Quantity | None:
        depth = self._depth(c)
        return None if depth is None else Quantity(limit * depth)

    def _depth(self, c: Candidate) -> Decimal | None:
        if c.conditions.bids is None and c.conditions.asks is None:
            return c.conditions.bar_volume
        return c.conditions.ask_depth if c.buys else c.conditions.bid_depth


class Slippage(MarketRule):
    """Basis points that taking this quantity is expected to cost against the mid. What rests pays nothing.

    Walks the book level by level; where no depth is seen, half the spread plus, of a bar's usual move, the order's
    share of a bar's usual volume.
    """

    code: ClassVar[str] = DenialCode.SLIPPAGE
    setting: ClassVar[str | None] = "max_slippage_bps"
    unit: ClassVar[str] = "bps"

    def measure(self, c: Candidate) -> Decimal | None:
        if c.quote is None:
            return None
        if _rests(c):
            return ZERO
        levels = _taken_side(c)
        if levels is None:
            return _modelled(c)
        average = _average_price(levels, c.quantity, c.order.limit_price, c.buys)
        return None if average is None else slippage_bps(average, c.quote.mid, c.sign)

    def largest(self, c: Candidate, limit: Decimal) -> Quantity | None:
        if c.quote is None or _rests(c):
            return None
        levels, move = _taken_side(c), c.conditions.usual_volatility
        if levels is not None:
            worst = c.quote.mid * (1 + c.sign * limit / 10_000)
            return _largest_at(levels, worst, c.order.limit_price, c.sign)
        half, volume = c.quote.spread_bps, c.conditions.bar_volume
        if half is None or move is None or volume is None or move <= 0:
            return None
        return Quantity((limit - half / 2) / 10_000 / move * volume)


class Divergence(MarketRule):
    """Largest distance of our mid from the price of any other source, as a fraction."""

    code: ClassVar[str] = DenialCode.DIVERGENCE
    setting: ClassVar[str | None] = "max_divergence"
    missing: ClassVar[str] = "denied below `min_sources` other sources"

    def measure(self, c: Candidate) -> Decimal | None:
        elsewhere = c.conditions.elsewhere
        if c.quote is None or len(elsewhere) < c.policy.min_sources:
            return None
        worst = ZERO
        for price in elsewhere.values():
            if positive(price) is None:
                return None
            worst = max(worst, deviation(c.quote.mid, price))
        return worst


class Depeg(MarketRule):
    """Distance of the worst watched stablecoin in the trade from its peg, as a fraction."""

    code: ClassVar[str] = DenialCode.DEPEG
    setting: ClassVar[str | None] = "max_depeg"
    missing: ClassVar[str] = "denied for a stablecoin named in `pegs`"

    def measure(self, c: Candidate) -> Decimal | None:
        if c.instrument is None:
            return None
        worst, pegs = ZERO, c.policy.pegs
        for currency in (c.instrument.base, c.instrument.quote):
            if currency in pegs:
                price = c.facts.pegs.get(currency)
                if price is None:
                    return None
                worst = max(worst, deviation(price, ONE))
        return worst


class Funding(MarketRule):
    """What the order's side of a perpetual pays an interval, as a fraction of notional. Spot pays none."""

    code: ClassVar[str] = DenialCode.FUNDING
    setting: ClassVar[str | None] = "max_funding_rate"

    def measure(self, c: Candidate) -> Decimal | None:
        if not c.perpetual:
            return None if c.instrument is None else ZERO
        rate = c.conditions.funding_rate
        return None if rate is None or not rate.is_finite() else max(ZERO, c.sign * rate)


class Liquidation(MarketRule):
    """Distance of the mark from liquidation, of the position held and of what this order would open; spot has none.

    A fraction of the mark, at the policy's leverage and the instrument's maintenance margin.
    """

    code: ClassVar[str] = DenialCode.LIQUIDATION
    setting: ClassVar[str | None] = "min_liquidation_distance"
    floor: ClassVar[bool] = True

    def measure(self, c: Candidate) -> Decimal | None:
        if c.instrument is None or c.quote is None:
            return None
        if not c.perpetual:
            return ONE
        if not ZERO <= c.instrument.maintenance_margin < ONE:
            return None
        distances = [self._distance(c, c.sign, c.quote.last, c.quote.last / c.policy.max_leverage)]
        if c.position is not None:
            margin = c.position.margin / c.position.quantity
            if not margin.is_finite():
                return None
            distances.append(self._distance(c, c.position.side.sign, c.position.average_price, margin))
        # A position that was entered at no price is at no distance from anything.
        return min(distances) if all(distance.is_finite() for distance in distances) else None

    def _distance(self, c: Candidate, sign: int, entry: Decimal, margin_per_unit: Decimal) -> Decimal:
        assert c.instrument is not None
        assert c.quote is not None
        at = liquidation_price(sign, entry, margin_per_unit, c.instrument.maintenance_margin)
        return liquidation_distance(c.quote.last, at, sign)


class VenueStatus(CountRule):
    """0 for a venue that works, 1 for one in safe mode, 2 for a closed one."""

    code: ClassVar[str] = DenialCode.VENUE_STATUS
    layer: ClassVar[Layer] = "market"
    unit: ClassVar[str] = "severity"
    fixed: ClassVar[str] = "works"

    def measure(self, c: Candidate) -> Decimal | None:
        return tally(c.facts.venue_status)


def _rests(c: Candidate) -> bool:
    """Whether a limit order would wait in the book instead of taking from it."""
    assert c.quote is not None
    limit = c.order.limit_price
    if limit is None or c.order.type is not LIMIT:
        return False
    return limit < c.quote.ask if c.buys else limit > c.quote.bid


def _taken_side(c: Candidate) -> Sequence[Level] | None:
    return c.conditions.asks if c.buys else c.conditions.bids


def _modelled(c: Candidate) -> Decimal | None:
    assert c.quote is not None
    spread, volume, move = c.quote.spread_bps, positive(c.conditions.bar_volume), c.conditions.usual_volatility
    if spread is None or volume is None or move is None:
        return None
    return modelled_slippage_bps(c.quantity, volume, move, spread / 2)


def _average_price(levels: Sequence[Level], quantity: Decimal, limit: Decimal | None, buys: bool) -> Decimal | None:
    """Mean price of taking `quantity`, no further than `limit`; None where the book is too thin, or broken."""
    left, cost = quantity, ZERO
    for level in levels:
        if level.price <= ZERO or level.quantity <= ZERO:
            return None
        if limit is not None and (level.price > limit if buys else level.price < limit):
            break
        part = level.quantity if level.quantity < left else left
        cost += part * level.price
        left -= part
        if left <= ZERO:
            return cost / quantity
    # Beyond its limit the rest would rest, and pays nothing more; a market order has nothing left to take.
    return None if limit is None or left == quantity else cost / (quantity - left)


def _largest_at(levels: Sequence[Level], worst: Decimal, limit: Decimal | None, sign: int) -> Quantity | None:
    """The most that can be taken at a mean price of `worst` or better; None where a limit order never gets there."""
    taken, room = ZERO, ZERO  # room: how much cheaper than `worst` it was so far, in quote currency
    for level in levels:
        dearer = sign * (level.price - worst)
        if limit is not None and sign * (level.price - limit) > 0:
            return None
        if dearer > 0 and room < dearer * level.quantity:
            return Quantity(taken + room / dearer)
        taken += level.quantity
        room -= dearer * level.quantity
    return None if limit is not None else Quantity(taken)
