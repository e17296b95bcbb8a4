"""No order at all."""

from decimal import Decimal
from random import Random

from core.money import ONE, ZERO, Price, Quantity
from core.orders import OrderType, Side
from fuzz import worlds
from fuzz.proposals.base import a_buy, breaks, closing, limit_at, of, rest, shown
from fuzz.scene import Scene
from fuzz.worlds import SPOT, changed, relisted


@breaks("FINITE", closing())
def a_limit_without_end(rng: Random, scene: Scene) -> None:
    """An exit in a market without a price: nothing else can tell that the number is none."""
    changed(scene, type=OrderType.LIMIT, limit_price=Price(Decimal("Infinity")), trigger_price=None)
    del scene.quotes[scene.order.symbol]


@breaks("FINITE", closing())
def a_trigger_without_end(rng: Random, scene: Scene) -> None:
    changed(scene, type=OrderType.STOP, limit_price=None, trigger_price=Price(Decimal("Infinity")))


@breaks("FINITE", worlds.entry, worlds.exit_)
def a_target_without_end(rng: Random, scene: Scene) -> None:
    """Beside the order."""
    scene.wish["not_finite"] = rng.randint(1, 3)


@breaks("POSITIVE")
def nothing_at_all(rng: Random, scene: Scene) -> None:
    changed(scene, quantity=Quantity(Decimal(rng.choice(("0", "-0", "0E-18")))), type=OrderType.LIMIT)
    rest(scene)
    relisted(scene, min_quantity=ZERO, min_notional=ZERO)
    scene.recent.clear()


@breaks("POSITIVE", closing())
def a_trigger_of_nothing(rng: Random, scene: Scene) -> None:
    changed(scene, type=OrderType.STOP, limit_price=None, trigger_price=Price(Decimal(rng.choice(("0", "-0")))))


@breaks("FIELDS", of(kind=OrderType.MARKET))
def a_market_order_with_a_price(rng: Random, scene: Scene) -> None:
    quote = scene.quotes[scene.order.symbol]
    changed(
        scene,
        **{rng.choice(("limit_price", "trigger_price")): quote.ask if scene.order.side is Side.BUY else quote.bid},
    )
    scene.market |= {"bids": None, "asks": None}


@breaks("FIELDS", of(kind=OrderType.MARKET))
def a_stop_without_a_trigger(rng: Random, scene: Scene) -> None:
    changed(scene, type=rng.choice((OrderType.STOP, OrderType.LIMIT)))


@breaks("INSTRUMENT")
def listed_as_something_else(rng: Random, scene: Scene) -> None:
    relisted(scene, symbol="XBT/USDT")


@breaks("CURRENCY", a_buy)
def priced_in_another_currency(rng: Random, scene: Scene) -> None:
    relisted(scene, quote="EUR")
    scene.balances["EUR"] = scene.balances["USDT"]


@breaks("INCREMENT", closing(*SPOT[:4]), of(*SPOT[:4]))
def off_the_lot(rng: Random, scene: Scene) -> None:
    lot = scene.instruments[scene.order.symbol].lot_size
    changed(scene, quantity=Quantity(scene.order.quantity + lot * rng.choice((Decimal("0.5"), Decimal("0.0000001")))))
    if scene.order.quantity > (shown(scene).free_of_exits or 0) > 0:
        changed(scene, quantity=Quantity(scene.order.quantity - lot))


@breaks("INCREMENT", of(*SPOT[:4], kind=OrderType.LIMIT), closing(*SPOT[:4], kind=OrderType.STOP))
def off_the_tick(rng: Random, scene: Scene) -> None:
    tick = scene.instruments[scene.order.symbol].tick_size * Decimal("0.25")
    moved = {name: getattr(scene.order, name) for name in ("limit_price", "trigger_price")}
    changed(scene, **{name: price - tick for name, price in moved.items() if price is not None})
    if scene.order.limit_price is not None:
        scene.market |= {"bids": None, "asks": None}


@breaks("MIN_QUANTITY", closing(), worlds.entry)
def less_than_the_venue_takes(rng: Random, scene: Scene) -> None:
    lot = scene.instruments[scene.order.symbol].lot_size
    relisted(scene, min_quantity=scene.order.quantity + lot * rng.choice((0, 1, 1, 1_000)))


@breaks("MIN_NOTIONAL", closing(), worlds.entry)
def worth_less_than_the_venue_takes(rng: Random, scene: Scene) -> None:
    order = scene.order
    price = order.limit_price or order.trigger_price or scene.quotes[order.symbol].last
    relisted(scene, min_notional=order.quantity * price * rng.choice((ONE, Decimal("1.000001"), Decimal(2))))


@breaks("PRICE_COLLAR", of(*SPOT, kind=OrderType.LIMIT), max_price_deviation="0.02")
def too_far_from_the_last_price(rng: Random, scene: Scene) -> None:
    limit_at(scene, rng.choice(("-0.02", "-0.020001", "-0.05", "-0.07")))


@breaks("PRICE_COLLAR", closing(kind=OrderType.LIMIT))
def an_exit_at_a_dream(rng: Random, scene: Scene) -> None:
    """Too good a price to be meant, or so bad that it would give the position away."""
    limit_at(scene, rng.choice(("0.10", "0.11", "3", "-0.2", "-0.9")))


@breaks("PROPOSAL_ID", worlds.entry, worlds.exit_)
def a_name_that_was_used(rng: Random, scene: Scene) -> None:
    scene.reused_id = True
