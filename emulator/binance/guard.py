"""What every request to Binance passes: its budget, and where it is signed, who signed it and when."""

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

from emulator.accounts import Account
from emulator.binance.budget import Budget
from emulator.binance.errors import BinanceError, missing, refused
from emulator.calls import Answer, Call, json_answer
from emulator.exchange import Exchange
from emulator.faults import Fault, Faults
from emulator.orders import Refusal

Params = dict[str, str]
Weight = int | Callable[[Params], int]
Signed = Callable[[Account, Params], Any]
_RECV_WINDOW_MS = 5_000
_LONGEST_WINDOW_MS = 60_000
_AHEAD_MS = 1_000


def one_or_all(one: int, every: int) -> Callable[[Params], int]:
    """The weight of what is asked for one symbol or for all."""
    return lambda params: one if "symbol" in params else every


class Guard:
    """In front of one family of endpoints: spot with the wallet, or `contracts`."""

    def __init__(self, exchange: Exchange, faults: Faults, budget: Budget, *, contracts: bool = False) -> None:
        self.budget = budget
        self._exchange = exchange
        self._faults = faults
        self._contracts = contracts

    def prove(self, params: Params, key: str | None, payload: str) -> Account:
        """The account that signed `payload`; raises -2014, -2015, -1021, -1022."""
        if not key:
            raise BinanceError(-2014, "API-key format invalid.", 401)
        account = self._exchange.accounts.get(key)
        if account is None:
            raise BinanceError(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        if not params.get("timestamp", "").isdigit():
            raise missing("timestamp")
        if not params.get("signature"):
            raise missing("signature")
        stamp, window = int(params["timestamp"]), int(float(params.get("recvWindow", _RECV_WINDOW_MS)))
        if window > _LONGEST_WINDOW_MS:
            raise BinanceError(-1131, "recvWindow must be less than 60000.")
        now = self._exchange.clock.claimed_ms()
        if stamp >= now + _AHEAD_MS:
            raise BinanceError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        if now - stamp > window:
            raise BinanceError(-1021, "Timestamp for this request is outside of the recvWindow.")
        digest = hmac.new(account.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(digest, params["signature"]):
            raise BinanceError(-1022, "Signature for this request is not valid.")
        if self._contracts and not account.may.futures:
            raise BinanceError(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        account.frozen = self._faults.standing(Fault.FROZEN) is not None
        return account

    def listener(self, call: Call) -> Account:
        """Who asks for a listen key: known by the key alone. Raises -2015."""
        account = self._exchange.accounts.get(call.headers.get("x-mbx-apikey", ""))
        if account is None:
            raise BinanceError(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        return account

    def open(self, handle: Callable[[Params], Answer], weight: Weight) -> Callable[[Call], Answer]:
        def answer(call: Call) -> Answer:
            try:
                headers = self.budget.spend(weight if isinstance(weight, int) else weight(call.params))
                found = handle(call.params)
            except BinanceError as error:
                return error.answer()
            except Refusal as refusal:
                return refused(refusal, contracts=self._contracts).answer()
            return Answer(found.body, found.status, headers)

        return answer

    def signed(self, handle: Signed, weight: Weight, *, order: bool = False) -> Callable[[Call], Answer]:
        def answer(call: Call) -> Answer:
            try:
                cost = weight if isinstance(weight, int) else weight(call.params)
                headers = self.budget.spend(cost, order=order)
                account = self.prove(call.params, call.headers.get("x-mbx-apikey"), _signed_text(call))
                return json_answer(handle(account, call.params), headers=headers)
            except BinanceError as error:
                return error.answer()
            except Refusal as refusal:
                return refused(refusal, contracts=self._contracts).answer()

        return answer


def _signed_text(call: Call) -> str:
    """Query and body, joined without a separator and without the signature: what was signed."""
    text = call.query + call.body
    head, _, _ = text.rpartition("signature=")
    return head.rstrip("&")
