"""Perpetuals on paper: shorts, margin, funding, liquidation, at the venue alone and through a whole desk."""

from decimal import Decimal
from typing import Any

import pytest

from core.errors import ExchangeRejected
from core.instruments import ContractKind
from core.money import Price
from core.orders import Fill, OrderState, OrderType, Side, TimeInForce
from core.quotes import Funding
from core.time import HOUR_NS
from execution.ports import PlainOrder
from execution.settings import PaperSettings
from execution.venues.paper import PaperVenue
from memory.books import accounts, ledger
from memory.books.database import Books
from tests.execution.desk import ACCOUNT, NOTHING, T0, ScriptedMarket, instrument

SYMBOL = "BTC/USDT:USDT"
PERPETUAL = instrument(
    "BTC", symbol=SYMBOL, kind=ContractKind.PERPETUAL, maker_fee=Decimal("0.001"), taker_fee=Decimal("0.001")
)


class Exchange:
    """The venue alone with 1000 USDT: no gate, and a ledger that hears when it is told to."""

    def __init__(self, books: Books, leverage: str = "1", **settings: Any) -> None:
        self.books, self.market, self.now_ns, self.orders = books, ScriptedMarket(PERPETUAL), T0, 0
        paper = PaperSettings(**NOTHING, leverage=Decimal(leverage), **settings)
        self.venue = PaperVenue(ACCOUNT, books, self.market, paper)
        deposit = {"USDT": Decimal(1000)}
        books.write(lambda conn: accounts.open_account(conn, ACCOUNT, "USDT", deposit, ts_ns=T0, clock_ns=T0))

    async def place(self, side: Side, quantity: str, *, reduce_only: bool = False, **prices: str) -> str:
        self.orders += 1
        kind = OrderType.LIMIT if "limit_price" in prices else OrderType.MARKET
        limit, trigger = (Price(Decimal(prices[n])) if n in prices else None for n in ("limit_price", "trigger_price"))
        kind = kind if trigger is None else OrderType.STOP
        name = f"order-{self.orders}"
        size: Any = Decimal(quantity)
        gtc = TimeInForce.GTC
        order = PlainOrder(name, SYMBOL, side, kind, size, limit, trigger, gtc, reduce_only, self.now_ns)
        await self.venue.place(order)
        return name

    async def hour(self, open_: str, high: str, low: str, close: str) -> None:
        self.market.bar(open_, high, low, close, open_ns=self.now_ns, symbol=SYMBOL)
        self.now_ns += HOUR_NS
        await self.venue.advance(self.now_ns)

    async def trade(self, side: Side, quantity: str, at: str = "100", **more: Any) -> str:
        """A market order that fills in an hour that stands still."""
        name = await self.place(side, quantity, **more)
        await self.hour(at, at, at, at)
        return name

    def funds(self, rate: str, *, mark: str = "100") -> None:
        self.market.paid.append(Funding(SYMBOL, self.now_ns + HOUR_NS, Decimal(rate), Price(Decimal(mark))))

    async def position(self) -> Any:
        return next(iter(await self.venue.positions()), None)

    async def state(self, name: str) -> OrderState:
        report = await self.venue.report(name, SYMBOL)
        assert report is not None
        return report.state

    async def fills(self) -> tuple[Fill, ...]:
        return await self.venue.fills(SYMBOL, 0)

    async def wallet(self) -> Decimal:
        return (await self.venue.balances())["USDT"]

    async def book(self) -> None:
        """Our ledger hears of everything, oldest first."""
        told = [(f.ts_event_ns, f) for f in await self.fills()]
        paid = [(f.ts_event_ns, f) for f in await self.venue.fundings(0)]

        def write(conn: Any) -> None:
            for _, fill in told:
                ledger.apply_fill(conn, fill, PERPETUAL)
            for ns, funding in paid:
                ledger.apply_funding(conn, ACCOUNT, PERPETUAL, funding.payment, ts_event_ns=ns)

        self.books.write(write)

    def cash(self) -> Decimal:
        return self.books.read(lambda conn: accounts.balances(conn, ACCOUNT))["USDT"]


@pytest.fixture
def exchange(books: Books) -> Exchange:
    return Exchange(books)


# Margin.


async def test_a_short_is_opened_without_coins_and_posts_its_margin(exchange: Exchange) -> None:
    await exchange.trade(Side.SELL, "4")
    held = await exchange.position()
    assert held is not None
    assert (held.side, held.quantity, held.average_price, held.margin) == (Side.SELL, 4, 100, 400)
    assert (held.leverage, held.isolated) == (1, True)
    # Only the fee has left: the margin is held, not spent.
    assert await exchange.wallet() == Decimal("999.6")


async def test_what_margin_cannot_be_posted_for_does_not_open(exchange: Exchange) -> None:
    name = await exchange.trade(Side.SELL, "20")
    held = await exchange.position()
    assert held is not None
    # 1000 / (100 x 1.001), cut to the lot.
    assert (held.quantity, await exchange.state(name)) == (Decimal("9.990"), OrderState.CANCELLED)


async def test_margin_is_posted_once(exchange: Exchange) -> None:
    await exchange.trade(Side.BUY, "6")
    await exchange.trade(Side.BUY, "6")
    held = await exchange.position()
    assert held is not None
    assert held.quantity == Decimal("9.990")


async def test_leverage_posts_a_part_of_the_worth(books: Books) -> None:
    exchange = Exchange(books, leverage="2")
    await exchange.trade(Side.BUY, "15")
    held = await exchange.position()
    assert held is not None
    assert (held.quantity, held.margin) == (15, 750)


async def test_closing_a_part_frees_its_share_of_the_margin_and_pays_the_gain(exchange: Exchange) -> None:
    await exchange.trade(Side.SELL, "4")
    await exchange.trade(Side.BUY, "1", at="90")
    held = await exchange.position()
    assert held is not None
    assert (held.quantity, held.margin) == (3, 300)
    assert await exchange.wallet() == Decimal("999.6") + 10 - Decimal("0.09")


async def test_an_order_beyond_the_position_flips_it(exchange: Exchange) -> None:
    await exchange.trade(Side.BUY, "4")
    await exchange.trade(Side.SELL, "7", at="110")
    held = await exchange.position()
    assert held is not None
    assert (held.side, held.quantity, held.average_price, held.margin) == (Side.SELL, 3, 110, 330)


async def test_the_ledger_and_the_venue_agree_after_every_kind_of_trade(exchange: Exchange) -> None:
    for side, quantity, at in (
        (Side.SELL, "3", "100"),
        (Side.SELL, "1", "103"),
        (Side.BUY, "2", "97"),
        (Side.BUY, "5", "99"),
        (Side.SELL, "3", "101"),
    ):
        await exchange.trade(side, quantity, at=at)
        before = await exchange.wallet()
        await exchange.book()
        assert (exchange.cash(), await exchange.wallet()) == (before, before)
    assert await exchange.position() is None


# Reduce-only.


async def test_a_reduce_only_order_without_a_position_is_rejected(exchange: Exchange) -> None:
    with pytest.raises(ExchangeRejected, match="there is no position to reduce"):
        await exchange.place(Side.BUY, "1", reduce_only=True)


async def test_a_reduce_only_order_on_the_side_of_the_position_is_rejected(exchange: Exchange) -> None:
    await exchange.trade(Side.SELL, "1")
    with pytest.raises(ExchangeRejected, match="reduce-only sell"):
        await exchange.place(Side.SELL, "1", reduce_only=True)


async def test_a_reduce_only_cover_closes_the_short_and_no_more(exchange: Exchange) -> None:
    await exchange.trade(Side.SELL, "2")
    name = await exchange.trade(Side.BUY, "5", reduce_only=True)
    assert await exchange.position() is None
    assert await exchange.state(name) is OrderState.CANCELLED
    assert [f.quantity for f in await exchange.fills()] == [2, 2]


async def test_a_reduce_only_order_whose_position_is_gone_does_nothing(exchange: Exchange) -> None:
    await exchange.trade(Side.SELL, "2")
    resting = await exchange.place(Side.BUY, "2", reduce_only=True, limit_price="90")
    await exchange.trade(Side.BUY, "2")
    await exchange.hour("95", "95", "80", "95")
    assert (await exchange.position(), await exchange.state(resting)) == (None, OrderState.CANCELLED)


# Funding.


@pytest.mark.parametrize(
    ("side", "rate", "paid"),
    [
        (Side.BUY, "0.001", "0.4"),
        (Side.SELL, "0.001", "-0.4"),
        (Side.BUY, "-0.001", "-0.4"),
        (Side.SELL, "-0.001", "0.4"),
    ],
)
async def test_longs_pay_a_positive_rate_and_shorts_receive_it(
    exchange: Exchange, side: Side, rate: str, paid: str
) -> None:
    await exchange.trade(side, "4")
    before = await exchange.wallet()
    exchange.funds(rate)
    await exchange.hour("100", "100", "100", "100")
    (funding,) = await exchange.venue.fundings(0)
    held = await exchange.position()
    assert held is not None
    assert (funding.payment, before - await exchange.wallet(), 400 - held.margin) == (Decimal(paid),) * 3


async def test_funding_is_paid_once_however_often_the_venue_looks(exchange: Exchange) -> None:
    await exchange.trade(Side.BUY, "4")
    exchange.funds("0.001")
    for _ in range(3):
        await exchange.hour("100", "100", "100", "100")
    assert len(await exchange.venue.fundings(0)) == 1


async def test_who_opens_at_the_funding_time_or_later_pays_nothing(exchange: Exchange) -> None:
    exchange.funds("0.001")
    await exchange.hour("100", "100", "100", "100")
    await exchange.trade(Side.BUY, "4")
    assert await exchange.venue.fundings(0) == ()


async def test_funding_of_a_day_that_nobody_was_awake_is_paid_after_it(exchange: Exchange) -> None:
    await exchange.trade(Side.BUY, "4")
    for _ in range(72):
        exchange.funds("0.0001")
        exchange.market.bar("100", "100", "100", "100", open_ns=exchange.now_ns, symbol=SYMBOL)
        exchange.now_ns += HOUR_NS
    await exchange.venue.advance(exchange.now_ns)
    assert len(await exchange.venue.fundings(0)) == 72


# Liquidation.


def three_times(books: Books) -> Exchange:
    """Three times leverage: a long of 100 is liquidated at (100 - 33.33) / 0.995 = 67.00, a short at 132.67."""
    return Exchange(books, leverage="3")


@pytest.mark.parametrize(("side", "price"), [(Side.BUY, "67.01"), (Side.SELL, "132.66")])
async def test_a_price_just_before_liquidation_changes_nothing(books: Books, side: Side, price: str) -> None:
    exchange = three_times(books)
    await exchange.trade(side, "6")
    await exchange.hour("100", max("100", price, key=float), min("100", price, key=float), "100")
    assert await exchange.position() is not None


@pytest.mark.parametrize(("side", "price"), [(Side.BUY, "67"), (Side.SELL, "132.67")])
async def test_a_price_that_uses_the_margin_up_loses_all_of_it_and_no_more_than_a_tick(
    books: Books, side: Side, price: str
) -> None:
    exchange = three_times(books)
    await exchange.trade(side, "6")
    before = await exchange.wallet()
    await exchange.hour("100", max("100", price, key=float), min("100", price, key=float), "100")
    assert await exchange.position() is None
    lost = before - await exchange.wallet()
    assert Decimal(200) - Decimal("0.001") <= lost <= 200 + Decimal("0.07")
    liquidation = (await exchange.fills())[-1]
    assert (liquidation.side, liquidation.quantity) == (side.opposite, Decimal(6))
    assert liquidation.client_order_id.startswith("external-liquidation-")


async def test_one_times_long_is_never_liquidated(exchange: Exchange) -> None:
    await exchange.trade(Side.BUY, "9")
    await exchange.hour("100", "100", "0.01", "0.01")
    assert await exchange.position() is not None


async def test_liquidation_comes_before_a_target_in_the_same_bar_and_cancels_it(books: Books) -> None:
    exchange = three_times(books)
    await exchange.trade(Side.BUY, "6")
    target = await exchange.place(Side.SELL, "6", reduce_only=True, limit_price="120")
    await exchange.hour("100", "150", "60", "140")
    assert await exchange.state(target) is OrderState.CANCELLED
    assert (await exchange.fills())[-1].client_order_id.startswith("external-")


async def test_a_stop_nearer_than_liquidation_comes_first(books: Books) -> None:
    exchange = three_times(books)
    await exchange.trade(Side.BUY, "6")
    stop = await exchange.place(Side.SELL, "6", reduce_only=True, trigger_price="90")
    await exchange.hour("100", "100", "60", "60")
    assert await exchange.state(stop) is OrderState.FILLED
    assert [f.price for f in await exchange.fills()] == [100, 90]


async def test_a_gap_beyond_liquidation_is_too_late_for_the_stop(books: Books) -> None:
    exchange = three_times(books)
    await exchange.trade(Side.BUY, "6")
    stop = await exchange.place(Side.SELL, "6", reduce_only=True, trigger_price="90")
    await exchange.hour("60", "60", "60", "60")
    assert await exchange.state(stop) is OrderState.CANCELLED


async def test_an_entry_and_its_liquidation_can_share_a_bar(books: Books) -> None:
    exchange = three_times(books)
    await exchange.place(Side.BUY, "6")
    await exchange.hour("100", "100", "60", "100")
    assert [f.side for f in await exchange.fills()] == [Side.BUY, Side.SELL]


async def test_funding_brings_liquidation_nearer(books: Books) -> None:
    exchange = three_times(books)
    await exchange.trade(Side.BUY, "6")
    exchange.funds("0.05")
    await exchange.hour("100", "100", "100", "100")
    await exchange.hour("100", "100", "70", "100")
    assert await exchange.position() is None


async def test_a_restart_in_the_middle_loses_nothing(books: Books) -> None:
    exchange = three_times(books)
    await exchange.trade(Side.SELL, "6")
    exchange.venue = PaperVenue(ACCOUNT, books, exchange.market, PaperSettings(**NOTHING, leverage=Decimal(3)))
    exchange.funds("0.001")
    await exchange.hour("100", "100", "100", "100")
    held = await exchange.position()
    assert held is not None
    assert (held.side, held.quantity, len(await exchange.venue.fundings(0))) == (Side.SELL, 6, 1)
