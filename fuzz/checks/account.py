"""What the account would be if everything open filled at its worst."""

from fractions import Fraction

from core.orders import OrderType, Side
from fuzz.checks.base import Bound, Finding, bound, check
from fuzz.sums import NOTHING, Case, exactly


@check("TRADING_STATE")
def trading_state(c: Case) -> Finding:
    return c.scene.state != "active"


@check("FREE_BALANCE")
def free_balance(c: Case) -> Finding:
    if c.instrument is None or c.quantity is None:
        return None
    if not c.buys and not c.perpetual:
        paid_in, costs = c.instrument.base, c.quantity
    else:
        unit = _dearest(c)
        if unit is None:
            return None
        paid_in, costs = c.instrument.quote, c.quantity * unit * (1 + Fraction(c.instrument.taker_fee))
    total = exactly(c.scene.balances.get(paid_in, 0))
    reserved = exactly(c.scene.reserved.get(paid_in, 0))
    if total is None or reserved is None or total <= 0:
        return None
    return Bound(reserved + costs, total)


@check("ASSET_EXPOSURE")
def asset_exposure(c: Case) -> Finding:
    if c.account is None or c.instrument is None:
        return None
    return _exposed(c, c.account.of(c.instrument.base), "max_asset_exposure")


@check("VENUE_EXPOSURE")
def venue_exposure(c: Case) -> Finding:
    if c.account is None or c.instrument is None:
        return None
    return _exposed(c, c.account.by_venue.get(c.instrument.venue, NOTHING), "max_venue_exposure")


@check("GROSS_EXPOSURE")
def gross_exposure(c: Case) -> Finding:
    return None if c.account is None else _exposed(c, c.account.gross, "max_gross_exposure")


@check("NET_EXPOSURE")
def net_exposure(c: Case) -> Finding:
    if c.account is None:
        return None
    return _exposed(c, c.account.net(c.order.side), "max_net_exposure")


@check("LEVERAGE")
def leverage(c: Case) -> Finding:
    if not c.perpetual:
        return False
    return None if c.account is None else _exposed(c, c.account.perpetuals, "max_leverage")


@check("OPEN_ORDERS")
def open_orders(c: Case) -> Finding:
    return bound(len(c.scene.working) + 1, c.limits["max_open_orders"])


@check("POSITIONS")
def positions(c: Case) -> Finding:
    symbols = {p.symbol for p in c.scene.positions} | {o.symbol for o in c.scene.working if not o.reduce_only}
    return bound(len(symbols | {c.order.symbol}), c.limits["max_positions"])


@check("CLUSTER_EXPOSURE")
def cluster_exposure(c: Case) -> Finding:
    if c.account is None or c.instrument is None:
        return None
    together, known = NOTHING, c.scene.market.get("correlation", {})
    for base, worth in c.account.by_side[c.order.side].items():
        said = known.get(base)
        if said is not None and said.is_nan() and base != c.instrument.base:
            return None
        moves = exactly(said)
        # Not known, or no correlation at all: as if it moved with the order's.
        apart = moves is not None and -1 <= moves < c.allowed("cluster_correlation")
        if base == c.instrument.base or not apart:
            together += worth
    return _exposed(c, together, "max_cluster_exposure")


@check("SHORTFALL")
def shortfall(c: Case) -> Finding:
    before, unit = exactly(c.scene.portfolio_shortfall), c.scene.market.get("shortfall")
    each = c.allowed("assumed_shortfall") if unit is None else exactly(unit)
    if before is None or each is None or c.worth is None or c.equity is None:
        return None
    return Bound(before + c.worth * max(NOTHING, each), c.allowed("max_expected_shortfall") * c.caps * c.equity)


@check("STRESS_LOSS")
def stress_loss(c: Case) -> Finding:
    if c.account is None or c.worth is None or c.equity is None:
        return None
    falls = (c.account.on(c.order.side) + c.worth) * Fraction("0.3")
    return Bound(falls, c.allowed("max_stress_loss") * c.caps * c.equity)


@check("DEPEG_LOSS")
def depeg_loss(c: Case) -> Finding:
    stable = c.limits["stablecoins"]
    if not c.buys or c.instrument is None or c.instrument.base not in stable:
        return False
    if c.account is None or c.worth is None or c.equity is None:
        return None
    held = sum((worth for base, worth in c.account.by_side[Side.BUY].items() if base in stable), NOTHING)
    return Bound((held + c.worth) * Fraction("0.1"), c.allowed("max_depeg_loss") * c.caps * c.equity)


@check("REDUCE_ONLY")
def reduce_only(c: Case) -> Finding:
    return bound(c.quantity, c.free_of_exits) if c.order.reduce_only else False


@check("FLIP")
def flip(c: Case) -> Finding:
    opposes = c.perpetual and c.position is not None and c.position.side is not c.order.side
    return bound(c.quantity, c.free_of_exits) if opposes and not c.order.reduce_only else False


@check("UNMANAGED")
def unmanaged(c: Case) -> Finding:
    sells_coins = not c.buys and not c.perpetual and not c.order.reduce_only
    return bound(c.quantity, c.free_of_exits) if sells_coins else False


@check("MANAGED_CAPITAL")
def managed_capital(c: Case) -> Finding:
    given = exactly(c.limits["managed_capital"])
    if given is None:
        return False
    return None if c.account is None or c.worth is None else Bound(c.account.gross + c.worth, given * c.caps)


def _exposed(c: Case, held: Fraction, limit: str) -> Finding:
    if c.worth is None or c.equity is None:
        return None
    return Bound(held + c.worth, c.allowed(limit) * c.caps * c.equity)


def _dearest(c: Case) -> Fraction | None:
    """The most that one unit can cost: a buy's limit or its price with slippage, a short at what closing it costs."""
    if c.quote is None or not c.buys:
        return c.price
    if c.order.type is OrderType.LIMIT and c.limit is not None:
        return c.limit
    best = None if c.ask is None else max(c.ask, c.trigger or c.ask)
    return None if best is None else best * (1 + c.allowed("market_slippage"))
