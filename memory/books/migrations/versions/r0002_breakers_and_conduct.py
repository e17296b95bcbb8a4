"""Breakers as data: causes that latch, last or pass, incidents, and where a reading begins anew. Conduct of orders.

Stops that follow the price, and what else ends a position.
"""

from decimal import Decimal

import sqlalchemy as sa
from alembic import op

from core.errors import ConfigError
from core.money import ZERO, text_of

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# What the causes of the first books read.
_READS = {
    "equity_floor": "start_loss",
    "losing_streak": "losing_streak",
    "kill": "kill",
    "equity_unknown": "equity_unknown",
}

_STOP_NUMBERS = ("entered", "entry_price", "high_price", "low_price")
_STOP_TEXTS = {
    "set_by": "stop",
    "plan": '{"break_even":null,"chandelier":null,"ladder":[],"time_limit_s":null,"trail":null}',
    "invalidation": "[]",
    "undecided": "[]",
    "resting": "",
}


def upgrade() -> None:
    _accounts()
    _causes()
    _baselines()
    _incidents()
    _orders()
    _stops()


def _accounts() -> None:
    """What was transferred since the opening is kept as one number, and need not be summed at every review."""
    op.add_column("accounts", sa.Column("policy", sa.Text(), nullable=True))
    op.add_column("accounts", sa.Column("transferred", sa.Text(), nullable=False, server_default="0"))
    sums: dict[str, Decimal] = {}
    moved = sa.text("SELECT account_id, worth FROM transfers WHERE reason <> 'opening'")
    for account_id, worth in op.get_bind().execute(moved):
        sums[account_id] = sums.get(account_id, ZERO) + Decimal(worth)
    for account_id, worth in sums.items():
        told = sa.text("UPDATE accounts SET transferred = :worth WHERE account_id = :account_id")
        op.execute(told.bindparams(worth=text_of(worth), account_id=account_id))


def _causes() -> None:
    """What was latched stays latched; what was re-armed has ended."""
    op.drop_index("ix_latches_account_id_rearmed_ns", "latches")
    with op.batch_alter_table("latches") as latches:
        latches.add_column(sa.Column("reads", sa.Text(), nullable=True))
        latches.add_column(sa.Column("caps", sa.Text(), nullable=True))
        latches.add_column(sa.Column("kind", sa.Text(), nullable=True))
        latches.add_column(sa.Column("until_ns", sa.BigInteger(), nullable=True))
        latches.alter_column("rearmed_ns", new_column_name="ended_ns")
        latches.alter_column("rearmed_by", new_column_name="ended_by")
    for cause, reads in _READS.items():
        op.execute(sa.text("UPDATE latches SET reads = :r WHERE cause = :c").bindparams(r=reads, c=cause))
    op.execute("UPDATE latches SET caps = '1', kind = 'latch'")
    with op.batch_alter_table("latches") as latches:
        for column in ("reads", "caps", "kind"):
            latches.alter_column(column, existing_type=sa.Text(), nullable=False)
    op.create_index("ix_latches_account_id_ended_ns", "latches", ["account_id", "ended_ns"])


def _baselines() -> None:
    op.create_table(
        "baselines",
        sa.Column("account_id", sa.Text(), sa.ForeignKey("accounts.account_id"), primary_key=True),
        sa.Column("reads", sa.Text(), primary_key=True),
        sa.Column("since_ns", sa.BigInteger(), nullable=False),
        sa.Column("equity", sa.Text(), nullable=True),
    )
    # A streak was counted from its last re-arming, and still is.
    op.execute(
        "INSERT INTO baselines (account_id, reads, since_ns) SELECT account_id, reads, max(ended_ns) FROM latches "
        "WHERE cause = 'losing_streak' AND ended_ns IS NOT NULL GROUP BY account_id, reads"
    )


def _incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("opened_ns", sa.BigInteger(), nullable=False),
        sa.Column("closed_ns", sa.BigInteger(), nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
    )
    op.create_index("ix_incidents_account_id_closed_ns", "incidents", ["account_id", "closed_ns"])


def _orders() -> None:
    with op.batch_alter_table("orders") as orders:
        orders.add_column(sa.Column("plan", sa.Text(), nullable=True))
        orders.add_column(sa.Column("vouched", sa.Boolean(), nullable=True))
        orders.add_column(sa.Column("cancel_ns", sa.BigInteger(), nullable=True))
    op.execute("UPDATE orders SET plan = '', vouched = false")
    with op.batch_alter_table("orders") as orders:
        orders.alter_column("plan", existing_type=sa.Text(), nullable=False)
        orders.alter_column("vouched", existing_type=sa.Boolean(), nullable=False)
    op.create_index("ix_orders_account_id_created_ns", "orders", ["account_id", "created_ns"])
    op.create_index("ix_orders_account_id_cancel_ns", "orders", ["account_id", "cancel_ns"])
    op.create_index(
        "ix_orders_account_id_plan_vouched_created_ns", "orders", ["account_id", "plan", "vouched", "created_ns"]
    )


def _stops() -> None:
    """What was armed before keeps its fixed stop alone; it was entered at the average of its fills."""
    with op.batch_alter_table("stops") as stops:
        for column in (*_STOP_NUMBERS, *_STOP_TEXTS):
            stops.add_column(sa.Column(column, sa.Text(), nullable=True))
        stops.add_column(sa.Column("rungs", sa.BigInteger(), nullable=True))
        stops.add_column(sa.Column("seen_ns", sa.BigInteger(), nullable=True))
        stops.drop_column("target_price")
    conn = op.get_bind()
    for stop_id, quantity, trigger in conn.execute(sa.text("SELECT stop_id, quantity, trigger_price FROM stops")).all():
        filled = sa.text("SELECT filled_quantity, filled_notional FROM orders WHERE proposal_id = :p")
        parts = conn.execute(filled.bindparams(p=stop_id)).all()
        bought = sum((Decimal(part.filled_quantity) for part in parts), ZERO)
        paid = sum((Decimal(part.filled_notional) for part in parts), ZERO)
        entry = text_of(paid / bought) if bought else trigger
        numbers = (text_of(bought) if bought else quantity, entry, entry, entry)
        texts: dict[str, str] = dict(zip(_STOP_NUMBERS, numbers, strict=True)) | _STOP_TEXTS
        for column, value in texts.items():
            written = sa.text(f"UPDATE stops SET {column} = :v WHERE stop_id = :s")
            conn.execute(written.bindparams(v=value, s=stop_id))
    # The bars that its account has seen were held against it.
    op.execute(
        "UPDATE stops SET rungs = 0, seen_ns = coalesce("
        "(SELECT clock_ns FROM accounts WHERE accounts.account_id = stops.account_id), created_ns)"
    )
    with op.batch_alter_table("stops") as stops:
        for column in (*_STOP_NUMBERS, *_STOP_TEXTS):
            stops.alter_column(column, existing_type=sa.Text(), nullable=False)
        for column in ("rungs", "seen_ns"):
            stops.alter_column(column, existing_type=sa.BigInteger(), nullable=False)
    op.create_index("ix_stops_account_id_resting", "stops", ["account_id", "resting"])


def downgrade() -> None:
    raise ConfigError("books are never taken back to an earlier revision: restore a backup instead")
