"""Kraken's market data."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from core.money import ZERO, text_of
from core.orders import Side
from emulator import tape
from emulator.calls import decimal_of
from emulator.candles import DAY_MS, served
from emulator.exchange import Exchange
from emulator.faults import Faults
from emulator.kraken.words import ASSETS, SHORT, KrakenError, decimals, pair_id
from emulator.path import MINUTE_MS

OHLC_ROWS = 720  # the most recent, whatever `since` says
_INTERVALS = (1, 5, 15, 30, 60, 240, 1440, 10080)


class PublicData:
    """Each method answers one endpoint from its parameters."""

    def __init__(self, exchange: Exchange, faults: Faults) -> None:
        self._exchange = exchange
        self._faults = faults
        self.pairs = {pair_id(symbol): symbol for symbol in exchange.listings}

    def symbol(self, params: dict[str, str]) -> str:
        pair = params.get("pair", "")
        if pair not in self.pairs:
            raise KrakenError("EQuery:Unknown asset pair")
        return self.pairs[pair]

    def time(self, params: dict[str, str]) -> Any:
        now = self._exchange.clock.claimed_ms() // 1000
        return {"unixtime": now, "rfc1123": datetime.fromtimestamp(now, UTC).strftime("%a, %d %b %y %H:%M:%S +0000")}

    def system_status(self, params: dict[str, str]) -> Any:
        now = datetime.fromtimestamp(self._exchange.clock.claimed_ms() // 1000, UTC)
        return {"status": "online", "timestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ")}

    def assets(self, params: dict[str, str]) -> Any:
        coins = {coin for symbol in self._exchange.listings for coin in symbol.split("/")}
        return {
            ASSETS.get(coin, coin): {
                "aclass": "currency",
                "altname": SHORT.get(coin, coin),
                "decimals": 10,
                "display_decimals": 5,
                "status": "enabled",
            }
            for coin in sorted(coins)
        }

    def asset_pairs(self, params: dict[str, str]) -> Any:
        rows = {}
        for pair, symbol in self.pairs.items():
            instrument = self._exchange.listing(symbol).instrument
            short = f"{SHORT.get(instrument.base, instrument.base)}/{SHORT.get(instrument.quote, instrument.quote)}"
            rows[pair] = {
                "altname": pair,
                "wsname": short,
                "aclass_base": "currency",
                "base": ASSETS.get(instrument.base, instrument.base),
                "aclass_quote": "currency",
                "quote": ASSETS.get(instrument.quote, instrument.quote),
                "lot": "unit",
                "cost_decimals": 5,
                "pair_decimals": decimals(instrument.tick_size),
                "lot_decimals": decimals(instrument.lot_size),
                "lot_multiplier": 1,
                "leverage_buy": [],
                "leverage_sell": [],
                "fees": [[0, 0.4]],
                "fees_maker": [[0, 0.25]],
                "fee_volume_currency": "ZUSD",
                "margin_call": 80,
                "margin_stop": 40,
                "ordermin": text_of(instrument.min_quantity),
                "costmin": text_of(instrument.min_notional),
                "tick_size": text_of(instrument.tick_size),
                "status": "online",
            }
        return rows

    def ohlc(self, params: dict[str, str]) -> Any:
        symbol = self.symbol(params)
        interval = int(params.get("interval", "1"))
        if interval not in _INTERVALS:
            raise KrakenError("EGeneral:Invalid arguments")
        step = interval * MINUTE_MS
        found = served(
            self._exchange, self._faults, symbol, step, start_ms=None, end_ms=None, limit=OHLC_ROWS, newest=True
        )
        if since := int(params.get("since", "0")):
            found = found.where(found.open_ms > since * 1000)
        market = self._exchange.market(symbol)
        price, rows = market.price, []
        columns = (found.open_ms, found.open, found.high, found.low, found.close, found.volume, found.trades)
        for t, o, h, low, c, v, n in zip(*(column.tolist() for column in columns), strict=True):
            prices = [text_of(price(ticks)) for ticks in (o, h, low, c, (o + c) // 2)]
            rows.append([t // 1000, *prices, text_of(market.quantity(v)), n])
        last = self._exchange.clock.now_ms() // step * step - step
        return {params["pair"]: rows, "last": last // 1000}

    def depth(self, params: dict[str, str]) -> Any:
        market = self._exchange.market(self.symbol(params))
        count, now = min(int(params.get("count", "100")), 500), self._exchange.clock.claimed_ms() // 1000
        bids, asks = market.bids.all(), market.asks.all()

        def row(ticks: int, lots: int) -> list[Any]:
            return [text_of(market.price(ticks)), text_of(market.quantity(lots)), now]

        return {
            params["pair"]: {
                "asks": [row(t, asks[t]) for t in sorted(asks)[:count]],
                "bids": [row(t, bids[t]) for t in sorted(bids, reverse=True)[:count]],
            }
        }

    def ticker(self, params: dict[str, str]) -> Any:
        pairs = params["pair"].split(",") if "pair" in params else list(self.pairs)
        return {pair: self._ticker_row(self.symbol({"pair": pair})) for pair in pairs}

    def _ticker_row(self, symbol: str) -> dict[str, Any]:
        market = self._exchange.market(symbol)
        minute = self._exchange.clock.now_ms() // MINUTE_MS * MINUTE_MS
        day = self._exchange.paths[symbol].bars(MINUTE_MS, minute - DAY_MS, 1440)
        bid, ask, last = market.best_bid, market.best_ask, market.trades[-1]

        def best(ticks: int, lots: int) -> list[str]:
            return [text_of(market.price(ticks)), "1", text_of(market.quantity(lots))]

        def twice(number: Decimal) -> list[str]:
            return [text_of(number)] * 2

        return {
            "a": best(ask, market.asks.lots(ask)),
            "b": best(bid, market.bids.lots(bid)),
            "c": [text_of(market.price(last.ticks)), text_of(market.quantity(last.lots))],
            "v": twice(market.quantity(int(day.volume.sum()))),
            "p": twice(market.price(int(day.close.mean()))),
            "t": [int(day.trades.sum())] * 2,
            "l": twice(market.price(int(day.low.min()))),
            "h": twice(market.price(int(day.high.max()))),
            "o": text_of(market.price(int(day.open[0]))),
        }

    def trades(self, params: dict[str, str]) -> Any:
        market = self._exchange.market(self.symbol(params))
        since, count = decimal_of(params.get("since")) or ZERO, int(params.get("count", "1000"))
        # Seconds or nanoseconds, as the venue takes both.
        since_ms = int(since / 1_000_000 if since > 10**15 else since * 1000)
        page = tape.between(market, since_ms + 1 if since else None, None, count)
        rows = [
            [
                text_of(market.price(trade.ticks)),
                text_of(market.quantity(trade.lots)),
                trade.ts_ms / 1000,
                "b" if trade.taker is Side.BUY else "s",
                "m",
                "",
                trade.trade_id,
            ]
            for trade in page
        ]
        last = page[-1].ts_ms if page else since_ms
        return {params["pair"]: rows, "last": str(last * 1_000_000)}
