"""Limits only tighten, a misspelled one refuses to start, and every change of a limit is another policy."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from risk import ceilings
from risk.settings import RiskSettings

CEILINGS: list[tuple[str, Any, Any]] = [
    ("max_asset_exposure", ceilings.MAX_ASSET_EXPOSURE, Decimal("0.0001")),
    ("max_gross_exposure", ceilings.MAX_GROSS_EXPOSURE, Decimal("0.0001")),
    ("max_order_size", ceilings.MAX_ORDER_SIZE, Decimal("0.0001")),
    ("max_open_orders", ceilings.MAX_OPEN_ORDERS, 1),
    ("max_price_age_s", ceilings.MAX_PRICE_AGE_S, 1),
    ("max_spread_bps", ceilings.MAX_SPREAD_BPS, Decimal("0.0001")),
    ("max_price_deviation", ceilings.MAX_PRICE_DEVIATION, Decimal("0.0001")),
    ("duplicate_window_s", ceilings.MIN_DUPLICATE_WINDOW_S, -1),
    ("min_equity_fraction", ceilings.MIN_EQUITY_FRACTION, Decimal("-0.0001")),
    ("max_losing_streak", ceilings.MAX_LOSING_STREAK, 1),
    ("approval_drift", ceilings.MAX_APPROVAL_DRIFT, Decimal("0.0001")),
    ("approval_ttl_s", ceilings.MAX_APPROVAL_TTL_S, 1),
]
OTHER: dict[str, Any] = {
    "approval": "always",
    "approval_ttl_s": 60,
    "approval_drift": "0.005",
    "max_asset_exposure": "0.1",
    "max_gross_exposure": "0.5",
    "max_order_size": "0.5",
    "max_open_orders": 5,
    "max_price_age_s": 30,
    "max_spread_bps": "10",
    "max_price_deviation": "0.01",
    "duplicate_window_s": 120,
    "duplicate_tolerance": "0.02",
    "market_slippage": "0.02",
    "min_equity_fraction": "0.9",
    "max_losing_streak": 3,
}


@pytest.mark.parametrize(("name", "ceiling", "_"), CEILINGS, ids=[c[0] for c in CEILINGS])
def test_a_limit_exactly_at_its_ceiling_is_accepted(name: str, ceiling: Any, _: Any) -> None:
    assert getattr(RiskSettings.model_validate({name: ceiling}), name) == ceiling


@pytest.mark.parametrize(("name", "ceiling", "looser"), CEILINGS, ids=[c[0] for c in CEILINGS])
def test_a_limit_looser_than_its_ceiling_is_refused(name: str, ceiling: Any, looser: Any) -> None:
    with pytest.raises(ValidationError, match=name):
        RiskSettings.model_validate({name: ceiling + looser})


@pytest.mark.parametrize("name", [n for n in OTHER if n not in ("approval", "duplicate_tolerance")])
@pytest.mark.parametrize("value", ["NaN", "Infinity", "0", "-1", "much"])
def test_a_limit_that_limits_nothing_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValidationError, match=name):
        RiskSettings.model_validate({name: value})


def test_a_misspelled_limit_is_refused() -> None:
    with pytest.raises(ValidationError, match="max_aset_exposure"):
        RiskSettings.model_validate({"max_aset_exposure": "0.1"})


def test_a_policy_cannot_be_changed_once_it_is_read() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        RiskSettings().max_open_orders = 1  # type: ignore[misc]


def test_every_limit_has_another_value_in_these_tests() -> None:
    assert OTHER.keys() == RiskSettings.model_fields.keys()


@pytest.mark.parametrize("name", OTHER)
def test_another_limit_is_another_policy(name: str) -> None:
    assert RiskSettings.model_validate({name: OTHER[name]}).policy_hash != RiskSettings().policy_hash


def test_the_same_limit_written_otherwise_is_the_same_policy() -> None:
    same = RiskSettings(max_asset_exposure=Decimal("0.2"), max_order_size=Decimal("1.000"))
    assert same.policy_hash == RiskSettings().policy_hash
