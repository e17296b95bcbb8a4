"""Proposals that are wrong in any way at all: numbers that are none, things that are missing, sizes out of the blue."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any, Final

from core.money import ONE, ZERO, Price, Quantity
from core.orders import Expectation, OrderType, Side, TimeInForce
from core.quotes import Level
from core.taint import Taint
from core.time import DAY_NS
from fuzz import worlds
from fuzz.scene import Placed, Scene
from fuzz.worlds import COINS, between, changed, work

NASTY: Final = tuple(
    Decimal(text)
    for text in (
        *("NaN", "sNaN", "-NaN", "Infinity", "-Infinity", "0", "-0", "0E-18", "0E+50", "-1", "-0.000000000000000001"),
        *("1E+999999", "1E-999999", "9.99E+60", "1E-31", "1E+31", "1E+90", "1E-90", "-1E+90", "1E-18", "1E+18"),
        *("0.000000000000000001", "123456789.123456789123456789", "3.141592653589793238462643383279502884197169399375"),
    )
)
_HUGE: Final = Decimal("1E+120")  # what a fact may be: the books hold no larger number
_TEXTS: Final = ("", "BTC", "XRP/USDT", "BTC/USDT ", "btc/usdt", "BTC/USD", "\u0000", "\ud800", "BTC/USDT:USDT", "MINE")

Mischief = Callable[[Random, Scene], None]


def scene(rng: Random) -> Scene:
    """A scene after a few changes that nobody thought about."""
    found = (worlds.entry if rng.random() < 0.6 else worlds.exit_)(rng)
    for mischief in rng.choices(MISCHIEF, k=rng.choice((1, 1, 2, 3, 5))):
        # What was done before may leave nothing to reckon with.
        with suppress(ArithmeticError):
            mischief(rng, found)
    return found


def nasty(rng: Random) -> Decimal:
    return rng.choice(NASTY)


def fact(rng: Random) -> Decimal:
    """A nasty number that a database or a feed could hold."""
    number = nasty(rng)
    if number.is_snan():
        return Decimal("NaN")
    return _HUGE if number.is_finite() and abs(number.adjusted()) > 120 else number


def leap(rng: Random) -> Decimal:
    """A factor of any magnitude, as often below as above one."""
    return Decimal(round(10 ** rng.uniform(-3, 3) * 10**6)) / 10**6


def a_number_that_is_none(rng: Random, scene: Scene) -> None:
    name = rng.choice(("quantity", "limit_price", "trigger_price"))
    changed(scene, **{name: nasty(rng) if name == "quantity" or rng.random() < 0.8 else None})


def another_order(rng: Random, scene: Scene) -> None:
    fields: dict[str, Any] = {
        "symbol": rng.choice((*_TEXTS, *(coin.symbol for coin in COINS))),
        "side": rng.choice(tuple(Side)),
        "type": rng.choice(tuple(OrderType)),
        "time_in_force": rng.choice(tuple(TimeInForce)),
        "reduce_only": rng.random() < 0.5,
        "owner": rng.choice(_TEXTS),
        "account_id": rng.choice(("other", "paper")),
        "proposal_id": rng.choice(("open-0", "other", "")),
    }
    changed(scene, **{name: fields[name] for name in rng.sample(sorted(fields), rng.randint(1, 2))})


def another_size(rng: Random, scene: Scene) -> None:
    """Of the order or of the account: from nothing to a thousand times too much, on the lot or off it."""
    if rng.random() < 0.5 and scene.equity is not None and scene.equity.is_finite():
        scene.equity *= leap(rng)
    elif scene.order.quantity.is_finite():
        lot = rng.choice((Decimal("0.00001"), Decimal("1E-18"), ONE))
        changed(scene, quantity=Quantity(_rounded(scene.order.quantity * leap(rng), lot)))


def another_price(rng: Random, scene: Scene) -> None:
    factor = 1 + between(rng, -0.3, 0.3)
    for name in ("limit_price", "trigger_price"):
        price = getattr(scene.order, name)
        if price is not None and price.is_finite():
            changed(scene, **{name: _rounded(price * factor, Decimal("1E-10"))})


def a_fact_that_is_none(rng: Random, scene: Scene) -> None:
    """Somewhere in the account."""
    where = rng.randrange(7)
    if where == 0:
        scene.equity = rng.choice((fact(rng), None))
    elif where == 1:
        scene.balances[rng.choice(("USDT", "BTC", "EUR"))] = fact(rng)
    elif where == 2:
        scene.reserved[rng.choice(("USDT", "BTC"))] = fact(rng)
    elif where == 3:
        scene.portfolio_shortfall = rng.choice((fact(rng), None))
    elif where == 4 and scene.positions:
        at = rng.randrange(len(scene.positions))
        broken: dict[str, Any] = {rng.choice(("quantity", "average_price", "margin")): fact(rng)}
        scene.positions[at] = replace(scene.positions[at], **broken)
    elif where == 5 and scene.working:
        at = rng.randrange(len(scene.working))
        # Our own orders come from our own books, which hold numbers.
        number = fact(rng)
        broken = {rng.choice(("remaining", "worst_price")): number if number.is_finite() else ZERO}
        scene.working[at] = scene.working[at]._replace(**broken)
    elif where == 6:
        scene.loop_lag_s = rng.choice((fact(rng), None))


def a_broken_feed(rng: Random, scene: Scene) -> None:
    if scene.quotes and rng.random() < 0.6:
        symbol = rng.choice(sorted(scene.quotes))
        name = rng.choice(("last", "bid", "ask", "ts_event_ns", "known_at_ns", "cadence_ns"))
        value: Any = scene.now_ns + rng.randint(-DAY_NS, DAY_NS) if name.endswith("_ns") else fact(rng)
        scene.quotes[symbol] = replace(scene.quotes[symbol], **{name: value})
        return
    name = rng.choice(("bar_volume", "volatility", "usual_volatility", "window_price", "jump", "shortfall"))
    scene.market[name] = rng.choice((fact(rng), None))
    other = rng.choice(
        ("bid_depth", "ask_depth", "funding_rate", "bids", "asks", "overdue_s", "elsewhere", "correlation")
    )
    if other in ("bids", "asks"):
        scene.market[other] = rng.choice((None, (), (Level(Price(fact(rng)), Quantity(fact(rng))),)))
    elif other in ("overdue_s", "elsewhere", "correlation"):
        scene.market[other] = {rng.choice(("book", "BTC")): fact(rng)}
    else:
        scene.market[other] = rng.choice((fact(rng), None))


def something_missing(rng: Random, scene: Scene) -> None:
    tables: tuple[dict[str, Any], ...] = (scene.quotes, scene.instruments, scene.market, scene.balances)
    for table in rng.sample(tables, 2):
        if table:
            del table[rng.choice(sorted(table))]


def a_claim(rng: Random, scene: Scene) -> None:
    claims: dict[str, Any] = {
        "taint": rng.choice(tuple(Taint)),
        "least_taint": rng.choice(tuple(Taint)),
        "stop_price": rng.choice((Price(fact(rng)), None)),
        "confidence": rng.choice((fact(rng), None)),
        "calibrated": rng.random() < 0.5,
        "expectation": Expectation(Price(fact(rng)), rng.choice((0, -1, 60, 10**9))),
        "executions": rng.choice((0, 99, 100, 10**6)),
        "confirmed": rng.choice((0, 5, None)),
        "vouched": rng.random() < 0.5,
        "views_until_ns": rng.choice((0, scene.now_ns, scene.now_ns + 1, None)),
        "unknown_evidence": rng.choice((0, 3, None)),
    }
    scene.wish |= {name: claims[name] for name in rng.sample(sorted(claims), rng.randint(1, 3))}


def a_hedge(rng: Random, scene: Scene) -> None:
    """A position in anything, either way, of any size: in the order's own symbol it may make an exit of it."""
    coin = rng.choice(COINS)
    if all(p.symbol != coin.symbol for p in scene.positions) and (scene.equity or ZERO).is_finite():
        worth = min(abs(scene.equity or ONE), Decimal("1E+12")) * leap(rng) / 100
        worlds.hold(rng, scene, coin, worth, rng.choice(tuple(Side)))


def open_orders(rng: Random, scene: Scene) -> None:
    """Of our own, anywhere in the book, in any number."""
    for _ in range(rng.choice((1, 1, 2, 4, 20))):
        coin = rng.choice(COINS)
        quote = scene.quotes.setdefault(coin.symbol, worlds.quoted(rng, coin, scene.now_ns))
        scene.instruments.setdefault(coin.symbol, worlds.instrument(rng, coin))
        last = quote.last if quote.last.is_finite() and quote.last > 0 else coin.price
        at = rng.choice((ZERO, last * between(rng, 0.7, 1.3)))
        size = worlds.units(coin, Decimal(1_000) * leap(rng), min(last, Decimal("1E+15")))
        order = work(scene, coin, rng.choice(tuple(Side)), size, at)
        pending: dict[str, Any] = {"limit_price": None, "trigger_price": last * between(rng, 0.7, 1.3)}
        flags: dict[str, Any] = {name: rng.random() < 0.3 for name in ("reduce_only", "protective", "rests")}
        scene.working[-1] = order._replace(**flags, **(pending if rng.random() < 0.3 else {}))


def a_busy_day(rng: Random, scene: Scene) -> None:
    for name in rng.sample(sorted(scene.counts), 2):
        scene.counts[name] = rng.choice((0, 4, 5, 9, 10, 20, 21, 30, 60, 499, 500, 10**9))
    for _ in range(rng.randrange(5)):
        ago_ns = rng.choice((-1, 0, 1, 59 * 10**9, 60 * 10**9, DAY_NS))
        size = scene.order.quantity * leap(rng) if scene.order.quantity.is_finite() else ONE
        scene.recent.append(Placed("busy", scene.order.symbol, rng.choice(tuple(Side)), size, scene.now_ns - ago_ns))


def a_state(rng: Random, scene: Scene) -> None:
    scene.state = rng.choice(("active", "reducing", "halted"))
    scene.caps = rng.choice((ONE, Decimal("0.5"), Decimal("0.25"), Decimal("0.01")))
    scene.venue_status = rng.choice((0, 1, 2))
    scene.restricted = rng.random() < 0.3
    scene.reused_id = rng.random() < 0.2


def another_listing(rng: Random, scene: Scene) -> None:
    if scene.order.symbol not in scene.instruments:
        return
    listed: dict[str, Any] = {
        "quote": rng.choice(("EUR", "USDT")),
        "base": rng.choice(("USDC", "BTC", "USDT")),
        "tick_size": rng.choice((ONE, Decimal("1E-18"), Decimal("0.03"))),
        "lot_size": rng.choice((ONE, Decimal("1E-18"), Decimal("0.7"))),
        "min_notional": rng.choice((ZERO, Decimal(10), Decimal(10**6))),
        "max_quantity": rng.choice((None, ONE, Decimal("1E-18"))),
        "tradable": rng.random() < 0.5,
        "taker_fee": rng.choice((ZERO, Decimal("0.5"), Decimal("-0.001"))),
        "maintenance_margin": rng.choice((ZERO, Decimal("0.5"), Decimal("0.99"))),
    }
    worlds.relisted(scene, **{name: listed[name] for name in rng.sample(sorted(listed), 2)})


MISCHIEF: Final[tuple[Mischief, ...]] = (
    a_number_that_is_none,
    another_order,
    another_size,
    another_size,
    another_size,
    another_price,
    a_fact_that_is_none,
    a_broken_feed,
    something_missing,
    a_claim,
    a_hedge,
    a_hedge,
    open_orders,
    a_busy_day,
    a_state,
    another_listing,
)


def _rounded(number: Decimal, step: Decimal) -> Decimal:
    return (number // step) * step if number.is_finite() and abs(number.adjusted()) < 25 else number
