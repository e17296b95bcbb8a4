"""Accounts, markets and orders drawn at random: what could be, and anything at all."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from core.instruments import Instrument
from core.money import Price, Quantity, round_price
from core.orders import Expectation, Order, OrderState, OrderType, Position, Side
from core.quotes import Level, Quote
from core.taint import Taint
from risk.facts import Activity, Conditions, Facts, Intent, OpenOrder, RecentOrder
from risk.settings import RiskSettings
from tests.risk.builders import (
    BTC,
    ETH,
    NOW,
    PERP,
    STATES,
    depth,
    facts_and_policy,
    held,
    order,
    placed,
    quoted,
    resting,
)

states = st.sampled_from(STATES)
sides = st.sampled_from(Side)
tiers = st.sampled_from([Decimal(text) for text in ("1", "0.5", "0.25")])

# A venue without minima, for questions that they would answer wrongly: what is too small passes once it is larger.
FREE_SIZES = [replace(i, min_quantity=0 * i.lot_size, min_notional=0 * i.lot_size) for i in (BTC, ETH, PERP)]

PERPETUALS = [(PERP.symbol, side) for side in Side]


@dataclass(frozen=True)
class Case:
    """An order over an account and a market, as keywords of `facts_and_policy`."""

    wanted: Order
    known: dict[str, Any]

    @property
    def lot(self) -> Decimal:
        return BTC.lot_size

    def of(self, lots: int) -> Order:
        """The same order in another quantity."""
        return replace(self.wanted, quantity=Quantity(lots * self.lot))

    def facts(self) -> tuple[Facts, RiskSettings]:
        return facts_and_policy(self.wanted, **self.known)


def money(least: str, most: str, places: int = 2) -> st.SearchStrategy[str]:
    # Whole numbers of the last place: far quicker to draw than decimals.
    first, last = (int(Decimal(end).scaleb(places)) for end in (least, most))
    return st.integers(first, last).map(lambda n: str(Decimal(n).scaleb(-places)))


@st.composite
def quotes(draw: st.DrawFn, symbol: str) -> Quote:
    """Around 50 000, with up to 28 bps between bid and ask."""
    last = draw(st.integers(4_000_000, 6_000_000))
    half = draw(st.integers(0, last // 714))
    cents = [str(Decimal(n) / 100) for n in (last, last - half, last + half)]
    return quoted(cents[0], bid=cents[1], ask=cents[2], symbol=symbol)


@st.composite
def books(draw: st.DrawFn, quote: Quote, shown: bool) -> dict[str, Any]:
    """Up to five levels on each side from the quote outward, or a market that shows none."""
    if not shown and draw(st.booleans()):
        return {"bar_volume": draw(money("0.01", "100"))}
    sizes = st.lists(st.tuples(money("0", "100"), money("0.001", "0.5", 3)), min_size=1, max_size=5)
    found: dict[str, Any] = {}
    for name, best, sign in (("bids", quote.bid, -1), ("asks", quote.ask, 1)):
        price, levels = best, []
        for step, size in draw(sizes):
            levels.append((str(price), size))
            price = Price(price + sign * (Decimal(step) + BTC.tick_size))
        found[name] = depth(*levels)
    return found


def exposures() -> st.SearchStrategy[list[Position]]:
    """Longs, shorts and hedges: spot, the perpetual of the same coin, and another coin."""
    spot = st.builds(lambda q: [held(q)], money("0.001", "0.02", 3))
    perpetual = st.builds(
        lambda q, side: [held(q, symbol=PERP.symbol, side=side, margin=str(Decimal(q) * 50_000))],
        money("0.001", "0.02", 3),
        sides,
    )
    other = st.builds(lambda q: [held(q, symbol="ETH/USDT", at="1900")], money("0.01", "0.5"))
    nothing: st.SearchStrategy[list[Position]] = st.just([])
    return st.tuples(*(nothing | part for part in (spot, perpetual, other))).map(
        lambda parts: [position for part in parts for position in part]
    )


def working() -> st.SearchStrategy[list[OpenOrder]]:
    one = st.builds(
        lambda side, lots, at, trigger, symbol, exits: resting(
            side, str(lots * BTC.lot_size), at=at, trigger=trigger, symbol=symbol, reduce_only=exits
        ),
        sides,
        st.integers(1, 500),
        money("30000", "70000"),
        st.none() | money("30000", "70000"),
        st.sampled_from([BTC.symbol, PERP.symbol]),
        st.booleans(),
    )
    return st.just([]) | st.lists(one, max_size=3)


def limits() -> st.SearchStrategy[dict[str, Any]]:
    """Policies tight enough for each of them to bind now and then."""
    return st.fixed_dictionaries(
        {
            "max_asset_exposure": money("0.05", "0.2", 4),
            "max_order_size": money("0.01", "1", 4),
            "max_order_notional": money("100", "100000"),
            "max_slippage_bps": money("1", "200"),
        },
        optional={
            "max_venue_exposure": money("0.05", "1", 4),
            "max_gross_exposure": money("0.05", "1", 4),
            "max_net_exposure": money("0.05", "1", 4),
            "max_cluster_exposure": money("0.05", "0.6", 4),
            "max_leverage": money("0.05", "3", 4),
            "max_expected_shortfall": money("0.02", "0.15", 4),
            "max_stress_loss": money("0.02", "0.3", 4),
            "max_depth_share": money("0.1", "1", 4),
            "managed_capital": money("500", "100000"),
            "max_layers": st.integers(1, 3),
            "max_positions": st.integers(2, 5),
        },
    )


@st.composite
def cases(draw: st.DrawFn, instruments: list[Instrument] | None = None, *, shown: bool = False) -> Case:
    """An order of any kind over a sound market and an account in any state; `shown` has a book to take from."""
    # Most spot sales are of coins that nobody holds.
    symbol, side = draw(st.sampled_from([*[(BTC.symbol, Side.BUY)] * 3, (BTC.symbol, Side.SELL), *PERPETUALS]))
    own, twin = draw(quotes(symbol)), draw(quotes(PERP.symbol if symbol == BTC.symbol else BTC.symbol))
    kind = OrderType.MARKET if shown else draw(st.sampled_from(OrderType))
    at = str(round_price(own.last * Decimal(draw(money("0.95", "1.05", 3))), BTC.tick_size, Side.BUY))
    wanted = order(
        side,
        draw(st.integers(1, 10_000)) * BTC.lot_size,
        at=at if kind is OrderType.LIMIT else None,
        trigger=at if kind is OrderType.STOP else None,
        symbol=symbol,
        reduce_only=draw(st.sampled_from([False, False, False, True])),
    )
    twins = st.builds(lambda quantity: placed(Side.BUY, quantity, ago_s=1, symbol=symbol), money("0.001", "0.1", 5))
    known = {
        "quote": own,
        "quotes": [twin, quoted("1900", symbol="ETH/USDT")],
        "equity": draw(money("5000", "500000")),
        "cash": draw(money("1000", "500000")),
        "coins": draw(money("0", "1", 5)),
        "reserved": {"USDT": draw(money("0", "500")), "BTC": draw(money("0", "0.1", 5))},
        "positions": draw(exposures()),
        "orders": draw(working()),
        "recent": draw(st.lists(twins, max_size=2)),
        "stop": "1" if wanted.side is Side.BUY else "1000000",
        "correlation": draw(st.sampled_from([{}, {"ETH": "0.9"}, {"ETH": "0.1"}])),
        "usual_volatility": draw(money("0.0001", "0.02", 4)),
        "shortfall": draw(st.none() | money("0", "0.5", 3)),
        "portfolio_shortfall": draw(money("0", "100")),
        "funding_rate": "0.0001",
        "confidence": draw(st.sampled_from([None, "0.9"])),
        "instruments": instruments or [BTC, ETH, PERP],
        **draw(books(own, shown)),
        **draw(limits()),
    }
    known["volatility"] = known["usual_volatility"]
    return Case(wanted, known)


# Anything at all.

digits = st.integers(0, 10**75)
exponents = st.one_of(
    st.integers(-40, 40),
    st.sampled_from([-(10**17), -2_000_000, -1_000_050, -999_999, 999_999, 1_000_001, 2_000_000, 10**17]),
)
no_number = ("NaN", "-NaN", "sNaN", "-sNaN", "NaN123", "Infinity", "-Infinity")
anything = st.one_of(
    st.sampled_from([Decimal(text) for text in (*no_number, "-0")]),
    st.builds(
        lambda sign, n, e: Decimal((sign, Decimal(n).as_tuple().digits, e)), st.sampled_from([0, 1]), digits, exponents
    ),
    st.decimals(min_value=0, max_value=10, places=18),
)
maybe_anything = st.none() | anything
symbols = st.sampled_from([BTC.symbol, PERP.symbol, "ETH/USDT", "unlisted"])
texts = st.sampled_from(["BTC", "ETH", "USDT", "EUR"])
counts = st.integers(0, 10**9)
moments = st.integers(NOW - 10**13, NOW + 10**13)


@st.composite
def wild_orders(draw: st.DrawFn, quantity: st.SearchStrategy[Decimal] = anything) -> Order:
    """An order of any type with any decimals in it."""
    fields: dict[str, Any] = {
        "type": draw(st.sampled_from(OrderType)),
        "limit_price": draw(maybe_anything),
        "trigger_price": draw(maybe_anything),
        "reduce_only": draw(st.booleans()),
        "symbol": draw(symbols),
    }
    return replace(order(draw(sides), "1"), **fields, quantity=Quantity(draw(quantity)))


prices = anything.map(Price)
quantities = anything.map(Quantity)
levels = st.lists(st.builds(Level, prices, quantities), max_size=3).map(tuple)
conditions = st.builds(
    Conditions,
    overdue_s=st.dictionaries(st.sampled_from(["book", "trades"]), anything),
    bids=st.none() | levels,
    asks=st.none() | levels,
    bid_depth=maybe_anything,
    ask_depth=maybe_anything,
    bar_s=st.integers(-1, 3600),
    bar_volume=maybe_anything,
    volatility=maybe_anything,
    usual_volatility=maybe_anything,
    window_price=maybe_anything,
    jump=maybe_anything,
    elsewhere=st.dictionaries(texts, anything),
    funding_rate=maybe_anything,
    shortfall=maybe_anything,
    correlation=st.dictionaries(texts, maybe_anything),
)
intents = st.builds(
    Intent,
    taint=st.sampled_from(Taint),
    stop_price=st.none() | prices,
    least_taint=st.sampled_from(Taint),
    vouched=st.booleans(),
    thesis=st.booleans(),
    unreadable_predicates=counts,
    unsound_exits=st.booleans(),
    not_finite=st.integers(0, 3),
    predicates=counts,
    evidence=counts,
    unknown_evidence=st.none() | counts,
    views_until_ns=st.none() | moments,
    confidence=maybe_anything,
    calibrated=st.booleans(),
    expectation=st.none() | st.builds(Expectation, prices, st.integers(-1, 10**9)),
    executions=counts,
    confirmed=st.none() | counts,
)
activities = st.builds(Activity, *[counts] * 9)
instruments = st.builds(
    Instrument,
    symbol=symbols,
    base=texts,
    quote=texts,
    tick_size=anything,
    lot_size=anything,
    min_quantity=anything,
    min_notional=anything,
    kind=st.sampled_from([BTC.kind, PERP.kind]),
    taker_fee=anything,
    tradable=st.booleans(),
    max_quantity=maybe_anything,
    maintenance_margin=anything,
)
wild_quotes = st.builds(Quote, symbols, prices, prices, prices, moments, moments, st.integers(0, 10**13))
positions = st.builds(
    Position,
    st.just("paper"),
    symbols,
    sides,
    quantities,
    prices,
    kind=st.sampled_from([BTC.kind, PERP.kind]),
    margin=anything,
    funding=anything,
)
open_orders = st.builds(
    OpenOrder,
    st.just("resting"),
    st.sampled_from(["trend", "another"]),
    symbols,
    sides,
    anything,
    anything,
    st.booleans(),
    st.sampled_from([OrderState.OPEN, OrderState.UNKNOWN]),
    st.booleans(),
    maybe_anything,
    maybe_anything,
)


def _or_sound(wild: st.SearchStrategy[Any], sound: list[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Some sound ones beside wild ones, by symbol: what is all broken hides what each of them breaks."""
    return st.tuples(st.sampled_from([sound, []]), st.lists(wild, max_size=2)).map(
        lambda both: {one.symbol: one for part in both for one in part}
    )


wild_facts = st.builds(
    Facts,
    account_id=st.just("paper"),
    numeraire=texts,
    now_ns=st.just(NOW),
    equity=maybe_anything,
    balances=st.dictionaries(texts, anything),
    reserved=st.dictionaries(texts, anything),
    positions=st.lists(positions, max_size=2).map(tuple),
    orders=st.lists(open_orders, max_size=3).map(tuple),
    recent=st.lists(st.builds(RecentOrder, texts, symbols, sides, anything, moments), max_size=2).map(tuple),
    quotes=_or_sound(wild_quotes, [quoted("50000"), quoted("50000", symbol=PERP.symbol)]),
    instruments=_or_sound(instruments, [BTC, PERP]),
    intent=intents,
    conditions=st.dictionaries(symbols, conditions),
    activity=activities,
    pegs=st.dictionaries(texts, maybe_anything),
    portfolio_shortfall=maybe_anything,
    venue_status=st.integers(0, 2),
    restricted=st.booleans(),
    loop_lag_s=maybe_anything,
    reused_id=st.booleans(),
)
