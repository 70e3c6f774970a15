"""``smartops serve`` as a process: its output, serving and shutdown."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request

import pytest

from smartops.app import App, compose
from smartops.cli.welcome import welcome


@pytest.fixture
def serving(folder):
    """Return a function that starts a server and returns it with its output."""
    started = []

    def start(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-m", "smartops", "serve", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        lines = []
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if line.lstrip().startswith("curl "):
                break
        return process, lines

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_the_printed_curl_line_works_and_the_command_line_overrides_the_file(serving, config):
    config.write_text(config.read_text().replace("port: 0", "port: 1, host: 192.0.2.1"))
    process, lines = serving("--host", "127.0.0.1", "--port", "0")
    url = lines[0].rpartition(" ")[2]
    assert lines[0].startswith("SmartOps ")
    assert url.startswith("http://127.0.0.1:")
    assert "  plugins:  api, fake, instances, exec" in lines
    assert "  channels: api" in lines
    assert any(line.startswith("  commands: ") and "list instances" in line for line in lines)
    with urllib.request.urlopen(f"{url}/health", timeout=30) as answer:
        assert json.load(answer)["status"] == "healthy"
    pasted = lines[-1].replace("--user me", "--user vic")
    done = subprocess.run(["bash", "-c", pasted], capture_output=True, check=True, timeout=60)
    assert json.loads(done.stdout)["status"] == "success"
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in log
    assert "shutting down" in log


LIVING = """
from contextlib import asynccontextmanager
import aiohttp
import anyio
from smartops import hookimpl

async def ends_the_process():
    raise SystemExit(0)

@hookimpl
@asynccontextmanager
async def lifespan(app):
    async with aiohttp.ClientSession(), anyio.create_task_group() as group:
        group.start_soon(anyio.sleep_forever)
        app.spawn(anyio.sleep, 0)
        {entered}
        yield
        {leaving}
        group.cancel_scope.cancel()
"""


@pytest.fixture
def living(config, monkeypatch):
    """Return a function that writes a plugin whose lifespan has a session and a task group."""

    def write(entered="", leaving=""):
        text = LIVING.format(entered=entered, leaving=leaving)
        (config.parent / "living_plugin.py").write_text(text)
        monkeypatch.setenv("PYTHONPATH", os.fspath(config.parent))
        config.write_text(config.read_text() + "  living_plugin:\n")

    return write


@pytest.mark.parametrize("how", ["group.start_soon", "app.spawn"])
def test_a_plugin_that_exits_the_process_is_a_failure(serving, living, how):
    count = "import gc, sys; print(gc.get_freeze_count(), 'frozen', file=sys.stderr)"
    living(entered=f"{how}(ends_the_process)", leaving=f"{count}; raise SystemExit(3)")
    process, _ = serving()
    if how == "app.spawn":
        process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=60)
    assert process.returncode == (0 if how == "app.spawn" else 1)
    assert "ends_the_process" in log
    if how == "app.spawn":
        assert "plugin living_plugin did not close cleanly" in log
        assert re.search(r"^\d{5,} frozen$", log, re.MULTILINE)
    assert "Unclosed" not in log


def test_a_failing_lifespan_is_reported_in_one_line(spawn, living):
    living(entered="raise SystemExit(3)")
    done = spawn("serve")
    assert done.status == 2
    (line,) = done.errors
    assert line.startswith("plugin living_plugin: lifespan: ")


@pytest.fixture
def welcomed(config):
    """Return a function that returns what serve prints, without serving."""
    return lambda: welcome(App(compose(config)), config, "http://127.0.0.1:1").splitlines()


def test_unauthenticated_access_is_reported(welcomed, config):
    text = config.read_text().replace("auth:", "auth:\n  anonymous: true")
    config.write_text(text + "guests: [{provider: local, roles: [operator]}]\n")
    lines = welcomed()
    assert "  DEVELOPMENT ONLY: requests from this machine need no token." in lines
    assert (
        "  FOR THE DEMO ONLY: every token of local has the role operator and may run changes."
    ) in lines
    assert "Authorization" not in lines[-1]


def test_read_only_guests_are_not_reported(welcomed, config):
    config.write_text(config.read_text() + "guests: [{provider: local, roles: [viewer]}]\n")
    assert "DEMO" not in "\n".join(welcomed())


def test_serve_prints_the_warnings_of_check(welcomed, config):
    config.write_text("plugins: {fake: , instances: }\n")
    lines = welcomed()
    assert "  WARNING: no channel is enabled; add one under plugins:, for example api" in lines
    assert "  WARNING: rules: there are none, so every command is denied" in lines
    assert not any("curl" in line for line in lines)


@pytest.mark.parametrize("key", ["store", "limits"])
def test_a_password_that_is_not_percent_encoded_is_not_shown(run, config, folder, key):
    (folder / "password").write_text("pg-S3cret/with:odd@chars")
    scheme, name = {"store": ("postgresql", "/db"), "limits": ("redis", "/0")}[key]
    text = config.read_text().replace("store: {url: sqlite:///state/store.db}", "")
    config.write_text(
        f"{text}\n{key}: {{url: '{scheme}://u:${{file:password}}@127.0.0.1:1{name}'}}"
    )
    done = run("serve")
    assert done.status == 2
    (line,) = done.errors
    assert f"{key}.url: the user or the password has reserved characters" in line
    assert "percent-encode them: @ is %40" in line
    for part in ("S3cret", "odd", "chars"):
        assert part not in done.err + done.out
