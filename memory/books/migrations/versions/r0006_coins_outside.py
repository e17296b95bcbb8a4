"""Coins that a venue's account held before the desk opened its own: counted beside it, and none of the desk's."""

import sqlalchemy as sa
from alembic import op

from core.errors import ConfigError

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "outside",
        sa.Column("account_id", sa.Text(), sa.ForeignKey("accounts.account_id"), primary_key=True),
        sa.Column("currency", sa.Text(), primary_key=True),
        sa.Column("amount", sa.Text(), nullable=False),
    )


def downgrade() -> None:
    raise ConfigError("books are never taken back to an earlier revision: restore a backup instead")
