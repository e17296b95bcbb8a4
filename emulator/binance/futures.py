"""Binance's USD-M perpetuals over REST, as far as market data goes: each spot pair in USDT has one, at the spot price.

Sources: developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api, Get-Funding-Rate-History,
Open-Interest-Statistics, Mark-Price.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np

from emulator.binance import wire
from emulator.binance.budget import Budget
from emulator.binance.errors import BinanceError, missing, refused
from emulator.binance.public import INTERVALS, PublicData, limit_of, whole
from emulator.calls import Answer, Call, Route, json_answer
from emulator.candles import DAY_MS
from emulator.exchange import Exchange, Refusal
from emulator.path import MINUTE_MS, IntArray

WEIGHT = 2_400  # a minute
HOUR_MS = 60 * MINUTE_MS
FUNDING_MS = 8 * HOUR_MS
KEPT_MS = 30 * DAY_MS  # "Only the data of the latest 1 month is available."
_PERPETUAL_ENDS_MS = 4_133_404_800_000
_PERIODS = {name: ms for name, ms in INTERVALS.items() if 5 * MINUTE_MS <= ms <= DAY_MS and name != "8h"}
_JITTER_MS = 12  # funding stamps are some milliseconds late
_SALTS = (106, 107)  # of the path's noise: rates and interest

Params = dict[str, str]


class Futures:
    """The routes of /fapi/v1 and /futures/data, with a budget of their own."""

    def __init__(self, exchange: Exchange, public: PublicData) -> None:
        self.budget = Budget(exchange.clock, WEIGHT)
        self._exchange = exchange
        self._public = public

    def routes(self) -> list[Route]:
        """Weights as documented; those of the two histories count requests in five minutes and are taken as 1."""
        handlers: list[tuple[str, Callable[[Params], Answer], int]] = [
            ("/fapi/v1/time", self._public.time, 1),
            ("/fapi/v1/exchangeInfo", self._exchange_info, 1),
            ("/fapi/v1/klines", lambda params: self._public.klines(params, most=1500), 5),
            ("/fapi/v1/aggTrades", self._agg_trades, 20),
            ("/fapi/v1/premiumIndex", self._premium_index, 1),
            ("/fapi/v1/fundingRate", self._funding_rate, 1),
            ("/futures/data/openInterestHist", self._open_interest, 1),
        ]
        return [Route("GET", path, self._answering(handle, weight)) for path, handle, weight in handlers]

    def rate(self, symbol: str, funding_ms: int) -> Decimal:
        """What is paid at a moment of funding, as a fraction."""
        at = np.array([funding_ms // FUNDING_MS], dtype=np.int64)
        return Decimal(int(300 * float(self._exchange.paths[symbol].noise(at, _SALTS[0])[0])) - 100) / 1_000_000

    def _exchange_info(self, params: Params) -> Answer:
        rows = []
        for symbol in self._symbols():
            row = wire.symbol_row(self._exchange, symbol)
            quote = row["quoteAsset"]
            contract = {"contractType": "PERPETUAL", "pair": row["symbol"], "marginAsset": quote}
            rows.append(row | contract | {"deliveryDate": _PERPETUAL_ENDS_MS, "onboardDate": self._since(symbol)})
        return json_answer({"timezone": "UTC", "serverTime": self._exchange.clock.claimed_ms(), "symbols": rows})

    def _agg_trades(self, params: Params) -> Answer:
        rows = self._public.agg_rows(params)
        return json_answer([{key: value for key, value in row.items() if key != "M"} for row in rows])

    def _premium_index(self, params: Params) -> Answer:
        rows = [self._premium(s) for s in ([self._public.symbol(params)] if "symbol" in params else self._symbols())]
        return json_answer(rows[0] if "symbol" in params else rows)

    def _premium(self, symbol: str) -> dict[str, Any]:
        market, now = self._exchange.market(symbol), self._exchange.clock.now_ms()
        price = wire.text(market.price(market.best_bid))
        next_ms = (now // FUNDING_MS + 1) * FUNDING_MS
        return {
            "symbol": market.listing.market_id,
            **dict.fromkeys(("markPrice", "indexPrice", "estimatedSettlePrice"), price),
            "lastFundingRate": f"{self.rate(symbol, next_ms):.8f}",
            "interestRate": "0.00010000",
            "nextFundingTime": next_ms,
            "time": now,
        }

    def _funding_rate(self, params: Params) -> Answer:
        """The first `limit` of the range, or the newest ones without a start."""
        symbol, limit = self._public.symbol(params), limit_of(params, 100, 1000)
        start, end = whole(params, "startTime"), whole(params, "endTime")
        now = self._exchange.clock.now_ms()
        last = (now if end is None else min(now, end)) // FUNDING_MS * FUNDING_MS
        first = max(self._since(symbol), start or 0)
        times = list(range(-(-first // FUNDING_MS) * FUNDING_MS, last + 1, FUNDING_MS))
        times = times[-limit:] if start is None else times[:limit]
        rows = [
            {
                "symbol": params["symbol"],
                "fundingTime": at + at // FUNDING_MS % _JITTER_MS,
                "fundingRate": f"{self.rate(symbol, at):.8f}",
                "markPrice": wire.text(Decimal(self._exchange.paths[symbol].ticks_at(at)) * self._tick(symbol)),
            }
            for at in times
        ]
        return json_answer([row for row in rows if start is None or int(str(row["fundingTime"])) >= start])

    def _open_interest(self, params: Params) -> Answer:
        """The last `limit` of the range: an answer that is cut lacks its oldest rows."""
        symbol, limit = self._public.symbol(params), limit_of(params, 30, 500)
        if "period" not in params:
            raise missing("period")
        if params["period"] not in _PERIODS:
            raise BinanceError(-1130, "Data sent for parameter 'period' is not valid.")
        step, now = _PERIODS[params["period"]], self._exchange.clock.now_ms()
        start, end = whole(params, "startTime"), whole(params, "endTime")
        if start is not None and start < now - KEPT_MS:
            raise BinanceError(-1130, "Data sent for parameter 'startTime' is not valid.")
        last = (now if end is None else min(now, end)) // step * step
        first = max(self._since(symbol), now - KEPT_MS, start or 0)
        times = np.arange(-(-first // step) * step, last + 1, step, dtype=np.int64)[-limit:]
        return json_answer(self._interest(symbol, params["symbol"], times) if len(times) else [])

    def _interest(self, symbol: str, market_id: str, times: IntArray) -> list[dict[str, Any]]:
        path, instrument = self._exchange.paths[symbol], self._exchange.listing(symbol).instrument
        ticks, noise = path.ticks_of(times).tolist(), path.noise(times // MINUTE_MS, _SALTS[1])
        usual = 100_000_000 / path.ticks_at(int(times[-1])) / float(instrument.tick_size * instrument.lot_size)
        lots, quantity = (usual * (1 + noise / 10)).astype(np.int64).tolist(), wire.Grid(instrument.lot_size)
        return [
            {
                "symbol": market_id,
                "sumOpenInterest": quantity(held),
                "sumOpenInterestValue": wire.text(held * instrument.lot_size * price * instrument.tick_size),
                "timestamp": at_ms,
            }
            for at_ms, held, price in zip(times.tolist(), lots, ticks, strict=True)
        ]

    def _symbols(self) -> list[str]:
        return [symbol for symbol in self._exchange.listings if symbol.endswith("/USDT")]

    def _since(self, symbol: str) -> int:
        return self._exchange.listing(symbol).listed_ms

    def _tick(self, symbol: str) -> Decimal:
        return self._exchange.listing(symbol).instrument.tick_size

    def _answering(self, handle: Callable[[Params], Answer], weight: int) -> Callable[[Call], Answer]:
        def answer(call: Call) -> Answer:
            try:
                headers = self.budget.spend(weight)
                found = handle(call.params)
            except BinanceError as error:
                return error.answer()
            except Refusal as refusal:
                return refused(refusal).answer()
            return Answer(found.body, found.status, headers)

        return answer
