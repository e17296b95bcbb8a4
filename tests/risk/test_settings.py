"""Limits only tighten, a misspelled one refuses to start, and every change of a limit is another policy."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from risk import ceilings
from risk.breakers import STANDARD
from risk.settings import RiskSettings

# What no setting can loosen, by setting: MAX_JUMP holds `max_jump`, MIN_DUPLICATE_WINDOW_S `duplicate_window_s`.
FIELDS = RiskSettings.model_fields
CEILINGS: dict[str, tuple[str, Any]] = {
    next((n for n in (name.lower(), name[4:].lower()) if n in FIELDS), name): (name[:3], value)
    for name, value in vars(ceilings).items()
    if name.startswith(("MAX_", "MIN_"))
}
OTHER: dict[str, Any] = {
    "approval": "always",
    "approvals": {"BTC/USDT": "always"},
    "approval_over": "500",
    "approval_ttl_s": 60,
    "approval_drift": "0.005",
    "allowed_symbols": ["BTC/USDT"],
    "restricted": ["ETH"],
    "managed_capital": "5000",
    "max_order_size": "0.5",
    "max_order_notional": "5000",
    "max_uncalibrated_size": "0.01",
    "max_price_deviation": "0.01",
    "max_mid_deviation": "0.01",
    "max_window_deviation": "0.1",
    "max_jump": "0.2",
    "max_forecast_sigmas": "3",
    "market_slippage": "0.02",
    "duplicate_window_s": 120,
    "duplicate_tolerance": "0.02",
    "max_orders_second": 1,
    "max_orders_minute": 10,
    "max_orders_day": 100,
    "max_messages_second": 2,
    "max_messages_minute": 20,
    "max_messages_day": 200,
    "max_repeats": 10,
    "max_asset_exposure": "0.1",
    "max_venue_exposure": "0.5",
    "max_gross_exposure": "0.5",
    "max_net_exposure": "0.5",
    "max_leverage": "0.5",
    "max_cluster_exposure": "0.3",
    "cluster_correlation": "0.5",
    "max_expected_shortfall": "0.05",
    "assumed_shortfall": "0.5",
    "max_stress_loss": "0.1",
    "max_depeg_loss": "0.01",
    "stablecoins": ["USDT"],
    "max_open_orders": 5,
    "max_positions": 5,
    "max_price_age_s": 30,
    "max_stream_age_s": 30,
    "max_loop_lag_s": "1",
    "max_spread_bps": "10",
    "max_slippage_bps": "10",
    "max_depth_share": "0.1",
    "max_volatility_ratio": "3",
    "max_divergence": "0.005",
    "min_sources": 1,
    "pegs": {"USDT": "USDT/USD"},
    "max_depeg": "0.01",
    "max_funding_rate": "0.0005",
    "min_liquidation_distance": "0.5",
    "owners": {"trend": {"max_layers": 1}},
    "max_cancel_ratio": "5",
    "max_quick_cancels": 5,
    "max_layers": 1,
    "least_cancels": 10,
    "quick_cancel_s": 10,
    "breakers": (*STANDARD, STANDARD[0].model_copy(update={"name": "another"})),
}
NUMBERS = [name for name, field in FIELDS.items() if field.annotation in (int, Decimal, Decimal | None)]
MAY_BE_ZERO = {"duplicate_tolerance", "cluster_correlation", "min_sources"}


def step(value: Any) -> Any:
    return 1 if isinstance(value, int) else Decimal("0.0001")


def test_every_ceiling_holds_a_setting() -> None:
    assert CEILINGS.keys() <= FIELDS.keys()


def test_every_limit_has_a_ceiling() -> None:
    limits = {name for name in FIELDS if name.startswith(("max_", "min_"))}
    assert limits - CEILINGS.keys() == {"min_sources"}  # of which more is stricter, and none is asked for


@pytest.mark.parametrize("name", CEILINGS)
def test_a_limit_exactly_at_its_ceiling_is_accepted(name: str) -> None:
    _, ceiling = CEILINGS[name]
    assert getattr(RiskSettings.model_validate({name: ceiling}), name) == ceiling


@pytest.mark.parametrize("name", CEILINGS)
def test_a_limit_looser_than_its_ceiling_is_refused(name: str) -> None:
    kind, ceiling = CEILINGS[name]
    looser = ceiling + step(ceiling) if kind == "MAX" else ceiling - step(ceiling)
    with pytest.raises(ValidationError, match=name):
        RiskSettings.model_validate({name: looser})


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", ["NaN", "Infinity", "0", "-1", "much"])
def test_a_limit_that_limits_nothing_is_refused(name: str, value: str) -> None:
    if value == "0" and name in MAY_BE_ZERO:
        assert getattr(RiskSettings.model_validate({name: value}), name) == 0
        return
    with pytest.raises(ValidationError, match=name):
        RiskSettings.model_validate({name: value})


def test_a_misspelled_limit_is_refused() -> None:
    with pytest.raises(ValidationError, match="max_aset_exposure"):
        RiskSettings.model_validate({"max_aset_exposure": "0.1"})


# An owner's own thresholds.


def test_an_owner_may_have_thresholds_of_its_own() -> None:
    policy = RiskSettings.model_validate({"owners": {"trend": {"max_layers": 1}}})
    assert (policy.owners["trend"].max_layers, policy.max_layers) == (1, 3)


@pytest.mark.parametrize("name", ["max_cancel_ratio", "max_quick_cancels", "max_layers"])
def test_no_owner_may_have_looser_thresholds_than_the_ceiling(name: str) -> None:
    _, ceiling = CEILINGS[name]
    RiskSettings.model_validate({"owners": {"trend": {name: ceiling}}})
    with pytest.raises(ValidationError, match=name):
        RiskSettings.model_validate({"owners": {"trend": {name: ceiling + step(ceiling)}}})


@pytest.mark.parametrize("name", ["max_layer", "max_asset_exposure"])
def test_an_owner_has_no_other_limits_of_its_own(name: str) -> None:
    with pytest.raises(ValidationError, match=name):
        RiskSettings.model_validate({"owners": {"trend": {name: 1}}})


# Who is asked.


def test_a_symbol_may_have_an_approval_policy_of_its_own() -> None:
    policy = RiskSettings.model_validate({"approval": "always", "approvals": {"BTC/USDT": "never"}})
    assert (policy.approval_for("BTC/USDT"), policy.approval_for("ETH/USDT")) == ("never", "always")


def test_an_approval_policy_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValidationError, match="sometimes"):
        RiskSettings.model_validate({"approvals": {"BTC/USDT": "sometimes"}})


# A policy and its name.


def test_a_policy_cannot_be_changed_once_it_is_read() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        RiskSettings().max_open_orders = 1  # type: ignore[misc]


def test_every_limit_has_another_value_in_these_tests() -> None:
    assert OTHER.keys() == FIELDS.keys()


@pytest.mark.parametrize("name", OTHER)
def test_another_limit_is_another_policy(name: str) -> None:
    assert RiskSettings.model_validate({name: OTHER[name]}).policy_hash != RiskSettings().policy_hash


def test_the_same_limit_written_otherwise_is_the_same_policy() -> None:
    same = RiskSettings(max_asset_exposure=Decimal("0.2"), max_order_size=Decimal("1.000"))
    assert same.policy_hash == RiskSettings().policy_hash
