"""Trades of an account, page by page: every one once, whatever the venue's windows, order and page size."""

from dataclasses import replace
from typing import Any

import pytest

from core.errors import ExchangeUnavailable
from execution.venues.exchange.facts import PROVEN, Paging, VenueFacts
from execution.venues.exchange.reader import Reader
from tests.execution.exchange.loopback import COIN, SPOT

HOUR_MS = 3_600_000
PAGE = 3


class Ledger:
    """A venue's trades; `fetch_my_trades` shows a page of them as this kind of venue does."""

    def __init__(self, facts: VenueFacts, times: list[int]) -> None:
        self.rows: list[dict[str, Any]] = [{"id": str(n), "order": "1", "timestamp": ms} for n, ms in enumerate(times)]
        self.asked: list[tuple[int | None, Any]] = []
        self._facts = facts

    async def fetch_my_trades(self, _symbol: str, since: int | None, _limit: int | None, params: Any) -> Any:
        until, window = params.get("until"), self._facts.trades_window_ns
        self.asked.append((since, until))
        if until is not None and since is not None and window is not None:
            assert until - since < window // 1_000_000, "one question spans no more than a window"
        found = [r for r in self.rows if (since or 0) <= r["timestamp"] and (until is None or r["timestamp"] <= until)]
        match self._facts.paging:
            case Paging.UP:
                return found[:PAGE]
            case Paging.DOWN:
                return found[-PAGE:]
            case Paging.OFFSET:
                newest = found[::-1]
                return newest[params["ofs"] :][:PAGE][::-1]


async def read(venue: str, times: list[int], since: int = 0, now: int = 5 * 24 * HOUR_MS) -> list[str]:
    facts = replace(PROVEN[venue], trades_page=PAGE, rows={})
    ledger = Ledger(facts, times)
    return [row["id"] for row in await Reader(ledger, facts, SPOT).trades(COIN, since, now)]


VENUES = ("binance", "kraken", "coinbase", "okx", "bybit")


@pytest.mark.parametrize("count", [0, 1, PAGE - 1, PAGE, PAGE + 1, 10 * PAGE, 50])
@pytest.mark.parametrize("venue", VENUES)
async def test_every_trade_is_told_once_and_oldest_first(venue: str, count: int) -> None:
    times = [n * 2 * HOUR_MS + 1 for n in range(count)]
    assert await read(venue, times) == [str(n) for n in range(count)]


@pytest.mark.parametrize("venue", VENUES)
async def test_trades_of_one_moment_at_the_edge_of_a_page_are_not_lost(venue: str) -> None:
    times = [10, 20, 20, 30, 30, 40, 50, 50]
    assert sorted(await read(venue, times)) == [str(n) for n in range(len(times))]


@pytest.mark.parametrize("venue", ["binance", "coinbase", "okx", "bybit"])
async def test_more_trades_in_one_moment_than_a_page_are_not_passed_over_in_silence(venue: str) -> None:
    with pytest.raises(ExchangeUnavailable, match="more trades in one moment"):
        await read(venue, [10] * (PAGE + 2))


@pytest.mark.parametrize("venue", VENUES)
async def test_a_trade_at_exactly_the_start_is_told_and_one_before_is_not(venue: str) -> None:
    assert await read(venue, [4_999, 5_000, 5_001], since=5_000) == ["1", "2"]
