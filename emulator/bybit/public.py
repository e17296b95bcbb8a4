"""Bybit's market data."""

from typing import Any

from core.money import ZERO, text_of
from emulator.bybit.words import BybitError, spot_only, whole
from emulator.candles import DAY_MS, served
from emulator.exchange import Exchange
from emulator.faults import Faults
from emulator.path import MINUTE_MS

_INTERVALS = {str(n): n * MINUTE_MS for n in (1, 3, 5, 15, 30, 60, 120, 240, 360, 720)} | {
    "D": DAY_MS,
    "W": 7 * DAY_MS,
}
_KLINES = 1_000


class PublicData:
    """Each method answers one endpoint from its parameters."""

    def __init__(self, exchange: Exchange, faults: Faults) -> None:
        self._exchange = exchange
        self._faults = faults
        self.symbols = {item.market_id: symbol for symbol, item in exchange.listings.items()}

    def symbol(self, params: dict[str, str]) -> str:
        if params.get("symbol", "") not in self.symbols:
            raise BybitError(10001, "Not supported symbols")
        return self.symbols[params["symbol"]]

    def time(self, params: dict[str, str]) -> Any:
        now = self._exchange.clock.claimed_ms()
        return {"timeSecond": str(now // 1000), "timeNano": str(now * 1_000_000)}

    def instruments(self, params: dict[str, str]) -> Any:
        spot_only(params)
        rows = []
        for market_id, symbol in self.symbols.items():
            if params.get("symbol", market_id) != market_id:
                continue
            instrument = self._exchange.listing(symbol).instrument
            rows.append(
                {
                    "symbol": market_id,
                    "baseCoin": instrument.base,
                    "quoteCoin": instrument.quote,
                    "innovation": "0",
                    "status": "Trading",
                    "marginTrading": "none",
                    "lotSizeFilter": {
                        "basePrecision": text_of(instrument.lot_size),
                        "quotePrecision": "0.00000001",
                        "minOrderQty": text_of(instrument.min_quantity),
                        "maxOrderQty": text_of(instrument.max_quantity or ZERO),
                        "minOrderAmt": text_of(instrument.min_notional),
                        "maxOrderAmt": "4000000",
                    },
                    "priceFilter": {"tickSize": text_of(instrument.tick_size)},
                }
            )
        return {"category": "spot", "list": rows}

    def kline(self, params: dict[str, str]) -> Any:
        """Newest first; with a start and no end the newest of the range are cut off, as at the venue."""
        spot_only(params)
        symbol, step = self.symbol(params), _INTERVALS.get(params.get("interval", ""))
        if step is None:
            raise BybitError(10001, "Invalid period!")
        start, end = whole(params, "start"), whole(params, "end")
        limit = min(whole(params, "limit") or 200, _KLINES)
        found = served(
            self._exchange, self._faults, symbol, step, start_ms=start, end_ms=end, limit=limit, newest=end is not None
        )
        market = self._exchange.market(symbol)
        rows = []
        columns = (found.open_ms, found.open, found.high, found.low, found.close, found.volume)
        for t, o, h, low, c, v in zip(*(column.tolist() for column in columns), strict=True):
            volume, prices = market.quantity(v), [market.price(ticks) for ticks in (o, h, low, c)]
            rows.append([str(t), *map(text_of, prices), text_of(volume), text_of(volume * prices[-1])])
        return {"category": "spot", "symbol": params["symbol"], "list": rows[::-1]}

    def orderbook(self, params: dict[str, str]) -> Any:
        spot_only(params)
        market, limit = self._exchange.market(self.symbol(params)), min(whole(params, "limit") or 1, 200)
        bids, asks = market.bids.all(), market.asks.all()

        def row(ticks: int, lots: int) -> list[str]:
            return [text_of(market.price(ticks)), text_of(market.quantity(lots))]

        return {
            "s": params["symbol"],
            "b": [row(t, bids[t]) for t in sorted(bids, reverse=True)[:limit]],
            "a": [row(t, asks[t]) for t in sorted(asks)[:limit]],
            "ts": self._exchange.clock.claimed_ms(),
            "u": market.last_id,
            "seq": market.last_id,
            "cts": self._exchange.clock.claimed_ms(),
        }

    def tickers(self, params: dict[str, str]) -> Any:
        spot_only(params)
        symbols = [self.symbol(params)] if "symbol" in params else list(self._exchange.listings)
        return {"category": "spot", "list": [self._ticker_row(symbol) for symbol in symbols]}

    def _ticker_row(self, symbol: str) -> dict[str, Any]:
        market = self._exchange.market(symbol)
        minute = self._exchange.clock.now_ms() // MINUTE_MS * MINUTE_MS
        day = self._exchange.paths[symbol].bars(MINUTE_MS, minute - DAY_MS, 1440)
        bid, ask, last = market.best_bid, market.best_ask, market.price(market.trades[-1].ticks)
        opened, volume = market.price(int(day.open[0])), market.quantity(int(day.volume.sum()))
        return {
            "symbol": market.listing.market_id,
            "bid1Price": text_of(market.price(bid)),
            "bid1Size": text_of(market.quantity(market.bids.lots(bid))),
            "ask1Price": text_of(market.price(ask)),
            "ask1Size": text_of(market.quantity(market.asks.lots(ask))),
            "lastPrice": text_of(last),
            "prevPrice24h": text_of(opened),
            "price24hPcnt": f"{(last - opened) / opened:.4f}",
            "highPrice24h": text_of(market.price(int(day.high.max()))),
            "lowPrice24h": text_of(market.price(int(day.low.min()))),
            "turnover24h": f"{volume * last:.8f}",
            "volume24h": text_of(volume),
        }

    def recent_trades(self, params: dict[str, str]) -> Any:
        spot_only(params)
        market, limit = self._exchange.market(self.symbol(params)), min(whole(params, "limit") or 60, 60)
        rows = [
            {
                "execId": str(trade.trade_id),
                "symbol": params["symbol"],
                "price": text_of(market.price(trade.ticks)),
                "size": text_of(market.quantity(trade.lots)),
                "side": trade.taker.value.capitalize(),
                "time": str(trade.ts_ms),
                "isBlockTrade": False,
            }
            for trade in reversed(list(market.trades)[-limit:])
        ]
        return {"category": "spot", "list": rows}
