"""Which commands start lifespans, channels and connections."""

from __future__ import annotations

import io
import os
import sqlite3
import sys
import textwrap
from contextlib import closing
from dataclasses import replace

import anyio
import anyio.to_thread
import pytest

from slack_payloads import APP_TOKEN, BOT_TOKEN, TEAM, Slack
from smartops import Clock
from smartops.store import Operation, Store

LOOKING = [["can-i", "alice", "stop web-server-01"], ["check"], ["schema"], ["plugins"]]

WATCHED = """
from contextlib import asynccontextmanager
from pathlib import Path
from smartops import hookimpl

@hookimpl
@asynccontextmanager
async def lifespan():
    Path("entered").touch()
    yield
"""


@pytest.fixture
def watched(config, monkeypatch):
    """Load a plugin that creates the file ``entered`` when its lifespan is entered."""
    (config.parent / "watched_lifespan.py").write_text(textwrap.dedent(WATCHED))
    monkeypatch.syspath_prepend(os.fspath(config.parent))
    config.write_text(config.read_text() + "  watched_lifespan:\n")
    yield config.parent / "entered"
    sys.modules.pop("watched_lifespan", None)


@pytest.mark.parametrize("words", LOOKING, ids=lambda words: words[0])
def test_read_only_commands_enter_no_lifespan(run, watched, words):
    assert run(*words).status == 0
    assert not watched.exists()


def test_say_enters_lifespans(run, watched):
    assert run("say", "--user", "vic", "list instances").status == 0
    assert watched.exists()


@pytest.fixture
async def slack(config, monkeypatch):
    """Run the Slack simulator, and load the plugin in Socket Mode."""
    monkeypatch.setenv("BOT", BOT_TOKEN)
    monkeypatch.setenv("APP", APP_TOKEN)
    async with Slack.start(clock=Clock()) as slack:
        section = f"bot_token: '${{BOT}}', app_token: '${{APP}}', workspaces: [{TEAM}]"
        section = f"  slack: {{{section}, api_url: '{slack.api_url}'}}\n"
        config.write_text(config.read_text() + section)
        yield slack


@pytest.mark.anyio
@pytest.mark.parametrize("words", LOOKING, ids=lambda words: words[0])
async def test_read_only_commands_make_no_call_to_slack(run, slack, words):
    done = await anyio.to_thread.run_sync(run, *words)
    assert done.status == 0
    assert [call.method for call in slack.calls] == []


@pytest.mark.anyio
@pytest.mark.parametrize("words", [["say", "list instances"], ["chat"]], ids=lambda words: words[0])
async def test_the_console_opens_no_socket(run, slack, monkeypatch, words):
    monkeypatch.setattr("sys.stdin", io.StringIO("list instances\n"))
    done = await anyio.to_thread.run_sync(run, *words, "--user", "vic")
    assert "web-server-01" in done.out
    assert [call.method for call in slack.calls] == []


@pytest.fixture
def unfinished(config):
    """Store operations and a message whose process ended; return how to read their rows."""
    file = config.parent / "state/store.db"
    operation = Operation(
        id="op-resumable",
        person="ann",
        command_text="reboot web-server-01",
        plan="",
        approval_id="",
        channel="api",
        conversation="c",
        message="{}",
        owner="another process",
        started=0.0,
        resumable=True,
        lease_until=1.0,
    )

    async def leave() -> None:
        store = await Store.open(f"sqlite:///{file}", Clock())
        await store.begin(operation)
        await store.begin(replace(operation, id="op-once", resumable=False))
        await store.claim("key", message=b"{}")
        await store.aclose()

    def rows():
        with closing(sqlite3.connect(file)) as database:
            return [
                database.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()
                for table in ("operations", "inbox")
            ]

    anyio.run(leave)
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE inbox SET lease_until = 1")
    return rows


@pytest.mark.parametrize("words", [["say", "help"], ["chat"]], ids=lambda words: words[0])
def test_the_console_leaves_the_unfinished_work_of_another_process_alone(
    run, unfinished, monkeypatch, words
):
    monkeypatch.setattr("sys.stdin", io.StringIO("help\n"))
    before = unfinished()
    assert [len(rows) for rows in before] == [2, 1]
    assert run(*words, "--user", "vic").status == 0
    assert unfinished() == before
