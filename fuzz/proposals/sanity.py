"""Orders that are well formed and make no sense."""

from decimal import Decimal
from random import Random

from core.money import ONE, ZERO, Price, Quantity
from core.orders import Expectation, OrderType
from core.time import SECOND_NS
from fuzz import worlds
from fuzz.proposals.base import breaks, lean, limit_at, of, shown
from fuzz.scene import Placed, Scene
from fuzz.worlds import SPOT, between, changed, relisted, requoted


@breaks("TRADABLE", worlds.entry, worlds.exit_)
def a_closed_market(rng: Random, scene: Scene) -> None:
    relisted(scene, tradable=False)


@breaks("TRADABLE", worlds.exit_)
def a_closed_venue(rng: Random, scene: Scene) -> None:
    scene.venue_status = 2


@breaks("ALLOW_LIST", allowed_symbols=["XRP/USDT"])
def not_listed(rng: Random, scene: Scene) -> None:
    """The limits say it."""


@breaks("ORDER_SIZE", max_order_size="0.02")
def larger_than_an_order_may_be(rng: Random, scene: Scene) -> None:
    lean(rng, scene, shown(scene).worth, "0.02")


@breaks("ORDER_NOTIONAL", max_order_notional="50")
def worth_more_than_an_order_may_be(rng: Random, scene: Scene) -> None:
    """The smallest account's smallest order is worth less, and every other one more."""


@breaks("ORDER_QUANTITY")
def more_than_the_venue_takes(rng: Random, scene: Scene) -> None:
    relisted(
        scene, max_quantity=scene.order.quantity - scene.instruments[scene.order.symbol].lot_size * rng.choice((0, 1))
    )


@breaks("MID_COLLAR", of(*SPOT, kind=OrderType.LIMIT), max_mid_deviation="0.02")
def too_far_from_the_mid(rng: Random, scene: Scene) -> None:
    requoted(scene, bid=scene.quotes[scene.order.symbol].last, ask=scene.quotes[scene.order.symbol].last)
    scene.market |= {"bids": None, "asks": None}
    limit_at(scene, rng.choice(("-0.02", "-0.020001", "-0.05", "-0.07")))


@breaks("MID_COLLAR", of(*SPOT, kind=OrderType.STOP), max_mid_deviation="0.02")
def a_trigger_too_far_from_the_mid(rng: Random, scene: Scene) -> None:
    quote, tick = scene.quotes[scene.order.symbol], scene.instruments[scene.order.symbol].tick_size
    changed(scene, trigger_price=Price((quote.mid * between(rng, 1.03, 1.2) // tick) * tick))


@breaks("WINDOW_COLLAR")
def far_from_the_last_bars(rng: Random, scene: Scene) -> None:
    order = scene.order
    at = order.limit_price or order.trigger_price or scene.quotes[order.symbol].last
    off = rng.choice((Decimal(2), Decimal("2.000001"), Decimal(40), Decimal("0.1"), ZERO, -ONE, Decimal("NaN"), None))
    scene.market["window_price"] = None if off is None else at * off


@breaks("PRICE_JUMP")
def a_jump(rng: Random, scene: Scene) -> None:
    scene.market["jump"] = rng.choice((Decimal("0.5"), Decimal("0.500000001"), Decimal(9), Decimal("NaN"), None))


@breaks("FORECAST")
def a_wild_forecast(rng: Random, scene: Scene) -> None:
    last, root = scene.quotes[scene.order.symbol].last, rng.choice((1, 2, 3))
    usual = scene.market["usual_volatility"] * Decimal("1.2533") * root
    off = 4 * usual * rng.choice((Decimal("0.4"), Decimal("0.99"), ONE, Decimal("1.01"), Decimal(2)))
    scene.wish["expectation"] = Expectation(Price(last * (1 + rng.choice((1, -1)) * off)), root * root * 3600)


@breaks("FORECAST")
def a_forecast_of_nothing(rng: Random, scene: Scene) -> None:
    last = scene.quotes[scene.order.symbol].last
    price, horizon_s = rng.choice(((last * 2, 3600), (last / 2, 60), (last, 0), (last, -1), (Decimal("NaN"), 60)))
    scene.wish["expectation"] = Expectation(Price(price), horizon_s)


@breaks("NEAR_DUPLICATE")
def said_again(rng: Random, scene: Scene) -> None:
    order, ago_ns = scene.order, rng.choice((0, 59, 60, 61)) * SECOND_NS
    before = order.quantity * rng.choice((ONE, Decimal("0.5"), Decimal("1.01"), Decimal("1.02")))
    scene.recent.append(Placed("another", order.symbol, order.side, before, scene.now_ns - ago_ns))


@breaks("NEAR_DUPLICATE", of(*SPOT[:2]))
def said_again_a_hundredth_smaller(rng: Random, scene: Scene) -> None:
    order, lot = scene.order, scene.instruments[scene.order.symbol].lot_size
    hundredths = max(order.quantity // lot // 100, ONE)
    changed(scene, quantity=Quantity(hundredths * lot * rng.choice((99, 98, 99))))
    scene.recent = [Placed("another", order.symbol, order.side, hundredths * lot * 100, scene.now_ns)]


@breaks("NEAR_DUPLICATE")
def its_own_attempt(rng: Random, scene: Scene) -> None:
    order = scene.order
    name = rng.choice((order.proposal_id, "another"))
    scene.recent.append(Placed(name, order.symbol, order.side, order.quantity, scene.now_ns - SECOND_NS))


def _rate(kind: str, span: str, most: int) -> None:
    @breaks(f"{kind}_{span}".upper(), **{f"max_{kind}_{span}": most})
    def too_many(rng: Random, scene: Scene) -> None:
        for sent in ("orders", "messages"):
            scene.counts[f"{sent}_{span}"] = 0
        scene.counts[f"{kind}_{span}"] = most + rng.choice((-1, 0, 0, 1, 1_000))


for _kind, _span, _most in (
    ("orders", "second", 4),
    ("orders", "minute", 21),
    ("orders", "day", 401),
    ("messages", "second", 5),
    ("messages", "minute", 30),
    ("messages", "day", 500),
):
    _rate(_kind, _span, _most)
