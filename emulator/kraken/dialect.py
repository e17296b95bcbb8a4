"""Kraken's routes, its signature, and the form of its answers."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from typing import Any

from emulator.accounts import Account
from emulator.calls import Answer, Call, Route, json_answer
from emulator.exchange import Exchange
from emulator.faults import Fault, Faults
from emulator.kraken.private import PrivateData
from emulator.kraken.public import PublicData
from emulator.kraken.words import REFUSALS, KrakenError
from emulator.orders import Refusal

Params = dict[str, str]


class Kraken:
    """Routes of both halves; every answer is {"error": [], "result": ...}."""

    def __init__(self, exchange: Exchange, faults: Faults) -> None:
        self._exchange = exchange
        self._faults = faults
        self._public = PublicData(exchange, faults)
        self._private = PrivateData(exchange, self._public)
        self._nonces: dict[str, int] = {}

    def routes(self) -> list[Route]:
        data, own = self._public, self._private
        public: dict[str, Callable[[Params], Any]] = {
            "Time": data.time,
            "SystemStatus": data.system_status,
            "Assets": data.assets,
            "AssetPairs": data.asset_pairs,
            "OHLC": data.ohlc,
            "Depth": data.depth,
            "Ticker": data.ticker,
            "Trades": data.trades,
        }
        private: dict[str, Callable[[Account, Params], Any]] = {
            "Balance": own.balance,
            "BalanceEx": own.balance_ex,
            "GetApiKeyInfo": own.key_info,
            "OpenOrders": own.open_orders,
            "ClosedOrders": own.closed_orders,
            "QueryOrders": own.query_orders,
            "TradesHistory": own.trades_history,
            "AddOrder": own.add_order,
            "CancelOrder": own.cancel_order,
            "CancelAll": own.cancel_all,
            "CancelAllOrdersAfter": own.cancel_all_after,
            "DepositStatus": own.deposit_status,
            "WithdrawStatus": own.withdraw_status,
        }
        return [
            *(Route("GET", f"/0/public/{name}", _answering(_open(handle))) for name, handle in public.items()),
            *(Route("POST", f"/0/private/{name}", _answering(self._own(handle))) for name, handle in private.items()),
        ]

    def _own(self, handle: Callable[[Account, Params], Any]) -> Callable[[Call], Any]:
        return lambda call: handle(self._prove(call), call.params)

    def _prove(self, call: Call) -> Account:
        """API-Sign = HMAC-SHA512 of path + SHA256(nonce + body), base64."""
        account = self._exchange.accounts.get(call.headers.get("api-key", ""))
        if account is None:
            raise KrakenError("EAPI:Invalid key")
        nonce = call.params.get("nonce", "")
        if not nonce.isdigit() or int(nonce) <= self._nonces.get(account.key, 0):
            raise KrakenError("EAPI:Invalid nonce")
        digest = hashlib.sha256((nonce + call.body).encode()).digest()
        secret = base64.b64decode(account.secret)
        expected = base64.b64encode(hmac.new(secret, call.path.encode() + digest, hashlib.sha512).digest()).decode()
        if not hmac.compare_digest(expected, call.headers.get("api-sign", "")):
            raise KrakenError("EAPI:Invalid signature")
        self._nonces[account.key] = int(nonce)
        account.frozen = self._faults.standing(Fault.FROZEN) is not None
        return account


def _open(handle: Callable[[Params], Any]) -> Callable[[Call], Any]:
    return lambda call: handle(call.params)


def _answering(handle: Callable[[Call], Any]) -> Callable[[Call], Answer]:
    def answer(call: Call) -> Answer:
        try:
            return json_answer({"error": [], "result": handle(call)})
        except KrakenError as error:
            return json_answer({"error": [str(error)]})
        except Refusal as refusal:
            return json_answer({"error": [REFUSALS[refusal.cause]]})
        except ValueError:
            return json_answer({"error": ["EGeneral:Invalid arguments"]})

    return answer
