"""A smart trade: one entry, and every way out with what its entry arms."""

from decimal import Decimal

import pytest
from pydantic import ValidationError

from core.exits import Rung
from core.orders import TimeInForce
from tests.tools.strategies.seeing import child, placed, seen, wants
from tools.strategies.shapes import ChildState, Finish
from tools.strategies.smart_trade import SmartTrade

KNOWN = {"symbol": "BTC/USDT", "quote": "500", "stop": "90"}
LADDER = [{"price": "120", "fraction": "0.5"}, {"price": "130", "fraction": "0.5"}]


def trade(**more: object) -> SmartTrade:
    return SmartTrade.model_validate({**KNOWN, **more})


def test_without_an_entry_price_it_takes_what_is_there() -> None:
    place = placed(trade(), seen("100"))
    assert place.time_in_force is TimeInForce.IOC
    assert place.limit_price == Decimal("100.2")


def test_an_entry_below_the_price_is_waited_for() -> None:
    place = placed(trade(entry="95"), seen("100"))
    assert (place.limit_price, place.time_in_force) == (95, TimeInForce.GTC)


def test_a_breakout_enters_at_exactly_its_price_and_not_before() -> None:
    assert wants(trade(entry="110", on="breakout"), seen("109.99")) == ()
    assert placed(trade(entry="110", on="breakout"), seen("110")).time_in_force is TimeInForce.IOC


def test_its_ways_out_are_those_of_its_entry() -> None:
    place = placed(trade(targets=LADDER, trail="0.05", break_even="0.03", time_limit="3d"), seen("100"))
    assert place.stop_price == 90
    assert place.exits.ladder == (Rung(Decimal(120), Decimal("0.5")), Rung(Decimal(130), Decimal("0.5")))
    assert (place.exits.trail, place.exits.break_even) == (Decimal("0.05"), Decimal("0.03"))
    assert place.exits.time_limit_s == 3 * 86_400


def test_it_enters_once_and_ends_when_that_is_closed() -> None:
    entered = child("entry.0", filled=Decimal(1), guarded=Decimal(1))
    assert wants(trade(), seen("100", entered)) == ()
    (only,) = wants(trade(), seen("100", child("entry.0", filled=Decimal(1))))
    assert only == Finish("what it had entered is closed")


def test_an_entry_of_which_nothing_filled_is_tried_again_in_another_slot() -> None:
    assert placed(trade(), seen("100", child("entry.0"))).slot == "entry.1"


def test_while_an_entry_is_open_there_is_no_other() -> None:
    assert wants(trade(), seen("100", child("entry.0", ChildState.OPEN))) == ()


def test_a_price_at_its_stop_or_beyond_its_target_ends_it_before_it_entered() -> None:
    for price in ("90", "120"):
        (only,) = wants(trade(targets=LADDER), seen(price))
        assert isinstance(only, Finish)


@pytest.mark.parametrize(
    "wrong",
    [
        {"entry": "90"},
        {"on": "breakout"},
        {"entry": "125", "targets": LADDER},
        {"trail": "1"},
        {"targets": [*LADDER, {"price": "140", "fraction": "0.1"}]},
    ],
)
def test_what_contradicts_itself_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        trade(**wrong)
