"""Binance's wallet: what came in and went out, and what the key may do.

Source: developers.binance.com/docs/wallet, Deposit History, Withdraw History, Get API Key Permission.
"""

from datetime import UTC, datetime
from typing import Any

from core.money import text_of
from emulator.accounts import Account, Transfer
from emulator.binance.reading import Params, whole
from emulator.exchange import Exchange

_SUCCESS, _COMPLETED = 1, 6


class Wallet:
    """Each method takes a proven account and parameters."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def deposits(self, account: Account, params: Params) -> Any:
        return [
            {**_common(made), "status": _SUCCESS, "insertTime": made.ts_ms, "confirmTimes": "1/1", "unlockConfirm": 0}
            for made in _page(account, params)
            if made.amount > 0
        ]

    def withdrawals(self, account: Account, params: Params) -> Any:
        return [
            {**_common(made), "status": _COMPLETED, "transactionFee": "0", "applyTime": _day(made.ts_ms)}
            for made in _page(account, params)
            if made.amount < 0
        ]

    def restrictions(self, account: Account, params: Params) -> Any:
        return {
            "ipRestrict": account.may.ip_bound,
            "createTime": 1_700_000_000_000,
            "enableReading": True,
            "enableWithdrawals": account.may.withdraw,
            "enableInternalTransfer": False,
            "enableMargin": False,
            "enableFutures": account.may.futures,
            "permitsUniversalTransfer": False,
            "enableVanillaOptions": False,
            "enableFixApiTrade": False,
            "enableFixReadOnly": False,
            "enableSpotAndMarginTrading": account.may.trade,
            "enablePortfolioMarginTrading": False,
        }


def _page(account: Account, params: Params) -> list[Transfer]:
    """Newest first."""
    start, end, coin = whole(params, "startTime"), whole(params, "endTime"), params.get("coin")
    found = [
        made
        for made in reversed(account.transfers)
        if coin in (None, made.currency)
        and (start is None or made.ts_ms >= start)
        and (end is None or made.ts_ms <= end)
    ]
    first = whole(params, "offset") or 0
    return found[first : first + min(whole(params, "limit") or 1000, 1000)]


def _common(made: Transfer) -> dict[str, Any]:
    return {
        "id": made.transfer_id,
        "amount": text_of(abs(made.amount)),
        "coin": made.currency,
        "network": made.currency,
        "address": "emulated",
        "addressTag": "",
        "txId": f"tx-{made.transfer_id}",
        "transferType": 0,
        "walletType": 0,
    }


def _day(ts_ms: int) -> str:
    return datetime.fromtimestamp(ts_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
