"""The paper venue: nothing fills in the past, nothing fills for free, and money is spent once."""

from decimal import Decimal
from typing import Any

import pytest

from core.errors import ExchangeRejected
from core.orders import Fill, OrderState, OrderType, Side, TimeInForce
from core.time import HOUR_NS, MINUTE_NS, SECOND_NS
from execution.ports import OrderReport, PlainOrder
from execution.settings import PaperSettings
from execution.venues.paper import PaperVenue
from memory.books import accounts, ledger, tables
from memory.books.database import Books
from tests.execution.desk import ACCOUNT, BTC, ETH, FREE, T0, ScriptedMarket


class Exchange:
    """The venue alone, over a scripted market: no gate, no ledger beyond the balances it reads."""

    def __init__(self, books: Books, settings: PaperSettings, **balances: str) -> None:
        self.books, self.market = books, ScriptedMarket(BTC, ETH)
        self.venue = PaperVenue(ACCOUNT, books, self.market, settings)
        self.now_ns = T0
        deposits = {currency: Decimal(amount) for currency, amount in balances.items()}
        prices = dict.fromkeys(deposits, Decimal(100))
        books.write(
            lambda conn: accounts.open_account(conn, ACCOUNT, "USDT", deposits, ts_ns=T0, clock_ns=T0, prices=prices)
        )

    async def place(self, side: Side, quantity: str, name: str = "order", **more: Any) -> None:
        kind = (
            OrderType.LIMIT
            if "limit_price" in more
            else OrderType.STOP
            if "trigger_price" in more
            else OrderType.MARKET
        )
        prices = {k: Decimal(more.pop(k)) if k in more else None for k in ("limit_price", "trigger_price")}
        fields: dict[str, Any] = {
            "client_order_id": name,
            "symbol": "BTC/USDT",
            "side": side,
            "type": kind,
            "quantity": Decimal(quantity),
            "time_in_force": TimeInForce.GTC,
            "reduce_only": False,
            "decided_ns": self.now_ns,
        }
        await self.venue.place(PlainOrder(**{**fields, **prices, **more}))

    async def hour(
        self, open_: str, high: str, low: str, close: str, volume: str = "1000", symbol: str = "BTC/USDT"
    ) -> None:
        self.market.bar(open_, high, low, close, open_ns=self.now_ns, volume=volume, symbol=symbol)
        await self.pass_(HOUR_NS)

    async def pass_(self, ns: int) -> None:
        """Time goes on, whether anything traded or not."""
        self.now_ns += ns
        await self.venue.advance(self.now_ns)

    async def report(self, name: str = "order") -> OrderReport:
        report = await self.venue.report(name, "BTC/USDT")
        assert report is not None
        return report

    async def state(self, name: str = "order") -> OrderState:
        return (await self.report(name)).state

    async def fills(self, name: str = "order") -> list[tuple[str, str]]:
        """Quantity and price of each, as text."""
        return [(str(f.quantity.normalize()), str(f.price.normalize())) for f in await self.trades(name)]

    async def trades(self, name: str = "order") -> tuple[Fill, ...]:
        return (await self.report(name)).fills

    async def book(self, name: str = "order") -> None:
        """Our ledger hears of the fills."""
        for fill in await self.trades(name):
            self.books.write(lambda conn, fill=fill: ledger.apply_fill(conn, fill, BTC))  # type: ignore[misc]


@pytest.fixture
def exchange(books: Books) -> Exchange:
    return Exchange(books, FREE, USDT="10000", BTC="10")


# Acceptance.


async def test_an_unknown_symbol_is_rejected(exchange: Exchange) -> None:
    with pytest.raises(ExchangeRejected, match="unknown symbol DOGE/USDT"):
        await exchange.place(Side.BUY, "1", symbol="DOGE/USDT")


async def test_coins_that_are_not_there_cannot_be_sold(exchange: Exchange) -> None:
    await exchange.place(Side.SELL, "10", "all")
    with pytest.raises(ExchangeRejected, match="insufficient BTC"):
        await exchange.place(Side.SELL, "10.001", "more")


async def test_an_order_that_never_arrived_has_no_report(exchange: Exchange) -> None:
    assert await exchange.venue.report("never", "BTC/USDT") is None


async def test_the_same_client_order_id_is_one_order(exchange: Exchange) -> None:
    await exchange.place(Side.BUY, "1")
    await exchange.place(Side.BUY, "5")
    await exchange.hour("100", "100", "100", "100")
    assert await exchange.fills() == [("1", "1E+2")]


async def test_placing_a_finished_order_again_does_not_bring_it_back(exchange: Exchange) -> None:
    await exchange.place(Side.BUY, "1")
    await exchange.hour("100", "100", "100", "100")
    await exchange.place(Side.BUY, "1")
    await exchange.hour("100", "100", "100", "100")
    assert len(await exchange.fills()) == 1


async def test_a_cancelled_order_does_not_fill(exchange: Exchange) -> None:
    await exchange.place(Side.BUY, "1")
    await exchange.venue.cancel("order", "BTC/USDT")
    await exchange.hour("100", "100", "100", "100")
    assert (await exchange.state(), await exchange.fills()) == (OrderState.CANCELLED, [])


async def test_a_filled_order_cannot_be_cancelled(exchange: Exchange) -> None:
    await exchange.place(Side.BUY, "1")
    await exchange.hour("100", "100", "100", "100")
    await exchange.venue.cancel("order", "BTC/USDT")
    assert await exchange.state() is OrderState.FILLED


async def test_cancelling_what_was_never_placed_does_nothing(exchange: Exchange) -> None:
    await exchange.venue.cancel("never", "BTC/USDT")
    assert await exchange.venue.report("never", "BTC/USDT") is None


# Market orders on bars.


async def test_a_market_order_fills_at_the_next_bars_open(exchange: Exchange) -> None:
    await exchange.hour("90", "95", "90", "95")
    await exchange.place(Side.BUY, "1")
    assert await exchange.fills() == []
    await exchange.hour("100", "120", "80", "110")
    assert await exchange.fills() == [("1", "1E+2")]


async def test_a_market_order_never_fills_in_a_bar_that_had_begun(exchange: Exchange) -> None:
    exchange.market.bar("100", "100", "100", "100", open_ns=T0)
    exchange.now_ns = T0 + 30 * MINUTE_NS
    await exchange.place(Side.BUY, "1")
    await exchange.pass_(30 * MINUTE_NS)
    assert await exchange.fills() == []
    await exchange.hour("105", "105", "105", "105")
    assert await exchange.fills() == [("1", "105")]


async def test_a_fill_is_stamped_when_it_traded_and_not_before_the_decision(exchange: Exchange) -> None:
    await exchange.place(Side.BUY, "1")
    await exchange.hour("100", "100", "100", "100")
    (fill,) = await exchange.trades()
    assert fill.ts_event_ns == T0


async def test_a_taker_pays_slippage_impact_and_latency_and_the_fee(books: Books) -> None:
    settings = PaperSettings(
        slippage=Decimal("0.0005"), impact=Decimal(1), participation=Decimal("0.04"), decision_latency_ms=36_000
    )
    exchange = Exchange(books, settings, USDT="10000")
    await exchange.place(Side.BUY, "4")
    await exchange.hour("100", "110", "90", "100", volume="100")
    (fill,) = await exchange.trades()
    # A hundredth of the hour moves it by a tenth of the range of 20, to 102. It takes 4 % of the volume, so the impact
    # is a fifth of the range of 20 %: 102 x (1 + 0.0005 + 0.04).
    assert fill.price == Decimal("106.14")  # 106.131, on the dear tick
    assert (fill.fee, fill.fee_currency, fill.maker) == (Decimal("0.42456"), "USDT", False)


async def test_a_sale_pays_the_same_way(books: Books) -> None:
    settings = PaperSettings(slippage=Decimal("0.0005"), impact=Decimal(0), decision_latency_ms=0)
    exchange = Exchange(books, settings, USDT="10000", BTC="5")
    await exchange.place(Side.SELL, "1")
    await exchange.hour("100.01", "101", "99", "100")
    (fill,) = await exchange.trades()
    assert fill.price == Decimal("99.95")  # 99.959995, on the cheap tick
    assert fill.fee == Decimal("0.09995")


async def test_an_order_takes_no_more_than_its_share_of_a_bar(books: Books) -> None:
    exchange = Exchange(books, FREE.model_copy(update={"participation": Decimal("0.1")}), USDT="10000")
    await exchange.place(Side.BUY, "3")
    await exchange.hour("100", "100", "100", "100", volume="20")
    assert (await exchange.state(), await exchange.fills()) == (OrderState.PARTIAL, [("2", "1E+2")])
    await exchange.hour("101", "101", "101", "101", volume="20")
    assert (await exchange.state(), await exchange.fills()) == (OrderState.FILLED, [("2", "1E+2"), ("1", "101")])


async def test_a_market_order_larger_than_two_bars_goes_on_until_it_is_filled(books: Books) -> None:
    exchange = Exchange(books, FREE.model_copy(update={"participation": Decimal("0.1")}), USDT="10000")
    await exchange.place(Side.BUY, "5")
    for _ in range(5):
        await exchange.hour("100", "100", "100", "100", volume="10")
    assert (await exchange.state(), len(await exchange.fills())) == (OrderState.FILLED, 5)


async def test_a_bar_without_volume_fills_nothing(exchange: Exchange) -> None:
    await exchange.place(Side.BUY, "1")
    await exchange.hour("100", "100", "100", "100", volume="0")
    assert await exchange.fills() == []


async def test_a_share_of_less_than_a_lot_fills_nothing(exchange: Exchange) -> None:
    await exchange.place(Side.BUY, "1")
    await exchange.hour("100", "100", "100", "100", volume="0.0009")
    assert (await exchange.state(), await exchange.fills()) == (OrderState.OPEN, [])


@pytest.mark.parametrize("hours", [1, 2, 24])
async def test_a_market_order_expires_over_an_outage(exchange: Exchange, hours: int) -> None:
    await exchange.place(Side.BUY, "1")
    await exchange.pass_(hours * HOUR_NS)
    await exchange.hour("80", "80", "80", "80")
    assert (await exchange.state(), await exchange.fills()) == (OrderState.EXPIRED, [])


async def test_bars_that_are_told_late_fill_as_if_they_had_been_told_in_time(exchange: Exchange) -> None:
    await exchange.place(Side.BUY, "1")
    for hour, price in enumerate(("100", "110", "120")):
        exchange.market.bar(price, price, price, price, open_ns=T0 + hour * HOUR_NS)
    await exchange.pass_(3 * HOUR_NS)
    assert await exchange.fills() == [("1", "1E+2")]


async def test_stepping_twice_fills_once(exchange: Exchange) -> None:
    await exchange.place(Side.BUY, "1")
    await exchange.hour("100", "100", "100", "100")
    await exchange.pass_(0)
    assert len(await exchange.fills()) == 1


# Times in force.


async def test_an_immediate_order_takes_what_one_bar_gives(exchange: Exchange) -> None:
    await exchange.place(Side.BUY, "5", time_in_force=TimeInForce.IOC)
    await exchange.hour("100", "100", "100", "100", volume="2")
    await exchange.hour("100", "100", "100", "100")
    assert (await exchange.state(), await exchange.fills()) == (OrderState.EXPIRED, [("2", "1E+2")])


async def test_all_or_nothing_is_nothing_where_one_bar_is_too_small(exchange: Exchange) -> None:
    await exchange.place(Side.BUY, "5", time_in_force=TimeInForce.FOK)
    await exchange.hour("100", "100", "100", "100", volume="4.999")
    assert (await exchange.state(), await exchange.fills()) == (OrderState.EXPIRED, [])


async def test_all_or_nothing_is_all_where_one_bar_is_large_enough(exchange: Exchange) -> None:
    await exchange.place(Side.BUY, "5", time_in_force=TimeInForce.FOK)
    await exchange.hour("100", "100", "100", "100", volume="5")
    assert await exchange.state() is OrderState.FILLED


async def test_all_or_nothing_is_nothing_where_the_money_does_not_reach(books: Books) -> None:
    exchange = Exchange(books, FREE, USDT="200")
    await exchange.place(Side.BUY, "5", time_in_force=TimeInForce.FOK)
    await exchange.hour("100", "100", "100", "100")
    assert await exchange.fills() == []


# Limits on bars.


async def test_a_limit_that_is_only_touched_does_not_fill(exchange: Exchange) -> None:
    await exchange.place(Side.BUY, "1", limit_price="95")
    await exchange.hour("100", "100", "95", "100")
    assert (await exchange.state(), await exchange.fills()) == (OrderState.OPEN, [])


async def test_a_limit_that_is_traded_through_fills_at_its_price_as_a_maker(exchange: Exchange) -> None:
    await exchange.place(Side.BUY, "1", limit_price="95")
    await exchange.hour("100", "100", "94.99", "100")
    (fill,) = await exchange.trades()
    assert (fill.price, fill.maker) == (Decimal(95), True)


async def test_a_resting_limit_fills_where_it_stood_however_far_the_bar_gapped(exchange: Exchange) -> None:
    await exchange.place(Side.SELL, "1", limit_price="105")
    await exchange.hour("100", "100", "100", "100")
    await exchange.hour("108", "110", "107", "110")
    assert await exchange.fills() == [("1", "105")]


async def test_a_limit_that_could_trade_at_once_pays_what_a_market_order_pays(books: Books) -> None:
    costly = FREE.model_copy(update={"slippage": Decimal("0.01")})
    exchange = Exchange(books, costly, USDT="10000")
    await exchange.place(Side.BUY, "1", limit_price="104")
    await exchange.hour("100", "106", "99", "105")
    (fill,) = await exchange.trades()
    assert (fill.price, fill.maker) == (Decimal(101), False)


async def test_a_limit_that_could_trade_at_once_pays_no_more_than_its_limit(books: Books) -> None:
    costly = FREE.model_copy(update={"slippage": Decimal("0.05")})
    exchange = Exchange(books, costly, USDT="10000")
    await exchange.place(Side.BUY, "1", limit_price="104")
    await exchange.hour("100", "106", "99", "105")
    assert await exchange.fills() == [("1", "104")]


async def test_a_stop_that_was_hit_in_a_bar_without_volume_sells_in_the_next(exchange: Exchange) -> None:
    await exchange.place(Side.SELL, "1", trigger_price="95")
    await exchange.hour("96", "96", "94", "95", volume="0")
    await exchange.hour("97", "97", "97", "97")
    assert await exchange.fills() == [("1", "97")]


async def test_a_limit_order_outlives_an_outage(exchange: Exchange) -> None:
    await exchange.place(Side.BUY, "1", limit_price="95")
    await exchange.pass_(24 * HOUR_NS)
    await exchange.hour("96", "96", "94", "94")
    assert await exchange.fills() == [("1", "95")]


# Stops on bars.


async def test_a_touched_stop_fills_at_its_trigger(exchange: Exchange) -> None:
    await exchange.place(Side.SELL, "1", trigger_price="95")
    await exchange.hour("100", "101", "95", "100")
    assert await exchange.fills() == [("1", "95")]


async def test_a_stop_that_the_market_gapped_beyond_fills_at_the_open(exchange: Exchange) -> None:
    await exchange.place(Side.SELL, "1", trigger_price="95")
    await exchange.hour("80", "101", "80", "100")
    assert await exchange.fills() == [("1", "8E+1")]


async def test_a_stop_that_is_not_reached_waits(exchange: Exchange) -> None:
    await exchange.place(Side.SELL, "1", trigger_price="95")
    await exchange.hour("100", "101", "95.01", "100")
    assert (await exchange.state(), await exchange.fills()) == (OrderState.OPEN, [])


async def test_a_stop_pays_slippage(books: Books) -> None:
    exchange = Exchange(books, FREE.model_copy(update={"slippage": Decimal("0.01")}), USDT="1", BTC="1")
    await exchange.place(Side.SELL, "1", trigger_price="95")
    await exchange.hour("100", "101", "90", "100")
    assert await exchange.fills() == [("1", "94.05")]


async def test_the_rest_of_a_stop_goes_on_at_the_next_open_wherever_that_is(exchange: Exchange) -> None:
    await exchange.place(Side.SELL, "3", trigger_price="95")
    await exchange.hour("100", "100", "95", "100", volume="2")
    await exchange.hour("99", "99", "99", "99")
    assert await exchange.fills() == [("2", "95"), ("1", "99")]


async def test_a_stop_fills_at_its_trigger_though_its_bar_also_reached_a_target(exchange: Exchange) -> None:
    """Which came first inside a bar is not known, so it was the stop: whoever sells once sells at the stop."""
    await exchange.place(Side.SELL, "10", "a stop", trigger_price="95")
    await exchange.place(Side.SELL, "10", "b target", limit_price="110")
    await exchange.hour("100", "120", "90", "100")
    assert await exchange.fills("a stop") == [("1E+1", "95")]
    assert await exchange.fills("b target") == []


async def test_the_stop_comes_first_whichever_was_placed_first(exchange: Exchange) -> None:
    await exchange.place(Side.SELL, "10", "a target", limit_price="110")
    await exchange.place(Side.SELL, "10", "b stop", trigger_price="95")
    await exchange.hour("100", "120", "90", "100")
    assert await exchange.fills("b stop") == [("1E+1", "95")]
    assert await exchange.fills("a target") == []


# Money.


async def test_an_order_that_can_no_longer_be_paid_is_cut(books: Books) -> None:
    exchange = Exchange(books, FREE, USDT="250.25")
    await exchange.place(Side.BUY, "5")
    await exchange.hour("100", "100", "100", "100")
    assert await exchange.fills() == [("2.5", "1E+2")]
    assert await exchange.state() is OrderState.CANCELLED


async def test_an_order_that_cannot_be_paid_at_all_fills_nothing(books: Books) -> None:
    exchange = Exchange(books, FREE, USDT="0.05")
    await exchange.place(Side.BUY, "5")
    await exchange.hour("100", "100", "100", "100")
    assert (await exchange.state(), await exchange.fills()) == (OrderState.CANCELLED, [])


@pytest.mark.parametrize("in_force", [TimeInForce.GTC, TimeInForce.IOC])
async def test_two_orders_that_fill_in_one_step_do_not_spend_the_same_money(
    books: Books, in_force: TimeInForce
) -> None:
    exchange = Exchange(books, FREE, USDT="1000")
    await exchange.place(Side.BUY, "9", "a", time_in_force=in_force)
    await exchange.place(Side.BUY, "9", "b", time_in_force=in_force)
    await exchange.hour("100", "100", "100", "100", volume="8")
    spent = [f.quantity * f.price + f.fee for name in ("a", "b") for f in await exchange.trades(name)]
    assert sum(spent) <= 1000


async def test_two_sales_that_fill_in_one_step_do_not_sell_the_same_coins(books: Books) -> None:
    exchange = Exchange(books, FREE, USDT="1", BTC="10")
    await exchange.place(Side.SELL, "8", "a", time_in_force=TimeInForce.IOC)
    await exchange.place(Side.SELL, "8", "b", time_in_force=TimeInForce.IOC)
    await exchange.hour("100", "100", "100", "100", volume="7")
    sold = [f.quantity for name in ("a", "b") for f in await exchange.trades(name)]
    assert sum(sold) <= 10


async def test_a_fill_that_the_ledger_has_booked_is_not_counted_twice(books: Books) -> None:
    exchange = Exchange(books, FREE, USDT="1001")
    await exchange.place(Side.BUY, "5", "a")
    await exchange.hour("100", "100", "100", "100")
    await exchange.book("a")
    await exchange.place(Side.BUY, "5", "b")
    await exchange.hour("100", "100", "100", "100")
    assert await exchange.fills("b") == [("5", "1E+2")]


# Books.


async def test_a_market_order_walks_the_book_level_by_level(exchange: Exchange) -> None:
    exchange.market.depth(asks="100x1 101x2 105x9")
    await exchange.place(Side.BUY, "4")
    assert await exchange.fills() == [("1", "1E+2"), ("2", "101"), ("1", "105")]
    assert await exchange.state() is OrderState.FILLED


async def test_a_sale_walks_the_bids(exchange: Exchange) -> None:
    exchange.market.depth(bids="99x1 98x9", asks="100x9")
    await exchange.place(Side.SELL, "2")
    assert await exchange.fills() == [("1", "99"), ("1", "98")]


async def test_what_the_book_cannot_fill_of_a_market_order_expires(exchange: Exchange) -> None:
    exchange.market.depth(asks="100x1")
    await exchange.place(Side.BUY, "4")
    assert (await exchange.state(), await exchange.fills()) == (OrderState.EXPIRED, [("1", "1E+2")])


async def test_a_market_order_meets_the_book_of_its_arrival(books: Books) -> None:
    exchange = Exchange(books, FREE.model_copy(update={"decision_latency_ms": 2_000}), USDT="10000")
    exchange.market.depth(asks="100x9", at_ns=T0)
    exchange.market.depth(asks="103x9", at_ns=T0 + 2 * SECOND_NS)
    exchange.market.depth(asks="90x9", at_ns=T0 + 2 * SECOND_NS + 1)
    await exchange.place(Side.BUY, "1")
    assert await exchange.fills() == [("1", "103")]
    assert (await exchange.trades())[0].ts_event_ns == T0 + 2 * SECOND_NS


async def test_what_we_took_of_a_book_is_not_there_twice(exchange: Exchange) -> None:
    exchange.market.depth(asks="100x5 104x10")
    await exchange.place(Side.BUY, "4", "first")
    await exchange.place(Side.BUY, "9", "second")
    assert await exchange.fills("first") == [("4", "1E+2")]
    assert await exchange.fills("second") == [("1", "1E+2"), ("8", "104")]


async def test_a_limit_order_walks_no_further_than_its_limit_and_rests(exchange: Exchange) -> None:
    exchange.market.depth(asks="100x1 101x2 105x9")
    await exchange.place(Side.BUY, "4", limit_price="101")
    assert (await exchange.state(), await exchange.fills()) == (OrderState.PARTIAL, [("1", "1E+2"), ("2", "101")])


async def test_a_limit_that_crosses_the_book_pays_as_a_taker(exchange: Exchange) -> None:
    exchange.market.depth(asks="100x9")
    await exchange.place(Side.BUY, "1", limit_price="101")
    assert [f.maker for f in await exchange.trades()] == [False]


async def test_an_immediate_limit_leaves_nothing_resting(exchange: Exchange) -> None:
    exchange.market.depth(asks="100x1 105x9")
    await exchange.place(Side.BUY, "4", limit_price="101", time_in_force=TimeInForce.IOC)
    assert (await exchange.state(), await exchange.fills()) == (OrderState.EXPIRED, [("1", "1E+2")])


async def test_all_or_nothing_is_nothing_where_the_book_is_too_thin(exchange: Exchange) -> None:
    exchange.market.depth(asks="100x1 101x2 105x9")
    await exchange.place(Side.BUY, "4", limit_price="101", time_in_force=TimeInForce.FOK)
    assert (await exchange.state(), await exchange.fills()) == (OrderState.EXPIRED, [])


async def test_an_empty_book_fills_nothing(exchange: Exchange) -> None:
    exchange.market.depth(bids="99x1")
    await exchange.place(Side.BUY, "4")
    assert (await exchange.state(), await exchange.fills()) == (OrderState.EXPIRED, [])


async def test_a_stop_does_not_trade_on_arrival(exchange: Exchange) -> None:
    exchange.market.depth(bids="100x9")
    await exchange.place(Side.SELL, "1", trigger_price="95")
    assert (await exchange.state(), await exchange.fills()) == (OrderState.OPEN, [])


async def test_a_restarted_venue_knows_what_it_accepted(exchange: Exchange) -> None:
    await exchange.place(Side.BUY, "1")
    exchange.venue = PaperVenue(ACCOUNT, exchange.books, exchange.market, FREE)
    await exchange.hour("100", "100", "100", "100")
    assert await exchange.state() is OrderState.FILLED


async def test_another_accounts_orders_are_not_touched(exchange: Exchange) -> None:
    await exchange.place(Side.BUY, "1")
    exchange.market.bar("100", "100", "100", "100", open_ns=T0)
    await PaperVenue("theirs", exchange.books, exchange.market, FREE).advance(T0 + HOUR_NS)
    assert exchange.books.read(lambda conn: conn.execute(tables.paper_fills.select()).all()) == []
