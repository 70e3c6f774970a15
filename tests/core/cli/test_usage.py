"""The behaviour of all commands: errors in one line, exit statuses, the configuration file."""

import subprocess
import sys

import pytest

from smartops import __version__
from smartops.cli import main, root


@pytest.mark.parametrize("words", [["version"], ["--version"], ["serve", "--version"]])
def test_version(run, words):
    assert run(*words).out == f"smartops {__version__}\n"


def test_version_imports_no_heavy_modules():
    program = """
import sys
from smartops.cli import main
main(["version"])
heavy = {"pydantic", "sqlalchemy", "alembic", "aiohttp", "quart", "hypercorn", "yaml", "jwt"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["srve"], "smartops: no such command 'srve'; did you mean 'serve'?"),
        (["serve", "--prot", "1"], "smartops serve: no such option '--prot'; did you mean '--host"),
        (
            ["serve", "--port", "x"],
            "smartops serve: invalid value for '--port': 'x' is not a valid",
        ),
        (["check", "x"], "smartops check: got unexpected extra argument (x)"),
        (["say"], "smartops say: missing argument 'TEXT...'"),
        (["token"], "smartops token: needs either --user or --revoke"),
        (["token", "--user", "a", "--revoke", "b"], "smartops token: needs either --user or --rev"),
        (
            ["token", "--user", "a", "--lifetime", "5"],
            "smartops token: invalid value for '--lifetime': a duration needs a unit, such as 30s",
        ),
        (["token", "--user", ""], "smartops token: '' cannot be the name of a user"),
        (["token", "--user", "a", "--issuer", "b"], "smartops token: there is no local issuer b; "),
        (["token", "--revoke", ""], "smartops token: not revoked: the token is empty"),
    ],
)
def test_a_usage_error_is_one_line_and_status_2(run, config, arguments, line):
    done = run(*arguments)
    assert done.status == 2
    assert done.out == ""
    assert len(done.errors) == 1
    assert done.errors[0].startswith(line)


def test_without_arguments_the_help_is_shown(run):
    done = run()
    assert done.status == 2
    for command in root.commands:
        assert f"\n  {command} " in done.err
    assert "..." not in done.err.partition("Commands:")[2]


@pytest.mark.parametrize("command", root.commands)
def test_every_command_and_option_has_help(run, command):
    done = run(command, "-h")
    assert (done.status, done.out) == (0, run(command, "--help").out)
    assert root.commands[command].help
    for parameter in root.commands[command].params:
        assert getattr(parameter, "help", "") or parameter.param_type_name == "argument"


@pytest.mark.parametrize(
    "arguments",
    [
        ["check"],
        ["serve"],
        ["say", "help"],
        ["chat"],
        ["can-i", "a", "b"],
        ["token", "--user", "a"],
    ],
)
def test_the_error_for_a_missing_configuration_has_a_remedy(run, folder, arguments):
    done = run(*arguments)
    assert done.status == 2
    assert done.errors == [
        "smartops: there is no smartops.yaml in this folder; "
        "name a configuration with --config FILE or SMARTOPS_CONFIG"
    ]


def test_the_configuration_is_found(run, config, folder, monkeypatch):
    assert run("check").out.startswith("smartops.yaml: OK: 4 plugins, ")
    other = config.rename(folder / "other.yaml")
    assert run("check", "-c", "other.yaml").status == 0
    assert run("check", "--config=other.yaml").status == 0
    assert run("--config", "other.yaml", "check").status == 0
    monkeypatch.setenv("SMARTOPS_CONFIG", str(other))
    assert run("check").out.startswith(f"{other}: OK")
    assert run("check", "-c", "none.yaml").errors == [
        "none.yaml: there is no such file; name one with --config"
    ]


def test_each_problem_of_a_configuration_is_one_line(run, config):
    wrong = (
        config.read_text()
        .replace("port: 0", "prot: 0")
        .replace("roles: viewer, effects: read", "roles: veiwer, effects: raed")
        .replace("state_file:", "token: s3cret\n    state_flie:")
        .replace("  instances:", "  instnaces:")
    )
    config.write_text(wrong + "log: {level: ${S}}\n".replace("${S}", "'${SMARTOPS_TEST_UNSET}'"))
    done = run("check")
    assert done.status == 2
    assert done.out == ""
    assert [line.split(":")[1] for line in done.errors] == ["2", "14", "14", "20", "21", "26", "29"]
    assert done.errors[0] == "smartops.yaml:2:10: server.prot: unknown key; did you mean port?"
    assert done.errors[1].endswith("there is no role veiwer; did you mean viewer?")
    assert "did you mean read?" in done.errors[2]
    assert "s3cret" not in done.err
    assert "did you mean state_file?" in done.errors[4]
    assert "did you mean instances?" in done.errors[5]
    assert "SMARTOPS_TEST_UNSET is not set" in done.errors[6]


def test_an_interrupted_command_is_no_traceback(monkeypatch):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(root, "main", interrupted)
    assert main([]) == 130


def test_a_closed_pipe_is_no_traceback(config):
    command = f"{sys.executable} -m smartops schema | true"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        capture_output=True,
        text=True,
        cwd=config.parent,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""
    assert done.returncode == 1


def test_a_bug_is_not_hidden(monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise ExceptionGroup("", [ValueError("bug")])

    monkeypatch.setattr(root, "main", broken)
    with pytest.raises(ExceptionGroup):
        main([])
