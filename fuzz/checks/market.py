"""Whether the market can be trusted, and what trading in it would cost."""

from fractions import Fraction
from typing import Final

from core.orders import Side
from fuzz.checks.base import Bound, Finding, bound, check
from fuzz.sums import NOTHING, Case, apart, exactly

_SECOND: Final = 10**9


@check("NO_PRICE")
def no_price(c: Case) -> Finding:
    return c.last is None


@check("PRICE_AGE")
def price_age(c: Case) -> Finding:
    if c.quote is None:
        return None
    latest = NOTHING
    for quote in c.scene.quotes.values():
        if quote.known_at_ns > c.scene.now_ns:
            return None
        latest = max(latest, Fraction(c.scene.now_ns - quote.ts_event_ns - quote.cadence_ns, _SECOND))
    return bound(latest, c.limits["max_price_age_s"])


@check("STREAM_AGE")
def stream_age(c: Case) -> Finding:
    late = [exactly(seconds) for seconds in c.scene.market.get("overdue_s", {}).values()]
    known = [seconds for seconds in late if seconds is not None]
    return None if len(known) < len(late) else bound(max(known, default=NOTHING), c.limits["max_stream_age_s"])


@check("LOOP_LAG")
def loop_lag(c: Case) -> Finding:
    return bound(exactly(c.scene.loop_lag_s), c.allowed("max_loop_lag_s"))


@check("SPREAD")
def spread(c: Case) -> Finding:
    return bound(c.spread_bps, c.allowed("max_spread_bps"))


@check("BOOK")
def book(c: Case) -> Finding:
    bids, asks = c.scene.market.get("bids"), c.scene.market.get("asks")
    if bids is None and asks is None:
        return False
    if not bids or not asks:
        return True
    best_bid, best_ask = exactly(bids[0].price), exactly(asks[0].price)
    return None if best_bid is None or best_ask is None else best_bid >= best_ask


@check("VOLATILITY")
def volatility(c: Case) -> Finding:
    now, usual = exactly(c.scene.market.get("volatility")), exactly(c.scene.market.get("usual_volatility"))
    if now is None or usual is None or usual <= 0:
        return None
    return Bound(now, c.allowed("max_volatility_ratio") * usual)


@check("DEPTH")
def depth(c: Case) -> Finding:
    seen = c.scene.market.get("bids") is not None or c.scene.market.get("asks") is not None
    name = ("ask_depth" if c.buys else "bid_depth") if seen else "bar_volume"
    there = exactly(c.scene.market.get(name))
    return None if there is None or there <= 0 else bound(c.quantity, c.allowed("max_depth_share") * there)


@check("SLIPPAGE")
def slippage(c: Case) -> Finding:
    if c.quote is None or c.quantity is None or c.quantity <= 0:
        return None
    if c.rests():
        return False
    levels = c.levels()
    costs = _modelled_bps(c, c.quantity) if levels is None else _walked_bps(c, c.quantity)
    return bound(costs, c.allowed("max_slippage_bps"))


@check("DIVERGENCE")
def divergence(c: Case) -> Finding:
    elsewhere = c.scene.market.get("elsewhere", {})
    if c.mid is None or len(elsewhere) < c.limits["min_sources"]:
        return None
    off = [apart(c.mid, exactly(price)) for price in elsewhere.values()]
    known = [distance for distance in off if distance is not None]
    return None if len(known) < len(off) else bound(max(known, default=NOTHING), c.allowed("max_divergence"))


@check("DEPEG")
def depeg(c: Case) -> Finding:
    if c.instrument is None:
        return None
    worst = NOTHING
    for currency_ in {c.instrument.base, c.instrument.quote} & set(c.limits["pegs"]):
        price = exactly(c.scene.pegs.get(currency_))
        if price is None:
            return None
        worst = max(worst, abs(price - 1))
    return Bound(worst, c.allowed("max_depeg"))


@check("FUNDING")
def funding(c: Case) -> Finding:
    if not c.perpetual:
        return None if c.instrument is None else False
    rate = exactly(c.scene.market.get("funding_rate"))
    return None if rate is None else bound(c.sign * rate, c.allowed("max_funding_rate"))


@check("LIQUIDATION")
def liquidation(c: Case) -> Finding:
    if c.instrument is None or c.last is None:
        return None
    if not c.perpetual:
        return False
    keep = Fraction(c.instrument.maintenance_margin)
    nearest = _distance(c.sign, c.last, c.last / c.allowed("max_leverage"), keep, c.last)
    if c.position is not None:
        entry, margin, held = (exactly(n) for n in (c.position.average_price, c.position.margin, c.position.quantity))
        if entry is None or margin is None or held is None or held <= 0:
            return None
        sign = 1 if c.position.side is Side.BUY else -1
        nearest = min(nearest, _distance(sign, entry, margin / held, keep, c.last))
    return Bound(c.allowed("min_liquidation_distance"), nearest)


@check("VENUE_STATUS")
def venue_status(c: Case) -> Finding:
    return c.scene.venue_status != 0


def _distance(sign: int, entry: Fraction, margin: Fraction, keep: Fraction, mark: Fraction) -> Fraction:
    """From the mark to where the margin is down to what the venue wants kept, as a fraction of the mark."""
    # entry - sign * margin = at - sign * keep * at: what is left of the margin is what must be kept.
    at = (entry - sign * margin) / (1 - sign * keep)
    return sign * (mark - at) / mark


def _modelled_bps(c: Case, quantity: Fraction) -> Fraction | None:
    volume, move = exactly(c.scene.market.get("bar_volume")), exactly(c.scene.market.get("usual_volatility"))
    if c.spread_bps is None or volume is None or move is None or volume <= 0:
        return None
    return c.spread_bps / 2 + quantity / volume * move * 10_000


def _walked_bps(c: Case, quantity: Fraction) -> Fraction | None:
    """What taking the book costs against the mid, as far as the order's limit lets it go."""
    left, paid = quantity, NOTHING
    for level in c.levels() or ():
        price, there = exactly(level.price), exactly(level.quantity)
        if price is None or there is None or price <= 0 or there <= 0:
            return None
        if c.limit is not None and (price > c.limit if c.buys else price < c.limit):
            break
        taken = min(there, left)
        left, paid = left - taken, paid + taken * price
        if left <= 0:
            break
    taken = quantity - left
    # So little of it that no amount of money could show it is none of it.
    if c.mid is None or taken <= quantity / 10**50 or (left > 0 and c.limit is None):
        return None
    return c.sign * (paid / taken - c.mid) / c.mid * 10_000
