"""Market: whether the price that everything was measured with can be trusted."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from core.orders import Side
from core.time import HOUR_NS, SECOND_NS
from risk.codes import DenialCode
from tests.risk.builders import NOW, PERP, buy, held, order, quoted, review_of, sell


def d(text: str) -> Decimal:
    return Decimal(text)


# A price at all.


def test_an_entry_without_a_price_is_denied() -> None:
    assert review_of(buy("0.01", at="50000"), mid=None).denied_by(DenialCode.NO_PRICE)


def test_an_exit_at_market_without_a_price_is_allowed() -> None:
    assert review_of(sell("0.01"), positions=[held("1")], mid=None).allowed


@pytest.mark.parametrize("last", ["NaN", "sNaN", "Infinity", "0", "-50000"])
def test_a_last_price_that_is_none_is_no_price(last: str) -> None:
    broken = quoted(last, bid="50000", ask="50000")
    denied = review_of(buy("0.01", trigger="50500"), quote=broken, window_price="50000")
    assert denied.denials == [DenialCode.NO_PRICE]


# Age.


def aged(ns: int, **more: Any) -> dict[str, Any]:
    return {"quote": quoted("50000", ts_event_ns=NOW - ns, known_at_ns=NOW - ns, **more), "max_price_age_s": 90}


def test_a_price_of_exactly_the_largest_age_is_allowed() -> None:
    assert review_of(buy("0.01"), **aged(90 * SECOND_NS)).allowed


def test_a_price_a_nanosecond_too_old_is_denied() -> None:
    assert review_of(buy("0.01"), **aged(90 * SECOND_NS + 1)).denials == [DenialCode.PRICE_AGE]


def test_an_age_is_counted_from_when_the_next_bar_was_due() -> None:
    assert review_of(buy("0.01"), **aged(HOUR_NS + 90 * SECOND_NS, cadence_ns=HOUR_NS)).allowed
    assert not review_of(buy("0.01"), **aged(HOUR_NS + 90 * SECOND_NS + 1, cadence_ns=HOUR_NS)).allowed


def test_a_price_from_the_future_is_denied() -> None:
    assert review_of(buy("0.01"), **aged(-1)).denials == [DenialCode.PRICE_AGE]


def beside_ether(age_ns: int) -> dict[str, Any]:
    """One ETH is held, whose price is that old."""
    ether = quoted("1000", symbol="ETH/USDT", ts_event_ns=NOW - age_ns, known_at_ns=NOW - age_ns)
    return {"positions": [held("1", symbol="ETH/USDT", at="1000")], "quotes": [ether], "max_price_age_s": 90}


def test_an_old_price_of_anything_held_is_as_bad() -> None:
    assert review_of(buy("0.01"), **beside_ether(90 * SECOND_NS)).allowed
    assert review_of(buy("0.01"), **beside_ether(90 * SECOND_NS + 1)).denials == [DenialCode.PRICE_AGE]


def test_a_future_price_of_anything_held_is_as_bad() -> None:
    assert review_of(buy("0.01"), **beside_ether(-1)).denials == [DenialCode.PRICE_AGE]


def test_an_exit_on_an_old_price_is_allowed() -> None:
    assert review_of(sell("0.01"), positions=[held("1")], **aged(100 * HOUR_NS)).allowed


# Streams: the most overdue of the symbol's.


def test_a_stream_overdue_by_exactly_the_most_is_allowed() -> None:
    assert review_of(buy("0.01"), overdue_s={"book": "90", "trades": "0"}, max_stream_age_s=90).allowed


def test_a_stream_overdue_by_more_is_denied() -> None:
    denied = review_of(buy("0.01"), overdue_s={"book": "0", "trades": "90.000000001"}, max_stream_age_s=90)
    assert denied.denials == [DenialCode.STREAM_AGE]


def test_a_market_without_streams_has_none_that_is_late() -> None:
    assert review_of(buy("0.01"), overdue_s={}).of(DenialCode.STREAM_AGE).measured == 0


@pytest.mark.parametrize("overdue", ["NaN", "sNaN", "Infinity"])
def test_a_stream_whose_age_is_no_number_is_denied(overdue: str) -> None:
    assert review_of(buy("0.01"), overdue_s={"book": overdue}).denials == [DenialCode.STREAM_AGE]
    assert review_of(buy("0.01"), overdue_s={"book": overdue, "trades": "0"}).denied_by(DenialCode.STREAM_AGE)


# The desk's own loop.


def test_a_loop_that_is_exactly_as_late_as_it_may_be_is_allowed() -> None:
    assert review_of(buy("0.01"), loop_lag_s="2", max_loop_lag_s="2").allowed


@pytest.mark.parametrize("lag", ["2.001", None, "NaN", "Infinity"])
def test_a_loop_that_is_later_or_not_measured_is_denied(lag: str | None) -> None:
    assert review_of(buy("0.01"), loop_lag_s=lag, max_loop_lag_s="2").denials == [DenialCode.LOOP_LAG]


# Spread: 50 bps of 50 000 are 250.


def spread(bid: str, ask: str) -> dict[str, Any]:
    return {"quote": quoted("50000", bid=bid, ask=ask), "max_spread_bps": "50"}


def test_a_spread_of_exactly_the_cap_is_allowed() -> None:
    assert review_of(buy("0.01"), **spread("49875", "50125")).allowed


def test_a_spread_a_tick_wider_is_denied() -> None:
    assert review_of(buy("0.01"), **spread("49875", "50125.01")).denials == [DenialCode.SPREAD]


@pytest.mark.parametrize(
    ("bid", "ask"), [("50001", "50000"), ("0", "50000"), ("-1", "50000"), ("NaN", "50000"), ("49999", "NaN")]
)
def test_a_crossed_one_sided_or_broken_book_is_denied(bid: str, ask: str) -> None:
    answered = review_of(buy("0.01"), **spread(bid, ask))
    assert answered.denied_by(DenialCode.SPREAD)
    assert answered.of(DenialCode.SPREAD).measured is None


def test_a_spread_that_cannot_be_measured_does_not_stop_an_exit() -> None:
    assert review_of(sell("0.01"), positions=[held("1")], **spread("50001", "50000")).allowed


def test_the_spread_is_measured_in_basis_points_of_the_middle() -> None:
    assert review_of(buy("0.01"), **spread("49995", "50005")).of(DenialCode.SPREAD).measured == Decimal(2)


# Volatility against its own history.


def test_a_market_that_moves_exactly_as_much_as_it_may_is_allowed() -> None:
    assert review_of(buy("0.01"), volatility="0.025", usual_volatility="0.005", max_volatility_ratio="5").allowed


def test_a_market_that_moves_more_than_it_may_is_denied() -> None:
    moved: dict[str, Any] = {"volatility": "0.0250001", "usual_volatility": "0.005", "max_volatility_ratio": "5"}
    assert review_of(buy("0.01"), **moved).denials == [DenialCode.VOLATILITY]


@pytest.mark.parametrize("now", [None, "NaN", "Infinity"])
def test_a_volatility_that_is_not_known_is_denied(now: str | None) -> None:
    assert review_of(buy("0.01"), volatility=now).denials == [DenialCode.VOLATILITY]


@pytest.mark.parametrize("usual", [None, "0", "-0.005", "NaN", "Infinity"])
def test_a_market_of_which_nothing_is_usual_is_denied(usual: str | None) -> None:
    assert review_of(buy("0.01"), usual_volatility=usual).denied_by(DenialCode.VOLATILITY)


# Divergence: 500 of 50 000 are 1 %.


@pytest.mark.parametrize("mid", ["50500", "49500"])
def test_another_source_exactly_as_far_off_as_it_may_be_is_allowed(mid: str) -> None:
    assert review_of(buy("0.01"), mid=mid, elsewhere={"a": "50000"}, max_divergence="0.01").allowed


@pytest.mark.parametrize("mid", ["50500.01", "49499.99"])
def test_another_source_further_off_is_denied(mid: str) -> None:
    denied = review_of(buy("0.01"), mid=mid, elsewhere={"a": "50000"}, max_divergence="0.01")
    assert denied.denials == [DenialCode.DIVERGENCE]


def test_the_source_that_is_furthest_off_decides() -> None:
    sources = {"a": "50000", "b": "51000", "c": "50000"}
    assert review_of(buy("0.01"), elsewhere=sources, max_divergence="0.01").denials == [DenialCode.DIVERGENCE]


def test_our_own_price_is_the_middle_and_not_the_last_trade() -> None:
    apart = quoted("50000", bid="50495", ask="50505")
    assert review_of(buy("0.01"), quote=apart, elsewhere={"a": "50000"}, max_divergence="0.01").allowed


def test_as_many_other_sources_as_the_policy_asks_for_must_answer() -> None:
    assert review_of(buy("0.01"), elsewhere={}, min_sources=0).allowed
    assert review_of(buy("0.01"), elsewhere={"a": "50000"}, min_sources=1).allowed
    assert review_of(buy("0.01"), elsewhere={"a": "50000"}, min_sources=2).denials == [DenialCode.DIVERGENCE]


@pytest.mark.parametrize("price", ["0", "-50000", "NaN", "sNaN", "Infinity"])
def test_a_source_that_shows_no_price_is_denied(price: str) -> None:
    assert review_of(buy("0.01"), elsewhere={"a": "50000", "b": price}).denials == [DenialCode.DIVERGENCE]


# Stablecoins.

WATCHED: dict[str, Any] = {"pegs": {"USDT": "USDT/USD", "USDC": "USDC/USD"}, "max_depeg": "0.02"}


@pytest.mark.parametrize("price", ["0.98", "1", "1.02"])
def test_a_stablecoin_exactly_as_far_off_its_peg_as_it_may_be_is_allowed(price: str) -> None:
    assert review_of(buy("0.01"), peg_prices={"USDT": price}, **WATCHED).allowed


@pytest.mark.parametrize("price", ["0.9799", "1.0201", "0", "-1", None, "NaN", "Infinity"])
def test_a_stablecoin_further_off_or_unknown_is_denied(price: str | None) -> None:
    assert review_of(buy("0.01"), peg_prices={"USDT": price}, **WATCHED).denials == [DenialCode.DEPEG]


def test_a_stablecoin_that_is_bought_is_watched_like_the_one_that_pays() -> None:
    wanted = buy("500", symbol="USDC/USDT")
    known: dict[str, Any] = {"mid": "1", "stop": "0.9", "bar_volume": "100000", **WATCHED}
    assert review_of(wanted, peg_prices={"USDT": "1", "USDC": "0.98"}, **known).allowed
    assert review_of(wanted, peg_prices={"USDT": "1", "USDC": "0.97"}, **known).denials == [DenialCode.DEPEG]
    assert review_of(wanted, peg_prices={"USDT": "1"}, **known).denials == [DenialCode.DEPEG]


def test_a_stablecoin_that_nobody_watches_is_not_missed() -> None:
    assert review_of(buy("0.01"), peg_prices={"USDT": "0.5"}, pegs={}).allowed
    assert review_of(buy("0.01"), peg_prices={"USDT": "1", "USDC": "0.5"}, **WATCHED).allowed


# Funding, for the side that pays it.


@pytest.mark.parametrize(("side", "sign"), [(Side.BUY, ""), (Side.SELL, "-")])
def test_a_funding_rate_of_exactly_the_most_is_allowed(side: Side, sign: str) -> None:
    perpetual = order(side, "0.01", symbol=PERP.symbol)
    assert review_of(perpetual, funding_rate=f"{sign}0.001", max_funding_rate="0.001").allowed


@pytest.mark.parametrize(("side", "sign"), [(Side.BUY, ""), (Side.SELL, "-")])
def test_a_funding_rate_beyond_it_is_denied(side: Side, sign: str) -> None:
    perpetual = order(side, "0.01", symbol=PERP.symbol)
    denied = review_of(perpetual, funding_rate=f"{sign}0.00101", max_funding_rate="0.001")
    assert denied.denials == [DenialCode.FUNDING]


@pytest.mark.parametrize(("side", "sign"), [(Side.BUY, "-"), (Side.SELL, "")])
def test_who_is_paid_funding_may_be_paid_any(side: Side, sign: str) -> None:
    assert review_of(order(side, "0.01", symbol=PERP.symbol), funding_rate=f"{sign}0.5").allowed


@pytest.mark.parametrize("rate", [None, "NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("side", Side)
def test_a_perpetual_whose_funding_is_not_known_is_denied(side: Side, rate: str | None) -> None:
    assert review_of(order(side, "0.01", symbol=PERP.symbol), funding_rate=rate).denials == [DenialCode.FUNDING]


def test_spot_pays_no_funding() -> None:
    assert review_of(buy("0.01"), funding_rate="0.5").allowed


# Liquidation. With 12 687.5 of margin a unit, a long of 50 000 is liquidated at 37 312.5 / 0.995 = 37 500: a quarter
# below the mark. With 12 812.5 a short is at 62 812.5 / 1.005 = 62 500.

NEAR = [(Side.BUY, "126.875"), (Side.SELL, "128.125")]


@pytest.mark.parametrize(("side", "margin"), NEAR)
def test_a_position_exactly_as_far_from_liquidation_as_it_must_be_is_allowed(side: Side, margin: str) -> None:
    position = [held("0.01", symbol=PERP.symbol, side=side, margin=margin)]
    answered = review_of(order(side, "0.01", symbol=PERP.symbol), positions=position, funding_rate="0")
    assert answered.of(DenialCode.LIQUIDATION).measured == d("0.25")
    assert answered.allowed


@pytest.mark.parametrize(("side", "margin"), NEAR)
def test_a_position_nearer_to_liquidation_may_not_grow(side: Side, margin: str) -> None:
    position = [held("0.01", symbol=PERP.symbol, side=side, margin=str(d(margin) - d("0.001")))]
    denied = review_of(order(side, "0.01", symbol=PERP.symbol), positions=position, funding_rate="0")
    assert denied.denials == [DenialCode.LIQUIDATION]


def test_what_the_order_would_open_is_measured_at_the_policys_leverage() -> None:
    """At 3 times a long is liquidated at 33 333.33 / 0.995, 0.32998 below the mark."""
    wide: dict[str, Any] = {"funding_rate": "0", "max_leverage": "3"}
    answered = review_of(buy("0.01", symbol=PERP.symbol), **wide, min_liquidation_distance="0.3299")
    assert answered.allowed
    denied = review_of(buy("0.01", symbol=PERP.symbol), **wide, min_liquidation_distance="0.33")
    assert denied.denials == [DenialCode.LIQUIDATION]


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
@pytest.mark.parametrize(("margin", "known"), [("-0.001", False), ("0", True), ("0.999", True), ("1", False)])
def test_a_maintenance_margin_is_a_fraction(margin: str, known: bool, side: Side) -> None:
    listed = [replace(PERP, maintenance_margin=d(margin))]
    answered = review_of(order(side, "0.01", symbol=PERP.symbol), instruments=listed, funding_rate="0")
    assert (answered.of(DenialCode.LIQUIDATION).measured is not None) is known


def test_spot_is_never_liquidated() -> None:
    assert review_of(buy("0.01"), min_liquidation_distance="0.99").of(DenialCode.LIQUIDATION).measured == 1


@pytest.mark.parametrize("margin", ["NaN", "Infinity"])
def test_a_position_whose_margin_is_not_known_may_not_grow(margin: str) -> None:
    position = [held("0.01", symbol=PERP.symbol, margin=margin)]
    denied = review_of(buy("0.01", symbol=PERP.symbol), positions=position, funding_rate="0")
    assert denied.denials == [DenialCode.LIQUIDATION]


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
@pytest.mark.parametrize("entry", ["NaN", "Infinity", "-Infinity"])
def test_a_position_that_was_entered_at_no_price_may_not_grow(side: Side, entry: str) -> None:
    position = [held("0.01", at=entry, symbol=PERP.symbol, side=side, margin="200")]
    denied = review_of(order(side, "0.01", symbol=PERP.symbol), positions=position, funding_rate="0")
    assert denied.denials == [DenialCode.LIQUIDATION]


def test_a_liquidation_without_a_price_is_denied() -> None:
    assert review_of(buy("0.01"), mid=None).denied_by(DenialCode.LIQUIDATION)
    assert review_of(buy("0.01"), instruments=[]).denied_by(DenialCode.LIQUIDATION)


# The venue.


def test_a_venue_that_works_is_traded_at() -> None:
    assert review_of(buy("0.01"), venue_status=0).allowed


def test_a_venue_in_safe_mode_takes_nothing_new() -> None:
    assert review_of(buy("0.01"), venue_status=1).denials == [DenialCode.VENUE_STATUS]


def test_a_venue_in_safe_mode_takes_exits() -> None:
    assert review_of(sell("0.01"), positions=[held("1")], venue_status=1).allowed
