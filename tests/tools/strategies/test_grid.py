"""A grid: evenly spaced levels, bounded by what it may hold, each cell sold one level higher."""

from decimal import Decimal

import pytest
from pydantic import ValidationError

from core.orders import TimeInForce
from tests.tools.strategies.seeing import child, placed, seen, wants
from tools.strategies.grid import Grid
from tools.strategies.shapes import ChildState, Finish, Withdraw

KNOWN = {"symbol": "BTC/USDT", "lower": "90", "upper": "110", "cells": 20, "quote": "50", "stop": "80"}


def grid(**more: object) -> Grid:
    return Grid.model_validate({**KNOWN, **more})


def test_the_nearest_level_below_the_price_is_bought_first_and_sold_one_level_higher() -> None:
    place = placed(grid(), seen("100.5"))
    assert (place.limit_price, place.target_price, place.stop_price) == (100, 101, 80)
    assert place.time_in_force is TimeInForce.GTC


def test_a_level_at_exactly_the_bid_is_not_bought() -> None:
    assert placed(grid(), seen("100")).limit_price == 99


def test_levels_are_evenly_spaced_around_the_middle() -> None:
    levels = [grid().level(n) for n in range(21)]
    assert all(low + high == 200 for low, high in zip(levels, levels[::-1], strict=True))


def test_a_cell_that_is_held_is_not_bought_again_and_one_that_was_sold_is() -> None:
    assert placed(grid(), seen("100.5", child("10.0", guarded=Decimal(1)))).slot == "9.0"
    assert placed(grid(), seen("100.5", child("10.0", filled=Decimal(1)))).slot == "10.1"


def test_no_more_cells_than_allowed_are_held_or_waited_for() -> None:
    held = [child(f"{n}.0", guarded=Decimal(1)) for n in (10, 11)]
    assert wants(grid(most=2), seen("100.5", *held)) == ()
    assert wants(grid(most=3), seen("100.5", *held, child("9.0", ChildState.OPEN))) == ()
    assert placed(grid(most=3), seen("100.5", *held)).slot == "9.0"


def test_one_that_is_a_cell_too_far_waits_on_and_two_cells_too_far_is_taken_back() -> None:
    near, far = child("9.0", ChildState.OPEN), child("8.0", ChildState.OPEN)
    assert placed(grid(), seen("100.5", near, far)).slot == "10.0"
    assert wants(grid(), seen("101.5", near, far)) == (Withdraw("8.0"),)


def test_what_is_about_to_fill_is_not_taken_back() -> None:
    assert wants(grid(), seen("100.5", child("12.0", ChildState.OPEN), child("10.0", ChildState.OPEN)))[0] != Withdraw(
        "12.0"
    )


def test_beyond_its_reach_nothing_is_placed() -> None:
    assert wants(grid(upper="91", cells=1), seen("94")) == ()
    assert placed(grid(upper="91", cells=1), seen("93.75")).limit_price == 90


def test_at_exactly_its_stop_it_has_ended() -> None:
    (only,) = wants(grid(), seen("80"))
    assert isinstance(only, Finish)


def test_a_cell_that_earns_less_than_two_fees_is_told() -> None:
    assert grid().gain(Decimal("0.001")) > 0
    assert grid(upper="90.1", cells=1).gain(Decimal("0.001")) <= 0


@pytest.mark.parametrize("wrong", [{"stop": "90"}, {"upper": "90"}, {"cells": 0}, {"most": 0}, {"quote": "-1"}])
def test_what_is_out_of_order_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        grid(**wrong)
