"""Exposure: what could be lost, and to what, if everything open filled at its worst."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from core.money import Quantity
from core.orders import Order, OrderState, Side
from risk.codes import DenialCode
from tests.risk.builders import (
    BTC,
    ETH,
    PERP,
    buy,
    held,
    largest_of,
    quoted,
    resting,
    review_of,
    sell,
)

CALM: dict[str, Any] = {"funding_rate": "0.0001"}
ETHER: dict[str, Any] = {
    "positions": [held("1", symbol="ETH/USDT", at="1900")],
    "quotes": [quoted("1900", symbol="ETH/USDT")],
}
PERPETUAL = quoted("50000", symbol=PERP.symbol)


def d(text: str) -> Quantity:
    return Quantity(Decimal(text))


# Exposure per asset: a fifth of 10 000.


def test_an_exposure_of_exactly_the_cap_is_allowed() -> None:
    assert review_of(buy("0.04", at="50000")).allowed


def test_an_exposure_one_lot_over_the_cap_is_denied() -> None:
    assert review_of(buy("0.04001", at="50000")).denials == [DenialCode.ASSET_EXPOSURE]


def test_what_is_held_counts() -> None:
    assert review_of(buy("0.01", at="50000"), positions=[held("0.03")]).allowed
    assert review_of(buy("0.01001", at="50000"), positions=[held("0.03")]).denials == [DenialCode.ASSET_EXPOSURE]


def test_what_is_held_counts_at_its_price_now_and_not_at_its_cost() -> None:
    assert review_of(buy("0.01", at="50000"), positions=[held("0.03", at="1")]).allowed
    assert not review_of(buy("0.01001", at="50000"), positions=[held("0.03", at="1")]).allowed


@pytest.mark.parametrize("state", [OrderState.OPEN, OrderState.SENDING, OrderState.UNKNOWN, OrderState.PARTIAL])
def test_whatever_may_still_fill_counts_at_its_worst(state: OrderState) -> None:
    in_flight = [resting(Side.BUY, "0.02", at="50500", state=state)]  # 1 010
    assert review_of(buy("0.0198", at="50000"), orders=in_flight).allowed
    assert review_of(buy("0.01981", at="50000"), orders=in_flight).denials == [DenialCode.ASSET_EXPOSURE]


def test_a_resting_exit_does_not_count() -> None:
    exit_ = resting(Side.SELL, "0.02", at="50500", reduce_only=True)
    assert review_of(buy("0.02", at="50000"), positions=[held("0.02")], orders=[exit_]).allowed


def test_another_asset_does_not_count_against_this_one() -> None:
    ether: dict[str, Any] = {
        "positions": [held("1", symbol="ETH/USDT", at="1900")],
        "quotes": [quoted("1900", symbol="ETH/USDT")],
    }
    assert review_of(buy("0.04", at="50000"), **ether).allowed


def test_a_stop_entry_is_worth_its_trigger() -> None:
    """It becomes a holding at 60 000 or above: 0.035 of it are more than a fifth of the account."""
    assert review_of(buy("0.035", trigger="60000"), stop="55000").denied_by(DenialCode.ASSET_EXPOSURE)


def test_an_exposure_without_equity_is_denied() -> None:
    assert review_of(buy("0.01"), equity=None).denied_by(DenialCode.ASSET_EXPOSURE)


def test_an_exposure_without_equity_left_is_denied() -> None:
    assert review_of(buy("0.01"), equity="0", cash="10000").denied_by(DenialCode.ASSET_EXPOSURE)
    assert largest_of(DenialCode.ASSET_EXPOSURE, buy("0.01"), equity="0", cash="10000") is None


def test_an_exposure_without_a_price_is_denied() -> None:
    assert review_of(buy("0.01"), mid=None).denied_by(DenialCode.ASSET_EXPOSURE)


# What is measured with the worth of the whole account.
OF_THE_ACCOUNT = [
    DenialCode.ASSET_EXPOSURE,
    DenialCode.VENUE_EXPOSURE,
    DenialCode.GROSS_EXPOSURE,
    DenialCode.NET_EXPOSURE,
    DenialCode.CLUSTER_EXPOSURE,
    DenialCode.STRESS_LOSS,
]


def test_a_holding_without_a_price_denies_every_entry() -> None:
    assert review_of(buy("0.01"), positions=[held("1", symbol="ETH/USDT")]).denials == OF_THE_ACCOUNT


@pytest.mark.parametrize("price", ["0", "NaN", "Infinity"])
def test_a_holding_or_an_open_order_at_no_price_denies_every_entry(price: str) -> None:
    ether = replace(quoted("1900", symbol="ETH/USDT"), last=d(price), ask=d(price))
    exit_ = resting(Side.SELL, "1", at="2000", symbol="ETH/USDT", reduce_only=True)
    for working in ({"positions": [held("1", symbol="ETH/USDT", at="1900")]}, {"orders": [exit_]}):
        assert review_of(buy("0.01"), quotes=[ether], **working).denied_by(DenialCode.GROSS_EXPOSURE)


def test_a_holding_of_an_unknown_instrument_denies_every_entry() -> None:
    unknown: dict[str, Any] = {"positions": [held("1", symbol="X/USDT")], "quotes": [quoted("1", symbol="X/USDT")]}
    assert review_of(buy("0.01"), **unknown).denials == OF_THE_ACCOUNT


@pytest.mark.parametrize("quantity", ["NaN", "sNaN", "Infinity"])
def test_a_holding_that_is_no_number_denies_every_entry(quantity: str) -> None:
    broken: dict[str, Any] = {
        "positions": [held(quantity, symbol="ETH/USDT")],
        "quotes": [quoted("1900", symbol="ETH/USDT")],
    }
    assert {*OF_THE_ACCOUNT} - {DenialCode.ASSET_EXPOSURE} <= {*review_of(buy("0.01"), **broken).denials}


def test_a_spot_holding_and_a_short_perpetual_of_one_asset_both_count() -> None:
    short = {"positions": [held("0.03", symbol=PERP.symbol, side=Side.SELL, margin="1500")], "quotes": [PERPETUAL]}
    assert review_of(buy("0.01", at="50000"), **short).allowed
    assert review_of(buy("0.01001", at="50000"), **short).denials == [DenialCode.ASSET_EXPOSURE]


def test_what_an_open_order_closes_of_a_position_does_not_count() -> None:
    """Half of it closes the long of 0.02; what goes beyond is a short of 0.01."""
    crossing = [resting(Side.SELL, "0.03", at="50000", symbol=PERP.symbol)]
    position = [held("0.02", symbol=PERP.symbol, margin="1000")]
    of_both = {"positions": position, "orders": crossing, "quotes": [PERPETUAL]}
    assert review_of(buy("0.01"), **of_both).of(DenialCode.ASSET_EXPOSURE).measured == d("0.2")


def test_the_largest_exposure_is_named() -> None:
    assert largest_of(DenialCode.ASSET_EXPOSURE, buy("1"), positions=[held("0.03")]) == d("0.01")
    assert largest_of(DenialCode.ASSET_EXPOSURE, buy("1"), positions=[held("0.05")]) == 0


def test_an_open_order_in_an_unknown_instrument_denies_every_entry() -> None:
    orders = [resting(Side.BUY, "1", at="1", symbol="X/USDT")]
    assert review_of(buy("0.01"), orders=orders).denied_by(DenialCode.ASSET_EXPOSURE)


# Exposure at a venue, capped at a tenth here.

ELSEWHERE: dict[str, Any] = {**ETHER, "instruments": [BTC, replace(ETH, venue="elsewhere")]}


def test_an_exposure_at_a_venue_of_exactly_the_cap_is_allowed() -> None:
    assert review_of(buy("0.02"), max_venue_exposure="0.1").allowed
    assert review_of(buy("0.002"), max_venue_exposure="0.2", **ETHER).allowed


def test_an_exposure_at_a_venue_one_lot_over_the_cap_is_denied() -> None:
    assert review_of(buy("0.02001"), max_venue_exposure="0.1").denials == [DenialCode.VENUE_EXPOSURE]
    assert review_of(buy("0.00201"), max_venue_exposure="0.2", **ETHER).denials == [DenialCode.VENUE_EXPOSURE]


def test_what_is_held_at_another_venue_does_not_count() -> None:
    assert review_of(buy("0.02"), max_venue_exposure="0.1", **ELSEWHERE).allowed


def test_the_largest_at_a_venue_is_named() -> None:
    assert largest_of(DenialCode.VENUE_EXPOSURE, buy("1"), max_venue_exposure="0.2", **ETHER) == d("0.002")


# Gross exposure, capped at a quarter here so that it binds first.

GROSS: dict[str, Any] = {"max_gross_exposure": "0.25", **ETHER}


def test_a_gross_exposure_of_exactly_the_cap_is_allowed() -> None:
    assert review_of(buy("0.012", at="50000"), **GROSS).allowed


def test_a_gross_exposure_one_lot_over_the_cap_is_denied() -> None:
    assert review_of(buy("0.01201", at="50000"), **GROSS).denials == [DenialCode.GROSS_EXPOSURE]


def test_a_gross_exposure_without_equity_is_denied() -> None:
    assert review_of(buy("0.01"), equity=None).denied_by(DenialCode.GROSS_EXPOSURE)


def test_a_gross_exposure_without_a_price_is_denied() -> None:
    assert review_of(buy("0.01"), mid=None).denied_by(DenialCode.GROSS_EXPOSURE)


def test_a_short_adds_to_the_gross_exposure() -> None:
    short = {"positions": [held("1", symbol="ETH/USDT", side=Side.SELL)], "quotes": [quoted("1900", symbol="ETH/USDT")]}
    assert review_of(buy("0.012"), max_gross_exposure="0.25", **short).of(DenialCode.GROSS_EXPOSURE).measured == d(
        "0.25"
    )


def test_the_largest_gross_exposure_is_named() -> None:
    assert largest_of(DenialCode.GROSS_EXPOSURE, buy("1"), **GROSS) == d("0.012")


# Net exposure, in the order's own direction.


def test_a_net_exposure_of_exactly_the_cap_is_allowed() -> None:
    assert review_of(buy("0.012"), max_net_exposure="0.25", **ETHER).allowed


def test_a_net_exposure_one_lot_over_the_cap_is_denied() -> None:
    assert review_of(buy("0.01201"), max_net_exposure="0.25", **ETHER).denials == [DenialCode.NET_EXPOSURE]


def test_a_hedge_lowers_what_is_held() -> None:
    """A long of 1 900 against a sale of 600 is a net short of -1 300."""
    hedge = review_of(sell("0.012", symbol=PERP.symbol), max_net_exposure="0.0001", **ETHER, **CALM)
    assert hedge.allowed
    assert hedge.of(DenialCode.NET_EXPOSURE).measured == d("-0.13")


def test_a_hedge_that_has_not_filled_hedges_nothing_yet() -> None:
    """A long of 1 900, a sale of 500 that may never fill, and 600 more."""
    unfilled = [resting(Side.SELL, "0.01", at="50000", symbol=PERP.symbol)]
    known = {**ETHER, "quotes": [*ETHER["quotes"], PERPETUAL], "orders": unfilled}
    assert review_of(buy("0.012"), max_net_exposure="0.25", **known).allowed
    assert review_of(buy("0.01201"), max_net_exposure="0.25", **known).denials == [DenialCode.NET_EXPOSURE]


def test_an_entry_that_has_not_filled_counts_as_if_it_had() -> None:
    unfilled = [resting(Side.BUY, "1", at="1900", symbol="ETH/USDT")]
    known: dict[str, Any] = {"quotes": ETHER["quotes"], "orders": unfilled}
    assert review_of(buy("0.012"), max_net_exposure="0.25", **known).allowed
    assert review_of(buy("0.01201"), max_net_exposure="0.25", **known).denials == [DenialCode.NET_EXPOSURE]


def test_a_hedge_that_goes_further_than_what_it_hedges_is_new_risk() -> None:
    assert review_of(sell("0.04", symbol=PERP.symbol), max_net_exposure="0.01", **ETHER, **CALM).allowed
    denied = review_of(sell("0.04001", symbol=PERP.symbol), max_net_exposure="0.01", **ETHER, **CALM)
    assert denied.denied_by(DenialCode.NET_EXPOSURE)


def test_a_net_exposure_without_equity_is_denied() -> None:
    assert review_of(buy("0.01"), equity=None).denied_by(DenialCode.NET_EXPOSURE)


def test_the_largest_net_exposure_counts_what_it_hedges_first() -> None:
    wanted = sell("1", symbol=PERP.symbol)
    assert largest_of(DenialCode.NET_EXPOSURE, wanted, max_net_exposure="0.01", **ETHER) == d("0.04")


# Leverage: the worth of perpetuals.


def test_perpetuals_worth_exactly_the_cap_are_allowed() -> None:
    assert review_of(buy("0.02", symbol=PERP.symbol), max_leverage="0.1", **CALM).allowed


def test_perpetuals_worth_one_lot_more_are_denied() -> None:
    denied = review_of(buy("0.02001", symbol=PERP.symbol), max_leverage="0.1", **CALM)
    assert denied.denials == [DenialCode.LEVERAGE]


def test_perpetuals_that_are_held_count_and_spot_does_not() -> None:
    both = [held("0.01", symbol=PERP.symbol, margin="500"), held("1", symbol="ETH/USDT")]
    known: dict[str, Any] = {"positions": both, "quotes": ETHER["quotes"], "max_leverage": "0.1", **CALM}
    assert review_of(buy("0.01", symbol=PERP.symbol), **known).allowed
    assert review_of(buy("0.01001", symbol=PERP.symbol), **known).denials == [DenialCode.LEVERAGE]


def test_spot_carries_no_leverage() -> None:
    assert review_of(buy("0.02001"), max_leverage="0.1").of(DenialCode.LEVERAGE).measured == 0
    assert largest_of(DenialCode.LEVERAGE, buy("0.01"), max_leverage="0.1") is None


def test_a_perpetual_without_a_price_is_denied() -> None:
    assert review_of(buy("0.01", symbol=PERP.symbol), mid=None).denied_by(DenialCode.LEVERAGE)


def test_the_largest_leverage_is_named() -> None:
    assert largest_of(DenialCode.LEVERAGE, buy("1", symbol=PERP.symbol), max_leverage="0.1") == d("0.02")


# Clusters: assets whose returns go together. ETH is held for 1 900.


def clustered(correlation: Any, **more: Any) -> dict[str, Any]:
    known = {} if correlation == "unknown" else {"ETH": correlation}
    return {**ETHER, "correlation": known, "cluster_correlation": "0.7", "max_cluster_exposure": "0.25", **more}


def test_a_cluster_of_exactly_the_cap_is_allowed() -> None:
    assert review_of(buy("0.012"), **clustered("0.7")).allowed


def test_a_cluster_one_lot_over_the_cap_is_denied() -> None:
    assert review_of(buy("0.01201"), **clustered("0.7")).denials == [DenialCode.CLUSTER_EXPOSURE]


@pytest.mark.parametrize("correlation", ["0.6999", "0", "-1"])
def test_assets_that_move_apart_are_no_cluster(correlation: str) -> None:
    assert review_of(buy("0.01201"), **clustered(correlation)).allowed


@pytest.mark.parametrize("correlation", ["unknown", None, "Infinity", "-Infinity", "-1.01"])
def test_assets_of_which_nothing_is_known_move_together(correlation: str | None) -> None:
    assert review_of(buy("0.012"), **clustered(correlation)).allowed
    assert review_of(buy("0.01201"), **clustered(correlation)).denials == [DenialCode.CLUSTER_EXPOSURE]


@pytest.mark.parametrize("correlation", ["NaN", "sNaN"])
def test_a_correlation_that_is_no_number_is_denied(correlation: str) -> None:
    assert review_of(buy("0.01"), **clustered(correlation)).denials == [DenialCode.CLUSTER_EXPOSURE]


def test_an_asset_moves_with_itself_whatever_was_measured() -> None:
    apart = {"BTC": "-1"}
    held_already = review_of(buy("0.01"), positions=[held("0.02")], correlation=apart, max_cluster_exposure="0.15")
    assert held_already.of(DenialCode.CLUSTER_EXPOSURE).measured == d("0.15")


def test_the_other_side_is_no_part_of_a_cluster() -> None:
    hedge = sell("0.01201", symbol=PERP.symbol)
    assert review_of(hedge, **clustered("0.9"), **CALM).of(DenialCode.CLUSTER_EXPOSURE).measured == d("0.06005")


def test_the_largest_in_a_cluster_is_named() -> None:
    assert largest_of(DenialCode.CLUSTER_EXPOSURE, buy("1"), **clustered("0.7")) == d("0.012")


# Expected shortfall: 500 of BTC lose 25 in the worst days; a tenth of 10 000 may be lost.


def test_a_shortfall_of_exactly_the_cap_is_allowed() -> None:
    assert review_of(buy("0.01"), portfolio_shortfall="975", shortfall="0.05").allowed


def test_a_shortfall_one_lot_over_the_cap_is_denied() -> None:
    denied = review_of(buy("0.01001"), portfolio_shortfall="975", shortfall="0.05")
    assert denied.denials == [DenialCode.SHORTFALL]


def test_an_asset_without_history_counts_with_what_is_assumed() -> None:
    new: dict[str, Any] = {"shortfall": None, "assumed_shortfall": "0.3"}
    assert review_of(buy("0.01"), portfolio_shortfall="850", **new).allowed
    assert review_of(buy("0.01"), portfolio_shortfall="850.01", **new).denials == [DenialCode.SHORTFALL]


def test_an_asset_that_only_ever_gained_makes_no_room() -> None:
    assert review_of(buy("0.01"), portfolio_shortfall="1000.01", shortfall="-1").denials == [DenialCode.SHORTFALL]


def test_a_short_is_added_as_its_own_risk() -> None:
    short = sell("0.01", symbol=PERP.symbol)
    assert review_of(short, portfolio_shortfall="975", shortfall="0.05", **CALM).allowed
    assert not review_of(short, portfolio_shortfall="975.01", shortfall="0.05", **CALM).allowed


@pytest.mark.parametrize("portfolio", [None, "NaN", "Infinity", "-Infinity"])
def test_an_account_whose_shortfall_is_not_known_is_denied(portfolio: str | None) -> None:
    assert review_of(buy("0.01"), portfolio_shortfall=portfolio).denials == [DenialCode.SHORTFALL]


def test_the_largest_shortfall_is_named() -> None:
    assert largest_of(DenialCode.SHORTFALL, buy("1"), portfolio_shortfall="975", shortfall="0.05") == d("0.01")
    assert largest_of(DenialCode.SHORTFALL, buy("1"), portfolio_shortfall="1001") == 0


# Stress: everything falls by 30 %.


def test_a_stress_loss_of_exactly_the_cap_is_allowed() -> None:
    assert review_of(buy("0.03"), max_stress_loss="0.045").allowed
    assert review_of(buy("0.012"), max_stress_loss="0.075", **ETHER).allowed


def test_a_stress_loss_one_lot_over_the_cap_is_denied() -> None:
    assert review_of(buy("0.03001"), max_stress_loss="0.045").denials == [DenialCode.STRESS_LOSS]
    assert review_of(buy("0.01201"), max_stress_loss="0.075", **ETHER).denials == [DenialCode.STRESS_LOSS]


def test_what_is_long_does_not_lose_when_a_short_does() -> None:
    short = review_of(sell("0.01", symbol=PERP.symbol), max_stress_loss="0.015", **ETHER, **CALM)
    assert short.allowed
    assert short.of(DenialCode.STRESS_LOSS).measured == d("0.015")


def test_a_stress_loss_without_a_price_is_denied() -> None:
    assert review_of(buy("0.01"), mid=None).denied_by(DenialCode.STRESS_LOSS)


def test_the_largest_stress_loss_is_named() -> None:
    assert largest_of(DenialCode.STRESS_LOSS, buy("1"), max_stress_loss="0.075", **ETHER) == d("0.012")


# A stablecoin at 0.90. 500 USDC are held.

DOLLARS: dict[str, Any] = {
    "mid": "1",
    "stop": "0.9",
    "bar_volume": "100000",
    "positions": [held("500", symbol="USDC/USDT", at="1")],
}


def dollars(quantity: str) -> Order:
    return buy(quantity, symbol="USDC/USDT")


def test_a_depeg_loss_of_exactly_the_cap_is_allowed() -> None:
    assert review_of(dollars("500"), max_depeg_loss="0.01", **DOLLARS).allowed


def test_a_depeg_loss_one_lot_over_the_cap_is_denied() -> None:
    assert review_of(dollars("500.1"), max_depeg_loss="0.01", **DOLLARS).denials == [DenialCode.DEPEG_LOSS]


def test_a_coin_that_is_no_stablecoin_adds_nothing_to_a_depeg() -> None:
    assert review_of(buy("0.02"), max_depeg_loss="0.0001").of(DenialCode.DEPEG_LOSS).measured == 0
    assert largest_of(DenialCode.DEPEG_LOSS, buy("0.02"), max_depeg_loss="0.0001") is None


def test_which_coins_are_stable_is_the_policys_to_say() -> None:
    assert review_of(buy("0.02"), stablecoins=["BTC"], max_depeg_loss="0.01").allowed
    assert review_of(buy("0.02001"), stablecoins=["BTC"], max_depeg_loss="0.01").denials == [DenialCode.DEPEG_LOSS]


def test_a_stablecoin_without_a_price_is_denied() -> None:
    assert review_of(dollars("500"), **{**DOLLARS, "mid": None}).denied_by(DenialCode.DEPEG_LOSS)


def test_the_largest_depeg_loss_is_named() -> None:
    assert largest_of(DenialCode.DEPEG_LOSS, dollars("1"), max_depeg_loss="0.01", **DOLLARS) == d("500")
