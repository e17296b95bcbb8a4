"""The first books: runs and records, the journal, money, the gate's tables, the simulated venue."""

import sqlalchemy as sa
from alembic import op

from core.errors import ConfigError

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _records()
    _money()
    _gate()
    _venue()


def _records() -> None:
    op.create_table(
        "runs",
        sa.Column("run_id", sa.Text(), primary_key=True),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("cycles", sa.BigInteger(), nullable=False),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "cycles",
        sa.Column("cycle_id", sa.Text(), primary_key=True),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), nullable=False),
        sa.Column("symbols", sa.Text(), nullable=False),
        sa.Column("as_of_ns", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("record_hash", sa.Text(), nullable=True),
    )
    op.create_index("ix_cycles_account_id_state", "cycles", ["account_id", "state"])
    op.create_index("ix_cycles_run_id_ordinal", "cycles", ["run_id", "ordinal"])
    op.create_table(
        "effects",
        sa.Column("cycle_id", sa.Text(), primary_key=True),
        sa.Column("node", sa.Text(), primary_key=True),
        sa.Column("lane", sa.Text(), primary_key=True),
        sa.Column("sequence", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("response", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
    )
    op.create_table(
        "blobs",
        sa.Column("digest", sa.Text(), primary_key=True),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "records",
        sa.Column("record_id", sa.Text(), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("cycle_id", sa.Text(), nullable=True),
        sa.Column("proposal_id", sa.Text(), nullable=True),
        sa.Column("as_of_ns", sa.BigInteger(), nullable=False),
        sa.Column("record_hash", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("annex", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.UniqueConstraint("stream", "sequence", name="uq_records_entry"),
    )
    op.create_index("ix_records_account_id_as_of_ns", "records", ["account_id", "as_of_ns"])
    op.create_index("ix_records_cycle_id", "records", ["cycle_id"])
    op.create_index("ix_records_proposal_id", "records", ["proposal_id"])
    op.create_index("ix_records_run_id", "records", ["run_id"])
    op.create_table(
        "journal",
        sa.Column("stream", sa.Text(), primary_key=True),
        sa.Column("sequence", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("ts_ns", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "journal_heads",
        sa.Column("stream", sa.Text(), primary_key=True),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
    )


def _money() -> None:
    op.create_table(
        "accounts",
        sa.Column("account_id", sa.Text(), primary_key=True),
        sa.Column("numeraire", sa.Text(), nullable=False),
        sa.Column("start_equity", sa.Text(), nullable=False),
        sa.Column("peak_equity", sa.Text(), nullable=False),
        sa.Column("clock_ns", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("opened_ns", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "transfers",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("account_id", sa.Text(), sa.ForeignKey("accounts.account_id"), nullable=False),
        sa.Column("ts_ns", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount", sa.Text(), nullable=False),
        sa.Column("worth", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
    )
    op.create_index("ix_transfers_account_id", "transfers", ["account_id"])
    op.create_table(
        "balances",
        sa.Column("account_id", sa.Text(), sa.ForeignKey("accounts.account_id"), primary_key=True),
        sa.Column("currency", sa.Text(), primary_key=True),
        sa.Column("total", sa.Text(), nullable=False),
    )
    op.create_table(
        "positions",
        sa.Column("account_id", sa.Text(), sa.ForeignKey("accounts.account_id"), primary_key=True),
        sa.Column("symbol", sa.Text(), primary_key=True),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Text(), nullable=False),
        sa.Column("average_price", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("margin", sa.Text(), nullable=False),
        sa.Column("funding", sa.Text(), nullable=False),
        sa.Column("entry_fees", sa.Text(), nullable=False),
        sa.Column("closed_quantity", sa.Text(), nullable=False),
        sa.Column("closed_cost", sa.Text(), nullable=False),
        sa.Column("closed_proceeds", sa.Text(), nullable=False),
        sa.Column("realised", sa.Text(), nullable=False),
        sa.Column("opened_ns", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "fills",
        sa.Column("venue", sa.Text(), primary_key=True),
        sa.Column("trade_id", sa.Text(), primary_key=True),
        sa.Column("client_order_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), sa.ForeignKey("accounts.account_id"), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Text(), nullable=False),
        sa.Column("price", sa.Text(), nullable=False),
        sa.Column("fee", sa.Text(), nullable=False),
        sa.Column("fee_currency", sa.Text(), nullable=False),
        sa.Column("maker", sa.Boolean(), nullable=False),
        sa.Column("ts_event_ns", sa.BigInteger(), nullable=False),
        sa.Column("known_at_ns", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_fills_account_id_ts_event_ns", "fills", ["account_id", "ts_event_ns"])
    op.create_index("ix_fills_client_order_id", "fills", ["client_order_id"])
    op.create_table(
        "funding_payments",
        sa.Column("account_id", sa.Text(), sa.ForeignKey("accounts.account_id"), primary_key=True),
        sa.Column("symbol", sa.Text(), primary_key=True),
        sa.Column("ts_event_ns", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("payment", sa.Text(), nullable=False),
    )
    op.create_table(
        "round_trips",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("account_id", sa.Text(), sa.ForeignKey("accounts.account_id"), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("closed_ns", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.Text(), nullable=False),
        sa.Column("entry_price", sa.Text(), nullable=False),
        sa.Column("exit_price", sa.Text(), nullable=False),
        sa.Column("pnl", sa.Text(), nullable=False),
    )
    op.create_index("ix_round_trips_account_id_closed_ns", "round_trips", ["account_id", "closed_ns"])
    op.create_table(
        "marks",
        sa.Column("account_id", sa.Text(), sa.ForeignKey("accounts.account_id"), primary_key=True),
        sa.Column("ts_ns", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("equity", sa.Text(), nullable=False),
    )


def _gate() -> None:
    op.create_table(
        "proposals",
        sa.Column("proposal_id", sa.Text(), primary_key=True),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("cycle_id", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("order_hash", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=True),
        sa.Column("review", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_proposals_account_id_created_ns", "proposals", ["account_id", "created_ns"])
    op.create_index("ix_proposals_cycle_id", "proposals", ["cycle_id"])
    op.create_table(
        "orders",
        sa.Column("client_order_id", sa.Text(), primary_key=True),
        sa.Column("proposal_id", sa.Text(), sa.ForeignKey("proposals.proposal_id"), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Text(), nullable=False),
        sa.Column("limit_price", sa.Text(), nullable=True),
        sa.Column("trigger_price", sa.Text(), nullable=True),
        sa.Column("time_in_force", sa.Text(), nullable=False),
        sa.Column("reduce_only", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("filled_quantity", sa.Text(), nullable=False),
        sa.Column("filled_notional", sa.Text(), nullable=False),
        sa.Column("reserved_currency", sa.Text(), nullable=False),
        sa.Column("reserved_amount", sa.Text(), nullable=False),
        sa.Column("protective", sa.Boolean(), nullable=False),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.Column("updated_ns", sa.BigInteger(), nullable=False),
        sa.Column("exchange_order_id", sa.Text(), nullable=True),
        sa.UniqueConstraint("proposal_id", "attempt", name="uq_orders_attempt"),
    )
    op.create_index("ix_orders_account_id_state", "orders", ["account_id", "state"])
    op.create_index("ix_orders_exchange_order_id", "orders", ["exchange_order_id"])
    op.create_table(
        "stops",
        sa.Column("stop_id", sa.Text(), primary_key=True),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("trigger_price", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Text(), nullable=False),
        sa.Column("target_price", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("hits", sa.BigInteger(), nullable=False),
        sa.Column("proposal_id", sa.Text(), nullable=False),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_stops_account_id_state", "stops", ["account_id", "state"])
    op.create_table(
        "approvals",
        sa.Column("proposal_id", sa.Text(), sa.ForeignKey("proposals.proposal_id"), primary_key=True),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("order_hash", sa.Text(), nullable=False),
        sa.Column("reference_price", sa.Text(), nullable=True),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.Column("expires_ns", sa.BigInteger(), nullable=False),
        sa.Column("answered_by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("answered_ns", sa.BigInteger(), nullable=True),
    )
    op.create_index("ix_approvals_account_id_state", "approvals", ["account_id", "state"])
    op.create_table(
        "latches",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("tripped_ns", sa.BigInteger(), nullable=False),
        sa.Column("rearmed_ns", sa.BigInteger(), nullable=True),
        sa.Column("rearmed_by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
    )
    op.create_index("ix_latches_account_id_rearmed_ns", "latches", ["account_id", "rearmed_ns"])
    op.create_table(
        "leases",
        sa.Column("account_id", sa.Text(), primary_key=True),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("boot_id", sa.Text(), nullable=False),
        sa.Column("pid", sa.BigInteger(), nullable=False),
        sa.Column("pid_started", sa.BigInteger(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("expires_ns", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "requests",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("arguments", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_requests_account_id_state", "requests", ["account_id", "state"])


def _venue() -> None:
    op.create_table(
        "paper_orders",
        sa.Column("client_order_id", sa.Text(), primary_key=True),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Text(), nullable=False),
        sa.Column("limit_price", sa.Text(), nullable=True),
        sa.Column("trigger_price", sa.Text(), nullable=True),
        sa.Column("time_in_force", sa.Text(), nullable=False),
        sa.Column("reduce_only", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("filled_quantity", sa.Text(), nullable=False),
        sa.Column("triggered", sa.Boolean(), nullable=False),
        sa.Column("decided_ns", sa.BigInteger(), nullable=False),
        sa.Column("arrives_ns", sa.BigInteger(), nullable=False),
        sa.Column("matched_ns", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_paper_orders_account_id_state", "paper_orders", ["account_id", "state"])
    op.create_table(
        "paper_fills",
        sa.Column("venue_trade_id", sa.Text(), primary_key=True),
        sa.Column("client_order_id", sa.Text(), sa.ForeignKey("paper_orders.client_order_id"), nullable=False),
        sa.Column("quantity", sa.Text(), nullable=False),
        sa.Column("price", sa.Text(), nullable=False),
        sa.Column("fee", sa.Text(), nullable=False),
        sa.Column("fee_currency", sa.Text(), nullable=False),
        sa.Column("maker", sa.Boolean(), nullable=False),
        sa.Column("ts_event_ns", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_paper_fills_client_order_id", "paper_fills", ["client_order_id"])


def downgrade() -> None:
    raise ConfigError("the first revision has nothing before it: delete the database instead")
