"""Opening a store: the schema, the file, and what is refused with a reason."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from smartops.errors import StartupError
from smartops.store import (
    Approval,
    ApprovalMessage,
    Store,
    StoreClosed,
    StoreUnavailable,
    token_key,
)
from smartops.store.database import database
from smartops.store.rows import Known
from smartops.store.schema import VERSIONS, migrate
from smartops.testing import ManualClock

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'smartops.db'}"
    return request.getfixturevalue("empty_database")


def _schema(url: str, *steps: str) -> dict[str, object]:
    """Return what an empty database contains after it was migrated to each of these versions."""
    opened = database(url)
    for version in steps:
        migrate(opened, to=version)
    with opened.readers.connect() as connection:
        seen = inspect(connection)
        found = {
            table: (
                {
                    item["name"]: (str(item["type"]), item["nullable"], _default(item["default"]))
                    for item in seen.get_columns(table)
                },
                {
                    item["name"]: item["column_names"]
                    for item in seen.get_indexes(table)
                    if "duplicates_constraint" not in item
                },
                [item["column_names"] for item in seen.get_unique_constraints(table)],
                seen.get_pk_constraint(table)["constrained_columns"],
            )
            for table in seen.get_table_names()
        }
    opened.dispose()
    return found


def _default(written: str | None) -> str | None:
    """Return a default without the name of its sequence, which has that of a former table."""
    return "nextval" if written and written.startswith("nextval(") else written


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_new_and_migrated_databases_have_the_same_schema(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    urls = [f"sqlite:///{tmp_path / name}" for name in ("new.db", "old.db")]
    if kind == "postgresql":
        urls = [request.getfixturevalue(name) for name in ("empty_database", "migrated")]
    assert _schema(urls[0], *VERSIONS) == _schema(urls[1], VERSIONS[-1])


def test_the_versions_are_those_of_the_migrations() -> None:
    import smartops.store

    scripts = ScriptDirectory(str(Path(smartops.store.__file__).with_name("migrations")))
    revisions = [item.revision for item in scripts.walk_revisions()]
    assert tuple(reversed(revisions)) == VERSIONS


def test_a_new_store_and_a_current_one_are_opened_without_alembic(tmp_path: Path) -> None:
    program = """if True:
        import anyio, sys
        from smartops.services import Clock
        from smartops.store import Store
        async def main():
            await (await Store.open(sys.argv[1], Clock())).aclose()
        anyio.run(main)
        print("alembic" in sys.modules)
        """
    command = [sys.executable, "-c", program, f"sqlite:///{tmp_path / 'smartops.db'}"]
    found = [subprocess.run(command, capture_output=True, check=True).stdout for _ in range(2)]
    assert found == [b"False\n"] * 2


async def test_a_newer_schema_is_refused_and_left_alone(empty: str) -> None:
    await (await Store.open(empty, ManualClock())).aclose()
    opened = database(empty)
    with opened.writer.connect() as connection:
        connection.execute(text("UPDATE smartops_version SET version_num = '9999'"))
        connection.commit()
    with pytest.raises(StartupError, match=r"newer SmartOps \(schema 9999\)"):
        await Store.open(empty, ManualClock())
    with opened.readers.connect() as connection:
        assert connection.execute(text("SELECT * FROM smartops_version")).scalar() == "9999"
    opened.dispose()


async def test_a_failed_creation_leaves_nothing(empty: str) -> None:
    opened = database(empty)
    with opened.writer.connect() as connection:
        connection.execute(text("CREATE TABLE pulse (theirs INTEGER)"))
        connection.commit()
    with pytest.raises(StartupError, match=r"pulse.* already exists"):
        await Store.open(empty, ManualClock())
    with opened.writer.connect() as connection:
        connection.execute(text("DROP TABLE pulse"))
        connection.commit()
    opened.dispose()
    store = await Store.open(empty, ManualClock())
    await store.ping()
    await store.aclose()


async def test_the_file_is_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "down 100%" / "smartops.db"
    store = await Store.open(f"sqlite:///{path}", ManualClock())
    await store.claim("one")
    modes = {item.name: stat.S_IMODE(item.stat().st_mode) for item in path.parent.iterdir()}
    await store.aclose()
    assert modes == {"smartops.db": 0o600, "smartops.db-wal": 0o600, "smartops.db-shm": 0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = await Store.open("sqlite:///here.db", ManualClock())
    monkeypatch.chdir("/")
    await store.claim("one")
    assert await store.answer("one") is None
    await store.aclose()
    assert (tmp_path / "here.db").exists()


@pytest.mark.parametrize(("query", "level"), [("", 2), ("?synchronous=NORMAL", 1)])
async def test_writes_reach_the_disk(tmp_path: Path, query: str, level: int) -> None:
    opened = database(f"sqlite:///{tmp_path / 'smartops.db'}{query}")
    with opened.writer.connect() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar() == level
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
    opened.dispose()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("smartops.db", "not a database URL"),
        ("", "not a database URL"),
        ("mysql://user:secret@host/db", "cannot be in mysql"),
        ("postgresql+asyncpg://user:secret@host/db", "cannot be in postgresql.asyncpg"),
        ("sqlite://", "must outlive the process"),
        ("sqlite:///:memory:", "must outlive the process"),
        ("sqlite:///file:x?mode=memory&uri=true", "unknown option"),
        ("sqlite:///x.db?synchronous=off", "known: synchronous=full"),
        ("sqlite:////proc/nowhere/x.db", "cannot open the store /proc/nowhere/x.db"),
        ("sqlite:////usr", "cannot open the store /usr: Is a directory"),
        ("postgresql://user:secret@127.0.0.1:1/db", "cannot open .*//127.0.0.1:1/db"),
        ("postgresql://user:secret@127.0.0.1:1/db?typo=1", "invalid connection option"),
    ],
)
async def test_an_unusable_url_is_refused(url: str, reason: str) -> None:
    with pytest.raises(StartupError, match=reason) as caught:
        await Store.open(url, ManualClock())
    assert "secret" not in str(caught.value)
    assert caught.value.problems[0].path == "store.url"


async def test_a_file_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to be taken for one " * 99)
    with pytest.raises(StartupError, match="file is not a database"):
        await Store.open(f"sqlite:///{path}", ManualClock())
    assert path.read_text().startswith("not a database")


async def test_a_store_that_cannot_be_written_is_not_ready(empty: str) -> None:
    store = await Store.open(empty, ManualClock())
    await store.ping()
    opened = database(empty)
    with opened.writer.connect() as connection:
        connection.execute(text("DROP TABLE pulse"))
        connection.commit()
    with pytest.raises(StoreUnavailable):
        await store.ping()
    assert await store.claim("another table")
    with opened.writer.connect() as connection:
        connection.execute(text("CREATE TABLE pulse (id INTEGER PRIMARY KEY, at FLOAT)"))
        connection.commit()
    await store.ping()
    await store.aclose()
    opened.dispose()


async def test_a_closed_store_raises_store_closed(store: Store) -> None:
    await store.aclose()
    await store.aclose()
    with pytest.raises(StoreClosed):
        await store.claim("one")
    with pytest.raises(StoreClosed):
        await store.answer("one")
    with pytest.raises(StoreClosed):
        store.settle("one", b"")


async def test_migration_from_0001_keeps_pending_approvals(empty: str) -> None:
    """Version 0001 stored one approval message, in the approval's row."""
    opened = database(empty)
    migrate(opened, to="0001")
    key = token_key("token")
    with opened.writer.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO approvals VALUES (:key, 'alice', 'stop web-1', 'digest', 'api', "
                "'room', 900, '{}', '{\"text\": \"stop\"}', 'platform-id', 'pending')"
            ),
            {"key": key},
        )
    opened.dispose()
    store = await Store.open(empty, ManualClock())
    asked = await store.approval_behind("token")
    assert asked == Approval(key, "alice", "stop web-1", "digest", 900.0, "{}", "expired")
    assert await store.approval_messages(key) == [
        ApprovalMessage(key, key, "api", "room", 900.0, '{"text": "stop"}', "platform-id")
    ]
    await store.aclose()


async def test_migration_to_0005_keeps_the_rows_of_renamed_tables(empty: str) -> None:
    opened = database(empty)
    migrate(opened, to="0004")
    operation = "'op-1', 'alice', 'stop web-1', '', NULL, 'api', 'room', 'key-1', '{}', '{}'"
    with opened.writer.begin() as connection:
        for statement in (
            "INSERT INTO acts VALUES ('key-1', 1000, 'holder', NULL, 'digest', 1015)",
            "INSERT INTO showings VALUES ('token', 'ap-1', 'api', 'room', 900, '{}', 'posted')",
            f"INSERT INTO operations VALUES ({operation}, false, false, 'owner', 1000, 0, 'done', "
            "1001, NULL, 'stop', '{}')",
            "INSERT INTO records VALUES (7, 1000, 'req', 'op-1', 'alice', 'api:1', '', 'api', "
            "'stop', 'stop web-1', 'outcome', 'rule', 'success', 1)",
            "INSERT INTO shelf VALUES ('teams', 'chat', 'reference')",
        ):
            connection.execute(text(statement))
    opened.dispose()
    clock = ManualClock()
    store = await Store.open(empty, clock)
    assert await store.known("key-1") == Known("digest", 1015, None)
    assert await store.approval_messages("ap-1") == [
        ApprovalMessage("token", "ap-1", "api", "room", 900, "{}", "posted")
    ]
    found = await store.operation_of("key-1")
    assert found is not None
    assert found.id == "op-1"
    (event,) = await store.history("alice", 10)
    assert (event.id, event.idempotency_key) == (7, "op-1")
    assert await store.facts("teams") == {"chat": "reference"}
    await store.sweep(1000 + 604_799)
    assert await store.known("key-1") is not None
    await store.sweep(1000 + 604_801)
    assert await store.known("key-1") is None
    await store.aclose()
