"""More than the account can bear."""

from decimal import Decimal
from fractions import Fraction
from random import Random

from core.money import ONE, ZERO, Price, Quantity
from core.orders import OrderType, Position, Side
from fuzz import worlds
from fuzz.proposals.base import (
    COIN_OF,
    a_buy,
    at_worst,
    breaks,
    closing,
    excess,
    fill_up,
    held_of,
    lean,
    of,
    resize,
    shown,
)
from fuzz.scene import Scene
from fuzz.sums import NOTHING, Case, known
from fuzz.worlds import COINS, PERPETUAL, SPOT, STABLE, between, changed


@breaks("TRADING_STATE")
def a_closed_desk(rng: Random, scene: Scene) -> None:
    scene.state = rng.choice(("reducing", "halted"))


@breaks("FREE_BALANCE", a_buy)
def more_than_is_free(rng: Random, scene: Scene) -> None:
    case = Case(scene, {"market_slippage": "0.01"})
    price = case.limit or max(case.ask or 0, case.trigger or 0) * Fraction("1.01")
    fee = 1 + Fraction(scene.instruments[scene.order.symbol].taker_fee)
    costs = known((case.quantity or 0) * Fraction(price) * fee / (1 + excess(rng)))
    scene.reserved["USDT"] = scene.balances["USDT"] - costs


@breaks("FREE_BALANCE", a_buy)
def nothing_to_pay_with(rng: Random, scene: Scene) -> None:
    scene.balances["USDT"] = rng.choice((ZERO, -ONE, Decimal("NaN")))


@breaks("FREE_BALANCE", closing(*SPOT, kind=OrderType.MARKET))
def coins_that_are_not_there(rng: Random, scene: Scene) -> None:
    """Exempt, since what is held is being sold; the ledger and the venue would say."""
    scene.balances.pop(COIN_OF[scene.order.symbol].base)


@breaks("ASSET_EXPOSURE", max_asset_exposure="0.05")
def too_much_of_one_asset(rng: Random, scene: Scene) -> None:
    account, worth = at_worst(scene)
    lean(rng, scene, account.of(COIN_OF[scene.order.symbol].base) + worth, "0.05")


@breaks("VENUE_EXPOSURE", max_venue_exposure="0.05")
def too_much_at_one_venue(rng: Random, scene: Scene) -> None:
    account, worth = at_worst(scene)
    lean(rng, scene, account.by_venue.get(COIN_OF[scene.order.symbol].venue, NOTHING) + worth, "0.05")


@breaks("GROSS_EXPOSURE", max_gross_exposure="0.05")
def too_much_in_all(rng: Random, scene: Scene) -> None:
    account, worth = at_worst(scene)
    lean(rng, scene, account.gross + worth, "0.05")


@breaks("NET_EXPOSURE", max_net_exposure="0.05")
def too_much_one_way(rng: Random, scene: Scene) -> None:
    account, worth = at_worst(scene)
    net = account.net(scene.order.side) + worth
    if net > 0:
        lean(rng, scene, net, "0.05")


@breaks("LEVERAGE", of(*PERPETUAL), max_leverage="0.05")
def too_much_on_margin(rng: Random, scene: Scene) -> None:
    account, worth = at_worst(scene)
    lean(rng, scene, account.perpetuals + worth, "0.05")


@breaks("OPEN_ORDERS", max_open_orders=3)
def too_many_open_orders(rng: Random, scene: Scene) -> None:
    fill_up(rng, scene, rng.choice((2, 3, 3, 5)))


@breaks("POSITIONS", max_positions=2)
def too_many_positions(rng: Random, scene: Scene) -> None:
    wanted = rng.choice((1, 2, 3))
    for coin in rng.sample(SPOT, len(SPOT)):
        held = {p.symbol for p in scene.positions}
        if len(held) < wanted and coin.symbol not in held | {scene.order.symbol}:
            worlds.hold(rng, scene, coin, between(rng, 10, 30))


@breaks("CLUSTER_EXPOSURE", max_cluster_exposure="0.05")
def too_much_that_moves_together(rng: Random, scene: Scene) -> None:
    account, worth = at_worst(scene)
    scene.market["correlation"] = {c.base: rng.choice((None, ONE, Decimal("0.7"), Decimal("0.9"))) for c in COINS}
    lean(rng, scene, account.on(scene.order.side) + worth, "0.05")


@breaks("SHORTFALL", max_expected_shortfall="0.01")
def too_much_in_the_worst_days(rng: Random, scene: Scene) -> None:
    unit = Fraction("0.30") if scene.market["shortfall"] is None else Fraction(scene.market["shortfall"])
    assert scene.portfolio_shortfall is not None
    lean(rng, scene, Fraction(scene.portfolio_shortfall) + (shown(scene).worth or 0) * unit, "0.01")


@breaks("SHORTFALL")
def worst_days_that_nobody_knows(rng: Random, scene: Scene) -> None:
    if rng.random() < 0.5:
        scene.portfolio_shortfall = rng.choice((None, Decimal("NaN"), Decimal("Infinity")))
    else:
        scene.market["shortfall"] = Decimal("NaN")


@breaks("STRESS_LOSS", max_stress_loss="0.01")
def too_much_if_all_fell(rng: Random, scene: Scene) -> None:
    account, worth = at_worst(scene)
    lean(rng, scene, account.on(scene.order.side) + worth, "0.01", "0.3")


@breaks("DEPEG_LOSS", of(*STABLE), max_depeg_loss="0.005")
def too_many_stablecoins(rng: Random, scene: Scene) -> None:
    account, worth = at_worst(scene)
    held = sum(account.by_side[Side.BUY].get(coin.base, 0) for coin in STABLE)
    lean(rng, scene, held + worth, "0.005", "0.1")


@breaks("REDUCE_ONLY")
def reduces_nothing(rng: Random, scene: Scene) -> None:
    changed(scene, reduce_only=True)


@breaks("REDUCE_ONLY", closing(*SPOT))
def reduces_more_than_is_held(rng: Random, scene: Scene) -> None:
    held = held_of(scene, COIN_OF[scene.order.symbol])
    resize(scene, held * rng.randint(1, 2) + rng.choice((ZERO, scene.instruments[scene.order.symbol].lot_size)))
    changed(scene, reduce_only=True)
    scene.balances[COIN_OF[scene.order.symbol].base] = held * 9
    scene.wish = worlds.wish(rng, scene)


@breaks("FLIP", closing(*PERPETUAL))
def closes_and_opens_at_once(rng: Random, scene: Scene) -> None:
    held = next(p for p in scene.positions if p.symbol == scene.order.symbol)
    resize(scene, held.quantity + scene.instruments[scene.order.symbol].lot_size * rng.choice((0, 1, 1, 5)))
    scene.wish = worlds.wish(rng, scene)


@breaks("UNMANAGED", closing(*SPOT))
def sells_what_was_there_before(rng: Random, scene: Scene) -> None:
    """Coins in the balance that are in no position of ours."""
    coin = COIN_OF[scene.order.symbol]
    scene.positions = [p for p in scene.positions if p.symbol != coin.symbol]
    if rng.random() < 0.5:
        scene.positions.append(
            Position("paper", coin.symbol, Side.BUY, Quantity(scene.order.quantity - coin.lot), Price(coin.price))
        )
        if scene.order.quantity == coin.lot:
            scene.positions.pop()
    scene.balances[coin.base] = scene.order.quantity * 2
    scene.wish = worlds.wish(rng, scene)


@breaks("MANAGED_CAPITAL", managed_capital="60")
def more_capital_than_was_given(rng: Random, scene: Scene) -> None:
    """The smallest accounts are within it, and all others beyond."""
