"""The configuration files that ship with SmartOps are valid and complete."""

import itertools
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import BaseModel

from smartops.app import compose
from smartops.config import Document, Settings, json_schema, read
from smartops.config.schema import options, schema_of
from smartops.plugins import Plugins, available

ROOT = Path(__file__).parents[3]
CONFIG = ROOT / "config"
PLUGINS = ROOT / "plugins"
SECRETS = {
    "ALERTMANAGER_TOKEN": "0",
    "COLLECTOR_TOKEN": "0",
    "SLACK_BOT_TOKEN": "xoxb-0",
    "SLACK_SIGNING_SECRET": "0",
    "TEAMS_SECRET": "0",
    "WEBHOOK_SECRET": "0",
}
"""The environment of the example."""
EXAMPLE = CONFIG / "smartops.example.yaml"
DEMO = CONFIG / "demo.yaml"


def models(document: Document) -> dict[str, type[BaseModel] | None]:
    plugins = Plugins()
    plugins.load(document.plugins())
    assert plugins.problems == []
    return {name: plugins.model(name) for name in plugins.names}


def strike(value: Any, schemas: list[Any], root: Any, left: dict[str, set[str]]) -> None:
    """Remove the keys of a value from those that are left."""
    for option in (option for schema in schemas for option in options(schema, root)):
        if isinstance(value, list):
            for item in value:
                strike(item, [option.get("items", {})], root, left)
        elif isinstance(value, dict):
            properties = option.get("properties", {})
            kind = properties.get("kind", {}).get("const")
            if kind in (None, value.get("kind")):
                left.get(option.get("title", ""), set()).difference_update(value)
                for key in value:
                    inner = properties.get(key, option.get("additionalProperties"))
                    strike(value[key], [inner] if isinstance(inner, dict) else [], root, left)


def missing(model: type[BaseModel], value: Any, text: str = "") -> list[str]:
    """Return every key of a model, and of the models within, that a value does not have.

    A key that excludes another may be in ``text`` as a comment, ``# key: value``.
    """
    root = schema_of(model)
    sections = {model.__name__: root, **root.get("$defs", {})}
    left = {name: set(section.get("properties", {})) for name, section in sections.items()}
    strike(value, [root], root, left)
    commented = set(re.findall(r"^ +# (\w+): ", text, re.MULTILINE))
    return sorted(f"{owner}.{key}" for owner, keys in left.items() for key in keys - commented)


@pytest.mark.parametrize("path", sorted(CONFIG.glob("*.yaml")), ids=lambda path: path.name)
def test_a_shipped_file_fits_the_plugins_it_loads(path, monkeypatch):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    assert compose(path, writes=False).commands


@pytest.mark.parametrize("path", [EXAMPLE, DEMO], ids=lambda path: path.name)
def test_a_shipped_file_fits_the_schema(path):
    schema = json_schema(models(read(path)))
    jsonschema.Draft202012Validator.check_schema(schema)
    content = yaml.safe_load(path.read_text())
    jsonschema.Draft202012Validator(schema).validate(content)


def test_the_example_has_every_plugin_that_ships():
    shipped = {path.name.removeprefix("smartops_") for path in PLUGINS.glob("smartops_*")}
    assert set(read(EXAMPLE).plugins()) == shipped & set(available())


def test_the_example_has_every_key_of_the_core():
    assert missing(Settings, yaml.safe_load(EXAMPLE.read_text())) == []


def test_the_example_has_every_key_of_every_plugin():
    content = yaml.safe_load(EXAMPLE.read_text())["plugins"]
    for name, model in models(read(EXAMPLE)).items():
        if model is not None:
            assert missing(model, content[name], EXAMPLE.read_text()) == []


def test_every_key_of_the_example_has_a_comment():
    lines = EXAMPLE.read_text().splitlines()
    bare = [
        line
        for before, line in itertools.pairwise(lines)
        if re.match(r"\s*(- )?[\w-]+:", line) and "#" not in line and "#" not in before
    ]
    assert bare == []


def test_every_setting_is_described():
    schema = json_schema({})
    sections = schema["$defs"]

    def described(value: dict[str, Any]) -> bool:
        inner = sections.get(value.get("$ref", "").rpartition("/")[2], {})
        return bool(value.get("description") or inner.get("description"))

    missing = [
        f"{name}.{key}"
        for name, section in {"": schema, **sections}.items()
        for key, value in section.get("properties", {}).items()
        if not described(value) and key != "kind"
    ]
    assert missing == []


def test_the_demo_matches_the_contract():
    settings = read(DEMO).settings()
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 3978)
    assert [(guest.provider, guest.roles) for guest in settings.guests] == [
        ("local", ("operator",)),
        ("console", ("operator",)),
    ]
