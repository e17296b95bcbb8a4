"""What the venue says beyond our own orders: looks for one that is unknown, orders of others, transfers by their id."""

import sqlalchemy as sa
from alembic import op

from core.errors import ConfigError

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("orders") as orders:
        orders.alter_column("proposal_id", existing_type=sa.Text(), nullable=True)
        orders.add_column(sa.Column("looks", sa.BigInteger(), nullable=True))
        orders.add_column(sa.Column("looked_ns", sa.BigInteger(), nullable=True))
        orders.add_column(sa.Column("presumed_absent", sa.Boolean(), nullable=True))
    op.execute("UPDATE orders SET looks = 0, presumed_absent = false")
    with op.batch_alter_table("orders") as orders:
        orders.alter_column("looks", existing_type=sa.BigInteger(), nullable=False)
        orders.alter_column("presumed_absent", existing_type=sa.Boolean(), nullable=False)
    op.add_column("transfers", sa.Column("transfer_id", sa.Text(), nullable=True))
    op.create_index("ix_transfers_account_id_transfer_id", "transfers", ["account_id", "transfer_id"])
    op.create_table(
        "reconciled",
        sa.Column("account_id", sa.Text(), sa.ForeignKey("accounts.account_id"), primary_key=True),
        sa.Column("until_ns", sa.BigInteger(), nullable=False),
        sa.Column("at_ns", sa.BigInteger(), nullable=False),
    )


def downgrade() -> None:
    raise ConfigError("books are never taken back to an earlier revision: restore a backup instead")
