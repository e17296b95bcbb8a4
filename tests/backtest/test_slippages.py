"""What fills cost is measured, written down, and told to the next simulation."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from backtest.slippages import measured, save, slippage_of
from core.errors import ConfigError, DataRefused
from core.orders import Side
from desk.lived import Filled
from tests.backtest.test_comparing import START_NS, decided, lived, wanted

D = Decimal


def fill(quantity: str, price: str, fee: str = "0") -> Filled:
    return Filled(D(quantity), D(price), D(fee), START_NS)


LIVE = lived(
    decided(
        wanted(filled=fill("1", "101", "0.2")),
        wanted(Side.SELL, filled=fill("3", "99.9", "0.3")),
        wanted(asked=None),
        wanted(filled=None),
    )
)


def test_slippage_is_weighted_by_what_was_traded_and_paid_by_both_sides() -> None:
    found = measured(LIVE)[""]
    whole = 101 + 3 * 99.9
    assert found.fills == 2
    assert found.slippage == pytest.approx((0.01 * 101 + 0.001 * 3 * 99.9) / whole)
    assert found.middle == pytest.approx(0.0055)
    assert found.fee == pytest.approx(0.5 / whole)
    assert measured(LIVE)["BTC/USDT"] == found


def test_what_is_written_is_what_a_simulation_is_told(tmp_path: Path) -> None:
    file = tmp_path / "slip.json"
    save(file, LIVE)
    assert slippage_of(str(file)) == measured(LIVE)[""].slippage
    assert slippage_of("0.0005") == 0.0005


def test_luck_is_no_cost_to_be_told(tmp_path: Path) -> None:
    file = tmp_path / "slip.json"
    save(file, lived(decided(wanted(filled=fill("1", "99")))))
    assert json.loads(file.read_text())["slippage"] == -0.01
    assert slippage_of(str(file)) == 0.0


def test_without_a_fill_there_is_nothing_to_measure(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match="no fill of a decision"):
        save(tmp_path / "slip.json", lived(decided(wanted(filled=None))))
    assert not list(tmp_path.iterdir())


NONE = ("", "[]", "{}", '{"schema": 7}', '{"schema": 1, "slippage": null}', '{"schema": 1, "slippage": NaN}')


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_measurement_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "slip.json"
    file.write_text(text)
    with pytest.raises(ConfigError):
        slippage_of(str(file))
    with pytest.raises(ConfigError, match="found 'measured'"):
        slippage_of("measured")
