"""Numbers about the market as a whole, and about projects: dominance, capitalisation, mood, commits."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Final

from core.time import DAY_NS
from market.sources.context import Context
from market.sources.fields import moment_ns, number, pick, tables, words
from market.sources.items import WHOLE_MARKET, Batch, Reading
from market.sources.vendors import explain
from market.web import Unavailable

_PERCENT: Final = Decimal("0.01")
_WEEK_NS: Final = 7 * DAY_NS


class CoinGecko:
    """https://docs.coingecko.com/reference/crypto-global: dominance by asset and capitalisation; a key is optional."""

    name, cadence_s = "coingecko", 600

    def __init__(self, context: Context) -> None:
        self._context = context
        self._base = context.base(self.name, "https://api.coingecko.com/api/v3")

    async def poll(self, since_ns: int) -> Batch:
        key = self._context.secrets.get("COINGECKO_KEY")
        headers = {"x-cg-demo-api-key": key} if key else {}
        with explain("CoinGecko", "status", "error_message"):
            found = await self._context.web.get(f"{self._base}/global", what="CoinGecko", headers=headers)
        data = pick(found.table(), "data")
        event_ns, now = moment_ns(data, "updated_at"), self._context.clock.now_ns()
        if event_ns is None:
            raise Unavailable("CoinGecko's answer has no time")
        shares = {
            asset: number(data, "market_cap_percentage", asset.lower()) for asset in self._context.settings.assets
        }
        readings = [
            Reading("dominance", asset, self.name, event_ns, now, share * _PERCENT, "fraction")
            for asset, share in shares.items()
            if share is not None and 0 <= share <= 100
        ]
        total = number(data, "total_market_cap", "usd")
        if total is not None and total > 0:
            readings.append(Reading("market_capitalisation", WHOLE_MARKET, self.name, event_ns, now, total, "USD"))
        return _some(readings, "CoinGecko", Counter(absent=sum(share is None for share in shares.values())))


class CoinMarketCap:
    """https://coinmarketcap.com/api/documentation/v1/#operation/getV1GlobalmetricsQuotesLatest"""

    name, cadence_s = "coinmarketcap", 600

    def __init__(self, context: Context) -> None:
        self._context = context
        self._base = context.base(self.name, "https://pro-api.coinmarketcap.com")

    async def poll(self, since_ns: int) -> Batch:
        with explain("CoinMarketCap", "status", "error_message"):
            found = await self._context.web.get(
                f"{self._base}/v1/global-metrics/quotes/latest",
                what="CoinMarketCap",
                headers={"x-cmc_pro_api_key": self._context.secrets.get("COINMARKETCAP_KEY") or ""},
            )
        data, now = pick(found.table(), "data"), self._context.clock.now_ns()
        event_ns = moment_ns(data, "last_updated")
        if event_ns is None:
            raise Unavailable("CoinMarketCap's answer has no time")
        readings = [
            Reading("dominance", asset, self.name, event_ns, now, share * _PERCENT, "fraction")
            for asset in ("BTC", "ETH")
            if (share := number(data, f"{asset.lower()}_dominance")) is not None and 0 <= share <= 100
        ]
        total = number(data, "quote", "USD", "total_market_cap")
        if total is not None and total > 0:
            readings.append(Reading("market_capitalisation", WHOLE_MARKET, self.name, event_ns, now, total, "USD"))
        return _some(readings, "CoinMarketCap", Counter())


class FearGreed:
    """https://alternative.me/crypto/fear-and-greed-index/#api: one number a day, 0 (fear) to 100 (greed)."""

    name, cadence_s = "fear-greed", 3600

    def __init__(self, context: Context) -> None:
        self._context = context
        self._base = context.base(self.name, "https://api.alternative.me")

    async def poll(self, since_ns: int) -> Batch:
        found = await self._context.web.get(f"{self._base}/fng/", what="Fear & Greed", params={"limit": 10})
        answer, now = found.table(), self._context.clock.now_ns()
        if said := words(answer, "metadata", "error"):
            raise Unavailable(f"Fear & Greed: {said[:100]}")
        readings, counts = [], Counter[str]()
        for row in tables(answer, "data"):
            value, event_ns = number(row, "value"), moment_ns(row, "timestamp")
            if value is None or event_ns is None or not 0 <= value <= 100:
                counts["unreadable"] += 1
                continue
            readings.append(Reading("fear_greed", WHOLE_MARKET, self.name, event_ns, now, value, "index"))
        return _some(readings, "Fear & Greed", counts)


class GitHub:
    """https://docs.github.com/rest/metrics/statistics: commits of a whole week to an asset's main repository."""

    name, cadence_s = "github", 6 * 3600

    def __init__(self, context: Context) -> None:
        self._context = context
        self._base = context.base(self.name, "https://api.github.com")

    async def poll(self, since_ns: int) -> Batch:
        token = self._context.secrets.get("GITHUB_TOKEN")
        headers = {"accept": "application/vnd.github+json"} | ({"authorization": f"Bearer {token}"} if token else {})
        now, readings, counts = self._context.clock.now_ns(), list[Reading](), Counter[str]()
        for asset, repository in self._context.settings.repositories.items():
            with explain("GitHub", "message"):
                answer = await self._context.web.get(
                    f"{self._base}/repos/{repository}/stats/commit_activity",
                    what=f"GitHub {repository}",
                    headers=headers,
                )
            if answer.status == 202:
                counts["being computed"] += 1  # GitHub makes the statistics when first asked
                continue
            for row in answer.rows()[-8:]:
                commits, start = number(row, "total"), moment_ns(row, "week")
                if commits is None or start is None:
                    counts["unreadable"] += 1
                elif start + _WEEK_NS <= now:  # the week that still runs is no week
                    readings.append(
                        Reading("commits_a_week", asset, self.name, start + _WEEK_NS, now, commits, "commits")
                    )
        return _some(readings, "GitHub", counts)


def _some(readings: list[Reading], vendor: str, counts: Counter[str]) -> Batch:
    """What was read; nothing at all is no answer."""
    if not readings:
        told = ", ".join(f"{count} {kind}" for kind, count in (+counts).items()) or "nothing"
        raise Unavailable(f"{vendor} answered no number that can be used: {told}")
    return Batch((), tuple(readings), counts=+counts)
