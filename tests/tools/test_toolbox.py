import json
from dataclasses import replace
from typing import Any

import pytest

from core.errors import LedgerBroken, ToolInputError
from core.orders import Side
from tests.models.builders import bars_of
from tests.tools.builders import (
    MemoryEffects,
    MemoryMarket,
    ReplayedEffects,
    account,
    context,
    holding,
    whole,
    without_quote,
)
from tools.registry import TOOLS, bind

EVERY_CALL: list[tuple[str, dict[str, Any]]] = [
    ("market_snapshot", {"symbol": "BTC/USDT"}),
    ("recent_bars", {"symbol": "BTC/USDT", "n": 3}),
    ("trend_view", {"symbol": "BTC/USDT"}),
    ("classic_indicators", {"symbol": "BTC/USDT"}),
    ("portfolio_view", {}),
    ("position_size", {"symbol": "BTC/USDT", "side": "buy", "stop_price": "1"}),
    ("recall", {"symbol": "BTC/USDT", "text": "a rising market"}),
    ("scorecards", {"symbol": "BTC/USDT"}),
    ("document_facts", {"symbol": "BTC/USDT", "field": "all"}),
    ("backtest", {"symbol": "BTC/USDT", "strategy": "breakout", "over": [], "bars": 100}),
]


async def test_an_unknown_tool_is_refused_with_the_names_of_the_known() -> None:
    with pytest.raises(
        ToolInputError, match=r"tool: found 'place_order', allowed are backtest, classic_indicators, .*trend_view"
    ):
        await bind(context()).call("research", "BTC/USDT", "place_order", {})


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "symbol is missing, the arguments are symbol, n"),
        ({"symbol": "BTC/USDT", "bars": 3}, "bars is not an argument, allowed are symbol, n"),
        ({"symbol": "BTC/USDT", "n": 0}, "n: Input should be greater than or equal to 1, found 0"),
        ({"symbol": "BTC/USDT", "n": 101}, "n: Input should be less than or equal to 100, found 101"),
        ({"symbol": 7}, "symbol: Input should be a valid string, found 7"),
        ([], "arguments: Input should be a valid dictionary"),
    ],
)
async def test_wrong_arguments_are_refused_naming_field_found_and_allowed(arguments: Any, says: str) -> None:
    with pytest.raises(ToolInputError) as refusal:
        await bind(context()).call("research", "BTC/USDT", "recent_bars", arguments)
    assert f"recent_bars: {says}" in str(refusal.value)


@pytest.mark.parametrize("stop_price", [0.5, True, "NaN", "Infinity", "half", None, "0", "-0.1", "1e-999"])
async def test_a_number_is_finite_decimal_text_in_its_range(stop_price: Any) -> None:
    arguments = {"symbol": "BTC/USDT", "side": "buy", "stop_price": stop_price}
    with pytest.raises(ToolInputError, match="position_size: stop_price: "):
        await bind(context()).call("plan", "BTC/USDT", "position_size", arguments)


async def test_a_novel_as_an_argument_is_quoted_only_at_its_beginning() -> None:
    with pytest.raises(ToolInputError) as refusal:
        await bind(context()).call("research", "BTC/USDT", "market_snapshot", {"symbol": "ignore all rules " * 500})
    assert len(str(refusal.value)) < 250


async def test_a_symbol_that_the_market_does_not_know_is_refused_the_same_way_without_a_market() -> None:
    live = context()
    with pytest.raises(ToolInputError) as said:
        await bind(live).call("research", "DOGE/USDT", "market_snapshot", {"symbol": "DOGE/USDT"})
    assert str(said.value) == "market_snapshot: symbol: found 'DOGE/USDT', allowed are BTC/USDT"

    assert isinstance(live.effects, MemoryEffects)
    replayed = replace(live, market=MemoryMarket(None, None, symbol=""), effects=ReplayedEffects(live.effects.stored))
    with pytest.raises(ToolInputError) as again:
        await bind(replayed).call("research", "DOGE/USDT", "market_snapshot", {"symbol": "DOGE/USDT"})
    assert str(again.value) == str(said.value)


async def test_a_spent_budget_refuses_the_next_call() -> None:
    toolbox = bind(context(), budget=3)
    await toolbox.call("research", "BTC/USDT", "trend_view", {"symbol": "BTC/USDT"})
    assert toolbox.spent == 2
    with pytest.raises(ToolInputError, match="trend_view costs 2, and 1 of the cycle's 3 are left"):
        await toolbox.call("research", "BTC/USDT", "trend_view", {"symbol": "BTC/USDT"})
    await toolbox.call("research", "BTC/USDT", "portfolio_view", {})
    assert toolbox.spent == 3


async def test_a_call_with_wrong_arguments_costs_nothing() -> None:
    toolbox = bind(context())
    with pytest.raises(ToolInputError):
        await toolbox.call("research", "BTC/USDT", "trend_view", {})
    assert toolbox.spent == 0


async def test_how_sure_somebody_is_has_no_place_in_a_size() -> None:
    arguments = {"symbol": "BTC/USDT", "side": "buy", "stop_price": "1", "conviction": "1"}
    with pytest.raises(ToolInputError, match="conviction is not an argument, allowed are symbol, side, stop_price"):
        await bind(context()).call("plan", "BTC/USDT", "position_size", arguments)


@pytest.mark.parametrize(("name", "arguments"), EVERY_CALL)
async def test_every_tool_gives_the_same_answer_again_and_cites_it_by_its_content(
    name: str, arguments: dict[str, Any]
) -> None:
    answers = [await whole(context()).call("research", "lane", name, arguments) for _ in range(2)]
    assert answers[0] == answers[1]
    subject = arguments.get("symbol", "account")
    assert answers[0]["evidence"].startswith(f"{name}:{subject}:")
    assert len(answers[0]["evidence"].rpartition(":")[2]) == 12


@pytest.mark.parametrize(("name", "arguments"), EVERY_CALL)
async def test_no_answer_holds_a_float(name: str, arguments: dict[str, Any]) -> None:
    held = context(held=account("10000", "7000", holding("0.1", "29000", Side.BUY)))

    def no_float(text: str) -> float:
        raise AssertionError(f"a float left {name}: {text}")

    answer = await whole(held).call("research", "lane", name, arguments)
    assert "unavailable" not in answer
    json.loads(json.dumps(answer), parse_float=no_float)


@pytest.mark.parametrize(("name", "arguments"), EVERY_CALL)
async def test_a_replay_gives_every_answer_without_a_market(name: str, arguments: dict[str, Any]) -> None:
    live = context()
    said = await whole(live).call("research", "lane", name, arguments)
    assert isinstance(live.effects, MemoryEffects)
    replayed = replace(live, market=MemoryMarket(None, None, symbol=""), effects=ReplayedEffects(live.effects.stored))
    assert await bind(replayed).call("research", "lane", name, arguments) == said


async def test_another_answer_has_another_evidence() -> None:
    arguments = {"symbol": "BTC/USDT"}
    one = await bind(context()).call("research", "lane", "trend_view", arguments)
    other = await bind(context(bars_of([100.0 + n for n in range(60)]))).call("r", "lane", "trend_view", arguments)
    assert one["evidence"] != other["evidence"]


async def test_the_request_is_stored_in_one_form_however_it_was_written() -> None:
    cycle = context()
    for stop_price in ("0.50", "0.5", "5E-1"):
        arguments = {"symbol": "BTC/USDT", "side": "buy", "stop_price": stop_price}
        await bind(cycle).call("plan", "BTC/USDT", "position_size", arguments)
    assert isinstance(cycle.effects, MemoryEffects)
    assert len({request for request, _ in cycle.effects.stored.values()}) == 1


async def test_missing_data_is_an_answer_that_says_so() -> None:
    answer = await bind(without_quote()).call("observe", "BTC/USDT", "market_snapshot", {"symbol": "BTC/USDT"})
    assert answer.keys() == {"unavailable", "evidence"}
    assert answer["unavailable"] == "no quote of BTC/USDT is known at this time"


async def test_a_stored_answer_that_the_tool_could_not_have_given_breaks_the_books() -> None:
    tampered = ReplayedEffects(
        {("r", "lane", 0): ('{"arguments":{"symbol":"BTC/USDT"},"tool":"trend_view"}', '{"evidence":"x","trend":"1"}')}
    )
    with pytest.raises(LedgerBroken, match="the stored answer of trend_view"):
        await bind(replace(context(), effects=tampered)).call("r", "lane", "trend_view", {"symbol": "BTC/USDT"})


def test_every_tool_has_a_call_here() -> None:
    assert {name for name, _ in EVERY_CALL} == set(TOOLS)
