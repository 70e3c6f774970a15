"""A running app for tests, which any task can start, stop and kill."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from smartops.app import App
from smartops.message import Message
from smartops.middleware import ProgressReporter
from smartops.reply import Reply
from smartops.store.database import database
from smartops.store.schema import migrate


class RunningApp:
    """An app in a task of its own, because a task must close the cancel scopes that it opened."""

    def __init__(self, app: App) -> None:
        self.app = app
        self._started = anyio.Event()
        self._stop = anyio.Event()
        self._task = asyncio.create_task(self._run())
        self._calls: set[asyncio.Task[Reply]] = set()

    @property
    def ended(self) -> bool:
        """Whether it did not start, or was stopped."""
        return self._task.done()

    async def start(self) -> App:
        """Return the app once it runs; raises what its start raises. It cannot be cancelled."""
        with anyio.CancelScope(shield=True):
            await self._started.wait()
        if self._task.done():
            await self._task
        return self.app

    async def handle(self, message: Message, progress: ProgressReporter) -> Reply:
        """Return the answer to a message; raises ConnectionResetError if the app is killed."""
        call = asyncio.create_task(self.app.handle(message, progress))
        self._calls.add(call)
        try:
            await asyncio.wait([call])
        finally:
            self._calls.discard(call)
            call.cancel()
        if call.cancelled():
            raise ConnectionResetError("SmartOps was killed")
        return call.result()

    async def stop(self) -> None:
        """Stop as at SIGTERM."""
        self._stop.set()
        await self._task

    async def kill(self) -> None:
        """Stop everything where it is."""
        tasks = [*self._calls, self._task]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    async def _run(self) -> None:
        try:
            async with self.app:
                self._started.set()
                await self._stop.wait()
        finally:
            self._started.set()


def store_url(path: Path) -> str:
    """Return the URL of an SQLite store for tests. It may lose data in a power cut.

    A new store is a copy of an empty one, because creating the schema takes longer.
    """
    if not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(_empty_store())
    return _unsynced(path)


@cache
def _empty_store() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        made = database(_unsynced(path))
        migrate(made)
        made.dispose()
        return path.read_bytes()


def _unsynced(path: Path) -> str:
    return f"sqlite:///{path}?synchronous=normal"


def snapshot(database: Path) -> Path:
    """Return a copy of what is durable in an SQLite database now."""
    copy = database.with_suffix(".copy")
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy


def restore(database: Path, copy: Path) -> None:
    """Put a snapshot in the place of the database, which no process has open."""
    for suffix in ("-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
    copy.replace(database)
