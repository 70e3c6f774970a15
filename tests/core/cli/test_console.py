"""``smartops say`` and ``smartops chat``, through the gate."""

import io
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from smartops import Cell, Reply, Severity, Table, Text
from smartops.cli.console import console
from smartops.cli.options import joined
from smartops.cli.prompt import _Words, prompt
from smartops.cli.terminal import drawn


def test_say_prints_the_answer(run, config):
    done = run("say", "--user", "vic", "execute", "df -h", "on", "web-server-01")
    assert (done.status, done.err) == (0, "")
    assert "Filesystem" in done.out


def test_say_prints_json(run, config):
    done = run("say", "--user", "vic", "--json", "list", "instances", "--name", "web-*")
    envelope = json.loads(done.out)
    assert envelope["status"] == "success"
    assert [item["name"] for item in envelope["data"]["instances"]] == ["web-server-01"]


def test_an_error_exits_with_status_1(run, config):
    done = run("say", "--user", "vic", "stop web-server-01")
    assert done.status == 1
    assert done.out.startswith("You may not run: stop web-server-01")


def test_help_on_a_denied_command_is_refused_like_the_command(run, config):
    done = run("say", "--user", "vic", "help stop")
    assert done.status == 1
    assert done.out.startswith("You may not run: stop")
    assert "No rule allows this. It needs the role operator." in done.out


def test_a_near_miss_is_named_once(run, config):
    done = run("say", "--user", "vic", "show web-server-1")
    assert done.out == "There is no instance web-server-1\n\nDid you mean web-server-01?\n"


def test_a_command_is_confirmed_in_another_process(run, spawn, config):
    asked = spawn("say", "--user", "alice", "stop web-server-01")
    assert asked.status == 0
    confirm = re.search(r"confirm_\w+", asked.out)[0]
    done = run("say", "--user", "alice", confirm)
    assert done.status == 0
    assert "is stopped after" in done.out
    again = run("say", "--user", "alice", confirm)
    assert again.status == 1
    assert again.out.startswith("This was confirmed already")


def test_a_piped_chat(run, config, monkeypatch):
    lines = "whoami\n\nstop web-server-01\nno\nyes\nstop web-server-01\nyes\nshow\nweb-server-01"
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    done = run("chat", "--user", "alice")
    assert (done.status, done.err) == (0, "")
    typed = [line for line in done.out.splitlines() if line.startswith("> ")]
    assert typed == [f"> {line}" for line in lines.split("\n") if line]
    answers = re.split(r"^> .*\n", done.out, flags=re.MULTILINE)[1:]
    assert 'Type "yes" to confirm, "no" to cancel.' in answers[1]
    assert "confirm_" not in done.out
    assert answers[2].startswith("Cancelled: stop web-server-01")
    assert answers[3].startswith("No command matches")
    assert "is stopped after" in answers[5]
    assert "which target?" in answers[6]
    assert "i-" in answers[7]


@pytest.mark.parametrize("toolkit", [True, False], ids=["prompt_toolkit", "plain"])
def test_a_chat_in_a_terminal(config, toolkit):
    program = "import sys; from smartops.cli import main; sys.exit(main())"
    if not toolkit:
        program = f"import sys; sys.modules['prompt_toolkit'] = None; {program[12:]}"
    command = [sys.executable, "-c", program, "chat", "--user", "vic"]
    with terminal(command, NO_COLOR="" if toolkit else "1") as (process, ours):
        assert 'Type "help"' in until(ours, ">")
        os.write(ours, b"whoami\r")
        until(ours, "console:vic")
        os.write(ours, b"stop web-server-01\r")
        shown = until(ours, "You may not run: stop web-server-01")
        assert ("\x1b[33mYou may not run" in shown) == toolkit
        os.write(ours, b"exit\r")
        until(ours, None)
        assert process.wait(timeout=30) == 0


SLOW = """
import anyio
from smartops import Work, command, hookimpl

@command("wait")
async def wait() -> str:
    \"\"\"Wait.\"\"\"
    await anyio.sleep_forever()

@command("nap")
async def nap(work: Work) -> str:
    \"\"\"Nap.\"\"\"
    await work.progress("Napping", done=1, total=2)
    await anyio.sleep_forever()

@hookimpl
def register_commands():
    return [wait, nap]
"""


def test_ctrl_c_cancels_the_command_and_not_the_program(config, folder):
    (folder / "slow.py").write_text(SLOW)
    config.write_text(config.read_text() + "  slow:\n")
    program = "import sys; from smartops.cli import main; sys.exit(main())"
    with terminal([sys.executable, "-c", program, "chat", "--user", "alice"]) as (process, ours):
        until(ours, ">")
        os.write(ours, b"wait\r")
        until(ours, "Ctrl-C cancels")
        process.send_signal(signal.SIGINT)
        until(ours, "What was begun may continue")
        os.write(ours, b"nap\r")
        until(ours, "Napping (1 of 2)")
        process.send_signal(signal.SIGINT)
        until(ours, "Cancelled: nap")
        os.write(ours, b"exit\r")
        until(ours, None)
        assert process.wait(timeout=30) == 0


def test_a_terminal_pages_long_replies(config, folder):
    pager = folder / "pager"
    pager.write_text("#!/bin/sh\necho PAGED; wc -l\n")
    pager.chmod(0o755)
    program = "import sys; from smartops.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "chat", "--user", "alice"]
    with terminal(command, PAGER=str(pager), LINES="5") as (_, ours):
        until(ours, ">")
        os.write(ours, b"help\r")
        until(ours, "PAGED")


@pytest.mark.anyio
async def test_names_of_instances_are_completed(config):
    async with console(config, "alice", "warning") as opened:
        for begun, found in [
            ("stop web", ["web-server-01"]),
            ("show target orders", []),
            ("stop web-server-01,ord", ["web-server-01,orders-db-01"]),
            ('execute "df -h" on ', ["orders-db-01", "web-server-01"]),
        ]:
            words = await opened.complete(begun, names=True)
            assert [word for word in words if not word.startswith("-")] == found
    async with console(config, "vic", "warning") as opened:
        assert await opened.complete("stop web", names=True) == []


LISTED = Reply.of(
    Text("One of these machines needs a look because its disk is nearly full."),
    Table(
        ("Name", "ID", "State"),
        (("web-server-01", "i-0abc123def4567890", Cell("running", Severity.GOOD)),),
        (("Name", "ID"),),
    ),
)


def test_a_reply_fits_the_width_of_the_terminal():
    assert drawn(LISTED, 100) == (
        "One of these machines needs a look because its disk is nearly full.\n\n"
        "NAME           ID                   STATE\n"
        "web-server-01  i-0abc123def4567890  running"
    )
    assert drawn(LISTED, 32) == (
        "One of these machines needs a\nlook because its disk is nearly\nfull.\n\n"
        "NAME                 STATE\n"
        "web-server-01        running\n"
        "i-0abc123def4567890"
    )


@contextmanager
def terminal(
    command: list[str], **environment: str
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run a command in a pseudo-terminal; yields the process and the controlling end."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"}
        | {"XDG_CONFIG_HOME": str(Path.cwd()), "NO_COLOR": "1"}
        | environment,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield process, ours
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def until(ours: int, wanted: str | None) -> str:
    """Read until a text is shown; with None, to the end."""
    seen = ""
    while wanted is None or wanted not in seen:
        assert select.select([ours], [], [], 30)[0], f"{wanted!r} is not among {seen!r}"
        try:
            seen += os.read(ours, 4096).decode()
        except OSError:  # on Linux: the other end is closed
            assert wanted is None, f"{wanted!r} is not among {seen!r}"
            break
    return seen


class FakeConsole:
    """A console that only completes words."""

    async def complete(self, text: str, *, names: bool) -> list[str]:
        words = {"": ["help", "stop"], "st": ["start", "stop"], "list i": ["instances"]}
        return words.get(text, [])


@pytest.mark.parametrize(
    ("begun", "words"),
    [("", [("help", 0), ("stop", 0)]), ("st", [("start", -2), ("stop", -2)]),
     ("list i", [("instances", -1)]), ("list ", [])],
)  # fmt: skip
@pytest.mark.anyio
async def test_completion_replaces_the_last_word(begun, words):
    found = _Words(FakeConsole()).get_completions_async(Document(begun), CompleteEvent())
    assert [(item.text, item.start_position) async for item in found] == words


@pytest.mark.anyio
async def test_the_prompt_restarts_after_an_interruption(tmp_path):
    history = tmp_path / "smartops" / "history"
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        read = prompt(FakeConsole(), "> ", history)
        keys.send_text("whoami\r")
        assert await read() == "whoami"
        keys.send_text("stop every\x03help\r")
        assert await read() == "help"
        keys.send_text("\x04")
        with pytest.raises(EOFError):
            await read()
        keys.send_text("\x1b[A\r")  # arrow up in the next session
        assert await prompt(FakeConsole(), "> ", history)() == "help"
    assert history.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["list instances"], "list instances"),
        (["list", "instances"], "list instances"),
        (["execute", "df -h", "on", "web"], 'execute "df -h" on web'),
        (["execute", 'echo "a b"', "on", "web"], "execute 'echo \"a b\"' on web"),
        (['execute "df -h" on web'], 'execute "df -h" on web'),
    ],
)
def test_arguments_of_the_shell_are_joined_to_one_text(words, text):
    assert joined(words) == text
