"""Where each venue is struck: one row for each kind of contract at each venue, and nowhere else a path of one.

Paths are shell patterns over the emulated venue's routes. What an adapter can do there is the facts table's to say.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from core.instruments import ContractKind

Rule = dict[str, Any]


def _as_told(name: str) -> str:
    """`market/order/trade` in the ledger, the numbers as the venue's books have them."""
    return name.partition("/")[2]


def _of_kraken(name: str) -> str:
    """Orders are numbered in base 36 behind an O, with hyphens; a trade's number stands behind its market's name."""
    _, order, trade = name.split("/")
    return f"{int(order.replace('-', '')[1:], 36)}/{int(trade.rpartition('-')[2])}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """`exchange` is the venue as ccxt names it, `start` what the emulated account begins with, in each currency.

    `placing` and `cancelling` are method and path; `reading` the method of every read, `look` where one order is asked
    for, `lists` the further reads, of which the last takes in the others. `numbers` turns the name of a fill
    in the ledger into the venue's own numbers of order and trade.
    """

    venue: str
    kind: ContractKind
    exchange: str
    symbol: str
    lot: Decimal
    start: Mapping[str, Decimal]
    placing: tuple[str, str]
    cancelling: tuple[str, str]
    reading: str
    look: str
    lists: tuple[str, ...]
    streams: bool  # whether the emulated venue tells of the account by a stream
    numbers: Callable[[str], str] = _as_told

    @property
    def name(self) -> str:
        return f"{self.venue} {self.kind.value}"

    @property
    def contracts(self) -> bool:
        return self.kind is ContractKind.PERPETUAL

    @property
    def money(self) -> Decimal:
        return self.start["USDT"]

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.look, *self.lists)

    def place(self, fault: str, **more: Any) -> Rule:
        """A rule that strikes a new order."""
        method, path = self.placing
        return {"fault": fault, "method": method, "path": path, **more}

    def cancel(self, fault: str, **more: Any) -> Rule:
        """A rule that strikes a cancel."""
        method, path = self.cancelling
        return {"fault": fault, "method": method, "path": path, **more}

    def read(self, fault: str, path: str, **more: Any) -> Rule:
        """A rule that strikes reads."""
        return {"fault": fault, "method": self.reading, "path": path, **more}

    @property
    def money_event(self) -> str:
        """What the account's stream calls money that came."""
        return "POSITION" if self.contracts else "BALANCE"


_SPOT: Final = {"USDT": Decimal(1_000_000), "BTC": Decimal(10), "ETH": Decimal(100)}
_BINANCE: Final = Surface(
    venue="binance",
    kind=ContractKind.SPOT,
    exchange="binance",
    symbol="BTC/USDT",
    lot=Decimal("0.00001"),
    start=_SPOT,
    placing=("POST", "/api/v3/order"),
    cancelling=("DELETE", "/api/v3/order"),
    reading="GET",
    look="/api/v3/order",
    lists=("/api/v3/openOrders", "/api/v3/myTrades", "/api/v3/account", "/api/v3/*"),
    streams=True,
)
_ROWS: Final = (
    _BINANCE,
    Surface(
        venue="binance",
        kind=ContractKind.PERPETUAL,
        exchange="binanceusdm",
        symbol="BTC/USDT:USDT",
        lot=Decimal("0.001"),
        start={"USDT": Decimal(100_000)},
        placing=("POST", "/fapi/v1/order"),
        cancelling=("DELETE", "/fapi/v1/order"),
        reading="GET",
        look="/fapi/v1/order",
        lists=("/fapi/v1/openOrders", "/fapi/v1/userTrades", "/fapi/v?/positionRisk", "/fapi/*"),
        streams=True,
    ),
    Surface(
        venue="kraken",
        kind=ContractKind.SPOT,
        exchange="kraken",
        symbol="BTC/USDT",
        lot=Decimal("0.00001"),
        start=_SPOT,
        placing=("POST", "/0/private/AddOrder"),
        cancelling=("POST", "/0/private/CancelOrder"),
        reading="POST",
        look="/0/private/OpenOrders",
        # Everything is asked for by POST: the last leaves AddOrder and CancelOrder alone, and with them BalanceEx.
        lists=(
            *("/0/private/ClosedOrders", "/0/private/TradesHistory", "/0/private/BalanceEx"),
            "/0/private/[!A][!a]*",
        ),
        streams=False,
        numbers=_of_kraken,
    ),
    Surface(
        venue="bybit",
        kind=ContractKind.SPOT,
        exchange="bybit",
        symbol="BTC/USDT",
        lot=Decimal("0.00001"),
        start=_SPOT,
        placing=("POST", "/v5/order/create"),
        cancelling=("POST", "/v5/order/cancel"),
        reading="GET",
        look="/v5/order/realtime",
        lists=("/v5/order/history", "/v5/execution/list", "/v5/account/wallet-balance", "/v5/*"),
        streams=False,
    ),
)
BINANCE: Final = _BINANCE.name
SURFACES: Final[Mapping[str, Surface]] = {row.name: row for row in _ROWS}
VENUES: Final = tuple(dict.fromkeys(row.venue for row in _ROWS))
