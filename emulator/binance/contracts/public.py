"""Market data of USD-margined contracts."""

from typing import Any

from core.money import text_of
from emulator.binance.contracts import wire
from emulator.binance.errors import BinanceError, missing
from emulator.binance.guard import Params
from emulator.binance.reading import whole
from emulator.calls import Answer, json_answer
from emulator.exchange import Exchange
from emulator.market import Market


class FuturesPublic:
    """Each method answers one endpoint from its parameters."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._symbols = {item.market_id: symbol for symbol, item in exchange.perpetuals.items()}

    def symbol(self, params: Params) -> str:
        """Our symbol for a market id, e.g. BTC/USDT:USDT for BTCUSDT."""
        if not params.get("symbol"):
            raise missing("symbol")
        if params["symbol"] not in self._symbols:
            raise BinanceError(-1121, "Invalid symbol.")
        return self._symbols[params["symbol"]]

    def wanted(self, params: Params) -> list[str]:
        """The symbol that is asked for, or all."""
        return [self.symbol(params)] if "symbol" in params else list(self._symbols.values())

    def ping(self, params: Params) -> Answer:
        return json_answer({})

    def time(self, params: Params) -> Answer:
        return json_answer({"serverTime": self._exchange.clock.claimed_ms()})

    def exchange_info(self, params: Params) -> Answer:
        return json_answer(
            {
                "timezone": "UTC",
                "serverTime": self._exchange.clock.claimed_ms(),
                "futuresType": "U_MARGINED",
                "rateLimits": [],
                "exchangeFilters": [],
                "assets": [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-10000"}],
                "symbols": [wire.symbol_row(item) for item in self._exchange.perpetuals.values()],
            }
        )

    def depth(self, params: Params) -> Answer:
        market, limit = self._exchange.market(self.symbol(params)), min(whole(params, "limit") or 500, 1000)
        bids, asks, now = market.bids.all(), market.asks.all(), self._exchange.clock.claimed_ms()

        def row(ticks: int, count: int) -> list[str]:
            return [text_of(market.price(ticks)), text_of(market.quantity(count))]

        return json_answer(
            {
                "lastUpdateId": market.last_id,
                "E": now,
                "T": now,
                "bids": [row(t, bids[t]) for t in sorted(bids, reverse=True)[:limit]],
                "asks": [row(t, asks[t]) for t in sorted(asks)[:limit]],
            }
        )

    def book_ticker(self, params: Params) -> Answer:
        return self._one_or_all(params, self._best)

    def ticker_price(self, params: Params) -> Answer:
        return self._one_or_all(params, lambda m: {"symbol": m.listing.market_id, "price": text_of(m.last)})

    def ticker_24hr(self, params: Params) -> Answer:
        return self._one_or_all(params, self._day)

    def premium_index(self, params: Params) -> Answer:
        return self._one_or_all(params, self._premium)

    def _one_or_all(self, params: Params, row: Any) -> Answer:
        rows = [row(self._exchange.market(symbol)) for symbol in self.wanted(params)]
        return json_answer(rows[0] if "symbol" in params else rows)

    def _best(self, market: Market) -> dict[str, Any]:
        return {
            "symbol": market.listing.market_id,
            "bidPrice": text_of(market.price(market.best_bid)),
            "bidQty": text_of(market.quantity(market.bids.lots(market.best_bid))),
            "askPrice": text_of(market.price(market.best_ask)),
            "askQty": text_of(market.quantity(market.asks.lots(market.best_ask))),
            "time": self._exchange.clock.claimed_ms(),
        }

    def _day(self, market: Market) -> dict[str, Any]:
        """What is known of the living market; its day began when somebody first looked at it."""
        prices = [market.price(trade.ticks) for trade in market.trades]
        volume = market.quantity(sum(trade.lots for trade in market.trades))
        now = self._exchange.clock.claimed_ms()
        return {
            "symbol": market.listing.market_id,
            "priceChange": text_of(prices[-1] - prices[0]),
            "priceChangePercent": f"{(prices[-1] / prices[0] - 1) * 100:.3f}",
            "weightedAvgPrice": text_of(prices[-1]),
            "lastPrice": text_of(prices[-1]),
            "lastQty": text_of(market.quantity(market.trades[-1].lots)),
            "openPrice": text_of(prices[0]),
            "highPrice": text_of(max(prices)),
            "lowPrice": text_of(min(prices)),
            "volume": text_of(volume),
            "quoteVolume": text_of(volume * prices[-1]),
            "openTime": market.trades[0].ts_ms,
            "closeTime": now,
            "firstId": market.trades[0].trade_id,
            "lastId": market.trades[-1].trade_id,
            "count": len(prices),
        }

    def _premium(self, market: Market) -> dict[str, Any]:
        contracts = self._exchange.contracts
        return {
            "symbol": market.listing.market_id,
            "markPrice": wire.money(market.mid),
            "indexPrice": wire.money(market.mid),
            "estimatedSettlePrice": wire.money(market.mid),
            "lastFundingRate": wire.money(contracts.rate(market, contracts.next_funding_ms())),
            "interestRate": "0.00010000",
            "nextFundingTime": contracts.next_funding_ms(),
            "time": self._exchange.clock.claimed_ms(),
        }
