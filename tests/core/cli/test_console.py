"""``smartops say`` and ``smartops chat``, through the gate."""

import io
import json
import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from smartops.cli.options import joined
from smartops.cli.prompt import _Words, prompt


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
    assert done.out.startswith("Stopping web-server-01")
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
    assert answers[5].startswith("Stopping web-server-01")
    assert "which target?" in answers[6]
    assert "i-" in answers[7]


@pytest.mark.parametrize("toolkit", [True, False], ids=["prompt_toolkit", "plain"])
def test_a_chat_in_a_terminal(config, toolkit):
    program = "import sys; from smartops.cli import main; sys.exit(main())"
    if not toolkit:
        program = f"import sys; sys.modules['prompt_toolkit'] = None; {program[12:]}"
    with terminal([sys.executable, "-c", program, "chat", "--user", "alice"]) as (process, ours):
        assert 'Type "help"' in until(ours, ">")
        os.write(ours, b"whoami\r")
        until(ours, "console:alice")
        os.write(ours, b"exit\r")
        until(ours, None)
        assert process.wait(timeout=30) == 0


@contextmanager
def terminal(command: list[str]) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run a command in a pseudo-terminal; yields the process and the controlling end."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"},
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

    async def complete(self, text: str) -> list[str]:
        words = {"": ["help", "stop"], "st": ["start", "stop"], "list i": ["instances"]}
        return words.get(text, [])


@pytest.mark.parametrize(
    ("begun", "words"),
    [("", [("help", 0), ("stop", 0)]), ("st", [("start", -2), ("stop", -2)]),
     ("list i", [("instances", -1)]), ("list ", [])],
)  # fmt: skip
@pytest.mark.anyio
async def test_completion_replaces_the_last_word(begun, words):
    found = _Words(FakeConsole()).get_completions_async(Document(begun), None)
    assert [(item.text, item.start_position) async for item in found] == words


@pytest.mark.anyio
async def test_the_prompt_restarts_after_an_interruption():
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        read = prompt(FakeConsole(), "> ")
        keys.send_text("whoami\r")
        assert await read() == "whoami"
        keys.send_text("stop every\x03help\r")
        assert await read() == "help"
        keys.send_text("\x04")
        with pytest.raises(EOFError):
            await read()


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
