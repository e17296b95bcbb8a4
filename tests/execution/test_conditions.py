"""What the gate finds out about a market before it judges an order in it, and what it says when it cannot."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np
import pytest

from core.bars import Bars
from core.money import Quantity
from core.orders import Order, OrderType, Side
from core.quotes import Feeds
from core.time import HOUR_NS, Timeframe
from execution.conditions import Surveyor
from risk.facts import Conditions, Worth
from tests.execution.desk import BTC, ETH, T0, ScriptedMarket

ASSUMED = Decimal("0.40")


class Candles(ScriptedMarket):
    """Hourly closes up to T0, and nothing else."""

    def __init__(self, **closes: Sequence[float]) -> None:
        super().__init__(BTC, ETH)
        self._closes = {f"{base}/USDT": list(found) for base, found in closes.items()}
        self.asked = 0

    def bars(self, symbol: str, timeframe: Timeframe, *, as_of_ns: int, n: int) -> Bars:
        self.asked += 1
        closes = self._closes.get(symbol, [])
        opens = [T0 - (len(closes) - i) * HOUR_NS for i in range(len(closes))]
        known = [(o, c) for o, c in zip(opens, closes, strict=True) if o + HOUR_NS <= as_of_ns][-n:]
        column = np.array([c for _, c in known])
        return Bars(symbol, timeframe, np.array([o for o, _ in known], dtype=np.int64), *[column] * 4, column * 0 + 7.0)


def order(side: Side = Side.BUY, symbol: str = "BTC/USDT") -> Order:
    return Order("p1", "paper", "trend", symbol, side, OrderType.MARKET, Quantity(Decimal(1)))


def conditions(market: ScriptedMarket, side: Side = Side.BUY, now_ns: int = T0, **bases: str) -> Conditions:
    quote = market.quote("BTC/USDT", as_of_ns=now_ns)
    return Surveyor(market).conditions(order(side), quote, bases or {"BTC/USDT": "BTC"}, now_ns)


def worth(longs: Mapping[str, int], shorts: Mapping[str, int] | None = None) -> Worth:
    sides = [{base: Decimal(amount) for base, amount in side.items()} for side in (longs, shorts or {})]
    long, short = (sum(side.values(), Decimal(0)) for side in sides)
    whole = {"long": long, "short": short, "gross": long + short, "perpetuals": Decimal(0)}
    return Worth(*sides, venues={}, **whole, held_longs=sides[0], held_shorts=sides[1])


def swinging(n: int, step: float = 0.01) -> list[float]:
    return [100 * (1 + step * (i % 2)) for i in range(n)]


def test_of_a_symbol_that_the_market_does_not_know_nothing_is_known() -> None:
    market = Candles(BTC=swinging(50))
    assert Surveyor(market).conditions(order(symbol="XYZ/USDT"), None, {}, T0) == Conditions()


@pytest.mark.parametrize(("bars", "known"), [(30, False), (31, True)])
def test_how_a_market_usually_moves_needs_thirty_returns(bars: int, known: bool) -> None:
    found = conditions(Candles(BTC=swinging(bars)))
    assert (found.usual_volatility is not None, found.volatility is not None) == (known, known)


def test_volatility_is_the_mean_absolute_return_lately_beside_the_usual() -> None:
    calm, wild = [100.0, 101.0] * 60, [100.0, 110.0] * 12
    found = conditions(Candles(BTC=calm + wild))
    assert found.volatility is not None
    assert found.usual_volatility is not None
    # Of the last 24 returns the first goes back from 101 to 100; the others swing by 10 and by 9.09 percent.
    assert found.volatility == pytest.approx(Decimal("0.0920792"))
    assert found.volatility > 3 * found.usual_volatility


def test_a_missing_bar_is_no_return() -> None:
    market = Candles(BTC=swinging(40))
    whole = market.bars("BTC/USDT", Timeframe.H1, as_of_ns=T0, n=40)
    kept = np.array([i for i in range(40) if i != 20])
    holed = Bars("BTC/USDT", Timeframe.H1, whole.open_ns[kept], *[whole.close[kept]] * 4, whole.volume[kept])
    market.bars = lambda *a, n, **k: holed if n > 3 else whole  # type: ignore[method-assign]
    assert len(Surveyor(market).history("BTC/USDT", T0).returns) == 37


def test_depth_and_the_age_of_the_book_are_those_of_the_book() -> None:
    market = Candles(BTC=swinging(50))
    market.show("100", at_ns=T0)
    market.depth(asks="101x2 102x3", bids="99x4", at_ns=T0)
    found = conditions(market, now_ns=T0 + 2 * HOUR_NS)
    assert (found.ask_depth, found.bid_depth) == (Decimal(5), Decimal(4))
    assert found.overdue_s == {"book": Decimal(3600)}


def test_what_the_feeds_tell_stands_beside_the_book() -> None:
    market = Candles(BTC=swinging(50))
    elsewhere = {"second": Decimal("100.5")}
    market.fed["BTC/USDT"] = Feeds({"trades": Decimal(7)}, elsewhere, Decimal("0.0001"))
    found = conditions(market)
    assert (found.overdue_s, found.elsewhere, found.funding_rate) == (
        {"trades": Decimal(7)},
        elsewhere,
        Decimal("0.0001"),
    )


def test_of_two_ages_of_a_book_the_greater_counts() -> None:
    market = Candles(BTC=swinging(50))
    market.show("100", at_ns=T0)
    market.depth(asks="100x1", bids="99x1", at_ns=T0 - 2 * HOUR_NS)
    for told, age in (("9", Decimal(3600)), ("9999", Decimal(9999))):
        market.fed["BTC/USDT"] = Feeds({"book": Decimal(told)})
        assert conditions(market).overdue_s["book"] == age


def test_a_market_without_a_book_shows_a_usual_bars_volume_instead() -> None:
    found = conditions(Candles(BTC=swinging(50)))
    assert (found.bids, found.asks, found.ask_depth, found.bar_volume) == (None, None, None, Decimal(7))


def test_a_jump_is_a_fraction_a_minute() -> None:
    assert conditions(Candles(BTC=[*swinging(40), 100.0, 160.0])).jump == Decimal("0.01")


def test_one_bar_alone_shows_no_jump_and_no_calm_either() -> None:
    assert conditions(Candles(BTC=[100.0])).jump is None


def test_prices_that_move_together_correlate_and_mirrored_ones_do_not() -> None:
    rng = np.random.default_rng(7)
    walk = 100 * np.cumprod(1 + rng.normal(0, 0.01, 100))
    market = Candles(BTC=walk, ETH=walk * 3)
    bases = {"BTC/USDT": "BTC", "ETH/USDT": "ETH"}
    together = Surveyor(market).conditions(order(), None, bases, T0).correlation
    assert together == {"BTC": Decimal(1), "ETH": Decimal(1)}
    mirrored = Candles(BTC=walk, ETH=100 * np.cumprod(1 / (walk[1:] / walk[:-1])))
    against = Surveyor(mirrored).conditions(order(), None, bases, T0).correlation["ETH"]
    assert against is not None
    assert against < Decimal("-0.99")


def test_a_correlation_with_what_has_no_history_is_not_known() -> None:
    bases = {"BTC/USDT": "BTC", "ETH/USDT": "ETH"}
    market = Candles(BTC=swinging(100), ETH=swinging(20))
    assert Surveyor(market).conditions(order(), None, bases, T0).correlation["ETH"] is None


def test_shortfall_needs_two_hundred_days_and_knows_its_side() -> None:
    falling = [100 * 0.999**i for i in range(224)]
    assert conditions(Candles(BTC=falling[:223])).shortfall is None
    long, short = conditions(Candles(BTC=falling)), conditions(Candles(BTC=falling), Side.SELL)
    assert long.shortfall == pytest.approx(Decimal("0.0237"), abs=Decimal("0.0001"))
    assert short.shortfall == 0


def test_a_portfolio_is_never_worse_than_its_parts_and_hedges_count() -> None:
    rng = np.random.default_rng(3)
    a, b = (100 * np.cumprod(1 + rng.normal(0, 0.01, 700)) for _ in range(2))
    surveyor = Surveyor(Candles(BTC=a, ETH=b))
    symbols = {"BTC": "BTC/USDT", "ETH": "ETH/USDT"}

    def shortfall(**longs: int) -> Decimal:
        return surveyor.portfolio_shortfall(worth(longs), symbols, ASSUMED, T0)

    assert Decimal(0) < shortfall(BTC=1000, ETH=1000) < shortfall(BTC=1000) + shortfall(ETH=1000)
    hedged = worth({"BTC": 1000}, {"BTC": 1000})
    assert surveyor.portfolio_shortfall(hedged, symbols, ASSUMED, T0) == 0


def test_what_has_no_history_counts_with_the_assumed_share() -> None:
    surveyor = Surveyor(Candles(BTC=swinging(50)))
    held = worth({"BTC": 1000})
    assert surveyor.portfolio_shortfall(held, {"BTC": "BTC/USDT"}, ASSUMED, T0) == 400


def test_an_account_that_holds_nothing_can_lose_nothing() -> None:
    assert Surveyor(Candles()).portfolio_shortfall(worth({}), {}, ASSUMED, T0) == 0


def test_bars_are_worked_out_once_until_a_new_one_closes() -> None:
    surveyor = Surveyor(Candles(BTC=swinging(50)))
    first = surveyor.history("BTC/USDT", T0)
    assert surveyor.history("BTC/USDT", T0 + HOUR_NS // 2) is first
    assert surveyor.history("BTC/USDT", T0 - HOUR_NS) is not first


def test_a_bar_that_comes_late_is_seen_when_it_comes() -> None:
    market = Candles(BTC=swinging(50))
    surveyor = Surveyor(market)
    before = surveyor.history("BTC/USDT", T0 + HOUR_NS)
    late = market.bars

    def with_one_more(symbol: str, timeframe: Timeframe, *, as_of_ns: int, n: int) -> Bars:
        found = late(symbol, timeframe, as_of_ns=as_of_ns, n=n)
        opens = np.append(found.open_ns, T0)[-n:]
        return Bars(symbol, timeframe, opens, *[np.append(found.close, 105.0)[-n:]] * 5)

    market.bars = with_one_more  # type: ignore[method-assign]
    assert surveyor.history("BTC/USDT", T0 + HOUR_NS).closes[-1] == 105.0
    assert before.closes[-1] != 105.0
