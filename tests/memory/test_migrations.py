"""From an empty file to the tables of today."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect

from core.errors import ConfigError, LedgerBroken
from memory.books import migrations
from memory.books.engines import parse_url, writer_engine
from memory.books.migrations import EARLIER, HEAD, VERSION_TABLE, migrate
from memory.books.tables import metadata


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
