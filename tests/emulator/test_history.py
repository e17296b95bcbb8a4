"""What the emulated Binance says of its past: trades by number and by time, funding, open interest, as the docs say."""

from collections.abc import AsyncIterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
import pytest_asyncio

from core.time import DAY_NS, HOUR_NS, ManualClock, parse_time
from emulator.perpetuals import FUNDING_MS
from emulator.server import Emulator
from market.venues import reader

NOW = parse_time("2026-03-01T12:20")
NOW_MS, HOUR_MS, DAY_MS = NOW // 10**6, HOUR_NS // 10**6, DAY_NS // 10**6
PERP = "BTC/USDT:USDT"


@pytest_asyncio.fixture
async def venue() -> AsyncIterator[Emulator]:
    async with Emulator(clock=ManualClock(NOW)) as found:
        yield found


@pytest_asyncio.fixture
async def client(venue: Emulator) -> AsyncIterator[Any]:
    found = reader("binance", endpoints={"rest": venue.base_url}, perpetuals=True, rate_limited=False)
    await found.load_markets()
    yield found
    await found.close()


async def refusal(asked: Any) -> str:
    with pytest.raises(Exception, match="code") as refused:
        await asked
    return str(refused.value)


async def test_numbers_run_on_from_the_past_into_what_happens_now(venue: Emulator, client: Any) -> None:
    await venue.advance(3_000)
    newest = await client.fetch_trades("BTC/USDT", None, 1000)
    numbers = [int(trade["id"]) for trade in newest]
    assert numbers == list(range(numbers[0], numbers[0] + 1000))
    assert [trade["timestamp"] for trade in newest] == sorted(trade["timestamp"] for trade in newest)
    assert newest[0]["timestamp"] < NOW_MS < newest[-1]["timestamp"]
    again = await client.fetch_trades("BTC/USDT", None, 1000, {"fromId": numbers[0]})
    assert again == newest


async def test_trades_by_time_are_the_first_of_the_range_and_both_ends_are_in_it(client: Any) -> None:
    start = NOW_MS - HOUR_MS
    found = await client.publicGetAggTrades(
        {"symbol": "BTCUSDT", "startTime": start, "endTime": start + 900, "limit": 1000}
    )
    assert [int(row["T"]) - start for row in found] == [moment for moment in (0, 300, 600, 900) for _ in range(3)]
    two = await client.publicGetAggTrades({"symbol": "BTCUSDT", "startTime": start, "limit": 2})
    assert [row["a"] for row in two] == [row["a"] for row in found[:2]]


async def test_the_first_trade_is_of_the_day_of_the_listing(client: Any) -> None:
    [first] = await client.fetch_trades("BTC/USDT", None, 1, {"fromId": 0})
    assert first["datetime"] == "2017-08-17T04:00:00.000Z"


async def test_number_and_time_together_are_refused(client: Any) -> None:
    asked = client.publicGetAggTrades({"symbol": "BTCUSDT", "fromId": 5, "startTime": NOW_MS})
    assert "-1128" in await refusal(asked)


@pytest.mark.parametrize(("limit", "rows"), [(None, 100), (1000, 1000), (1001, 1000)])
async def test_funding_pages_hold_a_hundred_and_at_most_a_thousand(client: Any, limit: int | None, rows: int) -> None:
    asked = {"symbol": "BTCUSDT", "startTime": NOW_MS - 800 * DAY_MS} | ({} if limit is None else {"limit": limit})
    found = await client.fapiPublicGetFundingRate(asked)
    assert len(found) == rows
    times = [int(row["fundingTime"]) for row in found]
    assert times[0] >= NOW_MS - 800 * DAY_MS
    assert {round((b - a) / FUNDING_MS, 3) for a, b in pairwise(times)} == {1.0}


async def test_the_next_rate_is_what_is_then_settled(venue: Emulator, client: Any) -> None:
    told = await client.fetch_funding_rate(PERP)
    assert told["fundingTimestamp"] == parse_time("2026-03-01T16:00") // 10**6
    venue.exchange.clock.advance(4 * HOUR_MS)
    [settled] = await client.fetch_funding_rate_history(PERP, told["fundingTimestamp"], 10)
    assert Decimal(str(settled["fundingRate"])) == Decimal(str(told["fundingRate"]))


async def test_open_interest_goes_back_a_month_and_a_page_that_is_too_small_lacks_the_oldest(client: Any) -> None:
    path = client.fapiDataGetOpenInterestHist
    asked = {"symbol": "BTCUSDT", "period": "1h", "startTime": NOW_MS - 29 * DAY_MS, "endTime": NOW_MS, "limit": 500}
    found = await path(asked)
    assert (len(found), int(found[-1]["timestamp"])) == (500, NOW_MS // HOUR_MS * HOUR_MS)
    assert "-1130" in await refusal(path(asked | {"startTime": NOW_MS - 30 * DAY_MS - 1}))
    assert "-1130" in await refusal(path(asked | {"period": "8h"}))
    assert len(await path({"symbol": "BTCUSDT", "period": "5m"})) == 30


async def test_perpetuals_have_a_budget_of_their_own(venue: Emulator, client: Any) -> None:
    spent = venue.binance.rest.budget.used
    await client.fapiPublicGetAggTrades({"symbol": "BTCUSDT", "limit": 1})
    assert venue.binance.rest.budget.used == spent
    assert venue.binance.contracts.budget.used >= 20
