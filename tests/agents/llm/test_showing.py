"""What a model is shown: no amount of what is held, no date, and never more than it can read."""

import json
from decimal import Decimal

from agents.llm.showing import MOST_LETTERS, shown

EQUITY = Decimal(20_000)
SIZE = {
    "symbol": "BTC/USDT",
    "price": "100",
    "quantity": "7.5",
    "notional": "750",
    "largest": {"cash": "9"},
    "reason": None,
}
HELD = {"symbol": "BTC/USDT", "side": "buy", "average_price": "90", "last": "100", "exposure": "0.5", "quantity": "77"}
PORTFOLIO = {"equity": "20000", "start_equity": "16000", "cash": "5000", "positions": [HELD | {"unrealised": "770"}]}


def test_a_size_is_shown_as_a_fraction_of_equity() -> None:
    told = json.loads(shown("position_size", SIZE, EQUITY, amounts=False))
    assert told == {"symbol": "BTC/USDT", "price": "100", "notional": "0.0375"}


def test_a_portfolio_is_shown_in_fractions_of_equity() -> None:
    told = json.loads(shown("portfolio_view", PORTFOLIO, EQUITY, amounts=False))
    held = {"symbol": "BTC/USDT", "side": "buy", "average_price": "90", "last": "100", "exposure": "0.5"}
    assert told == {"equity": "1", "start_equity": "0.8", "cash": "0.25", "holds": [held]}


def test_amounts_are_shown_where_they_are_wanted() -> None:
    assert json.loads(shown("position_size", SIZE, EQUITY, amounts=True))["quantity"] == "7.5"


def test_an_account_without_equity_shows_no_fraction() -> None:
    assert "notional" not in json.loads(shown("position_size", SIZE, Decimal(0), amounts=False))


def test_what_is_unavailable_is_told_as_it_is() -> None:
    assert json.loads(shown("position_size", {"unavailable": "no quote"}, EQUITY, amounts=False)) == {
        "unavailable": "no quote"
    }


def test_bars_are_told_by_how_many_ago_they_closed() -> None:
    rows = [["2026-01-01T00:00Z", "1"], ["2026-01-01T01:00Z", "2"]]
    told = json.loads(shown("recent_bars", {"columns": ["opened", "open"], "rows": rows}, EQUITY, amounts=False))
    assert told == {"columns": ["bars_ago", "open"], "rows": [[1, "1"], [0, "2"]]}


def test_an_answer_that_is_too_long_says_what_to_do() -> None:
    assert "ask for less" in shown("recent_bars", {"text": "x" * MOST_LETTERS}, EQUITY, amounts=False)
