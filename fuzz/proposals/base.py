"""Proposals that are wrong in exactly one way: for every denial code, a good scene and the one thing that breaks it.

Each function takes a scene in which nothing is wrong and breaks its own code, sometimes only just, and sometimes by
nothing: exactly the limit is allowed, and the oracle is as strict about that as about what lies beyond it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any, Final

from core.money import ZERO, Price, Quantity
from core.orders import OrderType, Side
from fuzz import worlds
from fuzz.scene import Scene
from fuzz.sums import Account, Case, known
from fuzz.worlds import COINS, SPOT, changed, work

# Every limit as loose as it can be set, so that one that is tightened stands alone.
ROOMY: Final[Mapping[str, Any]] = {
    "max_order_size": "1",
    "max_order_notional": "10000000",
    "max_uncalibrated_size": "0.10",
    "max_asset_exposure": "0.20",
    "max_cluster_exposure": "0.60",
    "max_leverage": "3",
    "max_expected_shortfall": "0.15",
    "max_stress_loss": "0.30",
    "max_depeg_loss": "0.10",
    "max_open_orders": 50,
    "max_positions": 50,
    "max_price_deviation": "0.10",
    "max_mid_deviation": "0.10",
    "max_window_deviation": "0.50",
    "max_layers": 10,
    "min_liquidation_distance": "0.10",
}
COIN_OF: Final = {coin.symbol: coin for coin in COINS}

Break = Callable[[Random, Scene], None]
Start = Callable[[Random], Scene]


@dataclass(frozen=True, slots=True)
class Directed:
    """How to break one code: under these limits, from this scene, by this change."""

    code: str
    limits: Mapping[str, Any]
    starts: tuple[Start, ...]
    change: Break

    def scene(self, rng: Random) -> Scene:
        scene = rng.choice(self.starts)(rng)
        self.change(rng, scene)
        return scene


DIRECTED: Final[dict[str, list[Directed]]] = {}


def breaks(code: str, *starts: Start, **limits: Any) -> Callable[[Break], Break]:
    """Registers one way to break a code; without a start it begins from any entry."""

    def registered(change: Break) -> Break:
        DIRECTED.setdefault(code, []).append(Directed(code, {**ROOMY, **limits}, starts or (worlds.entry,), change))
        return change

    return registered


def of(*coins: worlds.Coin, kind: OrderType | None = None) -> Start:
    """An entry in one of these coins."""
    return lambda rng: worlds.entry(rng, coins or COINS, kind=kind)


def closing(*coins: worlds.Coin, kind: OrderType | None = None) -> Start:
    return lambda rng: worlds.exit_(rng, coins or COINS, kind=kind)


def a_buy(rng: Random) -> Scene:
    return worlds.entry(rng, SPOT)


def excess(rng: Random) -> Fraction:
    """By how much a limit is passed: not at all, by next to nothing, by a little, or by far."""
    return rng.choice((Fraction(0), Fraction(1, 10**12), Fraction(1, 1_000), Fraction(1, 20), Fraction(2)))


def lean(rng: Random, scene: Scene, found: Fraction | None, limit: str, loss: str = "1") -> None:
    """Makes the account so small that what was found, a worth, is as much of it as the limit allows, or more."""
    assert found, "nothing to measure the account by"
    scene.equity = known(found * Fraction(loss) / (Fraction(limit) * Fraction(scene.caps)) / (1 + excess(rng)))


def shown(scene: Scene) -> Case:
    """The scene's own sums."""
    return Case(scene, {})


def at_worst(scene: Scene) -> tuple[Account, Fraction]:
    """The account before the order, and what the order is worth."""
    case = shown(scene)
    assert case.account is not None
    assert case.worth is not None
    return case.account, case.worth


def rest(scene: Scene) -> None:
    """A limit that waits in the book."""
    coin, quote = COIN_OF[scene.order.symbol], scene.quotes[scene.order.symbol]
    best = (
        min(quote.bid, quote.ask) - coin.tick if scene.order.side is Side.BUY else max(quote.bid, quote.ask) + coin.tick
    )
    changed(scene, type=OrderType.LIMIT, limit_price=Price(best // coin.tick * coin.tick), trigger_price=None)


def limit_at(scene: Scene, off: str) -> None:
    """A limit so far from the last price, on the tick."""
    tick, last = COIN_OF[scene.order.symbol].tick, scene.quotes[scene.order.symbol].last
    price = Price(max(tick, last * (1 + Decimal(off)) // tick * tick))
    changed(scene, limit_price=price)
    if scene.wish.get("stop_price") is not None:
        scene.wish["stop_price"] = Price(
            min(price, last) * Decimal("0.8") if scene.order.side is Side.BUY else last * 4
        )


def follow_quote(rng: Random, scene: Scene) -> None:
    """What was chosen beside the quote before it changed."""
    quote, sign = scene.quotes[scene.order.symbol], scene.order.side.sign
    if scene.order.type is OrderType.STOP:
        tick = COIN_OF[scene.order.symbol].tick
        changed(scene, trigger_price=Price(quote.ask * Decimal("1.01") // tick * tick))
    scene.wish |= {"stop_price": Price(quote.last * (1 - sign * Decimal("0.1"))), "expectation": None}
    scene.market["elsewhere"] = {}


def resize(scene: Scene, quantity: Decimal) -> None:
    """Another quantity in a market that is deep enough for it."""
    deeper = quantity / scene.order.quantity
    changed(scene, quantity=Quantity(quantity))
    scene.market |= {"bids": None, "asks": None, "bar_volume": scene.market["bar_volume"] * deeper}


def held_of(scene: Scene, coin: worlds.Coin) -> Decimal:
    return sum((p.quantity for p in scene.positions if p.symbol == coin.symbol), ZERO)


def fill_up(rng: Random, scene: Scene, n: int) -> None:
    """Exactly so many open orders, of worth that does not matter."""
    scene.working = scene.working[:n]
    while len(scene.working) < n:
        coin = rng.choice(SPOT)
        scene.quotes.setdefault(coin.symbol, worlds.quoted(rng, coin, scene.now_ns))
        scene.instruments.setdefault(coin.symbol, worlds.instrument(rng, coin))
        side = scene.order.side if coin.symbol == scene.order.symbol else Side.BUY
        at = scene.quotes[coin.symbol].bid if side is Side.BUY else scene.quotes[coin.symbol].ask
        work(scene, coin, side, coin.lot, at, owner="nobody")
