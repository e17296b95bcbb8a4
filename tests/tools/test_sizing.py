from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.bars import Bars
from core.errors import ToolInputError
from core.instruments import ContractKind, Instrument
from core.money import ZERO, on_grid
from core.orders import Side
from core.time import Timeframe
from risk.sizing import Constraint, TrackRecord
from tests.models.builders import bars_of, walk
from tests.tools.builders import BTC, account, context, end_of, holding, quote_at, without_quote
from tools.context import AccountView, ToolContext
from tools.sizing import PositionSize, PositionSizeInput, allowed_quantities, position_size
from tools.spec import Unavailable

CALM = walk(300, volatility=0.0005)
# Even odds at 11 for 10, a quarter of whose bet is 1 / 88 of equity; and a loser.
WINNER, LOSER = TrackRecord(30, Decimal("0.5"), Decimal("1.1")), TrackRecord(30, Decimal("0.4"), Decimal("1"))
PERPETUAL = replace(BTC, kind=ContractKind.PERPETUAL)


def ranging(width: float, timeframe: Timeframe = Timeframe.H1) -> Bars:
    """Sixty bars around 30,000, each `width` from high to low."""
    flat = np.full(60, 30_000.0)
    return bars_of(flat, high=flat + width / 2, low=flat - width / 2, timeframe=timeframe)


def cycle(held: AccountView | None = None, *, bars: Bars = CALM, instrument: Instrument = BTC) -> ToolContext:
    """Bid 29,990 and ask 30,000."""
    quote = quote_at("29995", end_of(bars), bid="29990", ask="30000")
    return context(bars, quote, held=held, instrument=instrument)


def asked(stop: str = "20000", side: Side = Side.BUY) -> PositionSizeInput:
    return PositionSizeInput(symbol="BTC/USDT", side=side, stop_price=Decimal(stop))


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


def test_the_average_range_needs_thirty_bars_that_moved() -> None:
    assert "needs 30 bars, found 29" in unavailable(context(walk(29)))
    assert "has not moved" in unavailable(context(bars_of([100.0] * 60)))
    assert isinstance(position_size(context(walk(30)), asked(stop="1")), PositionSize)


def test_bars_that_cannot_be_are_missing_data_and_no_wrong_argument() -> None:
    upside_down = replace(CALM, high=CALM.low, low=CALM.high)
    assert "the average range of BTC/USDT cannot be measured: expected low <= close <= high" in unavailable(
        cycle(bars=upside_down)
    )


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


def test_a_wild_market_is_bound_by_its_average_range() -> None:
    # A day of 1,000 an hour is 1,000 * sqrt(24) = 4,899: 1 % of 10,000 is lost over it.
    answer = sized(cycle(bars=ranging(1000)), asked(stop="29900"))
    assert (answer.binding, answer.quantity) == (Constraint.VOLATILITY_TARGET, Decimal("0.02041"))


def test_the_last_bar_counts_in_the_average_range() -> None:
    bars = ranging(1000)
    bars.high[-1] += 1400  # a fourteenth of it is 100
    largest = [sized(cycle(bars=b), asked("29900")).largest["volatility_target"] for b in (ranging(1100), bars)]
    assert largest[0] == largest[1]


def test_the_same_market_on_longer_bars_has_the_same_size() -> None:
    four_hours = ranging(2000, Timeframe.H4)  # a random walk's range doubles in four times the time
    assert sized(cycle(bars=four_hours), asked("29900")) == sized(cycle(bars=ranging(1000)), asked("29900"))


def test_a_near_stop_is_bound_by_the_exposure_cap() -> None:
    # 20 % of 10,000, less 5 % of headroom, at 30,000.
    answer = sized(cycle(), asked(stop="29900"))
    assert (answer.binding, answer.quantity) == (Constraint.EXPOSURE_CAP, Decimal("0.06333"))
    assert answer.notional == answer.quantity * 30_000


def test_a_loser_by_its_own_record_is_sized_to_nothing_by_kelly() -> None:
    answer = sized(cycle(account(track_record=LOSER)), asked(stop="29900"))
    assert (answer.binding, answer.quantity) == (Constraint.KELLY, ZERO)
    assert answer.reason == "0 BTC is below the least quantity, 0.0001"


def test_a_thin_edge_is_bound_by_kelly() -> None:
    # f* = (1.1 * 0.48 - 0.52) / 1.1, a quarter of it is 0.1818 % of 10,000, over a distance of 15,000.
    thin = TrackRecord(30, Decimal("0.48"), Decimal("1.1"))
    answer = sized(cycle(account(track_record=thin)), asked(stop="15000"))
    assert (answer.binding, answer.quantity) == (Constraint.KELLY, Decimal("0.00121"))


def test_a_good_record_raises_no_size_beyond_the_other_constraints() -> None:
    best = TrackRecord(10_000, Decimal("0.9"), Decimal("5"))
    for stop in ("15000", "29900"):
        assert sized(cycle(account(track_record=best)), asked(stop)).quantity == sized(cycle(), asked(stop)).quantity


@pytest.mark.parametrize("track_record", [None, replace(LOSER, trades=29)])
def test_no_record_or_a_short_one_is_no_opinion(track_record: TrackRecord | None) -> None:
    answer = sized(cycle(account(track_record=track_record)), asked(stop="29900"))
    assert answer.binding is Constraint.EXPOSURE_CAP
    assert "kelly" not in answer.largest


def test_what_is_held_already_counts_against_the_cap() -> None:
    answer = sized(cycle(account("10000", "9000", holding("0.05", "25000"))), asked(stop="29900"))
    assert (answer.binding, answer.quantity) == (Constraint.EXPOSURE_CAP, Decimal("0.01333"))


def test_little_cash_binds_with_its_fees() -> None:
    answer = sized(cycle(account("10000", "1000")), asked(stop="29900"))
    assert (answer.binding, answer.quantity) == (Constraint.CASH, Decimal("0.03163"))


def test_the_answer_shows_what_each_constraint_allowed() -> None:
    answer = sized(cycle(account(track_record=WINNER)), asked(stop="15000"))
    assert answer.largest.keys() == {"kelly", "volatility_target", "risk_per_trade", "exposure_cap", "cash"}
    assert min(answer.largest.values()) == answer.largest["risk_per_trade"]


# --- nothing, with a reason


@pytest.mark.parametrize(
    ("held", "says"),
    [
        (account("-5", "0"), "0 BTC is below the least quantity, 0.0001"),
        (account("10000", "1900", holding("0.27", "30000")), "0 BTC is below the least quantity, 0.0001"),
        (account("10", "10"), "0.00006 BTC is below the least quantity, 0.0001"),
        (account("45", "45"), "8.4 USDT is below the least notional, 10"),
    ],
)
def test_below_the_minimum_the_size_is_zero_and_says_why(held: AccountView, says: str) -> None:
    answer = sized(cycle(held), asked(stop="29900"))
    assert (answer.quantity, answer.notional, answer.reason) == (ZERO, ZERO, says)


def test_exactly_the_least_quantity_is_enough() -> None:
    exactly = replace(BTC, min_quantity=Decimal("0.06333"))
    assert sized(cycle(instrument=exactly), asked(stop="29900")).quantity == Decimal("0.06333")
    more = replace(BTC, min_quantity=Decimal("0.06334"))
    assert sized(cycle(instrument=more), asked(stop="29900")).quantity == 0


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


records = st.builds(TrackRecord, trades=st.integers(0, 100), win_rate=fractions, payoff=st.decimals("0", "9", places=2))


@given(
    equity=amounts,
    cash=amounts,
    stop=st.decimals("1", "29999.99", places=2),
    held=fractions,
    track_record=st.none() | records,
)
def test_no_size_exceeds_its_limits_or_leaves_the_lot_grid(
    equity: Decimal, cash: Decimal, stop: Decimal, held: Decimal, track_record: TrackRecord | None
) -> None:
    positions = (holding(str(held), "30000"),) if held else ()
    books = account(str(equity), str(cash), *positions, track_record=track_record)
    quantity = sized(cycle(books), asked(str(stop))).quantity
    assert on_grid(quantity, BTC.lot_size)
    assert quantity * (30_000 - stop) <= equity / 100
    assert quantity * 30_000 * (1 + BTC.taker_fee) <= cash
    if quantity:
        assert (quantity + held) * 30_000 <= equity / 5
        assert quantity >= BTC.min_quantity
        assert quantity * 30_000 >= BTC.min_notional


@given(stop=st.decimals("1", "29999.99", places=2), track_record=records)
def test_knowing_a_record_never_raises_a_size(stop: Decimal, track_record: TrackRecord) -> None:
    knowing = sized(cycle(account(track_record=track_record)), asked(str(stop)))
    assert knowing.quantity <= sized(cycle(), asked(str(stop))).quantity


def test_each_constraint_in_closed_form() -> None:
    allowed = allowed_quantities(
        replace(account("1000", "400"), track_record=replace(WINNER, win_rate=Decimal("0.6"), payoff=Decimal("1"))),
        price=Decimal("100"),
        stop_price=Decimal("90"),
        day_range=Decimal("4"),
        exposure_cap=Decimal("0.1"),
        held=Decimal("2"),
        fee_rate=Decimal("0"),
    )
    assert allowed == {
        Constraint.KELLY: Decimal("2"),
        Constraint.VOLATILITY_TARGET: Decimal("2.5"),
        Constraint.RISK_PER_TRADE: Decimal("1"),
        Constraint.EXPOSURE_CAP: Decimal("0"),
        Constraint.CASH: Decimal("3.8"),
    }
