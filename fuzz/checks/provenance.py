"""Where the wish to trade came from, what it rests on, and how it ends."""

from fractions import Fraction

from core.taint import Taint
from fuzz.checks.base import Finding, bound, check
from fuzz.sums import Case, exactly


@check("TAINT")
def taint(c: Case) -> Finding:
    worst, vouched = c.scene.wish["taint"], c.scene.wish.get("vouched", False)
    return worst is Taint.HOSTILE or (worst is Taint.UNTRUSTED and not vouched)


@check("TEXT_ALONE")
def text_alone(c: Case) -> Finding:
    return c.scene.wish.get("least_taint", Taint.TRUSTED) is not Taint.TRUSTED and not c.scene.wish.get(
        "vouched", False
    )


@check("THESIS")
def thesis(c: Case) -> Finding:
    return not c.scene.wish.get("thesis", False)


@check("STOP")
def stop(c: Case) -> Finding:
    at = c.scene.wish.get("stop_price")
    if at is None or c.scene.wish.get("unsound_exits", False):
        return True
    where, near = exactly(at), c.bid if c.buys else c.ask
    if where is None or near is None or c.instrument is None:
        return None
    if c.limit is not None:
        near = min(near, c.limit) if c.buys else max(near, c.limit)
    return where < Fraction(c.instrument.tick_size) or (where >= near if c.buys else where <= near)


@check("PREDICATES")
def predicates(c: Case) -> Finding:
    there, unreadable = c.scene.wish.get("predicates", 0), c.scene.wish.get("unreadable_predicates", 0)
    return bool(there == 0 or unreadable > 0)


@check("VIEW_AGE")
def view_age(c: Case) -> Finding:
    until = c.scene.wish.get("views_until_ns")
    return None if until is None else bound(c.scene.now_ns, until)


@check("EVIDENCE")
def evidence(c: Case) -> Finding:
    unknown = c.scene.wish.get("unknown_evidence", 0)
    return None if unknown is None else c.scene.wish.get("evidence", 0) == 0 or unknown > 0


@check("CALIBRATION")
def calibration(c: Case) -> Finding:
    if c.scene.wish.get("confidence") is None or c.scene.wish.get("calibrated", False):
        return False
    return bound(c.size, c.allowed("max_uncalibrated_size") * c.caps)


@check("REPEATED")
def repeated(c: Case) -> Finding:
    confirmed = c.scene.wish.get("confirmed")
    most = c.limits["max_repeats"] if confirmed is None else confirmed
    return bound(1 if c.scene.wish.get("vouched", False) else c.scene.wish.get("executions", 0) + 1, most)
