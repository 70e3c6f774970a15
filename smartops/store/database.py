"""From a URL to a database that can be written and read.

SQLite is opened in WAL mode, so that readers never wait and several processes
can share a file. PostgreSQL is spoken to through psycopg 3.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from smartops.errors import Problem, StartupError
from smartops.values import SecretUrl

log = logging.getLogger("smartops.store")

READERS = 4
"""How many reads run at once."""
_WAIT = 10.0
"""How many seconds a writer waits for another process's write."""
_SYNCHRONOUS = ("full", "extra", "normal")
_EXAMPLE = "sqlite:///smartops.db or postgresql://user:${PASSWORD}@host/database"


@dataclass(frozen=True, slots=True)
class Database:
    """Engines for the one writer and for the readers; ``name`` holds no password."""

    name: str
    writer: Engine
    readers: Engine
    path: Path | None = None
    inode: int = 0

    @property
    def is_deleted(self) -> bool:
        """Whether the file of a SQLite store is not there any more, or is another one."""
        try:
            return self.path is not None and self.path.stat().st_ino != self.inode
        except OSError:
            return True

    def dispose(self) -> None:
        """Close all connections."""
        self.writer.dispose()
        self.readers.dispose()


def database(url: str) -> Database:
    """Return the database under ``url``, without connecting to a server.

    A SQLite file is made if it is not there, readable by its owner alone; so
    is its folder. Raises StartupError if the URL or the path cannot be used.
    """
    if reason := SecretUrl.why_unreadable(url):
        raise _wrong(reason)
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise _wrong("this is not a database URL") from None
    if parsed.drivername in ("sqlite", "sqlite+pysqlite"):
        return _sqlite(parsed)
    if parsed.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return _postgresql(parsed.set(drivername="postgresql+psycopg"))
    raise _wrong(f"the store cannot be in {parsed.drivername}")


def _wrong(text: str) -> StartupError:
    return StartupError(Problem(text, path="store.url", hint=f"use for example {_EXAMPLE}"))


def _sqlite(url: URL) -> Database:
    options = {name: str(value).lower() for name, value in url.query.items()}
    synchronous = options.pop("synchronous", "full")
    if options or synchronous not in _SYNCHRONOUS:
        known = ", ".join(f"synchronous={item}" for item in _SYNCHRONOUS)
        raise StartupError(
            Problem("unknown option of a SQLite store", path="store.url", hint=f"known: {known}")
        )
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise _wrong("the store must outlive the process: name a file")
    path = Path(url.database).absolute()
    inode = _make(path)
    url = url.set(database=str(path), query={})

    def prepare(connection: Any, _: object) -> None:
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")

    arguments = {"isolation_level": None, "timeout": _WAIT, "check_same_thread": False}
    writer = create_engine(url, connect_args=arguments, poolclass=NullPool, hide_parameters=True)
    event.listen(writer, "connect", prepare)
    event.listen(writer, "begin", _lock)
    readers = create_engine(
        url, connect_args=arguments, pool_size=READERS, max_overflow=0, hide_parameters=True
    )
    event.listen(readers, "connect", _only_read)
    return Database(str(url), writer, readers, path, inode)


def _lock(connection: Connection) -> None:
    """Lock at once: a transaction that reads before it writes could not wait for its turn."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _only_read(connection: Any, _: object) -> None:
    connection.execute("PRAGMA query_only = ON")


def _make(path: Path) -> int:
    """Make the file if it is not there, and return its inode."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        status = path.stat()
    except OSError as error:
        raise StartupError(
            Problem(f"cannot open the store {path}: {error.strerror}", path="store.url")
        ) from None
    if status.st_mode & 0o077 and os.name == "posix":
        log.warning("other users may read the store %s; chmod 600 it", path)
    return status.st_ino


def _postgresql(url: URL) -> Database:
    defaults = {
        "application_name": "smartops",
        "connect_timeout": "5",
        "keepalives_idle": "15",
        "keepalives_interval": "5",
        "keepalives_count": "3",
        "tcp_user_timeout": "15000",
    }
    url = url.set(query={**defaults, **url.query})
    arguments: dict[str, Any] = {"paramstyle": "format", "hide_parameters": True}
    try:
        writer = create_engine(url, poolclass=NullPool, **arguments)
        readers = create_engine(
            url,
            pool_size=READERS,
            max_overflow=0,
            pool_pre_ping=True,
            isolation_level="AUTOCOMMIT",
            **arguments,
        )
    except ImportError:
        raise StartupError(
            Problem(
                "a PostgreSQL store needs the postgres extra",
                path="store.url",
                hint="pip install 'smartops[postgres]'",
            )
        ) from None
    event.listen(writer, "connect", _limit_waiting)
    event.listen(readers, "connect", _limit_waiting)
    return Database(_name(url), writer, readers)


def _limit_waiting(connection: Any, _: object) -> None:
    """Set timeouts, so that a lock or a frozen process does not block the others for long."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('statement_timeout', '30s', false),"
            " set_config('lock_timeout', '10s', false),"
            " set_config('idle_in_transaction_session_timeout', '60s', false)"
        )
    connection.commit()


def _name(url: URL) -> str:
    place = f"{url.host or 'localhost'}{f':{url.port}' if url.port else ''}"
    return f"postgresql://{place}/{url.database or ''}"
