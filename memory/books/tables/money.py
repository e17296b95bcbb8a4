"""Money: accounts, what they hold, what traded and what moved."""

from sqlalchemy import Column, Table

from core.instruments import ContractKind
from core.money import ZERO
from core.orders import Side
from memory.books.columns import Exact, count, exact, index, key, name, number, number_key, time, word
from memory.books.tables.schema import account, flag, metadata

accounts = Table(
    "accounts",
    metadata,
    key("account_id"),
    name("numeraire"),
    exact("start_equity"),
    exact("peak_equity"),
    time("clock_ns"),
    count("epoch", 0),
    time("opened_ns"),
    name("policy", null=True),
    Column("transferred", Exact, nullable=False, server_default="0"),
)

transfers = Table(
    "transfers",
    metadata,
    number(),
    account(),
    time("ts_ns"),
    name("currency"),
    exact("amount"),
    exact("worth"),
    name("reason"),
    name("transfer_id", null=True),
)
index(transfers, "account_id")
index(transfers, "account_id", "transfer_id")

balances = Table("balances", metadata, account(primary=True), key("currency"), exact("total"))

# What was there before the account was opened, and is none of the desk's.
outside = Table("outside", metadata, account(primary=True), key("currency"), exact("amount"))

positions = Table(
    "positions",
    metadata,
    account(primary=True),
    key("symbol"),
    word("side", Side),
    exact("quantity"),
    exact("average_price"),
    exact("cost"),
    word("kind", ContractKind),
    exact("margin", default=ZERO),
    exact("funding", default=ZERO),
    exact("entry_fees", default=ZERO),
    exact("closed_quantity", default=ZERO),
    exact("closed_cost", default=ZERO),
    exact("closed_proceeds", default=ZERO),
    exact("realised", default=ZERO),
    flag("unvalued"),
    time("opened_ns"),
)

fills = Table(
    "fills",
    metadata,
    key("venue"),
    key("trade_id"),
    name("client_order_id"),
    account(),
    name("symbol"),
    word("side", Side),
    exact("quantity"),
    exact("price"),
    exact("fee"),
    name("fee_currency"),
    exact("fee_worth", null=True),
    flag("maker"),
    time("ts_event_ns"),
    time("known_at_ns"),
)
index(fills, "account_id", "ts_event_ns")
index(fills, "client_order_id")

funding_payments = Table(
    "funding_payments",
    metadata,
    account(primary=True),
    key("symbol"),
    number_key("ts_event_ns"),
    exact("payment"),
)

round_trips = Table(
    "round_trips",
    metadata,
    number(),
    account(),
    name("symbol"),
    time("closed_ns"),
    exact("quantity"),
    exact("entry_price"),
    exact("exit_price"),
    exact("pnl", null=True),
)
index(round_trips, "account_id", "closed_ns")

# Beside the average cost of positions: what came in first goes out first. `value` is what it cost, or a short brought.
lots = Table(
    "lots",
    metadata,
    number(),
    account(),
    name("asset"),
    word("side", Side),
    time("opened_ns"),
    exact("quantity"),
    exact("value", null=True),
    name("venue"),
    name("trade_id"),
)
index(lots, "account_id", "asset", "opened_ns")

disposals = Table(
    "disposals",
    metadata,
    number(),
    account(),
    name("asset"),
    word("side", Side),
    exact("quantity"),
    time("opened_ns"),
    time("closed_ns"),
    exact("cost", null=True),
    exact("proceeds", null=True),
    exact("gain", null=True),
    name("opened_by"),
    name("venue"),
    name("trade_id"),
)
index(disposals, "account_id", "closed_ns")

# Up to when the books are known to agree with the venue, by the venue's own times.
reconciled = Table("reconciled", metadata, account(primary=True), time("until_ns"), time("at_ns"))

marks = Table(
    "marks",
    metadata,
    account(primary=True),
    number_key("ts_ns"),
    exact("equity"),
)
