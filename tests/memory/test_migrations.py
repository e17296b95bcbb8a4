"""From an empty file to the tables of today."""

import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect

from core.errors import ConfigError, LedgerBroken
from core.exits import ExitPlan
from execution import guardbook, latches
from execution.guards import FIXED
from memory.books import accounts, migrations
from memory.books.accounts import Account
from memory.books.baselines import Baseline, baselines
from memory.books.engines import parse_url, writer_engine
from memory.books.migrations import EARLIER, HEAD, VERSION_TABLE, migrate
from memory.books.tables import metadata
from risk.readings import Reading
from risk.states import Kind, TradingState


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    opened = writer_engine(parse_url(url))
    yield opened
    opened.dispose()


def test_the_migrated_schema_is_the_one_that_the_code_uses(engine: Engine) -> None:
    migrate(engine)
    options = {"compare_type": True, "compare_server_default": True, "version_table": VERSION_TABLE}
    with engine.connect() as conn:
        assert compare_metadata(MigrationContext.configure(conn, opts=options), metadata) == []


def test_keys_and_foreign_keys_are_the_ones_that_the_code_uses(engine: Engine) -> None:
    migrate(engine)
    found = inspect(engine)
    for table in metadata.sorted_tables:
        assert found.get_pk_constraint(table.name)["constrained_columns"] == [c.name for c in table.primary_key]
        pointing = {fk["constrained_columns"][0]: fk["referred_table"] for fk in found.get_foreign_keys(table.name)}
        assert pointing == {c.name: fk.column.table.name for c in table.columns for fk in c.foreign_keys}


def test_the_named_head_is_the_last_revision() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    revisions = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert (revisions[0], set(revisions[1:])) == (HEAD, set(EARLIER))


def test_migrating_twice_changes_nothing(engine: Engine) -> None:
    migrate(engine)
    before = set(inspect(engine).get_table_names())
    migrate(engine)
    assert set(inspect(engine).get_table_names()) == before == {*metadata.tables, VERSION_TABLE}


def test_a_migration_that_fails_leaves_an_empty_database(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(conn: object) -> None:
        upgrade(conn)  # type: ignore[arg-type]  # the connection it was called with
        raise RuntimeError("power cut")

    upgrade = migrations._upgrade
    monkeypatch.setattr(migrations, "_upgrade", broken)
    with pytest.raises(RuntimeError, match="power cut"):
        migrate(engine)
    assert inspect(engine).get_table_names() == []


def test_books_of_a_newer_version_are_refused(engine: Engine, tmp_path: Path) -> None:
    migrate(engine)
    with sqlite3.connect(tmp_path / "desk.db") as raw:
        raw.execute(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    raw.close()
    with pytest.raises(ConfigError, match=f"stands at revision 9999, this version ends at {HEAD}"):
        migrate(engine)


def test_books_without_a_revision_are_refused(engine: Engine, tmp_path: Path) -> None:
    migrate(engine)
    with sqlite3.connect(tmp_path / "desk.db") as raw:
        raw.execute(f"DELETE FROM {VERSION_TABLE}")
    raw.close()
    with pytest.raises(LedgerBroken, match="has lost its revision"):
        migrate(engine)


# From the first books.


@pytest.fixture
def first_books(engine: Engine) -> Engine:
    """Books of the first revision, with an account whose latches tell of all that could have happened."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with engine.begin() as conn:
        config.attributes.update(connection=conn, version_table=VERSION_TABLE)
        command.upgrade(config, "0001")
        conn.exec_driver_sql(
            "INSERT INTO accounts (account_id, numeraire, start_equity, peak_equity, clock_ns, epoch, opened_ns) "
            "VALUES ('paper', 'USDT', '10000', '10500', 9, 2, 1)"
        )
        for worth, reason in (("10000", "opening"), ("29.5", "savings"), ("-100", "rent")):
            conn.exec_driver_sql(
                "INSERT INTO transfers (account_id, ts_ns, currency, amount, worth, reason) "
                "VALUES ('paper', 1, 'USDT', ?, ?, ?)",
                (worth, worth, reason),
            )
        for cause, state, tripped, rearmed, by in (
            ("kill", "halted", 3, None, None),
            ("losing_streak", "reducing", 4, 5, "ada"),
            ("losing_streak", "reducing", 6, 8, "bob"),
            ("equity_floor", "halted", 7, None, None),
        ):
            conn.exec_driver_sql(
                "INSERT INTO latches (account_id, scope, cause, state, detail, tripped_ns, rearmed_ns, rearmed_by) "
                "VALUES ('paper', 'account', ?, ?, 'found', ?, ?, ?)",
                (cause, state, tripped, rearmed, by),
            )
    return engine


def test_what_was_latched_stays_latched(first_books: Engine) -> None:
    migrate(first_books)
    with first_books.connect() as conn:
        found = latches.live(conn, "paper", now_ns=10)
    assert [(x.latch_id, x.cause.name, x.cause.reads, x.cause.state, x.cause.kind) for x in found] == [
        (1, "kill", Reading.KILL, TradingState.HALTED, Kind.LATCH),
        (4, "equity_floor", Reading.START_LOSS, TradingState.HALTED, Kind.LATCH),
    ]
    assert all(x.cause.caps == 1 and x.cause.until_ns is None and x.cause.scope == "account" for x in found)


def test_a_streak_is_still_counted_from_its_last_re_arming(first_books: Engine) -> None:
    migrate(first_books)
    with first_books.connect() as conn:
        assert baselines(conn, "paper") == {Reading.LOSING_STREAK: Baseline(8, None)}


def test_an_account_keeps_what_it_had_and_knows_what_was_transferred(first_books: Engine) -> None:
    migrate(first_books)
    with first_books.connect() as conn:
        account = accounts.account(conn, "paper")
    assert account == Account("paper", "USDT", Decimal(10_000), Decimal(10_500), 9, 2, 1, None, Decimal("-70.5"))


def test_a_stop_that_was_armed_guards_on_with_its_fixed_price_from_where_its_account_stood(first_books: Engine) -> None:
    with first_books.begin() as conn:
        conn.exec_driver_sql(
            "INSERT INTO proposals (proposal_id, account_id, body, order_hash, kind, detail, created_ns) "
            "VALUES ('p1', 'paper', '{}', 'h', 'working', '', 1)"
        )
        for attempt, filled, paid in ((1, "0", "0"), (2, "3", "302.25")):
            conn.exec_driver_sql(
                "INSERT INTO orders (client_order_id, proposal_id, attempt, account_id, venue, owner, symbol, side, "
                "type, quantity, time_in_force, reduce_only, state, filled_quantity, filled_notional, "
                "reserved_currency, reserved_amount, protective, created_ns, updated_ns) VALUES (?, 'p1', ?, 'paper', "
                "'paper', 'trend', 'BTC/USDT', 'buy', 'market', '3', 'gtc', 0, 'filled', ?, ?, 'USDT', '0', 0, 1, 1)",
                (f"c{attempt}", attempt, filled, paid),
            )
        conn.exec_driver_sql(
            "INSERT INTO stops (stop_id, account_id, symbol, owner, side, trigger_price, quantity, target_price, "
            "state, hits, proposal_id, created_ns) VALUES ('p1', 'paper', 'BTC/USDT', 'trend', 'sell', '90', '2', "
            "'110', 'armed', 1, 'p1', 2)"
        )
    migrate(first_books)
    with first_books.connect() as conn:
        (guard,) = guardbook.armed(conn, "paper")
    assert (guard.trigger, guard.plan, guard.invalidation, guard.set_by) == (90, ExitPlan(), (), FIXED)
    assert (guard.quantity, guard.entered, guard.hits, guard.resting) == (2, 3, 1, "")
    assert (guard.entry, guard.high, guard.low) == (Decimal("100.75"), Decimal("100.75"), Decimal("100.75"))
    assert (guard.opened_ns, guard.seen_ns) == (2, 9)
