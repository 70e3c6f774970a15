"""Bringing the schema up to date.

A new database gets the tables as they are now; an older one is migrated by
Alembic, which is imported only then, because that is slow. Either happens in one
transaction, for which other processes wait.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    String,
    Table,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import SQLAlchemyError

from smartops.errors import Problem, StartupError

from .database import Database
from .tables import metadata

VERSIONS = (
    "0001",
    "0002",
    "0003",
    "0004",
    "0005",
    "0006",
    "0007",
    "0008",
    "0009",
    "0010",
    "0011",
    "0012",
)
"""All revisions of the schema, oldest first; a test compares them with the migrations."""

VERSION_TABLE = "smartops_version"
_versions = Table(VERSION_TABLE, MetaData(), Column("version_num", String(32), primary_key=True))
_LOCK = 7_305_417_219_083_552_113
"""The PostgreSQL advisory lock under which one process migrates; any number will do."""


def migrate(database: Database, to: str = VERSIONS[-1]) -> None:
    """Bring the schema up to date, or up ``to`` a version. Raises StartupError if it cannot be.

    A schema newer than this version of SmartOps is refused: it may mean
    something else, and nothing is ever downgraded.
    """
    try:
        if _version(database) != to:
            _upgrade(database, to)
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        raise StartupError(
            Problem(f"cannot open the store {database.name}: {reason}", path="store.url")
        ) from error


def _version(database: Database) -> str:
    """Return the schema's revision, empty if there is none. It locks nothing."""
    with database.readers.connect() as connection:
        return _stamped(connection, database.name)


def _stamped(connection: Connection, name: str) -> str:
    if not inspect(connection).has_table(VERSION_TABLE):
        return ""
    found = connection.execute(select(_versions)).scalar()
    if found is not None and found not in VERSIONS:
        raise StartupError(
            Problem(
                f"the store {name} was written by a newer SmartOps (schema {found})",
                path="store.url",
                hint="start that version, or restore a backup made before the upgrade",
            )
        )
    return str(found or "")


def _upgrade(database: Database, to: str) -> None:
    with database.writer.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text("SET LOCAL lock_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        found = _stamped(connection, database.name)
        if not found and to == VERSIONS[-1]:
            _create(connection)
        elif found != to:
            _run_migrations(connection, to)


def _create(connection: Connection) -> None:
    """Create all tables; fails if one of them is there already."""
    metadata.create_all(connection, checkfirst=False)
    _versions.create(connection)
    connection.execute(insert(_versions), {"version_num": VERSIONS[-1]})


def _run_migrations(connection: Connection, to: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    scripts = str(Path(__file__).with_name("migrations"))
    config.set_main_option("script_location", scripts.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, to)
