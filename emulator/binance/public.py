"""Binance's market data over REST."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from emulator import tape
from emulator.binance import wire
from emulator.binance.errors import BinanceError, illegal, missing
from emulator.calls import Answer, json_answer
from emulator.candles import DAY_MS, WEEK_MS, Served, range_of, served
from emulator.exchange import Exchange
from emulator.faults import Faults
from emulator.listings import Listing
from emulator.path import MINUTE_MS, Candles

# https://developers.binance.com/docs/binance-spot-api-docs/rest-api, klines, without seconds and months.
INTERVALS = {
    **{f"{n}m": n * MINUTE_MS for n in (1, 3, 5, 15, 30)},
    **{f"{n}h": n * 60 * MINUTE_MS for n in (1, 2, 4, 6, 8, 12)},
    "1d": DAY_MS,
    "3d": 3 * DAY_MS,
    "1w": 7 * DAY_MS,
}
_BLOCK = 500  # candles are written once a block and kept
_KEPT_BLOCKS = 4_000
_DEPTH_WEIGHTS = ((100, 5), (500, 25), (1000, 50), (5000, 250))

Params = dict[str, str]


class PublicData:
    """Each method answers one endpoint from its parameters."""

    def __init__(
        self,
        exchange: Exchange,
        faults: Faults,
        weight_limit: Callable[[], int] = lambda: 0,
        listings: Mapping[str, Listing] | None = None,
    ) -> None:
        self._listings = exchange.listings if listings is None else listings
        self._exchange = exchange
        self._faults = faults
        self._weight_limit = weight_limit
        self._symbols = {item.market_id: symbol for symbol, item in self._listings.items()}
        self._rows: dict[tuple[str, int, int], list[bytes]] = {}
        self._days: dict[tuple[str, int], Candles] = {}

    def symbol(self, params: Params) -> str:
        market_id = params.get("symbol")
        if not market_id:
            raise missing("symbol")
        if market_id not in self._symbols:
            raise BinanceError(-1121, "Invalid symbol.")
        return self._symbols[market_id]

    def ping(self, params: Params) -> Answer:
        return json_answer({})

    def time(self, params: Params) -> Answer:
        return json_answer({"serverTime": self._exchange.clock.claimed_ms()})

    def exchange_info(self, params: Params) -> Answer:
        wanted = [self.symbol(params)] if "symbol" in params else list(self._listings)
        limits = [
            {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}
            for kind, interval, number, limit in (
                ("REQUEST_WEIGHT", "MINUTE", 1, self._weight_limit()),
                ("ORDERS", "SECOND", 10, 100),
                ("ORDERS", "DAY", 1, 200_000),
                ("RAW_REQUESTS", "MINUTE", 5, 61_000),
            )
        ]
        return json_answer(
            {
                "timezone": "UTC",
                "serverTime": self._exchange.clock.claimed_ms(),
                "rateLimits": limits,
                "exchangeFilters": [],
                "symbols": [wire.symbol_row(self._exchange, symbol) for symbol in wanted],
            }
        )

    def klines(self, params: Params, *, most: int = 1000) -> Answer:
        symbol, interval = self.symbol(params), params.get("interval")
        if not interval:
            raise missing("interval")
        if interval not in INTERVALS:
            raise BinanceError(-1120, "Invalid interval.")
        step = INTERVALS[interval]
        start, end, limit = whole(params, "startTime"), whole(params, "endTime"), limit_of(params, 500, most)
        if not self._faults.touches_candles and step % WEEK_MS:  # weeks do not open on multiples of seven days
            asked = range_of(self._exchange, symbol, step, start_ms=start, end_ms=end, limit=limit)
            rows = self._kept_rows(symbol, step, asked)
        else:
            candles = served(self._exchange, self._faults, symbol, step, start_ms=start, end_ms=end, limit=limit)
            rows = _kline_rows(self._exchange, symbol, step, candles)
        return Answer(b"[" + b",".join(rows) + b"]")

    def depth(self, params: Params) -> Answer:
        symbol, limit = self.symbol(params), limit_of(params, 100, 5000)
        market = self._exchange.market(symbol)
        instrument = market.listing.instrument
        price, lots = wire.Grid(instrument.tick_size), wire.Grid(instrument.lot_size)
        bids, asks = market.bids.all(), market.asks.all()
        return json_answer(
            {
                "lastUpdateId": market.last_id,
                "bids": [[price(t), lots(bids[t])] for t in sorted(bids, reverse=True)[:limit]],
                "asks": [[price(t), lots(asks[t])] for t in sorted(asks)[:limit]],
            }
        )

    def ticker_24hr(self, params: Params) -> Answer:
        if "symbol" in params:
            return json_answer(self.ticker_row(self.symbol(params)))
        return json_answer([self.ticker_row(symbol) for symbol in self._wanted(params)])

    def ticker_price(self, params: Params) -> Answer:
        rows = [{key: self.ticker_row(s)[key] for key in ("symbol", "lastPrice")} for s in self._wanted(params)]
        prices = [{"symbol": row["symbol"], "price": row["lastPrice"]} for row in rows]
        return json_answer(prices[0] if "symbol" in params else prices)

    def book_ticker(self, params: Params) -> Answer:
        rows = [self.best_row(symbol) for symbol in self._wanted(params)]
        return json_answer(rows[0] if "symbol" in params else rows)

    def trades(self, params: Params) -> Answer:
        market = self._exchange.market(self.symbol(params))
        recent = list(market.trades)[-limit_of(params, 500, 1000) :]
        return json_answer([wire.trade_row(market, trade) for trade in recent])

    def agg_trades(self, params: Params) -> Answer:
        return json_answer(self.agg_rows(params))

    def agg_rows(self, params: Params) -> list[dict[str, Any]]:
        """By id, or by time: the first ones of a range that begins, else the newest."""
        market = self._exchange.market(self.symbol(params))
        start, end, first = (whole(params, key) for key in ("startTime", "endTime", "fromId"))
        limit = limit_of(params, 500, 1000)
        if first is not None and (start is not None or end is not None):
            raise BinanceError(-1128, "Combination of optional parameters invalid.")
        found = tape.between(market, start, end, limit) if first is None else tape.from_id(market, first, limit)
        return [wire.agg_trade_row(market, trade) for trade in found]

    def best_row(self, symbol: str) -> dict[str, Any]:
        """ticker/bookTicker of one symbol."""
        market = self._exchange.market(symbol)
        bid, ask = market.best_bid, market.best_ask
        return {
            "symbol": market.listing.market_id,
            "bidPrice": wire.text(market.price(bid)),
            "bidQty": wire.text(market.quantity(market.bids.lots(bid))),
            "askPrice": wire.text(market.price(ask)),
            "askQty": wire.text(market.quantity(market.asks.lots(ask))),
        }

    def ticker_row(self, symbol: str) -> dict[str, Any]:
        """ticker/24hr of one symbol."""
        market, now = self._exchange.market(symbol), self._exchange.clock.now_ms()
        day = self._day(symbol, now // MINUTE_MS * MINUTE_MS)
        price, best, last = market.price, self.best_row(symbol), market.trades[-1]
        opened, volume = price(int(day.open[0])), market.quantity(int(day.volume.sum()))
        closed = price(last.ticks)
        average = price(int(day.close.mean()))
        return {
            "symbol": market.listing.market_id,
            "priceChange": wire.text(closed - opened),
            "priceChangePercent": f"{(closed - opened) / opened * 100:.3f}",
            "weightedAvgPrice": wire.text(average),
            "prevClosePrice": wire.text(opened),
            "lastPrice": wire.text(closed),
            "lastQty": wire.text(market.quantity(last.lots)),
            **{key: best[key] for key in ("bidPrice", "bidQty", "askPrice", "askQty")},
            "openPrice": wire.text(opened),
            "highPrice": wire.text(max(price(int(day.high.max())), closed)),
            "lowPrice": wire.text(min(price(int(day.low.min())), closed)),
            "volume": wire.text(volume),
            "quoteVolume": wire.text(volume * average),
            "openTime": now - DAY_MS,
            "closeTime": now,
            "firstId": market.trades[0].trade_id,
            "lastId": last.trade_id,
            "count": int(day.trades.sum()),
        }

    def _day(self, symbol: str, minute: int) -> Candles:
        key = (symbol, minute)
        if key not in self._days:
            self._days = {k: v for k, v in self._days.items() if k[1] == minute}
            self._days[key] = self._exchange.paths[symbol].bars(MINUTE_MS, minute - DAY_MS, 1440)
        return self._days[key]

    def _wanted(self, params: Params) -> list[str]:
        if "symbol" in params:
            return [self.symbol(params)]
        if "symbols" in params:
            return [self.symbol({"symbol": market_id}) for market_id in orjson.loads(params["symbols"])]
        return list(self._listings)

    def _kept_rows(self, symbol: str, step: int, asked: Served) -> list[bytes]:
        """Rows of whole blocks from memory; only a block's first asking, and the newest block, are written."""
        rows: list[bytes] = []
        length, last = step * _BLOCK, asked.first_ms + (asked.rows - 1) * step
        for start in range(asked.first_ms // length * length, last + 1, length):
            from_ms, to_ms = max(start, asked.first_ms), min(start + length - step, last)
            key = (symbol, step, start)
            if start + length > asked.forming_ms:
                inside = served(
                    self._exchange, self._faults, symbol, step, start_ms=from_ms, end_ms=to_ms, limit=_BLOCK
                )
                rows += _kline_rows(self._exchange, symbol, step, inside)
                continue
            if key not in self._rows:
                if len(self._rows) >= _KEPT_BLOCKS:
                    self._rows.clear()
                whole = self._exchange.paths[symbol].bars(step, start, _BLOCK)
                self._rows[key] = _kline_rows(self._exchange, symbol, step, whole)
            rows += self._rows[key][(from_ms - start) // step : (to_ms - start) // step + 1]
        return rows


def depth_weight(params: Params) -> int:
    limit = int(params["limit"]) if params.get("limit", "").isdigit() else 100
    return next((weight for most, weight in _DEPTH_WEIGHTS if limit <= most), 250)


def _kline_rows(exchange: Exchange, symbol: str, step: int, candles: Candles) -> list[bytes]:
    instrument = exchange.listing(symbol).instrument
    price, lots = wire.Grid(instrument.tick_size), wire.Grid(instrument.lot_size)
    quote = wire.Grid(instrument.tick_size * instrument.lot_size * 100_000_000)
    rows = []
    columns = (candles.open_ms, candles.open, candles.high, candles.low, candles.close, candles.volume, candles.trades)
    turnover = (candles.open + candles.close) // 2 * candles.volume // 100_000_000
    taken = candles.volume * (candles.close >= candles.open) // 3 + candles.volume // 3
    for open_ms, o, h, low, c, v, n, q, tb in zip(
        *(column.tolist() for column in columns), turnover.tolist(), taken.tolist(), strict=True
    ):
        rows.append(
            f'[{open_ms},"{price(o)}","{price(h)}","{price(low)}","{price(c)}","{lots(v)}",{open_ms + step - 1},'
            f'"{quote(q)}",{n},"{lots(tb)}","{quote(q * tb // max(v, 1))}","0"]'.encode()
        )
    return rows


def whole(params: Params, key: str) -> int | None:
    value = params.get(key)
    if value is None:
        return None
    if not value.isdigit():
        raise illegal(key)
    return int(value)


def limit_of(params: Params, default: int, most: int) -> int:
    value = whole(params, "limit")
    if value == 0:
        raise BinanceError(-1130, "Data sent for parameter 'limit' is not valid.")
    return default if value is None else min(value, most)
