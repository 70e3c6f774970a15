"""Several instances of one plugin, prefixed commands and aliases, by configuration."""

from __future__ import annotations

import json
import sys

import jsonschema
import pytest
import yaml

PLUGIN = """
from pydantic import BaseModel
from smartops import command, hookimpl

class Settings(BaseModel):
    greeting: str = "hello"

@hookimpl
def config_type():
    return Settings

@hookimpl
def register_commands(config, services):
    @command("greet {who}", "say hello to {who}", examples=("greet bob",))
    async def greet(who: str) -> str:
        \"\"\"Greet a person.\"\"\"
        return f"{config.greeting} {who} ({services.plugin})"
    return [greet]
"""

SECTIONS = """\
  greeter:
  greeter-eu: {plugin: greeter, prefix: eu, greeting: bonjour}
aliases: {salute: greet, wave at: eu greet}
"""


@pytest.fixture
def greeters(config, monkeypatch):
    (config.parent / "greeter.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(str(config.parent))
    monkeypatch.delitem(sys.modules, "greeter", raising=False)
    rule = "  - {name: no-mallory, deny: {commands: greet, arguments: {who: mallory}}}\nplugins:"
    config.write_text(config.read_text().replace("plugins:", rule) + SECTIONS)
    return config


def say(run, text):
    return run("say", "--user", "alice", text).out.splitlines()[0]


def test_two_instances_of_a_plugin_have_a_section_and_commands_each(run, greeters):
    assert run("check").status == 0
    assert say(run, "greet bob") == "hello bob (greeter)"
    assert say(run, "eu greet bob") == "bonjour bob (greeter-eu)"
    assert say(run, "eu say hello to bob") == "bonjour bob (greeter-eu)"
    schema = json.loads(run("schema").out)
    jsonschema.Draft202012Validator(schema).validate(yaml.safe_load(greeters.read_text()))
    assert "greeter-eu  importable module" in run("plugins").out


def test_an_alias_runs_the_command_under_the_same_rules_and_is_in_its_help(run, greeters):
    assert say(run, "salute bob") == "hello bob (greeter)"
    assert say(run, "wave at bob") == "bonjour bob (greeter-eu)"
    history = run("say", "--user", "alice", "history").out
    assert "greet bob" in history
    assert "salute bob" not in history
    assert say(run, "salute mallory") == say(run, "greet mallory")
    assert "You may not run: greet mallory" in say(run, "salute mallory")
    assert "salute WHO" in run("say", "--user", "alice", "help greet").out
    assert say(run, "help salute") == say(run, "help greet")
    assert "Also: salute." in run("say", "--user", "alice", "help").out
    assert "Did you mean salute?" in run("say", "--user", "alice", "help salut").out
    assert "Did you mean: salute bob?" in run("say", "--user", "alice", "salutte bob").out
    assert say(run, "help wave") == say(run, "help eu greet")


@pytest.mark.parametrize(
    ("aliases", "problem"),
    [
        ("{hail: great}", "27:11: aliases.hail: no command begins with great; did you mean greet?"),
        (
            "{'hail {x}': greet}",
            "aliases.hail {x}: must be words of letters, digits, dots, - and _",
        ),
        ("{start: greet}", "can match the same text; give one of them another literal word"),
    ],
)
def test_wrong_aliases_are_found_at_start(run, greeters, aliases, problem):
    text = greeters.read_text()
    greeters.write_text(text[: text.index("aliases:")] + f"aliases: {aliases}\n")
    done = run("check")
    assert done.status == 2
    assert problem in done.err.replace(f"{len(text.splitlines())}:", "27:")


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ("{plugin: greeter}", "two commands are called 'greet'"),
        ("{plugin: greter}", "there is no plugin greter"),
        ("{plugin: greeter, prefix: 'a {b}'}", "must be words of letters, digits, dots, - and _"),
        ("{plugin: [greeter]}", "must be words of letters, digits, dots, - and _"),
    ],
)
def test_wrong_instances_are_found_at_start(run, greeters, section, problem):
    greeters.write_text(greeters.read_text().replace("aliases:", f"  third: {section}\naliases:"))
    done = run("check")
    assert done.status == 2
    assert problem in done.err


def test_a_plugin_whose_settings_have_a_reserved_name_is_refused(run, greeters):
    module = greeters.parent / "greeter.py"
    module.write_text(
        PLUGIN.replace('greeting: str = "hello"', 'greeting: str = ""; prefix: str = ""')
    )
    assert "the plugin's key prefix is SmartOps' own" in run("check").err


def test_a_prefixed_command_is_still_guarded(run, config):
    text = config.read_text().replace("commands: stop", "commands: cloud stop")
    config.write_text(text.replace("  instances:", "  instances: {prefix: cloud}"))
    done = run("can-i", "alice", "cloud untag orders-db-01 Role")
    assert done.status == 1
    assert done.out.splitlines()[-1].startswith("denied: Tag Role may not be changed from here")
