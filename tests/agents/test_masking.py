"""Aliases and scales go there and back, and what is no alias stays what it is."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.llm.masked import real_arguments, shown_answer
from agents.masking import OPEN, Mask
from core.errors import ToolInputError
from tools.registry import TOOLS
from tools.toolbox import Toolbox

PERPETUAL = "BTC/USDT:USDT"
MASK = Mask(
    {"USDT": "CASH", "BTC": "ASSET-A", "A": "ASSET-B", PERPETUAL: "ASSET-A/CASH:CASH", "A/USDT": "ASSET-B/CASH"},
    {PERPETUAL: Decimal("0.002"), "A/USDT": None},
)


def test_symbols_assets_and_dates_are_hidden_and_words_that_hold_them_are_not() -> None:
    said = f"trend_view:{PERPETUAL}:0a1b, BTC since 2026-02-16T08:00Z, WBTC, ABTC"
    assert MASK.hide(said) == "trend_view:ASSET-A/CASH:CASH:0a1b, ASSET-A since a date, WBTC, ABTC"


def test_to_hide_twice_is_to_hide_once() -> None:
    once = MASK.hide(f"A/USDT and {PERPETUAL}")
    assert MASK.hide(once) == once == "ASSET-B/CASH and ASSET-A/CASH:CASH"
    assert MASK.real(once) == f"A/USDT and {PERPETUAL}"


SPOT = Mask(
    {
        **{"USDT": "CASH", "BTC": "ASSET-A", "ONE": "ASSET-B"},
        **{"BTC/USDT": "ASSET-A/CASH", "ONE/USDT": "ASSET-B/CASH"},
    },
    {"BTC/USDT": Decimal(1), "ONE/USDT": Decimal(1)},
)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("btc", "ASSET-A"),
        ("Btc and $BTC", "ASSET-A and $ASSET-A"),
        ("BTCUSDT, btc-usdt, BTC_USDT, btc/usdt", "ASSET-A/CASH, ASSET-A/CASH, ASSET-A/CASH, ASSET-A/CASH"),
        ("weekly-btc", "weekly-ASSET-A"),
        ("btcusdt_1h.parquet", "ASSET-A/CASH_1h.parquet"),
        ("BTC/USDT:USDT", "ASSET-A/CASH:CASH"),
        ("BITCOIN's halving in tether", "ASSET-A's halving in CASH"),
        ("Ethereum, solana and XRP follow", "ASSET-OTHER, ASSET-OTHER and ASSET-OTHER follow"),
        ("Bitcoin Cash is another", "ASSET-OTHER is another"),
        ("ONE is one of them, oneusdt too", "ASSET-B is one of them, ASSET-B/CASH too"),
        ("subtlety of wbtc and BTCD", "subtlety of wbtc and BTCD"),
        ("\u017fol \u0131 \u212a", "\u017fol \u0131 \u212a"),
    ],
)
def test_an_asset_is_hidden_however_it_is_written(said: str, shown: str) -> None:
    assert SPOT.hide(said) == shown
    assert SPOT.hide(shown) == shown


def test_a_ticker_that_is_a_word_of_ours_leaves_what_tools_ask_for_as_it_is() -> None:
    any_, none = (Mask({a: "ASSET-A", f"{a}/USDT": "ASSET-A/CASH", "USDT": "CASH"}, {}) for a in ("ANY", "ZZZZ"))
    for schema in Toolbox(None, TOOLS, 0).schemas.values():  # type: ignore[arg-type]
        assert any_.data(schema) == none.data(schema)


def test_words_of_code_lose_their_numbers() -> None:
    assert MASK.prose("a buy needs it below 51000.5, found 52000") == "a buy needs it below …, found …"


@given(st.decimals("0.00001", "999999", places=5))
def test_a_price_comes_back_to_nine_digits(price: Decimal) -> None:
    shown = MASK.shown_price(PERPETUAL, price)
    assert abs((MASK.real_price(PERPETUAL, shown) or 0) / price - 1) < Decimal("1e-8")


def test_a_symbol_without_a_scale_has_no_price_to_show() -> None:
    assert MASK.shown_price("A/USDT", Decimal(5)) is None
    told = shown_answer(
        MASK, "classic_indicators", {"symbol": "A/USDT", "atr": "5", "macd_difference": "1", "rsi": "50"}
    )
    assert told == {"symbol": "ASSET-B/CASH", "atr": None, "macd_difference": None, "rsi": "50"}


def test_only_prices_of_a_predicate_change_their_scale() -> None:
    text = "last <= 100 or age_h >= 6 and gain < 0.5%"
    assert MASK.real_predicate(PERPETUAL, text) == "last <= 50000 or age_h >= 6 and gain < 0.005"
    assert MASK.shown_predicate(PERPETUAL, "last <= 50000") == "last <= 100"
    assert MASK.real_predicate(PERPETUAL, "no predicate") == "no predicate"


@pytest.mark.parametrize("stop", ["1e400", "NaN", "", "-", None, 5.5, True, [], "9" * 5000])
def test_what_is_no_price_is_left_for_the_tool_to_refuse(stop: Any) -> None:
    asked = {"symbol": "ASSET-A/CASH:CASH", "side": "buy", "stop_price": stop}
    assert real_arguments(MASK, "position_size", asked) == {**asked, "symbol": PERPETUAL}


@pytest.mark.parametrize("symbol", [PERPETUAL, "BTC", "ASSET-A", "ASSET-C/CASH", ""])
def test_what_is_no_alias_is_refused(symbol: str) -> None:
    with pytest.raises(ToolInputError, match="allowed are ASSET-A/CASH:CASH, ASSET-B/CASH"):
        real_arguments(MASK, "market_snapshot", {"symbol": symbol})


def test_of_what_is_remembered_only_lessons_are_shown() -> None:
    items = [{"kind": "lesson", "text": "a BTC trade"}, {"kind": "note", "text": "at 50000"}]
    told = shown_answer(MASK, "recall", {"symbol": PERPETUAL, "items": items})
    assert told["items"] == [{"kind": "lesson", "text": "a ASSET-A trade"}]


def test_the_open_mask_hides_nothing() -> None:
    answer = {"symbol": PERPETUAL, "last": "50000"}
    assert shown_answer(OPEN, "market_snapshot", answer) is answer
    assert (
        OPEN.hide("BTC 2026-01-01") == OPEN.real("BTC 2026-01-01") == OPEN.prose("BTC 2026-01-01") == "BTC 2026-01-01"
    )
