"""Dollar-cost averaging: once an interval, never made up, and never for more than was said."""

from decimal import Decimal

import pytest
from pydantic import ValidationError

from core.time import DAY_NS
from tests.tools.strategies.seeing import child, instrument, placed, seen, wants
from tools.strategies.dca import Averaging, DollarCostAveraging
from tools.strategies.shapes import ChildState, Finish, cost_of

DAILY = DollarCostAveraging(symbol="BTC/USDT", quote=Decimal(50), every="1d")


def test_the_first_order_comes_at_once() -> None:
    assert placed(DAILY, seen()).slot == "0"


def test_without_a_price_nothing_is_bought() -> None:
    assert wants(DAILY, seen(None)) == ()


def test_the_last_nanosecond_of_an_interval_is_the_same_slot_and_the_next_is_another() -> None:
    assert wants(DAILY, seen("100", child("0"), after_ns=DAY_NS - 1)) == ()
    assert placed(DAILY, seen("100", child("0"), after_ns=DAY_NS)).slot == "1"


def test_an_interval_that_was_missed_is_not_made_up() -> None:
    assert placed(DAILY, seen("100", child("0"), after_ns=5 * DAY_NS)).slot == "5"


def test_nothing_is_added_while_an_order_is_open() -> None:
    assert wants(DAILY, seen("100", child("0", ChildState.OPEN), after_ns=DAY_NS)) == ()


def test_an_order_comes_to_no_more_than_was_said() -> None:
    place = placed(DAILY, seen("99.99"))
    assert place.limit_price is not None
    assert cost_of(place.quantity, place.limit_price, instrument()) <= Decimal("50.0000001")


def test_its_stop_is_set_by_the_first_price_and_stays() -> None:
    state, _ = DAILY.step(DAILY.begin(), seen("100"))
    assert state == Averaging(Decimal(50))
    assert placed(DAILY, seen("80", after_ns=DAY_NS), state).stop_price == Decimal(50)


def test_at_exactly_its_stop_it_has_ended() -> None:
    (only,) = wants(DAILY, seen("50"), Averaging(Decimal(50)))
    assert isinstance(only, Finish)


@pytest.mark.parametrize("wrong", [{"quote": "0"}, {"quote": "NaN"}, {"every": "0d"}, {"stop": "1"}, {"symbol": "BTC"}])
def test_what_is_out_of_range_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        DollarCostAveraging(**{"symbol": "BTC/USDT", "quote": "50", "every": "1d", **wrong})  # type: ignore[arg-type]
