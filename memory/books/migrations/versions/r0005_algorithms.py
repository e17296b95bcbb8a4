"""Parent orders that are worked by an algorithm, and their slices."""

import sqlalchemy as sa
from alembic import op

from core.errors import ConfigError

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "parents",
        sa.Column("proposal_id", sa.Text(), sa.ForeignKey("proposals.proposal_id"), primary_key=True),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Text(), nullable=False),
        sa.Column("reduces", sa.Boolean(), nullable=False),
        sa.Column("reserved_currency", sa.Text(), nullable=False),
        sa.Column("reserved_amount", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("vouched", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("arrival_mid", sa.Text(), nullable=True),
        sa.Column("slices", sa.BigInteger(), nullable=False),
        sa.Column("tried_ns", sa.BigInteger(), nullable=True),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.Column("updated_ns", sa.BigInteger(), nullable=False),
        sa.Column("shortfall", sa.Text(), nullable=True),
    )
    op.create_index("ix_parents_account_id_state", "parents", ["account_id", "state"])
    columns = ["account_id", "plan", "vouched", "created_ns"]
    op.create_index("ix_parents_account_id_plan_vouched_created_ns", "parents", columns)
    op.create_index("ix_parents_account_id_created_ns", "parents", ["account_id", "created_ns"])
    op.create_table(
        "slices",
        sa.Column("proposal_id", sa.Text(), sa.ForeignKey("proposals.proposal_id"), primary_key=True),
        sa.Column("parent_id", sa.Text(), sa.ForeignKey("parents.proposal_id"), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("mid", sa.Text(), nullable=True),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_slices_parent_id_number", "slices", ["parent_id", "number"])


def downgrade() -> None:
    raise ConfigError("books are never taken back to an earlier revision: restore a backup instead")
