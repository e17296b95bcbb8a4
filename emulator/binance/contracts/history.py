"""What Binance tells of its perpetuals' past: candles, aggregated trades, funding, open interest.

Sources: developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api, Get-Funding-Rate-History,
Open-Interest-Statistics.
"""

from typing import Any

import numpy as np

from emulator.binance import wire
from emulator.binance.errors import BinanceError, missing
from emulator.binance.guard import Params
from emulator.binance.public import INTERVALS, PublicData, limit_of, whole
from emulator.calls import Answer, json_answer
from emulator.candles import DAY_MS
from emulator.exchange import Exchange
from emulator.path import MINUTE_MS, IntArray
from emulator.perpetuals import FUNDING_MS

KEPT_MS = 30 * DAY_MS  # "Only the data of the latest 1 month is available."
_PERIODS = {name: ms for name, ms in INTERVALS.items() if 5 * MINUTE_MS <= ms <= DAY_MS and name != "8h"}
_JITTER_MS = 12  # funding stamps are some milliseconds late
_SALT = 107  # of the path's noise: interest


class FuturesHistory:
    """Each method answers one endpoint from its parameters. `public` is the market data of the contracts."""

    def __init__(self, exchange: Exchange, public: PublicData) -> None:
        self._exchange = exchange
        self._public = public

    def klines(self, params: Params) -> Answer:
        return self._public.klines(params, most=1500)

    def agg_trades(self, params: Params) -> Answer:
        rows = self._public.agg_rows(params)
        return json_answer([{key: value for key, value in row.items() if key != "M"} for row in rows])

    def funding_rate(self, params: Params) -> Answer:
        """The first `limit` of the range, or the newest ones without a start."""
        symbol, limit = self._public.symbol(params), limit_of(params, 100, 1000)
        market = self._exchange.market(symbol)
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
                "fundingRate": f"{self._exchange.contracts.rate(market, at):.8f}",
                "markPrice": wire.text(market.price(market.path.ticks_at(at))),
            }
            for at in times
        ]
        return json_answer([row for row in rows if start is None or int(str(row["fundingTime"])) >= start])

    def open_interest(self, params: Params) -> Answer:
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
        ticks, noise = path.ticks_of(times).tolist(), path.noise(times // MINUTE_MS, _SALT)
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

    def _since(self, symbol: str) -> int:
        return self._exchange.listing(symbol).listed_ms
