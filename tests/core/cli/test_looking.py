"""The read-only commands ``schema``, ``plugins`` and ``can-i``."""

import json
import sys

import jsonschema
import pytest
import yaml


def test_the_schema_includes_the_plugins_of_the_file(run, config):
    done = run("schema")
    schema = json.loads(done.out)
    jsonschema.Draft202012Validator(schema).validate(yaml.safe_load(config.read_text()))
    assert list(schema["properties"]["plugins"]["properties"]) == [
        "api",
        "fake",
        "instances",
        "exec",
    ]


def test_without_a_file_the_schema_includes_all_installed_plugins(run):
    sections = json.loads(run("schema").out)["properties"]["plugins"]["properties"]
    assert {"api", "teams", "fake", "health"} <= set(sections)


def test_plugins_lists_what_each_plugin_registers(run, config):
    done = run("plugins")
    assert done.status == 0
    blocks = done.out.split("\n")
    assert blocks[0].startswith("api  smartops ")
    assert blocks[1] == "  channels: api"
    assert "  backends: fake" in blocks
    assert any(line.startswith("  commands: list instances, show, start, stop") for line in blocks)
    assert any(line.startswith("  settings: scripts, timeout") for line in blocks)
    assert any(line.startswith("teams ") and "installed, not loaded" in line for line in blocks)


def test_without_a_file_plugins_lists_installed_plugins(run):
    lines = run("plugins").out.splitlines()
    assert lines
    assert all(line.endswith("(installed)") for line in lines)


@pytest.mark.parametrize(
    ("arguments", "status", "last"),
    [
        (
            ["alice", "stop", "web-server-01"],
            0,
            'allowed: The rule "operators-change" allows this.',
        ),
        (["alice", "list", "instances", "--state", "stopped"], 0, 'allowed: The rule "all-read"'),
        (["alice", "stop orders-db-01"], 1, 'denied: The rule "no-databases" denies this for ord'),
        (
            ["vic", "stop web-server-01"],
            1,
            "denied: No rule allows this. It needs the role operator.",
        ),
        (["local:vic", "list instances"], 0, 'allowed: The rule "all-read" allows this.'),
        (["vic", "execute", "df -h", "on", "web-server-01"], 0, 'allowed: The rule "all-read"'),
        (["vic", "execute 'rm -rf /' on web-server-01"], 1, "denied: "),
        (["vic", "whoami"], 0, "allowed: it concerns only the person who asks"),
        (["mallory", "whoami"], 1, "denied: the identity is unknown"),
        (["alice", "untag orders-db-01 role"], 1, "denied: Tag role may not be changed from here"),
        (["alice", "stop nowhere"], 1, "denied: There is no instance nowhere"),
    ],
)
def test_can_i_agrees_with_the_gate(run, config, arguments, status, last):
    done = run("can-i", *arguments)
    assert done.status == status
    assert done.out.splitlines()[-1].startswith(last)


def test_can_i_names_the_person_the_place_and_every_rule(run, config):
    done = run("can-i", "alice", "stop orders-db-01", "--place", "chat/tenant/team/room")
    lines = done.out.splitlines()
    assert lines[0] == "person alice in chat/tenant/team/room, roles: operator, viewer"
    assert [line.split()[1].rstrip(":") for line in lines[1:4]] == [
        "all-read",
        "operators-change",
        "no-databases",
    ]


def test_can_i_gives_no_reason_that_contradicts_the_verdict(run, config):
    done = run("can-i", "alice", "execute 'rm -rf /' on orders-db-01")
    assert done.out.splitlines()[1:4] == [
        "allow all-read: may apply: the effect is not known yet; it may be read or change, "
        "and read is asked for",
        "allow operators-change: may apply: the effect is not known yet; it may be read or change, "
        "and change is asked for",
        "deny  no-databases: does not apply: the command is execute, not stop",
    ]


def test_can_i_assumes_the_local_issuer(run, config):
    assert run("can-i", "zoe", "whoami").out.startswith("person local:zoe in api, roles: none")


def test_can_i_refuses_unknown_commands(run, config):
    done = run("can-i", "alice", "stpo web-server-01")
    assert done.status == 1
    assert done.out == ""
    assert len(done.errors) == 1
    assert "; Did you mean: stop web-server-01" in done.err
    assert "^" not in done.err


def test_read_only_commands_create_no_files(run, tmp_path):
    folder = tmp_path / "untouched"
    folder.mkdir()
    config = folder / "smartops.yaml"
    config.write_text("auth: {issuers: [{name: local, kind: local}]}\nplugins: {api: }\n")
    for words in (["check"], ["plugins"], ["can-i", "local:ann", "help"]):
        run(*words, "--config", str(config))
    assert [item.name for item in folder.iterdir()] == ["smartops.yaml"]


@pytest.mark.parametrize(
    "words", [["check"], ["serve"], ["can-i", "alice", "stop web-server-01"], ["say", "help"]]
)
def test_a_rule_that_can_never_match_is_reported_with_the_other_problems(run, config, words):
    text = config.read_text().replace("commands: stop,", "commands: [stpo, rebot],")
    config.write_text(text.replace("roles: viewer, effects: read", "roles: viewr, channels: apl"))
    done = run(*words)
    assert done.status == 2
    assert [line.split(": ", 1)[1] for line in done.errors] == [
        "rules.0.allow.roles: there is no role viewr; did you mean viewer?",
        "rules.0.allow.channels: there is no channel apl; did you mean api?",
        "rules.2.deny.commands.0: there is no command stpo; did you mean stop?",
        "rules.2.deny.commands.1: there is no command rebot; did you mean reboot?",
    ]
    assert all(line.startswith("smartops.yaml:") for line in done.errors)


def test_a_rule_on_a_plugin_that_is_not_loaded_is_reported(run, config):
    config.write_text(config.read_text().replace("commands: stop,", "commands: check health,"))
    assert [line.split(": ", 1)[1] for line in run("check").errors] == [
        "rules.2.deny.commands: there is no command check health; name its plugin under plugins:"
    ]


def test_check_warns_if_no_message_can_be_allowed(run, config):
    config.write_text("plugins: {api: }\n")
    done = run("check")
    assert done.status == 0
    assert [line.partition(": warning: ")[2] for line in done.errors] == [
        "rules: there are none, so every command is denied",
        "people: neither people nor guests are listed, so no sender is known",
    ]


@pytest.mark.parametrize(
    ("key", "url", "module", "problem"),
    [
        (
            "store",
            "postgresql://u@db.example/smartops",
            "psycopg",
            "a PostgreSQL store needs the postgres extra; pip install 'smartops[postgres]'",
        ),
        (
            "limits",
            "redis://cache.example",
            "redis.asyncio",
            "shared rate limits need the redis extra; pip install 'smartops[redis]'",
        ),
    ],
)
def test_check_reports_missing_extras(run, config, monkeypatch, key, url, module, problem):
    text = config.read_text().replace("store: {url: sqlite:///state/store.db}\n", "")
    config.write_text(f"{text}{key}: {{url: '{url}'}}\n")
    assert run("check").status == 0
    monkeypatch.setitem(sys.modules, module, None)
    done = run("check")
    assert done.status == 2
    (line,) = done.errors
    assert line.startswith("smartops.yaml:")
    assert line.endswith(f"{key}.url: {problem}")


@pytest.mark.parametrize(
    ("auth", "warning"),
    [
        (
            "auth: {}",
            "auth.issuers: there are none, and no person or guest is of api, "
            "so every message there is refused",
        ),
        (
            "auth: {issuers: [{name: other, kind: local}]}",
            "people: no person or guest is of the issuer other",
        ),
    ],
)
def test_check_warns_if_no_issuer_has_a_person(run, config, auth, warning):
    _, _, rest = config.read_text().partition("auth:\n")
    config.write_text(f"{auth}\n{rest[rest.index('people:') :]}")
    done = run("check")
    assert done.status == 0
    assert done.errors == [f"smartops.yaml: warning: {warning}"]


PLUGIN = """
from pydantic import BaseModel
from smartops import hookimpl

class Settings(BaseModel):
    bot_token: str = ""
    max_token: int = 0

@hookimpl
def config_type():
    return Settings

@hookimpl
def register_commands(config):
    return {}[config.bot_token]
"""


def test_check_shows_where_a_hook_fails_and_in_which_line_the_plugin_is(run, config, monkeypatch):
    (config.parent / "failing_plugin.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(str(config.parent))
    config.write_text(config.read_text() + "  failing_plugin: {bot_token: literal, max_token: 3}\n")
    line = len(config.read_text().splitlines())
    done = run("check")
    assert done.status == 2
    assert done.errors[-1] == (
        f"{config.name}:{line}:3: plugin failing_plugin: register_commands: "
        "KeyError: 'literal'; smartops check -v shows where"
    )
    assert "Traceback" not in done.err
    assert "return {}[config.bot_token]" in run("check", "-v").err


def test_check_warns_of_a_literal_that_looks_like_a_secret(run, config, monkeypatch):
    (config.parent / "careless_plugin.py").write_text(PLUGIN.replace("{}[config.bot_token]", "[]"))
    monkeypatch.syspath_prepend(str(config.parent))
    section = "  careless_plugin: {bot_token: literal, max_token: 3}\n"
    config.write_text(config.read_text() + section)
    line = len(config.read_text().splitlines())
    done = run("check")
    assert done.status == 0
    assert done.errors == [
        f"{config.name}:{line}:32: warning: bot_token looks like a secret; "
        "use ${NAME} or ${file:PATH}"
    ]


@pytest.mark.parametrize(
    ("deny", "uncovered"),
    [
        ("{tags: {Role: database}}", "list instances"),
        ("{tags: {Role: database}, effects: read, commands: [show, 'l*']}", "list instances"),
        ("{tags: {Role: database}, commands: [show, stop]}", ""),
        ("{tags: {Role: database}, effects: change}", ""),
    ],
)
def test_check_warns_of_commands_that_a_deny_by_tags_does_not_cover(run, config, deny, uncovered):
    rule = f"rules:\n  - {{name: hidden, deny: {deny}}}\n"
    config.write_text(config.read_text().replace("rules:\n", rule, 1))
    done = run("check")
    warning = (
        "smartops.yaml: warning: rules: hidden denies by tags, which covers only calls that "
        f"name targets, and not {uncovered}"
    )
    assert done.errors == ([warning] if uncovered else [])
    assert done.status == 0
