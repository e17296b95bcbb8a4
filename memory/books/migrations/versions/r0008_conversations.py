"""Conversations with people: threads, and what was said in each."""

import sqlalchemy as sa
from alembic import op

from core.errors import ConfigError

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "chat_threads",
        sa.Column("thread_id", sa.Text(), primary_key=True),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("taint", sa.BigInteger(), nullable=False),
        sa.Column("pending", sa.Text(), nullable=True),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.Column("updated_ns", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_chat_threads_principal_updated_ns", "chat_threads", ["principal", "updated_ns"])
    op.create_table(
        "chat_turns",
        sa.Column("thread_id", sa.Text(), sa.ForeignKey("chat_threads.thread_id"), primary_key=True, nullable=False),
        sa.Column("number", sa.BigInteger(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
    )


def downgrade() -> None:
    raise ConfigError("books are never taken back to an earlier revision: restore a backup instead")
