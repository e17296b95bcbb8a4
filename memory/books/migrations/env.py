"""Alembic's entry: runs on the connection that it is given, inside the caller's transaction."""

from alembic import context

from memory.books.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=context.config.attributes["version_table"],
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
