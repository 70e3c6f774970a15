"""``smartops PLUGIN COMMAND``."""

import sys

import pytest

PLUGIN = """
import click
from pydantic import BaseModel
from smartops import hookimpl

class Config(BaseModel):
    greeting: str = "hello"

@hookimpl
def config_type():
    return Config

@hookimpl
def register_cli(config):
    @click.command()
    @click.option("--loud", is_flag=True)
    @click.argument("name", default="you")
    def greet(loud, name):
        "Greet."
        if name == "none":
            raise click.ClickException("there is no person to greet")
        text = f"{config.greeting} {name}"
        click.echo(text.upper() if loud else text)

    return [greet]
"""


@pytest.fixture
def plugin(folder, monkeypatch):
    name = "greeting_plugin"
    (folder / f"{name}.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(str(folder))
    yield name
    sys.modules.pop(name, None)


def test_a_plugin_s_command_is_under_its_name_and_has_its_section(run, folder, plugin):
    (folder / "smartops.yaml").write_text(f"plugins: {{{plugin}: {{greeting: ahoy}}}}")
    assert run(plugin, "greet", "you").out == "ahoy you\n"
    assert run(plugin, "greet", "--loud").out == "AHOY YOU\n"
    assert "greet  Greet." in run(plugin, "--help").out


def test_help_lists_the_commands_of_the_plugins_in_the_file(run, folder, plugin):
    (folder / "smartops.yaml").write_text(f"plugins: {{{plugin}: , instances: }}")
    _, _, listed = run("-h").out.partition("Commands of plugins:\n")
    assert listed == f"  {plugin} greet  Greet.\n"
    assert run("-c", "none.yaml", "-h").status == 0
    (folder / "smartops.yaml").unlink()
    assert "  teams manifest  Write the app package for Teams.\n" in run("-h").out


def test_an_error_of_a_plugin_s_command_is_one_line(run, folder, plugin):
    (folder / "smartops.yaml").write_text(f"plugins: {{{plugin}: }}\n")
    done = run(plugin, "greet", "none")
    assert (done.status, done.errors) == (1, ["smartops: there is no person to greet"])


def test_the_config_option_may_be_anywhere(run, folder, plugin):
    (folder / "other.yaml").write_text(f"plugins: {{{plugin}: }}")
    assert run("--config", "other.yaml", plugin, "greet").out == "hello you\n"
    assert run(plugin, "greet", "--config", "other.yaml").out == "hello you\n"
    assert run(plugin, "greet", "-c", "other.yaml").out == "hello you\n"
    assert run(plugin, "--config=other.yaml", "greet", "me").out == "hello me\n"


def test_errors_in_the_plugin_s_section_are_reported_in_lines(run, folder, plugin):
    (folder / "smartops.yaml").write_text(f"plugins: {{{plugin}: {{greting: ahoy}}}}")
    done = run(plugin, "greet")
    assert done.status == 2
    assert done.errors == [
        f"smartops.yaml:1:29: plugins.{plugin}.greting: unknown key; did you mean greeting?"
    ]


def test_a_plugin_without_commands_is_an_error(run, config):
    assert run("instances", "x").errors == ["smartops: the plugin instances has no commands"]


def test_a_plugin_that_is_not_in_the_file_is_not_loaded(run, config):
    done = run("teams", "x")
    assert done.status == 2
    assert done.errors == [
        "smartops.yaml:17:1: plugins: the plugin teams is not among them; add teams: there"
    ]


def test_an_unknown_plugin_is_an_unknown_command(run, config, plugin):
    assert run(plugin, "greet").errors == [f"smartops: no such command '{plugin}'"]
