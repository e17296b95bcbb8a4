"""The account of USD-margined contracts: positions, margin, leverage, and what moved the wallet."""

from typing import Any

from core.money import ZERO
from emulator.accounts import Account, Position
from emulator.binance.contracts import wire
from emulator.binance.contracts.public import FuturesPublic
from emulator.binance.errors import BinanceError, illegal, missing
from emulator.binance.guard import Params
from emulator.binance.reading import whole
from emulator.exchange import Exchange
from emulator.money import order_margin

_MAX_LEVERAGE = 125


class FuturesAccount:
    """Each method takes a proven account and parameters."""

    def __init__(self, exchange: Exchange, public: FuturesPublic) -> None:
        self._exchange = exchange
        self._public = public

    def account(self, account: Account, params: Params) -> Any:
        self._exchange.advance()
        asset = self._asset(account)
        return {
            "totalInitialMargin": asset["initialMargin"],
            "totalWalletBalance": asset["walletBalance"],
            "totalUnrealizedProfit": asset["unrealizedProfit"],
            "totalMarginBalance": asset["marginBalance"],
            "availableBalance": asset["availableBalance"],
            "assets": [asset],
            "positions": [self._row(position) for position in self._positions(account, params)],
        }

    def balance(self, account: Account, params: Params) -> Any:
        self._exchange.advance()
        asset = self._asset(account)
        names = ("crossWalletBalance", "crossUnPnl", "availableBalance", "maxWithdrawAmount", "updateTime")
        return [
            {
                "accountAlias": "emulated",
                "asset": asset["asset"],
                "balance": asset["walletBalance"],
                **{name: asset[name] for name in names},
                "marginAvailable": True,
            }
        ]

    def positions(self, account: Account, params: Params) -> Any:
        """Version 3: what is open."""
        self._exchange.advance()
        return [self._row(position) for position in self._positions(account, params) if position.quantity]

    def positions_v2(self, account: Account, params: Params) -> Any:
        """Version 2: every symbol, with its leverage and kind of margin."""
        self._exchange.advance()
        return [self._row(p) | wire.v2_columns(p) for p in self._positions(account, params)]

    def leverage(self, account: Account, params: Params) -> Any:
        position, wanted = account.futures.position(self._public.symbol(params)), whole(params, "leverage")
        if wanted is None:
            raise missing("leverage")
        if not 1 <= wanted <= _MAX_LEVERAGE:
            raise BinanceError(-4028, f"Leverage {wanted} is not valid")
        if position.isolated and position.quantity and wanted < position.leverage:
            raise BinanceError(
                -4161, "Leverage reduction is not supported in Isolated Margin Mode with open positions."
            )
        position.leverage = wanted
        return {"leverage": wanted, "maxNotionalValue": "1000000000", "symbol": params["symbol"]}

    def margin_type(self, account: Account, params: Params) -> Any:
        symbol, wanted = self._public.symbol(params), params.get("marginType")
        if wanted not in ("ISOLATED", "CROSSED"):
            raise illegal("marginType")
        position = account.futures.position(symbol)
        if position.isolated is (wanted == "ISOLATED"):
            raise BinanceError(-4046, "No need to change margin type.")
        if account.open_orders(symbol):
            raise BinanceError(-4047, "Margin type cannot be changed if there exists open orders.")
        if position.quantity:
            raise BinanceError(-4048, "Margin type cannot be changed if there exists position.")
        position.isolated = wanted == "ISOLATED"
        return {"code": 200, "msg": "success"}

    def mode(self, account: Account, params: Params) -> Any:
        return {"dualSidePosition": account.futures.hedged}

    def set_mode(self, account: Account, params: Params) -> Any:
        wanted = params.get("dualSidePosition", "").lower()
        if wanted not in ("true", "false"):
            raise missing("dualSidePosition")
        if account.futures.hedged is (wanted == "true"):
            raise BinanceError(-4059, "No need to change position side.")
        if account.open_orders(contracts=True):
            raise BinanceError(-4067, "Position side cannot be changed if there exists open orders.")
        if any(position.quantity for position in account.futures.positions.values()):
            raise BinanceError(-4068, "Position side cannot be changed if there exists position.")
        account.futures.hedged = wanted == "true"
        return {"code": 200, "msg": "success"}

    def income(self, account: Account, params: Params) -> Any:
        self._exchange.advance()
        symbol = self._public.symbol(params) if "symbol" in params else None
        start, end, kind = whole(params, "startTime"), whole(params, "endTime"), params.get("incomeType")
        found = [
            made
            for made in account.futures.incomes
            if symbol in (None, made.symbol)
            and kind in (None, made.kind)
            and (start is None or made.ts_ms >= start)
            and (end is None or made.ts_ms <= end)
        ]
        limit = min(whole(params, "limit") or 100, 1000)
        return [
            {
                "symbol": self._exchange.listing(made.symbol).market_id if made.symbol else "",
                "incomeType": made.kind,
                "income": wire.money(made.amount),
                "asset": made.currency,
                "info": made.kind,
                "time": made.ts_ms,
                "tranId": made.income_id,
                "tradeId": "" if made.trade_id is None else str(made.trade_id),
            }
            for made in (found[:limit] if start is not None else found[-limit:])
        ]

    def brackets(self, account: Account, params: Params) -> Any:
        """One bracket for all sizes."""
        return [
            {
                "symbol": self._exchange.listing(symbol).market_id,
                "brackets": [
                    {
                        "bracket": 1,
                        "initialLeverage": _MAX_LEVERAGE,
                        "notionalCap": 1_000_000_000,
                        "notionalFloor": 0,
                        "maintMarginRatio": float(self._exchange.listing(symbol).instrument.maintenance_margin),
                        "cum": 0,
                    }
                ],
            }
            for symbol in self._public.wanted(params)
        ]

    def symbol_config(self, account: Account, params: Params) -> Any:
        return [
            {
                "symbol": self._exchange.listing(symbol).market_id,
                "marginType": "ISOLATED" if account.futures.position(symbol).isolated else "CROSSED",
                "isAutoAddMargin": False,
                "leverage": account.futures.position(symbol).leverage,
                "maxNotionalValue": "1000000000",
            }
            for symbol in self._public.wanted(params)
        ]

    def _positions(self, account: Account, params: Params) -> list[Position]:
        return [account.futures.position(symbol) for symbol in self._public.wanted(params)]

    def _row(self, position: Position) -> dict[str, Any]:
        return wire.position_row(position, self._exchange.market(position.symbol))

    def _asset(self, account: Account) -> dict[str, Any]:
        futures = account.futures
        held = [position for position in futures.positions.values() if position.quantity]
        unrealized = sum((p.profit_at(self._exchange.market(p.symbol).mid) for p in held), ZERO)
        margin = sum((position.margin for position in held), ZERO)
        now = self._exchange.clock.now_ms()
        return wire.asset_row(futures.wallet, unrealized, margin, order_margin(account), now)
