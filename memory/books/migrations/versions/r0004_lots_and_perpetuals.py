"""Lots first in first out, fees in any currency, exact costs; and perpetuals at the simulated venue."""

from decimal import Decimal

import sqlalchemy as sa
from alembic import op

from core.errors import ConfigError
from core.money import ZERO, share_of, text_of

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _positions()
    _fills()
    _round_trips()
    _lots()
    _simulated()
    _fill_lots()


def _positions() -> None:
    with op.batch_alter_table("positions") as positions:
        positions.add_column(sa.Column("cost", sa.Text(), nullable=True))
        positions.add_column(sa.Column("unvalued", sa.Boolean(), nullable=True))
    conn = op.get_bind()
    found = conn.execute(sa.text("SELECT account_id, symbol, quantity, average_price FROM positions")).all()
    told = sa.text("UPDATE positions SET cost = :cost WHERE account_id = :account_id AND symbol = :symbol")
    for row in found:
        cost = text_of(Decimal(row.quantity) * Decimal(row.average_price))
        conn.execute(told.bindparams(cost=cost, account_id=row.account_id, symbol=row.symbol))
    op.execute("UPDATE positions SET unvalued = false")
    with op.batch_alter_table("positions") as positions:
        positions.alter_column("cost", existing_type=sa.Text(), nullable=False)
        positions.alter_column("unvalued", existing_type=sa.Boolean(), nullable=False)


def _fills() -> None:
    """Until now a fee was paid in the account's numeraire, or in the coins that were traded."""
    op.add_column("fills", sa.Column("fee_worth", sa.Text(), nullable=True))
    conn = op.get_bind()
    found = conn.execute(
        sa.text(
            "SELECT venue, trade_id, fee, fee_currency, price, numeraire FROM fills "
            "JOIN accounts ON accounts.account_id = fills.account_id"
        )
    ).all()
    told = sa.text("UPDATE fills SET fee_worth = :worth WHERE venue = :venue AND trade_id = :trade_id")
    for row in found:
        price = 1 if row.fee_currency == row.numeraire else Decimal(row.price)
        worth = text_of(Decimal(row.fee) * price)
        conn.execute(told.bindparams(worth=worth, venue=row.venue, trade_id=row.trade_id))


def _round_trips() -> None:
    with op.batch_alter_table("round_trips") as trips:
        trips.alter_column("pnl", existing_type=sa.Text(), nullable=True)


def _lots() -> None:
    op.create_table(
        "lots",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("account_id", sa.Text(), sa.ForeignKey("accounts.account_id"), nullable=False),
        sa.Column("asset", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("opened_ns", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("trade_id", sa.Text(), nullable=False),
    )
    op.create_index("ix_lots_account_id_asset_opened_ns", "lots", ["account_id", "asset", "opened_ns"])
    op.create_table(
        "disposals",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("account_id", sa.Text(), sa.ForeignKey("accounts.account_id"), nullable=False),
        sa.Column("asset", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Text(), nullable=False),
        sa.Column("opened_ns", sa.BigInteger(), nullable=False),
        sa.Column("closed_ns", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.Text(), nullable=True),
        sa.Column("proceeds", sa.Text(), nullable=True),
        sa.Column("gain", sa.Text(), nullable=True),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("trade_id", sa.Text(), nullable=False),
    )
    op.create_index("ix_disposals_account_id_closed_ns", "disposals", ["account_id", "closed_ns"])


def _simulated() -> None:
    op.add_column("paper_fills", sa.Column("realised", sa.Text(), nullable=True))
    op.execute("UPDATE paper_fills SET realised = '0'")
    with op.batch_alter_table("paper_fills") as fills:
        fills.alter_column("realised", existing_type=sa.Text(), nullable=False)
    op.create_table(
        "paper_positions",
        sa.Column("account_id", sa.Text(), primary_key=True),
        sa.Column("symbol", sa.Text(), primary_key=True),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Text(), nullable=False),
        sa.Column("average_price", sa.Text(), nullable=False),
        sa.Column("cost", sa.Text(), nullable=False),
        sa.Column("margin", sa.Text(), nullable=False),
        sa.Column("opened_ns", sa.BigInteger(), nullable=False),
        sa.Column("seen_ns", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "paper_fundings",
        sa.Column("account_id", sa.Text(), primary_key=True),
        sa.Column("symbol", sa.Text(), primary_key=True),
        sa.Column("ts_event_ns", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("payment", sa.Text(), nullable=False),
    )


def _fill_lots() -> None:
    """What is held begins as one lot: of a position at what it cost, of other coins at a cost that nobody knows."""
    conn = op.get_bind()
    put = sa.text(
        "INSERT INTO lots (account_id, asset, side, opened_ns, quantity, value, venue, trade_id) "
        "VALUES (:account_id, :asset, :side, :opened_ns, :quantity, :value, '', '')"
    )
    positions = conn.execute(sa.text("SELECT * FROM positions")).all()
    for p in positions:
        if p.kind == "perpetual":
            sign = 1 if p.side == "buy" else -1
            value = text_of(Decimal(p.cost) + sign * Decimal(p.entry_fees))
            lot = {"account_id": p.account_id, "asset": p.symbol, "side": p.side, "opened_ns": p.opened_ns}
            conn.execute(put, lot | {"quantity": p.quantity, "value": value})
    spot = {(p.account_id, p.symbol): p for p in positions if p.kind == "spot"}
    held = conn.execute(
        sa.text(
            "SELECT balances.account_id, currency, total, numeraire, opened_ns FROM balances "
            "JOIN accounts ON accounts.account_id = balances.account_id WHERE currency <> numeraire"
        )
    ).all()
    for row in held:
        lot = {"account_id": row.account_id, "asset": row.currency, "side": "buy"}
        bought, left = spot.get((row.account_id, f"{row.currency}/{row.numeraire}")), Decimal(row.total)
        if bought is not None and left > 0:
            part = min(left, Decimal(bought.quantity))
            spent = Decimal(bought.cost) + Decimal(bought.entry_fees)
            value = text_of(share_of(spent, part, Decimal(bought.quantity)))
            conn.execute(put, lot | {"opened_ns": bought.opened_ns, "quantity": text_of(part), "value": value})
            left -= part
        if left > ZERO:
            conn.execute(put, lot | {"opened_ns": row.opened_ns, "quantity": text_of(left), "value": None})


def downgrade() -> None:
    raise ConfigError("books are never taken back to an earlier revision: restore a backup instead")
