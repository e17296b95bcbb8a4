"""The simulated venue's own books: what an exchange would know, never read by the ledger."""

from sqlalchemy import Column, ForeignKey, Table, Text

from core.money import ZERO
from core.orders import OrderState, OrderType, Side, TimeInForce
from memory.books.columns import exact, index, key, name, number_key, time, word
from memory.books.tables.schema import flag, metadata

paper_orders = Table(
    "paper_orders",
    metadata,
    key("client_order_id"),
    name("account_id"),
    name("symbol"),
    word("side", Side),
    word("type", OrderType),
    exact("quantity"),
    exact("limit_price", null=True),
    exact("trigger_price", null=True),
    word("time_in_force", TimeInForce),
    flag("reduce_only"),
    word("state", OrderState),
    exact("filled_quantity", default=ZERO),
    flag("triggered"),
    time("decided_ns"),
    time("arrives_ns"),
    time("matched_ns"),
)
index(paper_orders, "account_id", "state")

paper_fills = Table(
    "paper_fills",
    metadata,
    key("venue_trade_id"),
    Column("client_order_id", Text, ForeignKey("paper_orders.client_order_id"), nullable=False),
    exact("quantity"),
    exact("price"),
    exact("fee"),
    name("fee_currency"),
    exact("realised", default=ZERO),
    flag("maker"),
    time("ts_event_ns"),
)
index(paper_fills, "client_order_id")

# Isolated perpetual positions. `margin` was posted from the wallet; up to `seen_ns` funding and liquidation are done.
paper_positions = Table(
    "paper_positions",
    metadata,
    key("account_id"),
    key("symbol"),
    word("side", Side),
    exact("quantity"),
    exact("average_price"),
    exact("cost"),
    exact("margin"),
    time("opened_ns"),
    time("seen_ns"),
)

paper_fundings = Table(
    "paper_fundings",
    metadata,
    key("account_id"),
    key("symbol"),
    number_key("ts_event_ns"),
    exact("payment"),
)
