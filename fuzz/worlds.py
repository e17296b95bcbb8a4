"""Scenes in which nothing is wrong: an entry or an exit well within every limit, in many different markets."""

from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random
from typing import Any

from core.instruments import ContractKind, Instrument
from core.money import Price, Quantity, round_quantity
from core.orders import Expectation, Order, OrderType, Position, Side, TimeInForce
from core.quotes import Level, Quote
from core.taint import Taint
from core.time import DAY_NS, HOUR_NS, SECOND_NS, parse_time
from fuzz.scene import Placed, Scene, Working

T0 = parse_time("2021-05-19T13:00Z")
OWNERS = ("trend", "carry")
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Coin:
    """One market to trade in; `price` is about where it stands."""

    symbol: str
    base: str
    price: Decimal
    tick: Decimal
    lot: Decimal
    kind: ContractKind = ContractKind.SPOT
    venue: str = "paper"


def _coin(symbol: str, price: str, tick: str, lot: str, **more: Any) -> Coin:
    return Coin(symbol, symbol.split("/")[0], Decimal(price), Decimal(tick), Decimal(lot), **more)


SPOT = (
    _coin("BTC/USDT", "50000", "0.01", "0.00001"),
    _coin("ETH/USDT", "2000", "0.01", "0.0001"),
    _coin("SOL/USDT", "30", "0.001", "0.001", venue="other"),
    _coin("PEPE/USDT", "0.00001", "0.0000000001", "1"),
    _coin("WEI/USDT", "1.7", "0.000000000000000001", "0.000000000000000001"),
)
STABLE = (_coin("USDC/USDT", "1", "0.00001", "0.01"), _coin("DAI/USDT", "1", "0.0001", "0.000000000000000001"))
PERPETUAL = (
    _coin("BTC/USDT:USDT", "50000", "0.1", "0.0001", kind=ContractKind.PERPETUAL, venue="perps"),
    _coin("ETH/USDT:USDT", "2000", "0.01", "0.001", kind=ContractKind.PERPETUAL, venue="perps"),
)
COINS = SPOT + STABLE + PERPETUAL


def between(rng: Random, low: float, high: float) -> Decimal:
    """A number with six digits behind the point, between two."""
    return Decimal(round(rng.uniform(low, high) * 1_000_000)) / 1_000_000


def entry(rng: Random, coins: tuple[Coin, ...] = COINS, *, kind: OrderType | None = None) -> Scene:
    """New risk that nothing stands against."""
    coin = rng.choice(coins)
    sells = coin.kind is ContractKind.PERPETUAL and rng.random() < 0.4
    return _scene(rng, coin, Side.SELL if sells else Side.BUY, kind, closes=False)


def exit_(rng: Random, coins: tuple[Coin, ...] = COINS, *, kind: OrderType | None = None) -> Scene:
    """An order that closes a part of what is held."""
    coin = rng.choice(coins)
    buys = coin.kind is ContractKind.PERPETUAL and rng.random() < 0.4
    return _scene(rng, coin, Side.BUY if buys else Side.SELL, kind, closes=True)


def _scene(rng: Random, coin: Coin, side: Side, kind: OrderType | None, *, closes: bool) -> Scene:
    equity = between(rng, 3_000, 9_000) * 10 ** rng.randrange(3)
    now_ns = T0 + rng.randrange(30 * DAY_NS)
    quote = quoted(rng, coin, now_ns)
    quantity = units(coin, equity * between(rng, 0.005, 0.04), quote.last)
    order = _order(rng, coin, side, quantity, quote, kind or rng.choice(tuple(OrderType)))
    scene = Scene(order, now_ns, equity, caps=Decimal(1) if rng.random() < 0.7 else Decimal("0.5"))
    scene.quotes[coin.symbol] = quote
    scene.instruments[coin.symbol] = instrument(rng, coin)
    scene.balances = {"USDT": equity * 2}
    scene.reserved = {"USDT": equity * between(rng, 0, 0.1)}
    for other in rng.sample(COINS, rng.randrange(4)):
        if other.base != coin.base:
            hold(rng, scene, other, equity * between(rng, 0.002, 0.02))
    if closes:
        hold(rng, scene, coin, quantity * quote.last * between(rng, 1.05, 1.9), side.opposite, least=quantity)
    elif rng.random() < 0.3:
        hold(rng, scene, coin, equity * between(rng, 0.002, 0.02), side)
    _work(rng, scene, equity)
    scene.market = _market(rng, scene, coin)
    scene.wish = wish(rng, scene) if not closes or rng.random() < 0.3 else {"taint": Taint.TRUSTED, "stop_price": None}
    scene.counts = {"owner_cancels": rng.randrange(8), "owner_fills": rng.randrange(5), "owner_quick_cancels": 1}
    for spans, most in (("second", 3), ("minute", 20), ("day", 400)):
        scene.counts |= {f"{sent}_{spans}": rng.randrange(most) for sent in ("orders", "messages")}
    scene.portfolio_shortfall = equity * between(rng, 0, 0.01)
    scene.loop_lag_s = between(rng, 0, 1)
    return scene


def quoted(rng: Random, coin: Coin, now_ns: int) -> Quote:
    """Fresh, with a spread of a few basis points at most."""
    ticks = int(coin.price / coin.tick * between(rng, 0.6, 1.6)) if coin not in STABLE else int(coin.price / coin.tick)
    half = rng.randrange(max(2, ticks // 5_000))
    last = coin.tick * ticks
    bid, ask = last - coin.tick * rng.randint(0, half), last + coin.tick * rng.randint(0, half)
    at_ns = now_ns - rng.randrange(60) * SECOND_NS
    return Quote(coin.symbol, Price(last), Price(bid), Price(ask), at_ns, at_ns, rng.choice((0, HOUR_NS)))


def units(coin: Coin, worth: Decimal, price: Decimal) -> Quantity:
    """So much worth of a coin, on its lot and never nothing."""
    return max(round_quantity(worth / price, coin.lot), Quantity(coin.lot))


def instrument(rng: Random, coin: Coin) -> Instrument:
    return Instrument(
        symbol=coin.symbol,
        base=coin.base,
        quote="USDT",
        tick_size=coin.tick,
        lot_size=coin.lot,
        min_quantity=coin.lot,
        min_notional=Decimal(5),
        kind=coin.kind,
        taker_fee=between(rng, 0, 0.002),
        venue=coin.venue,
        max_quantity=None if rng.random() < 0.7 else Decimal(10) ** 15,
    )


def hold(
    rng: Random, scene: Scene, coin: Coin, worth: Decimal, side: Side | None = None, *, least: Decimal = _ZERO
) -> Position:
    """Adds a position with its market, and its coins to the balances."""
    perpetual = coin.kind is ContractKind.PERPETUAL
    side = side or (Side.SELL if perpetual and rng.random() < 0.4 else Side.BUY)
    quote = scene.quotes.setdefault(coin.symbol, quoted(rng, coin, scene.now_ns))
    scene.instruments.setdefault(coin.symbol, instrument(rng, coin))
    quantity = Quantity(max(units(coin, worth, quote.last), least))
    entered = Price(quote.last * between(rng, 0.97, 1.03))
    margin = quantity * entered * between(rng, 0.6, 1) if perpetual else _ZERO
    position = Position(scene.account_id, coin.symbol, side, quantity, entered, coin.kind, margin)
    scene.positions.append(position)
    if not perpetual:
        scene.balances[coin.base] = scene.balances.get(coin.base, _ZERO) + quantity
    return position


def work(scene: Scene, coin: Coin, side: Side, remaining: Decimal, at: Decimal, **more: Any) -> Working:
    """Adds one of our open orders in a market that the scene shows: a limit order, unless it is at no price."""
    number = len(scene.working)
    order = Working(f"open-{number}", OWNERS[number % 2], coin.symbol, side, remaining, at, limit_price=at or None)
    order = order._replace(**more)
    scene.working.append(order)
    return order


def wish(rng: Random, scene: Scene) -> dict[str, Any]:
    """Why, on what grounds, until when, and where it ends."""
    order, quote = scene.order, scene.quotes[scene.order.symbol]
    prices = [p for p in (quote.bid, quote.ask, order.limit_price) if p is not None]
    near = min(prices) if order.side is Side.BUY else max(prices)
    stop = near * (1 - order.side.sign * between(rng, 0.01, 0.2))
    vouched = rng.random() < 0.1
    expected = None if rng.random() < 0.5 else Expectation(Price(quote.last * between(rng, 0.997, 1.003)), 6 * 3600)
    return {
        "taint": Taint.UNTRUSTED if vouched else rng.choice((Taint.TRUSTED, Taint.DERIVED)),
        "stop_price": Price(stop),
        "least_taint": Taint.TRUSTED,
        "vouched": vouched,
        "thesis": True,
        "predicates": rng.randint(1, 3),
        "evidence": rng.randint(1, 5),
        "views_until_ns": scene.now_ns + rng.randrange(DAY_NS),
        "confidence": None if rng.random() < 0.6 else between(rng, 0.5, 0.9),
        "calibrated": True,
        "expectation": expected,
        "executions": rng.randrange(20),
    }


def _order(rng: Random, coin: Coin, side: Side, quantity: Quantity, quote: Quote, kind: OrderType) -> Order:
    away = coin.tick * rng.randrange(1, max(2, int(quote.last / coin.tick) // 100))
    passive = Price(quote.bid - away if side is Side.BUY else quote.ask + away)
    beyond = Price(quote.ask + away if side is Side.BUY else quote.bid - away)
    limit = trigger = None
    if kind is OrderType.LIMIT:
        limit = passive if rng.random() < 0.7 else Price(quote.ask if side is Side.BUY else quote.bid)
    elif kind is OrderType.STOP:
        trigger = beyond
    tif = TimeInForce.GTC if rng.random() < 0.8 else rng.choice(tuple(TimeInForce))
    owner = rng.choice(OWNERS)
    return Order("mine", "paper", owner, coin.symbol, side, kind, quantity, limit, trigger, tif)


def _work(rng: Random, scene: Scene, equity: Decimal) -> None:
    """A few open orders in what is held and shown, none of which the order could trade with."""
    for symbol in rng.sample(sorted(scene.quotes), rng.randrange(len(scene.quotes) + 1)):
        coin = next(c for c in COINS if c.symbol == symbol)
        quote = scene.quotes[symbol]
        quantity = units(coin, equity * between(rng, 0.001, 0.005), quote.last)
        if symbol != scene.order.symbol:
            below = Price(quote.bid - coin.tick * rng.randrange(int(quote.bid / coin.tick) // 50))
            work(scene, coin, Side.BUY, quantity, below, reduce_only=rng.random() < 0.2)
        elif not any(p.symbol == symbol for p in scene.positions):
            near = quote.bid if scene.order.side is Side.BUY else quote.ask
            work(scene, coin, scene.order.side, quantity, near, owner="trend")
    for held in scene.positions:
        if held.symbol != scene.order.symbol and rng.random() < 0.3:
            coin = next(c for c in COINS if c.symbol == held.symbol)
            at = scene.quotes[held.symbol].ask if held.side is Side.BUY else scene.quotes[held.symbol].bid
            work(scene, coin, held.side.opposite, held.quantity / 2, at, reduce_only=True, protective=True)
    for _ in range(rng.randrange(4)):
        symbol, side = rng.choice((scene.order.symbol, "XRP/USDT")), rng.choice(tuple(Side))
        ago_s = rng.choice((rng.randrange(70, 300), rng.randrange(60)))
        same = (symbol, side) == (scene.order.symbol, scene.order.side)
        larger = scene.order.quantity * (2 if same and ago_s < 60 else 1)
        scene.recent.append(Placed("other", symbol, side, larger, scene.now_ns - ago_s * SECOND_NS))


def _market(rng: Random, scene: Scene, coin: Coin) -> dict[str, Any]:
    quote, quantity = scene.quotes[coin.symbol], scene.order.quantity
    usual = between(rng, 0.002, 0.02)
    shown: dict[str, Any] = {
        "bar_volume": quantity * rng.randrange(50, 1_000),
        "volatility": usual * between(rng, 0.3, 3),
        "usual_volatility": usual,
        "window_price": quote.last * between(rng, 0.96, 1.04),
        "jump": between(rng, 0, 0.1),
        "shortfall": None if rng.random() < 0.1 else between(rng, 0.02, 0.1),
        "correlation": {c.base: None if rng.random() < 0.1 else between(rng, -0.5, 0.5) for c in COINS},
        "funding_rate": between(rng, -0.0005, 0.0005),
    }
    if rng.random() < 0.4:
        shown |= book(rng, coin, quote, scene.order)
    if rng.random() < 0.3:
        shown["overdue_s"] = {"book": between(rng, 0, 50), "trades": between(rng, 0, 50)}
    if rng.random() < 0.3:
        shown["elsewhere"] = {venue: quote.mid * between(rng, 0.996, 1.004) for venue in ("here", "there")}
    return shown


def book(rng: Random, coin: Coin, quote: Quote, order: Order) -> dict[str, Any]:
    """Several levels on both sides, a few basis points apart, that hold the order many times over."""
    step, quantity = coin.tick * max(1, int(quote.last / coin.tick) // 10_000), order.quantity
    sides: dict[str, tuple[Level, ...]] = {"bids": (), "asks": ()}
    for name, best, sign in (("bids", quote.bid, -1), ("asks", quote.ask, 1)):
        # A book never touches itself, and the side that the order takes from begins where the quote says.
        gap = sign * coin.tick if quote.bid == quote.ask and sign != order.side.sign else _ZERO
        sizes = (quantity * between(rng, 0.3, 3) for _ in range(rng.randint(5, 9)))
        sides[name] = tuple(
            Level(Price(best + gap + sign * step * at), Quantity(size)) for at, size in enumerate(sizes)
        )
    depth = {f"{n[:-1]}_depth": sum((x.quantity for x in side), _ZERO) + 5 * quantity for n, side in sides.items()}
    return {**sides, **depth}


def changed(scene: Scene, **fields: Any) -> None:
    """Changes the order."""
    scene.order = replace(scene.order, **fields)


def relisted(scene: Scene, **fields: Any) -> None:
    """Changes the order's instrument."""
    scene.instruments[scene.order.symbol] = replace(scene.instruments[scene.order.symbol], **fields)


def requoted(scene: Scene, **fields: Any) -> None:
    """Changes the order's quote."""
    scene.quotes[scene.order.symbol] = replace(scene.quotes[scene.order.symbol], **fields)
