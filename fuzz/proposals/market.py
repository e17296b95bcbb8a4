"""A market that cannot be trusted, or that costs too much."""

from dataclasses import replace
from decimal import Decimal
from random import Random

from core.instruments import ContractKind
from core.money import ONE, ZERO, Price, Quantity
from core.orders import OrderType, Position
from core.quotes import Level
from core.time import SECOND_NS
from fuzz import worlds
from fuzz.proposals.base import COIN_OF, breaks, follow_quote, of, rest
from fuzz.scene import Scene
from fuzz.worlds import PERPETUAL, SPOT, between, changed, requoted


@breaks("NO_PRICE", of(*SPOT, kind=OrderType.STOP), of(*SPOT, kind=OrderType.LIMIT))
def a_last_price_that_is_none(rng: Random, scene: Scene) -> None:
    requoted(scene, last=Price(Decimal(rng.choice(("NaN", "sNaN", "0", "-1", "Infinity")))))
    scene.positions = [p for p in scene.positions if p.symbol != scene.order.symbol]
    scene.wish["expectation"] = None
    changed(scene, type=OrderType.STOP, trigger_price=scene.quotes[scene.order.symbol].ask, limit_price=None)


@breaks("PRICE_AGE")
def an_old_price(rng: Random, scene: Scene) -> None:
    symbol = rng.choice(sorted(scene.quotes))
    quote = scene.quotes[symbol]
    at_ns = scene.now_ns - quote.cadence_ns - 90 * SECOND_NS - rng.choice((0, 1, SECOND_NS, 3600 * SECOND_NS))
    scene.quotes[symbol] = replace(quote, ts_event_ns=at_ns)


@breaks("PRICE_AGE")
def a_price_from_the_future(rng: Random, scene: Scene) -> None:
    symbol = rng.choice(sorted(scene.quotes))
    scene.quotes[symbol] = replace(scene.quotes[symbol], known_at_ns=scene.now_ns + rng.choice((1, SECOND_NS)))


@breaks("STREAM_AGE")
def a_late_stream(rng: Random, scene: Scene) -> None:
    late = rng.choice((Decimal(90), Decimal("90.000000001"), Decimal(10_000), Decimal("NaN"), Decimal("Infinity")))
    scene.market["overdue_s"] = {"book": ZERO, "trades": late}


@breaks("LOOP_LAG")
def a_late_loop(rng: Random, scene: Scene) -> None:
    scene.loop_lag_s = rng.choice((Decimal(2), Decimal("2.000001"), Decimal(90), Decimal("NaN"), None))


@breaks("SPREAD", of(*SPOT, kind=OrderType.STOP))
def a_wide_spread(rng: Random, scene: Scene) -> None:
    last = scene.quotes[scene.order.symbol].last
    half = last * rng.choice((Decimal("0.0015"), Decimal("0.0016"), Decimal("0.003")))
    requoted(scene, bid=Price(last - half), ask=Price(last + half))
    scene.market |= {"bids": None, "asks": None}
    follow_quote(rng, scene)


@breaks("SPREAD", of(*SPOT, kind=OrderType.LIMIT))
def a_crossed_quote(rng: Random, scene: Scene) -> None:
    last = scene.quotes[scene.order.symbol].last
    requoted(scene, bid=Price(last * Decimal("1.001")), ask=Price(last * Decimal("0.999")))
    rest(scene)
    follow_quote(rng, scene)


@breaks("BOOK", of(*SPOT))
def a_broken_book(rng: Random, scene: Scene) -> None:
    """One-sided, or crossed, on the side that the order does not take from."""
    quote = scene.quotes[scene.order.symbol]
    scene.market |= worlds.book(rng, COIN_OF[scene.order.symbol], quote, scene.order)
    best = scene.market["asks"][0].price
    crossed = (Level(Price(best * rng.choice((ONE, Decimal("1.01")))), Quantity(ONE)),)
    scene.market["bids"] = rng.choice(((), None, crossed))


@breaks("VOLATILITY")
def a_wild_market(rng: Random, scene: Scene) -> None:
    usual = scene.market["usual_volatility"]
    scene.market["volatility"] = rng.choice((usual * 5, usual * Decimal("5.000001"), usual * 90, Decimal("NaN"), None))


@breaks("DEPTH", of(kind=OrderType.LIMIT))
def more_than_half_of_what_rests(rng: Random, scene: Scene) -> None:
    rest(scene)
    scene.market |= worlds.book(rng, COIN_OF[scene.order.symbol], scene.quotes[scene.order.symbol], scene.order)
    share = rng.choice((Decimal(2), Decimal("1.99"), ONE, ZERO, Decimal("NaN"), None))
    for side in ("bid_depth", "ask_depth"):
        scene.market[side] = None if share is None else scene.order.quantity * share


@breaks("DEPTH", of(kind=OrderType.LIMIT))
def more_than_half_of_a_bar(rng: Random, scene: Scene) -> None:
    rest(scene)
    share = rng.choice((Decimal(2), Decimal("1.99"), ONE, ZERO))
    scene.market |= {"bids": None, "asks": None, "bar_volume": scene.order.quantity * share}


@breaks("SLIPPAGE", of(*SPOT, kind=OrderType.MARKET))
def a_thin_book(rng: Random, scene: Scene) -> None:
    scene.market |= worlds.book(rng, COIN_OF[scene.order.symbol], scene.quotes[scene.order.symbol], scene.order)
    best = scene.market["asks"][0].price
    deep = Quantity(scene.order.quantity * 9)
    far = Level(Price(best * rng.choice((Decimal("1.02"), Decimal("1.5"), Decimal("NaN")))), deep)
    sliver = Level(best, Quantity(scene.order.quantity / 1_000))
    scene.market["asks"] = rng.choice(((sliver, far), (sliver,), (far,)))


@breaks("SLIPPAGE", of(kind=OrderType.MARKET))
def a_market_that_gives_way(rng: Random, scene: Scene) -> None:
    scene.market |= {"bids": None, "asks": None, "bar_volume": scene.order.quantity * 2}
    usual = rng.choice((Decimal("0.02"), Decimal("0.3"), Decimal("0.0098")))
    scene.market |= {"usual_volatility": usual, "volatility": usual}
    scene.wish["expectation"] = None


@breaks("DIVERGENCE")
def another_price_elsewhere(rng: Random, scene: Scene) -> None:
    mid = scene.quotes[scene.order.symbol].mid
    off = rng.choice((Decimal("1.02"), Decimal("0.5"), ZERO, -ONE, Decimal("NaN"), Decimal("Infinity")))
    scene.market["elsewhere"] = {"here": mid, "there": mid * off}


@breaks("DIVERGENCE", min_sources=2)
def too_few_sources(rng: Random, scene: Scene) -> None:
    mid = scene.quotes[scene.order.symbol].mid
    scene.market["elsewhere"] = dict.fromkeys(("a", "b", "c")[: rng.randrange(3)], mid)


@breaks("DEPEG", pegs={"USDT": "USDT/USD"})
def a_broken_peg(rng: Random, scene: Scene) -> None:
    known = rng.choice(("0.98", "0.979999", "1.02", "1.021", "0.5", "NaN", "0", None))
    scene.pegs["USDT"] = None if known is None else Decimal(known)


@breaks("FUNDING", of(*PERPETUAL))
def dear_to_hold(rng: Random, scene: Scene) -> None:
    rate = rng.choice((Decimal("0.001"), Decimal("0.0010001"), Decimal("0.5"), Decimal("NaN"), None))
    scene.market["funding_rate"] = None if rate is None else scene.order.side.sign * rate


@breaks("LIQUIDATION", of(*PERPETUAL), max_leverage="3", min_liquidation_distance="0.5")
def little_room_for_what_it_opens(rng: Random, scene: Scene) -> None:
    """Three times leverage is liquidated within a third."""
    scene.positions = [p for p in scene.positions if p.symbol != scene.order.symbol]


@breaks("LIQUIDATION", of(*PERPETUAL))
def a_position_near_its_end(rng: Random, scene: Scene) -> None:
    order, quote = scene.order, scene.quotes[scene.order.symbol]
    scene.positions = [p for p in scene.positions if p.symbol != order.symbol]
    margin = order.quantity * quote.last * between(rng, 0.01, 0.12)
    held = Position("paper", order.symbol, order.side, order.quantity, quote.last, ContractKind.PERPETUAL, margin)
    scene.positions.append(held)


@breaks("VENUE_STATUS")
def safe_mode(rng: Random, scene: Scene) -> None:
    scene.venue_status = 1
