"""Every step from an empty database to the tables of today, and which step a database stands at."""

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from core.errors import ConfigError, LedgerBroken
from memory.books.engines import shown

HEAD = "0010"
EARLIER: tuple[str, ...] = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009")

# A name of our own: a database whose revisions are another program's must not be taken for ours.
VERSION_TABLE = "warden_revision"


def migrate(engine: Engine) -> None:
    """Brings the database to the newest tables, wholly or not at all.

    Raises LedgerBroken for another program's database and ConfigError for one that a newer Tradewarden wrote.
    """
    with engine.begin() as conn:
        if needs_migration(conn):
            _upgrade(conn)


def needs_migration(conn: Connection) -> bool:
    """Whether the tables are older than today's. Raises as `migrate` does, and changes nothing."""
    revision = _revision(conn)
    if revision not in (None, HEAD, *EARLIER):
        raise ConfigError(
            f"{shown(conn.engine.url)} was written by a newer Tradewarden: "
            f"it stands at revision {revision}, this version ends at {HEAD}"
        )
    return revision != HEAD


def _revision(conn: Connection) -> str | None:
    tables = inspect(conn).get_table_names()
    if not tables:
        return None
    if VERSION_TABLE not in tables:
        raise LedgerBroken(
            f"{shown(conn.engine.url)} belongs to another program: "
            f"it holds {', '.join(sorted(tables)[:3])} and no {VERSION_TABLE}"
        )
    found: str | None = conn.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
    if found is None:
        raise LedgerBroken(f"{shown(conn.engine.url)} has lost its revision: {VERSION_TABLE} is empty")
    return found


def _upgrade(conn: Connection) -> None:
    # Alembic takes a tenth of a second to import, so only a database that needs it pays.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes.update(connection=conn, version_table=VERSION_TABLE)
    command.upgrade(config, "head")
