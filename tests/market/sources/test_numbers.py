from decimal import Decimal
from typing import Any

import pytest

from core.time import DAY_NS, HOUR_NS, SECOND_NS
from market.sources.fields import iso
from market.sources.items import WHOLE_MARKET, Batch
from market.sources.numbers import CoinGecko, CoinMarketCap, FearGreed, GitHub
from market.web import Unavailable, Unwilling
from tests.market.sources.desk import KEYS, NOON, Patience, Server, context_of, web_of
from tests.market.web.server import json

GLOBAL, QUOTES, FNG = "/coingecko/global", "/coinmarketcap/v1/global-metrics/quotes/latest", "/fear-greed/fng/"
COMMITS = "/github/repos/bitcoin/bitcoin/stats/commit_activity"
S = NOON // SECOND_NS


async def poll(server: Server, make: Any, keys: dict[str, str] | None = None, **settings: Any) -> Batch:
    patience = Patience()
    async with web_of(patience, attempts=1) as web:
        found: Batch = await make(context_of(server, web, patience, keys, **settings)).poll(0)
        return found


async def test_coingecko_tells_dominance_as_a_fraction_and_the_capitalisation() -> None:
    async with Server() as server:
        data = {
            "market_cap_percentage": {"btc": 52.5, "eth": 17},
            "total_market_cap": {"usd": 2.5e12},
            "updated_at": S - 60,
        }
        server.says(GLOBAL, json({"data": data}))
        found = (await poll(server, CoinGecko)).readings
        assert {(r.series, r.asset): r.value for r in found} == {
            ("dominance", "BTC"): Decimal("0.525"),
            ("dominance", "ETH"): Decimal("0.17"),
            ("market_capitalisation", WHOLE_MARKET): Decimal("2.5e12"),
        }
        assert {r.event_ns for r in found} == {NOON - 60 * SECOND_NS}
        assert "x-cg-demo-api-key" not in server.seen[0].headers


async def test_an_asset_that_is_not_listed_is_counted_and_not_zero() -> None:
    async with Server() as server:
        server.says(GLOBAL, json({"data": {"market_cap_percentage": {"btc": 52}, "updated_at": S}}))
        batch = await poll(server, CoinGecko, {"COINGECKO_KEY": "cg-key-4711"}, assets=("BTC", "XRP"))
        assert [r.asset for r in batch.readings] == ["BTC"]
        assert batch.counts == {"absent": 1}
        assert server.seen[0].headers["x-cg-demo-api-key"] == "cg-key-4711"


@pytest.mark.parametrize(
    "data", [None, {}, {"updated_at": S}, {"updated_at": S, "market_cap_percentage": {"btc": 520}}, {"updated_at": "x"}]
)
async def test_an_answer_without_numbers_abstains(data: object) -> None:
    async with Server() as server:
        server.says(GLOBAL, json({"data": data}))
        with pytest.raises(Unavailable):
            await poll(server, CoinGecko)


async def test_coinmarketcap_sends_its_key_in_a_header_and_says_why_it_refuses() -> None:
    async with Server() as server:
        data = {
            "btc_dominance": 50,
            "eth_dominance": 18.5,
            "last_updated": iso(NOON),
            "quote": {"USD": {"total_market_cap": 1}},
        }
        server.says(QUOTES, json({"data": data}))
        found = (await poll(server, CoinMarketCap)).readings
        assert [r.value for r in found] == [Decimal("0.5"), Decimal("0.185"), Decimal(1)]
        assert server.seen[0].headers["x-cmc_pro_api_key"] == KEYS["COINMARKETCAP_KEY"]
        server.says(
            QUOTES, json({"status": {"error_code": 1001, "error_message": "This API Key is invalid."}}, status=401)
        )
        with pytest.raises(Unwilling, match=r"does not accept the key \(401\): This API Key is invalid"):
            await poll(server, CoinMarketCap)
        server.says(QUOTES, json({"status": {"error_message": "monthly rate limit exceeded"}}, status=402))
        with pytest.raises(Unavailable, match="quota is spent"):
            await poll(server, CoinMarketCap)


async def test_fear_and_greed_comes_with_its_days_and_leaves_out_what_is_no_index() -> None:
    async with Server() as server:
        rows = [{"value": "40", "timestamp": str(S - 43_200)}, {"value": "140", "timestamp": str(S)}, {"value": "x"}, 7]
        server.says(FNG, json({"data": rows, "metadata": {"error": None}}))
        batch = await poll(server, FearGreed)
        assert [(r.value, r.event_ns) for r in batch.readings] == [(40, NOON - 12 * HOUR_NS)]
        assert batch.counts == {"unreadable": 2}
        server.says(FNG, json({"data": [], "metadata": {"error": "down for repair"}}))
        with pytest.raises(Unavailable, match="down for repair"):
            await poll(server, FearGreed)


async def test_commits_are_told_for_whole_weeks_at_their_end() -> None:
    async with Server() as server:
        week = 7 * 86_400
        server.says(
            COMMITS,
            json([{"week": S - 2 * week, "total": 30}, {"week": S - week, "total": 40}, {"week": S - 100, "total": 1}]),
        )
        batch = await poll(server, GitHub, repositories={"BTC": "bitcoin/bitcoin"})
        assert [(r.asset, r.value, r.event_ns) for r in batch.readings] == [
            ("BTC", 30, NOON - 7 * DAY_NS),
            ("BTC", 40, NOON),
        ]
        assert server.seen[0].headers["authorization"] == f"Bearer {KEYS['GITHUB_TOKEN']}"


async def test_statistics_that_are_still_computed_and_a_spent_limit_abstain() -> None:
    async with Server() as server:
        server.says(COMMITS, json({}, status=202))
        with pytest.raises(Unavailable, match="1 being computed"):
            await poll(server, GitHub, repositories={"BTC": "bitcoin/bitcoin"})
        spent = json(
            {"message": "API rate limit exceeded"}, 403, x_ratelimit_remaining="0", x_ratelimit_reset=str(S + 900)
        )
        server.says(COMMITS, spent)
        with pytest.raises(Unavailable, match="asks for patience") as refused:
            await poll(server, GitHub, {}, repositories={"BTC": "bitcoin/bitcoin"})
        assert refused.value.retry_at_ns == NOON + 900 * SECOND_NS
