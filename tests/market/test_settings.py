from decimal import Decimal

import pytest
from pydantic import ValidationError

from market.settings import MarketSettings


def test_without_a_file_the_market_is_simulated() -> None:
    assert MarketSettings().kind == "simulated"


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        MarketSettings.model_validate({"sede": 3})


@pytest.mark.parametrize("spread", ["0", "-1", "100.01", "NaN", "Infinity"])
def test_an_assumed_spread_outside_its_range_is_refused(spread: str) -> None:
    with pytest.raises(ValidationError):
        MarketSettings(assumed_spread_bps=Decimal(spread))


def test_an_assumed_spread_at_its_bound_is_allowed() -> None:
    assert MarketSettings(assumed_spread_bps=Decimal("100")).assumed_spread_bps == 100


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(ValidationError):
        MarketSettings(seed=-1)
