"""What Alembic runs: the migrations, on the connection and in the transaction it is given."""

from alembic import context

from smartops.store.schema import VERSION_TABLE
from smartops.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
)
context.run_migrations()
