"""Orders that are well formed and still make no sense."""

from fractions import Fraction
from typing import Final

from fuzz.checks.base import Finding, bound, check
from fuzz.sums import Case, apart, exactly

_SECOND: Final = 10**9
# Mean absolute deviation to standard deviation of a normal distribution.
_SIGMA: Final = Fraction("1.2533")


@check("TRADABLE")
def tradable(c: Case) -> Finding:
    return None if c.instrument is None else not c.instrument.tradable or c.scene.venue_status == 2


@check("ALLOW_LIST")
def allow_list(c: Case) -> Finding:
    listed = c.limits["allowed_symbols"]
    return listed is not None and c.order.symbol not in listed


@check("ORDER_SIZE")
def order_size(c: Case) -> Finding:
    return bound(c.size, c.allowed("max_order_size") * c.caps)


@check("ORDER_NOTIONAL")
def order_notional(c: Case) -> Finding:
    return bound(c.worth, c.allowed("max_order_notional") * c.caps)


@check("ORDER_QUANTITY")
def order_quantity(c: Case) -> Finding:
    if c.instrument is None or c.quantity is None:
        return None
    return False if c.instrument.max_quantity is None else bound(c.quantity, exactly(c.instrument.max_quantity))


@check("MID_COLLAR")
def mid_collar(c: Case) -> Finding:
    if c.mid is None:
        return None
    return False if c.asked is None else bound(apart(c.asked, c.mid), c.allowed("max_mid_deviation"))


@check("WINDOW_COLLAR")
def window_collar(c: Case) -> Finding:
    trades_at, mean = c.asked or c.last, exactly(c.scene.market.get("window_price"))
    return (
        None
        if c.quote is None or trades_at is None
        else bound(apart(trades_at, mean), c.allowed("max_window_deviation"))
    )


@check("PRICE_JUMP")
def price_jump(c: Case) -> Finding:
    return bound(exactly(c.scene.market.get("jump")), c.allowed("max_jump"))


@check("FORECAST")
def forecast(c: Case) -> Finding:
    expected = c.scene.wish.get("expectation")
    if expected is None:
        return False
    usual, price = exactly(c.scene.market.get("usual_volatility")), exactly(expected.price)
    if c.last is None or price is None or usual is None or usual <= 0 or expected.horizon_s <= 0:
        return None
    # Squared on both sides: a square root has no exact fraction.
    bars = Fraction(expected.horizon_s, c.scene.market.get("bar_s", 3600))
    moved = abs(price - c.last) / c.last
    return bound(moved * moved, (c.allowed("max_forecast_sigmas") * usual * _SIGMA) ** 2 * bars)


@check("NEAR_DUPLICATE")
def near_duplicate(c: Case) -> Finding:
    if c.quantity is None:
        return any(o.symbol == c.order.symbol and o.side is c.order.side for o in c.scene.recent) or None
    window_ns = c.limits["duplicate_window_s"] * _SECOND
    for placed in c.scene.recent:
        same = (placed.symbol, placed.side) == (
            c.order.symbol,
            c.order.side,
        ) and placed.proposal_id != c.order.proposal_id
        if same and c.scene.now_ns - placed.placed_ns < window_ns:
            before = exactly(placed.quantity)
            if before is None or c.quantity >= before * (1 - c.allowed("duplicate_tolerance")):
                return True
    return False


def _rate(code: str, kind: str, span: str) -> None:
    def rate(c: Case) -> Finding:
        return bound(c.scene.counts.get(f"{kind}_{span}", 0) + 1, c.limits[f"max_{kind}_{span}"])

    check(code)(rate)


for _kind in ("orders", "messages"):
    for _span in ("second", "minute", "day"):
        _rate(f"{_kind}_{_span}".upper(), _kind, _span)
