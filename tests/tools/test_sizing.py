from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.bars import Bars
from core.errors import ToolInputError
from core.instruments import ContractKind, Instrument
from core.money import ZERO, on_grid
from core.orders import Side
from tests.models.builders import bars_of, walk
from tests.tools.builders import BTC, account, context, end_of, holding, quote_at, without_quote
from tools.context import AccountView, ToolContext
from tools.sizing import Constraint, PositionSize, PositionSizeInput, largest_quantities, position_size
from tools.spec import Unavailable

CALM = walk(300, volatility=0.0005)
WILD = walk(300, volatility=0.05)
PERPETUAL = replace(BTC, kind=ContractKind.PERPETUAL)


def cycle(held: AccountView | None = None, *, bars: Bars = CALM, instrument: Instrument = BTC) -> ToolContext:
    """Bid 29,990 and ask 30,000."""
    quote = quote_at("29995", end_of(bars), bid="29990", ask="30000")
    return context(bars, quote, held=held, instrument=instrument)


def asked(stop: str = "20000", conviction: str = "1", side: Side = Side.BUY) -> PositionSizeInput:
    return PositionSizeInput(symbol="BTC/USDT", side=side, stop_price=Decimal(stop), conviction=Decimal(conviction))


def sized(desk: ToolContext, given_: PositionSizeInput) -> PositionSize:
    answer = position_size(desk, given_)
    assert isinstance(answer, PositionSize)
    return answer


# --- missing input


def unavailable(desk: ToolContext) -> str:
    answer = position_size(desk, asked(stop="1"))
    assert isinstance(answer, Unavailable)
    return answer.unavailable


def test_without_a_price_or_a_spread_no_size_is_known() -> None:
    assert "no quote" in unavailable(without_quote())
    assert "crossed" in unavailable(context(CALM, quote_at("29995", end_of(CALM), bid="30001", ask="30000")))


def test_without_an_instrument_no_size_is_known() -> None:
    assert "no instrument" in unavailable(context(CALM, instrument=None))


def test_without_the_limit_no_size_is_known() -> None:
    assert "ASSET_EXPOSURE" in unavailable(cycle(account(asset_exposure=None)))


def test_volatility_needs_thirty_bars_that_moved() -> None:
    assert "needs 30 bars, found 29" in unavailable(context(walk(29)))
    assert "has not moved" in unavailable(context(bars_of([100.0] * 60)))
    assert isinstance(position_size(context(walk(30)), asked(stop="1")), PositionSize)


def test_cash_in_another_currency_buys_nothing_that_we_can_size() -> None:
    in_euro = replace(account(), numeraire="EUR")
    assert unavailable(cycle(in_euro)) == "BTC/USDT is priced in USDT, the account is kept in EUR"


# --- wrong arguments


@pytest.mark.parametrize(("side", "stop"), [(Side.BUY, "30000"), (Side.BUY, "31000"), (Side.SELL, "29990")])
def test_a_stop_that_is_not_on_the_losing_side_is_refused(side: Side, stop: str) -> None:
    where = "below 30000" if side is Side.BUY else "above 29990"
    with pytest.raises(ToolInputError, match=f"stop_price: a {side.value} needs it {where}, found {stop}"):
        position_size(cycle(instrument=PERPETUAL), asked(stop, side=side))


# --- what binds


def test_a_far_stop_is_bound_by_the_risk_of_a_trade() -> None:
    # 1 % of 10,000 is lost over a distance of 15,000.
    answer = sized(cycle(), asked(stop="15000"))
    assert (answer.binding, answer.quantity) == (Constraint.RISK_PER_TRADE, Decimal("0.00666"))


def test_a_wild_market_is_bound_by_its_volatility() -> None:
    assert sized(cycle(bars=WILD), asked(stop="29900")).binding is Constraint.VOLATILITY_TARGET


@pytest.mark.parametrize(("conviction", "quantity"), [("1", "0.06333"), ("0.5", "0.03166")])
def test_a_near_stop_is_bound_by_the_cap_in_proportion_to_conviction(conviction: str, quantity: str) -> None:
    # 20 % of 10,000, less 5 % of headroom, at 30,000.
    answer = sized(cycle(), asked(stop="29900", conviction=conviction))
    assert (answer.binding, answer.quantity) == (Constraint.CONVICTION_CAP, Decimal(quantity))
    assert answer.notional == answer.quantity * 30_000


def test_what_is_held_already_counts_against_the_cap() -> None:
    answer = sized(cycle(account("10000", "9000", holding("0.05", "25000"))), asked(stop="29900"))
    assert (answer.binding, answer.quantity) == (Constraint.CONVICTION_CAP, Decimal("0.01333"))


def test_little_cash_binds_with_its_fees() -> None:
    answer = sized(cycle(account("10000", "1000")), asked(stop="29900"))
    assert (answer.binding, answer.quantity) == (Constraint.CASH, Decimal("0.03163"))


def test_the_answer_shows_what_each_constraint_allowed() -> None:
    answer = sized(cycle(), asked(stop="15000"))
    assert answer.largest.keys() == {"risk_per_trade", "volatility_target", "conviction_cap", "cash"}
    assert min(answer.largest.values()) == answer.largest["risk_per_trade"]


# --- nothing, with a reason


@pytest.mark.parametrize(
    ("held", "conviction", "says"),
    [
        (account(), "0", "0 BTC is below the least quantity, 0.0001"),
        (account("-5", "0"), "1", "0 BTC is below the least quantity, 0.0001"),
        (account("10000", "1900", holding("0.27", "30000")), "1", "0 BTC is below the least quantity, 0.0001"),
        (account("10", "10"), "1", "0.00006 BTC is below the least quantity, 0.0001"),
        (account("45", "45"), "1", "8.4 USDT is below the least notional, 10"),
    ],
)
def test_below_the_minimum_the_size_is_zero_and_says_why(held: AccountView, conviction: str, says: str) -> None:
    answer = sized(cycle(held), asked(stop="29900", conviction=conviction))
    assert (answer.quantity, answer.notional, answer.reason) == (ZERO, ZERO, says)


def test_exactly_the_least_notional_is_enough() -> None:
    exactly = replace(BTC, min_notional=Decimal("1899.9"))
    assert sized(cycle(instrument=exactly), asked(stop="29900")).quantity == Decimal("0.06333")
    more = replace(BTC, min_notional=Decimal("1899.91"))
    assert sized(cycle(instrument=more), asked(stop="29900")).quantity == 0


def test_spot_that_is_not_held_cannot_be_sold() -> None:
    answer = sized(cycle(), asked(stop="31000", side=Side.SELL))
    assert (answer.binding, answer.quantity) == (Constraint.SPOT_CANNOT_SHORT, ZERO)


def test_a_perpetual_is_sold_at_the_bid() -> None:
    answer = sized(cycle(instrument=PERPETUAL), asked(stop="31000", side=Side.SELL))
    assert answer.price == 29_990
    assert answer.quantity > 0


def test_an_entry_against_what_is_held_is_not_sized() -> None:
    held = account("10000", "7000", holding("0.1", "29000"))
    answer = sized(cycle(held, instrument=PERPETUAL), asked(stop="31000", side=Side.SELL))
    assert (answer.binding, answer.quantity) == (Constraint.OPPOSITE_POSITION, ZERO)
    assert answer.reason is not None
    assert answer.reason.startswith("0.1 BTC are held the other way")


def test_an_instrument_closed_for_trading_has_no_size() -> None:
    answer = sized(cycle(instrument=replace(BTC, tradable=False)), asked())
    assert (answer.binding, answer.quantity) == (Constraint.NOT_TRADABLE, ZERO)


# --- what must never happen

amounts = st.decimals("0", "1000000", places=2)
fractions = st.decimals("0", "1", places=3)


@given(equity=amounts, cash=amounts, stop=st.decimals("1", "29999.99", places=2), conviction=fractions, held=fractions)
def test_no_size_exceeds_its_limits_or_leaves_the_lot_grid(
    equity: Decimal, cash: Decimal, stop: Decimal, conviction: Decimal, held: Decimal
) -> None:
    positions = (holding(str(held), "30000"),) if held else ()
    books = account(str(equity), str(cash), *positions)
    quantity = sized(cycle(books), asked(str(stop), str(conviction))).quantity
    assert on_grid(quantity, BTC.lot_size)
    assert quantity * (30_000 - stop) <= equity / 100
    assert quantity * 30_000 * (1 + BTC.taker_fee) <= cash
    if quantity:
        assert (quantity + held) * 30_000 <= conviction * equity / 5
        assert quantity >= BTC.min_quantity
        assert quantity * 30_000 >= BTC.min_notional


@given(low=fractions, high=fractions)
def test_more_conviction_is_never_a_smaller_size(low: Decimal, high: Decimal) -> None:
    low, high = sorted((low, high))
    sizes = [sized(cycle(), asked("29900", str(conviction))).quantity for conviction in (low, high)]
    assert sizes[0] <= sizes[1]


def test_each_constraint_in_closed_form() -> None:
    allowed = largest_quantities(
        account("1000", "400"),
        price=Decimal("100"),
        stop_price=Decimal("90"),
        volatility=Decimal("0.5"),
        exposure_cap=Decimal("0.1"),
        held=Decimal("2"),
        fee_rate=Decimal("0"),
    )
    assert allowed == {
        Constraint.RISK_PER_TRADE: Decimal("1"),
        Constraint.VOLATILITY_TARGET: Decimal("4"),
        Constraint.CONVICTION_CAP: Decimal("0"),
        Constraint.CASH: Decimal("3.8"),
    }
