from typing import Any

import jsonschema
import pytest

from smartops import Command
from smartops.grammar import arguments_schema


@pytest.fixture
def schemas(commands: dict[str, Command]) -> dict[str, Any]:
    return {name: arguments_schema(command) for name, command in commands.items()}


def test_every_schema_is_valid(schemas: dict[str, Any]) -> None:
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_a_schema_has_types_defaults_and_required_parameters(schemas: dict[str, Any]) -> None:
    schema = schemas["execute"]
    assert schema["title"] == "execute"
    assert schema["description"] == "Run a script."
    assert schema["required"] == ["script", "targets"]
    assert schema["properties"]["script"] == {"type": "string", "description": "text"}
    assert schema["properties"]["targets"] == {
        "type": "array",
        "items": {"type": "string", "minLength": 1},
        "description": "names or ids of instances, or tag:KEY=VALUE, with commas between",
    }
    assert schema["properties"]["timeout"]["default"] == "1m"


@pytest.mark.parametrize(
    ("arguments", "fits"),
    [
        ({}, True),
        ({"state": ["running"], "limit": 5, "ratio": 0.5, "colour": False}, True),
        ({"since": "1h30m", "size": "extra large"}, True),
        ({"state": ["flying"]}, False),
        ({"state": "running"}, False),
        ({"limit": 1.5}, False),
        ({"since": "soon"}, False),
        ({"nope": 1}, False),
    ],
)
def test_a_schema_accepts_valid_arguments(
    schemas: dict[str, Any], arguments: dict[str, Any], fits: bool
) -> None:
    validator = jsonschema.Draft202012Validator(schemas["list instances"])
    assert validator.is_valid(arguments) is fits
