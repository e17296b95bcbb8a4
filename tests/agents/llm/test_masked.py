"""A masked model sees no symbol, no date and no price of the real market, and sizes nothing otherwise for it."""

import asyncio
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from agents.llm.masked import TOOLS
from agents.llm.research import ACCOUNT_TOOLS
from bench.chat_server import Reply, analyst, answer, completion, opinion, plan, role_of, shown
from core.canonical import JSON
from core.errors import ConfigError
from core.money import text_of
from core.time import MINUTE_NS, Timeframe
from desk.home import Home
from desk.markets import MarketSpec
from desk.replay import replay
from desk.runs import RunCommand
from desk.settings import parse
from memory.books.words import RecordKind
from risk.predicates import parse as predicate
from tests.agents.llm.desks import served, settings
from tests.desk.desks import (
    BUYS_BOTH,
    SYMBOLS,
    all_records,
    body_of,
    books_of,
    fresh_home,
    report_of,
    run,
    simulated,
)
from tools.registry import TOOLS as EVERY_TOOL

SEED, AT = BUYS_BOTH
STEP_NS = 10 * MINUTE_NS
ASSET = re.compile(r"btc|usdt|tether|bitcoin|ethereum|solana|(?<![a-z])eth(er)?(?![a-z])", re.IGNORECASE)
DATE = re.compile(r"(?<![\d.])(19|20)\d\d(-\d\d-\d\d|\d{4})?(?![\d.])")


GUESS = "it moves like bitcoin (btc, BTCUSDT, btc-usdt) with Ether, eth and Solana behind it"


def curious(asked: JSON) -> Reply:
    """Looks at whatever it is offered, guesses what it is, asks for a size with a stop on the wrong side, reviews."""
    role, symbol = role_of(asked), ""
    called = any(message["role"] == "tool" for message in asked["messages"])
    if called and role == "research":
        return answer(asked, {**opinion(asked), "risks": [GUESS]})
    if called and role == "plan":
        planned = plan(asked)
        return answer(asked, {**planned, "orders": [{**o, "thesis": GUESS} for o in planned["orders"]]})
    if role == "review":
        return analyst(asked)
    if role == "research":
        symbol = shown(asked)["market_snapshot"]["symbol"]
        names = [tool["function"]["name"] for tool in asked["tools"] if tool["function"]["name"] != "answer"]
        more: dict[str, JSON] = {"recent_bars": {"n": 30}, "recall": {"text": "what to buy", "n": 3}}
        return completion(calls=[(n, json.dumps({"symbol": symbol, **more.get(n, {})})) for n in names])
    symbol = asked["messages"][1]["content"].split("### ")[1].splitlines()[0]
    sizes = [{"symbol": symbol, "side": "buy", "stop_price": stop} for stop in ("95", "100000")]
    return completion(calls=[("position_size", json.dumps(size)) for size in sizes])


class Ran(NamedTuple):
    home: Home
    asked: list[JSON]
    bodies: list[JSON]
    report: JSON


async def ran(home: Home, model: Any, cycles: int = 1, **more: object) -> Ran:
    """In the second cycle what the first bought is held."""
    command = RunCommand.series(MarketSpec("simulated", SYMBOLS, SEED), AT, AT + (cycles - 1) * STEP_NS, STEP_NS)
    async with served(model) as server:
        result = await run(home, command, settings(server.url, **more))
        with books_of(home) as books:
            bodies = [body_of(books, record) for record in all_records(books, RecordKind.DECISION)]
        return Ran(home, list(server.asked), bodies, report_of(home, result))


@pytest.fixture(scope="module")
def masked() -> Iterator[Ran]:
    with fresh_home() as home:
        yield asyncio.run(ran(home, curious, 2, masked=True, review=True, balances="amounts"))


def raw_prices() -> set[str]:
    """Every price that a masked model could have been shown, in the digits that it would have."""
    market, found = simulated(SEED), set()
    for symbol in SYMBOLS:
        for as_of_ns in (AT, AT + STEP_NS):
            quote = market.quote(symbol, as_of_ns=as_of_ns)
            bars = market.bars(symbol, Timeframe.H1, as_of_ns=as_of_ns, n=300)
            assert quote
            found |= {text_of(price) for price in (quote.last, quote.bid, quote.ask)}
            found |= {
                text_of(Decimal(repr(float(p)))) for side in (bars.open, bars.high, bars.low, bars.close) for p in side
            }
    return found


def numbers(text: str) -> set[str]:
    return set(re.findall(r"\d+(?:\.\d+)?", text))


def test_no_request_holds_a_symbol_an_asset_a_date_or_a_price(masked: Ran) -> None:
    assert len(masked.asked) > 8
    # What a model guessed of it is in the record, and no other model is told.
    assert all(GUESS in json.dumps(body[part]) for body in masked.bodies[:1] for part in ("research", "plans"))
    assert sum("moves like ASSET-A (ASSET-A," in json.dumps(asked) for asked in masked.asked) > 2
    for asked in masked.asked:
        sent = json.dumps(asked, ensure_ascii=False)
        assert not ASSET.search(sent)
        assert not DATE.search(re.sub(r":[0-9a-f]{12}", "", sent))
        assert not numbers(sent) & raw_prices()
        assert "ASSET-A/CASH" in sent


def test_the_same_search_finds_all_of_them_without_the_mask() -> None:
    with fresh_home() as home:
        bare = asyncio.run(ran(home, curious, review=True, balances="amounts"))
    sent = json.dumps(bare.asked)
    assert "BTC/USDT" in sent
    assert len(numbers(sent) & raw_prices()) > 10


def test_the_model_looked_at_all_that_a_masked_model_is_offered(masked: Ran) -> None:
    offered = {tool["function"]["name"] for asked in masked.asked for tool in asked.get("tools", ())} - {"answer"}
    assert offered == TOOLS.keys() & EVERY_TOOL.keys()
    said = "".join(m["content"] or "" for asked in masked.asked for m in asked["messages"] if m["role"] == "tool")
    assert all(f'"evidence":"{tool}:ASSET-A/CASH:' in said for tool in TOOLS)
    assert "a buy needs it below …, found …" in said
    # A position of the first cycle is held in the second.
    assert any("holds ASSET-A/CASH: buy since 9" in asked["messages"][1]["content"] for asked in masked.asked)


def test_the_record_is_of_the_real_market_and_says_masked(masked: Ran) -> None:
    for body in masked.bodies:
        assert body["masked"] is True
        decided = json.dumps([body[key] for key in ("symbols", "research", "plans", "answers")])
        assert "ASSET-" not in decided
        assert {opinion["symbol"] for opinion in body["research"]["opinions"]} == set(SYMBOLS)
        assert all(not opinion["dropped"] for opinion in body["research"]["opinions"])
    assert masked.bodies[0]["plans"][0]["orders"]
    assert masked.report["contamination"] == {"unknown": 2}


async def test_a_masked_record_replays_to_its_hash(masked: Ran) -> None:
    with books_of(masked.home) as books:
        for record in all_records(books, RecordKind.DECISION):
            assert (await replay(books, record)).replayed_hash == record.record_hash


def by_price(asked: JSON) -> Reply:
    """Everything that an order can say of prices, in relative terms."""
    if role_of(asked) != "plan":
        return analyst(asked)
    told = plan(asked)
    for order in told["orders"]:
        last = order["target_price"] / 1.1 if order["target_price"] else 1
        order |= {"limit_price": round(last, 6), "invalidation": [f"last <= {last * 0.9:.6f} or gain < -8%"]}
    return answer(asked, told)


async def test_a_model_that_speaks_in_ratios_gets_the_same_orders_with_and_without_a_mask() -> None:
    orders = []
    for mask in (True, False):
        with fresh_home() as home:
            found = await ran(home, by_price, masked=mask)
        orders.append([order for body in found.bodies for plan in body["plans"] for order in plan["orders"]])
    said = ("thesis", "invalidation")
    assert [{k: o[k] for k in o if k not in said} for o in orders[0]] == [
        {k: o[k] for k in o if k not in said} for o in orders[1]
    ]
    assert orders[0]
    for one, other in zip(*orders, strict=True):
        assert one["thesis"] == other["thesis"]
        for text, same in zip(one["invalidation"], other["invalidation"], strict=True):
            pairs = zip(*(re.findall(r"[\d.]+", str(predicate(t))) for t in (text, same)), strict=True)
            assert all(abs(float(a) / float(b) - 1) < 1e-6 for a, b in pairs)


async def test_a_model_that_guesses_the_symbol_is_told_nothing_of_it() -> None:
    def guesses(asked: JSON) -> Reply:
        if role_of(asked) == "research" and not any(m["role"] == "tool" for m in asked["messages"]):
            return completion(calls=[("market_snapshot", '{"symbol": "BTC/USDT"}')])
        return analyst(asked)

    with fresh_home() as home:
        found = await ran(home, guesses, masked=True)
    said = {m["content"] for asked in found.asked for m in asked["messages"] if m["role"] == "tool"}
    # Its own words are in what it is answered, and no price.
    assert said == {"error: symbol: found 'ASSET-A/CASH', allowed are ASSET-A/CASH, ASSET-B/CASH"}


def test_every_tool_of_research_is_known_to_the_mask_or_withheld() -> None:
    """One that is not on the list may be there: it is not offered, whatever its answer holds."""
    assert TOOLS.keys() <= EVERY_TOOL.keys()
    assert TOOLS.keys() >= {"market_snapshot", "trend_view", "recent_bars", "classic_indicators", "position_size"}
    # The account's, which research has no business with, and documents: a token is known by its supply.
    assert EVERY_TOOL.keys() - TOOLS.keys() >= {"document_facts", *(ACCOUNT_TOOLS - TOOLS.keys())}


def test_rules_cannot_be_masked() -> None:
    with pytest.raises(ConfigError, match="masked hides the market from a language model"):
        parse({"llm": {"masked": True}}, "the test")
