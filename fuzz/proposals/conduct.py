"""What looks like abuse."""

from decimal import Decimal
from random import Random

from core.money import ONE
from core.orders import OrderType, Side
from fuzz import worlds
from fuzz.proposals.base import COIN_OF, breaks, closing, held_of, of
from fuzz.scene import Scene
from fuzz.worlds import SPOT, between, changed, work


@breaks("SELF_TRADE", of(*SPOT, kind=OrderType.LIMIT), of(*SPOT, kind=OrderType.MARKET))
def our_own_offer(rng: Random, scene: Scene) -> None:
    coin, order = COIN_OF[scene.order.symbol], scene.order
    if not held_of(scene, coin):
        worlds.hold(rng, scene, coin, between(rng, 20, 60))
    asked = order.limit_price or scene.quotes[coin.symbol].ask
    at = asked + coin.tick * rng.choice((0, 0, 1, -1))
    work(scene, coin, Side.SELL, held_of(scene, coin), at, reduce_only=rng.random() < 0.5)


@breaks("SELF_TRADE", closing())
def our_own_bid(rng: Random, scene: Scene) -> None:
    order = scene.order
    other = order.limit_price or order.trigger_price or scene.quotes[order.symbol].last
    at = other * rng.choice((ONE, Decimal("0.9999"), Decimal("1.0001")))
    work(scene, COIN_OF[order.symbol], order.side.opposite, order.quantity / 4, at)


@breaks("SELF_TRADE", closing(*SPOT))
def our_own_stop(rng: Random, scene: Scene) -> None:
    """One that waits, or one that nobody has heard of yet."""
    order, quote = scene.order, scene.quotes[scene.order.symbol]
    other = order.limit_price or order.trigger_price or quote.last
    trigger = other * rng.choice((ONE, Decimal("0.9999"), Decimal("1.0001"), Decimal("1.5")))
    pending = {"limit_price": None, "trigger_price": trigger, "rests": rng.random() < 0.7}
    work(scene, COIN_OF[order.symbol], Side.BUY, order.quantity / 4, max(trigger, quote.ask), **pending)


@breaks("CANCEL_RATIO")
def cancels_for_nothing(rng: Random, scene: Scene) -> None:
    cancels, fills = rng.choice(((21, 2), (20, 1), (30, 3), (31, 3), (500, 0), (1_001, 100)))
    scene.counts |= {"owner_cancels": cancels, "owner_fills": fills}


@breaks("QUICK_CANCELS")
def cancels_at_once(rng: Random, scene: Scene) -> None:
    scene.counts["owner_quick_cancels"] = rng.choice((20, 21, 500))


@breaks("QUICK_CANCELS", owners={"trend": {"max_quick_cancels": 3}})
def cancels_at_once_for_this_owner(rng: Random, scene: Scene) -> None:
    changed(scene, owner="trend")
    scene.counts["owner_quick_cancels"] = rng.choice((3, 4, 20))


@breaks("LAYERING", of(*SPOT), max_layers=3)
def layers(rng: Random, scene: Scene) -> None:
    coin, below = COIN_OF[scene.order.symbol], scene.quotes[scene.order.symbol].bid
    scene.working = [o for o in scene.working if o.symbol != coin.symbol]
    for _ in range(rng.choice((2, 3, 4, 5))):
        owner = "nobody" if rng.random() < 0.1 else scene.order.owner
        work(scene, coin, Side.BUY, coin.lot, below, owner=owner)


@breaks("RESTRICTED", of(*SPOT), restricted=["BTC", "ETH/USDT", "SOL/USDT", "PEPE"])
def on_the_list(rng: Random, scene: Scene) -> None:
    """The limits say it."""


@breaks("ACCOUNT_RESTRICTED")
def a_frozen_account(rng: Random, scene: Scene) -> None:
    scene.restricted = True
