"""Bringing the schema up to date.

Alembic is slow to import, so it is only when there is something to do. It all
happens in one transaction that other processes wait for, and either happens
or does not.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from smartops.errors import Problem, StartupError

from .database import Database

VERSIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007")
"""All revisions of the schema, oldest first; a test compares them with the migrations."""

VERSION_TABLE = "smartops_version"
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
    found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608
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
    from alembic import command
    from alembic.config import Config

    config = Config()
    scripts = str(Path(__file__).with_name("migrations"))
    config.set_main_option("script_location", scripts.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with database.writer.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text("SET LOCAL lock_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        if _stamped(connection, database.name) != to:
            config.attributes["connection"] = connection
            command.upgrade(config, to)
