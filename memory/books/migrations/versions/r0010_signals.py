"""Signals as they were issued, and what was answered to requests that may be sent again."""

import sqlalchemy as sa
from alembic import op

from core.errors import ConfigError

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    numbered = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "signals",
        sa.Column("id", numbered, primary_key=True, autoincrement=True),
        sa.Column("signal_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), sa.ForeignKey("accounts.account_id"), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.Column("as_of_ns", sa.BigInteger(), nullable=False),
        sa.Column("expires_ns", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("signer", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("outcome_signature", sa.Text(), nullable=True),
        sa.UniqueConstraint("signal_id", name="uq_signals_signal_id"),
    )
    op.create_index("ix_signals_account_id_symbol_id", "signals", ["account_id", "symbol", "id"])
    op.create_index("ix_signals_account_id_entry", "signals", ["account_id", "entry"])
    op.create_table(
        "api_answers",
        sa.Column("principal", sa.Text(), primary_key=True),
        sa.Column("idempotency_key", sa.Text(), primary_key=True),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("status", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
    )


def downgrade() -> None:
    raise ConfigError("books are never taken back to an earlier revision: restore a backup instead")
