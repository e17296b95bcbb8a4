"""What each venue does with the name of an order, a repeated request and a refusal: one row a venue.

Read in ccxt 4.5.90. `tests/execution/exchange/` holds each row against what it really sends, so that a new version
shows what it changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from core.errors import ConfigError
from core.instruments import ContractKind
from core.orders import TimeInForce
from core.time import DAY_NS
from execution.ports import AbsenceProof

_SPOT = frozenset({ContractKind.SPOT})
_PERPETUAL = frozenset({ContractKind.PERPETUAL})
_BOTH = _SPOT | _PERPETUAL
_LOOKS = 3
_GRACE_S = 10  # on top of the venue's own deadline: clocks differ, and a read may lag behind the books


class Lookup(StrEnum):
    """How an order is found by our own id."""

    FETCH = "fetch"  # one call answers for open and closed orders
    LISTS = "lists"  # the lists of open and of closed orders take the id as a filter
    MATCH = "match"  # the lists are read and searched


class Deadline(StrEnum):
    """How an order is told to die when it arrives late."""

    WINDOW = "recvWindow"  # a parameter: milliseconds after the request's own time stamp
    MOMENT = "deadline"  # a parameter: a time
    HEADER = "header"  # as WINDOW, for every request of the client


class Paging(StrEnum):
    """How the trades of an account are read page by page."""

    UP = "up"  # oldest first
    DOWN = "down"  # newest first
    OFFSET = "ofs"  # newest first, and the parameter skips what was read


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueFacts:
    """One venue, as ccxt names it. `kinds` are the products that the row was checked for.

    `client_id` is the parameter that carries our id into a new order, `client_id_keys` where the venue's own rows tell
    it; `find_by` and `cancel_by` the parameter of a look-up and of a cancel (None: only by the venue's id). Ids are
    sent as 32 hexadecimal characters, with the hyphens of a UUID where `hyphens`.

    `duplicate`, `refused`, `unclear` and `restricted` are codes or parts of texts of the venue's answer: "there is an
    order with this id", a refusal that ccxt does not know as one, an answer that proves nothing although ccxt calls it
    a refusal, and a frozen account that ccxt does not recognise.
    """

    name: str
    kinds: frozenset[ContractKind]
    proven: bool = True
    # The order's name.
    client_id: str = "clientOrderId"
    client_id_keys: tuple[str, ...] = ("clientOrderId",)
    hyphens: bool = False
    lookup: Lookup = Lookup.MATCH
    find_by: str = "clientOrderId"
    closed_lists: tuple[str, ...] = ("fetch_closed_orders",)
    cancel_by: str | None = None
    # What can be asked for.
    order_params: Mapping[str, str] = field(default_factory=dict)  # go with every new order
    times_in_force: frozenset[TimeInForce] = frozenset(TimeInForce)
    market_buys: bool = True  # sized in base units
    iceberg: str | None = None  # parameter for the quantity that shows
    iceberg_parts: int = 0  # the most that the venue takes
    rests_stops: frozenset[ContractKind] = frozenset()
    mass_cancel: frozenset[ContractKind] = frozenset()  # ccxt's cancel_all_orders_after, in milliseconds
    deadline: Deadline | None = None
    deadline_s: int = 5
    # What an answer proves.
    duplicate: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()
    restricted: tuple[str, ...] = ()
    rate_limit_refuses: bool = False  # whether "too many requests" proves that the order was not taken
    # Reading.
    rows: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # where answers hold them
    rows_are: type = list
    open_also: tuple[Mapping[str, str | bool], ...] = ()  # further questions: conditional orders lie apart
    open_cursor: tuple[str, ...] = ()  # where an answer names the next page
    open_page: int | None = None  # a full page has more behind its last id
    order_trades: str | None = None  # parameter that asks for the trades of one order
    trades_window_ns: int | None = None  # longest span of one question
    trades_page: int | None = None  # rows asked for, and the most that come
    paging: Paging = Paging.UP
    transfers_window_ns: int = 89 * DAY_NS  # as of trades; three months are kept
    transfers_page: int | None = None
    # Parameters for ccxt's fetch_ledger: money reaches the contracts' wallet from another one, no deposit tells of it.
    wallet_moves: Mapping[str, str] | None = None
    wallet: tuple[str, str] | None = None  # currency and amount without unrealised profit, in rows["balance"]
    # The account.
    sandbox: bool = False
    key_scopes: str | None = None  # ccxt's method that tells what the key may do

    @property
    def absence(self) -> AbsenceProof:
        """Late requests die at the venue only where it has a deadline; elsewhere only a person may say "absent"."""
        spread_s = (self.deadline_s if self.deadline else 0) + _GRACE_S
        return AbsenceProof(looks=_LOOKS, spread_ns=spread_s * 10**9, final=self.proven and self.deadline is not None)


_BINANCE_DUPLICATE = ("Duplicate order sent", "-4116", "-4015")
_BINANCE_RESTRICTED = (
    # ccxt 4.5.90 looks for "on self account": its translation into Python replaced a word of the venue's text.
    "This action is disabled on this account",
    "This account may not place or cancel orders",
)

_ROWS: tuple[VenueFacts, ...] = (
    VenueFacts(
        name="binance",
        kinds=_SPOT,
        lookup=Lookup.FETCH,
        cancel_by="clientOrderId",
        rests_stops=_SPOT,
        iceberg="icebergQty",
        iceberg_parts=10,
        deadline=Deadline.WINDOW,
        duplicate=_BINANCE_DUPLICATE,
        unclear=("-1000", "-1001", "-1006", "-1007", "-1008", "-1016", "-1034"),
        restricted=_BINANCE_RESTRICTED,
        rate_limit_refuses=True,
        rows={"open": (), "closed": (), "trades": (), "balance": ("balances",)},
        order_trades="orderId",
        trades_window_ns=DAY_NS,
        trades_page=1000,
        sandbox=True,
        key_scopes="sapi_get_account_apirestrictions",
    ),
    VenueFacts(
        name="binanceusdm",
        kinds=_PERPETUAL,
        lookup=Lookup.FETCH,
        cancel_by="clientOrderId",
        deadline=Deadline.WINDOW,
        duplicate=_BINANCE_DUPLICATE,
        unclear=("-1000", "-1001", "-1006", "-1007", "-1008", "-1016", "-1034"),
        restricted=_BINANCE_RESTRICTED,
        rate_limit_refuses=True,
        rows={"open": (), "closed": (), "trades": (), "balance": ("assets",)},
        open_also=({"trigger": True},),
        order_trades="orderId",
        trades_window_ns=DAY_NS,
        trades_page=1000,
        transfers_page=1000,
        wallet_moves={"incomeType": "TRANSFER"},
        wallet=("asset", "walletBalance"),
        key_scopes="sapi_get_account_apirestrictions",
    ),
    VenueFacts(
        name="kraken",
        kinds=_SPOT,
        client_id_keys=("cl_ord_id",),
        lookup=Lookup.LISTS,
        cancel_by="clientOrderId",
        # Fees in quote currency, as ccxt reads them: by default a sale's are in base.
        order_params={"oflags": "fciq"},
        times_in_force=frozenset({TimeInForce.GTC, TimeInForce.IOC}),
        rests_stops=_SPOT,
        mass_cancel=_SPOT,
        deadline=Deadline.MOMENT,
        duplicate=("must be unique",),
        refused=("EOrder:", "EGeneral:Invalid arguments", "EAPI:Invalid signature"),
        unclear=("EService:", "EDatabase:", "EGeneral:Internal error", "Rate limit exceeded", "Too many requests"),
        restricted=("EAccount:Invalid permissions",),
        rows={
            "open": ("result", "open"),
            "closed": ("result", "closed"),
            "trades": ("result", "trades"),
            "balance": ("result",),
        },
        rows_are=dict,
        trades_page=50,
        paging=Paging.OFFSET,
        key_scopes="private_post_getapikeyinfo",
    ),
    VenueFacts(
        name="coinbase",
        kinds=_SPOT,
        client_id="client_order_id",  # `clientOrderId` is dropped without a word, and another id is sent
        client_id_keys=("client_order_id",),
        closed_lists=("fetch_orders",),
        market_buys=False,  # only in quote currency
        duplicate=("DUPLICATE",),
        refused=(
            "INVALID_SIDE",
            "INVALID_PRODUCT_ID",
            "INVALID_SIZE_PRECISION",
            "INVALID_PRICE_PRECISION",
            "INVALID_LIMIT_PRICE",
            "INVALID_LIMIT_PRICE_POST_ONLY",
            "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL",
            "PREVIEW_INVALID_BASE_SIZE_TOO_LARGE",
            "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL",
            "PREVIEW_INVALID_LIMIT_PRICE",
            "PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY",
        ),
        unclear=("UNKNOWN_FAILURE_REASON", "internal_server_error", "COMMANDER_REJECTED_NEW_ORDER"),
        rate_limit_refuses=True,
        rows={"open": ("orders",), "closed": ("orders",), "trades": ("fills",), "balance": ("accounts",)},
        open_cursor=("cursor",),
        order_trades="order_ids",
        trades_page=100,
        paging=Paging.DOWN,
        key_scopes="v3_private_get_brokerage_key_permissions",
    ),
    VenueFacts(
        name="okx",
        kinds=_BOTH,
        client_id_keys=("clOrdId",),
        lookup=Lookup.FETCH,
        cancel_by="clientOrderId",
        mass_cancel=_BOTH,
        duplicate=("51016",),
        unclear=("50001", "50004", "50013", "50026", "51149"),
        rate_limit_refuses=True,
        rows={"open": ("data",), "closed": ("data",), "trades": ("data",), "balance": ("data", "details")},
        open_also=(
            {"trigger": True},
            {"ordType": "conditional"},
            {"ordType": "oco"},
            {"ordType": "move_order_stop"},
        ),
        open_page=100,
        order_trades="ordId",
        trades_window_ns=89 * DAY_NS,  # three months are kept
        trades_page=100,
        paging=Paging.DOWN,
        wallet=("ccy", "cashBal"),
        sandbox=True,
        key_scopes="private_get_account_config",
    ),
    VenueFacts(
        name="bybit",
        kinds=_BOTH,
        client_id_keys=("orderLinkId",),
        lookup=Lookup.LISTS,
        find_by="orderLinkId",
        closed_lists=("fetch_canceled_and_closed_orders",),
        cancel_by="orderLinkId",
        # No timer: its "disconnect cancel all" waits for a lost socket, not for a missing heartbeat, and ccxt asks
        # for derivatives only.
        deadline=Deadline.HEADER,
        duplicate=("110072", "170141"),
        unclear=(
            *("429", "10000", "10006", "10016", "10019", "10403", "10429", "500000", "20003", "20006"),
            *("170001", "170005", "170007", "170032", "170146", "170147"),
        ),
        rows={
            "open": ("result", "list"),
            "closed": ("result", "list"),
            "trades": ("result", "list"),
            "balance": ("result", "list"),
        },
        open_also=({"orderFilter": "StopOrder"}, {"orderFilter": "tpslOrder"}),
        open_cursor=("result", "nextPageCursor"),
        order_trades="orderId",
        trades_window_ns=7 * DAY_NS,
        trades_page=100,
        transfers_window_ns=30 * DAY_NS,
        transfers_page=50,
        paging=Paging.DOWN,
        sandbox=True,
        key_scopes="private_get_v5_user_query_api",
    ),
)
PROVEN: Mapping[str, VenueFacts] = {row.name: row for row in _ROWS}


def unproven(name: str) -> VenueFacts:
    """A venue of ccxt that nobody checked: the unified names, lists that are searched, and no proof of absence."""
    return VenueFacts(
        name=name, kinds=_SPOT, proven=False, closed_lists=("fetch_closed_orders", "fetch_canceled_orders")
    )


def facts_of(name: str, kind: ContractKind) -> VenueFacts:
    """The row of a venue. Raises ConfigError where it was not checked for this kind of contract."""
    facts = PROVEN.get(name) or unproven(name)
    if kind not in facts.kinds:
        allowed = ", ".join(sorted(facts.kinds))
        hint = "; its perpetuals are binanceusdm" if name == "binance" else ""
        raise ConfigError(f"expected {allowed} contracts at {name}, found {kind.value}{hint}")
    return facts
