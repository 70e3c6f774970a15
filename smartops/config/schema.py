"""JSON schemas of models, for reading the file and for editors."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from smartops.values import format_duration

from .settings import Settings

_REFERENCE = {"type": "string", "pattern": r"\$\{[^}]+\}"}
_OUTSIDE = ("title", "description", "default")
_LITERALS = ("integer", "number", "boolean")


class _Generator(GenerateJsonSchema):
    """Writes defaults as they are written in the file, and marks secrets."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012

    def encode_default(self, dft: Any) -> Any:
        return format_duration(dft) if isinstance(dft, timedelta) else super().encode_default(dft)

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> dict[str, Any]:
        return {}  # anything: whether it is right is left to pydantic

    def json_or_python_schema(self, schema: core_schema.JsonOrPythonSchema) -> dict[str, Any]:
        found = super().json_or_python_schema(schema)
        writer = schema.get("serialization", {}).get("function")
        is_secret = getattr(writer, "__name__", "") == "_serialize_secret"  # pydantic.Secret[...]
        return {**found, "format": "password"} if is_secret else found


RESERVED = ("plugin", "prefix")
"""Keys of a plugin's section that are SmartOps' own: which plugin it is, and what its commands
begin with."""

_RESERVED = {
    "plugin": {"type": "string", "description": "The plugin, if the section has another name."},
    "prefix": {"type": "string", "description": "Words that its commands begin with, such as eu."},
}


def options(schema: Mapping[str, Any], root: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the alternatives of a schema, the references to ``$defs`` of ``root`` resolved."""
    if reference := schema.get("$ref"):
        return options(root["$defs"][reference.rpartition("/")[2]], root)
    for word in ("anyOf", "oneOf", "allOf"):
        if word in schema:
            return [found for inner in schema[word] for found in options(inner, root)]
    return [schema]


def json_schema(plugin_models: Mapping[str, type[BaseModel] | None]) -> dict[str, Any]:
    """Return the JSON schema of a file that may hold sections of these plugins.

    ``plugin_models`` maps a plugin's name to the model of its section, or to
    None if it has no settings.
    """
    schema = _of(Settings, "#/$defs/{model}")
    definitions: dict[str, Any] = schema.setdefault("$defs", {})
    sections: dict[str, Any] = {}
    for name, model in plugin_models.items():
        section: dict[str, Any] = {"type": "object", "properties": {}}
        if model is not None:
            section = _of(model, f"#/$defs/{name}.{{model}}")
            inner = section.pop("$defs", {})
            definitions |= {f"{name}.{key}": value for key, value in inner.items()}
        section["properties"] = {**section.get("properties", {}), **_RESERVED}
        definitions[f"plugin {name}"] = section
        sections[name] = {"$ref": f"#/$defs/plugin {name}"}
    _tidy(schema)
    schema["properties"]["plugins"] |= {"properties": sections, "additionalProperties": True}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "SmartOps",
    }


@functools.lru_cache(maxsize=64)
def schema_of(model: type[BaseModel]) -> Mapping[str, Any]:
    """Return the JSON schema of one model."""
    return _of(model, "#/$defs/{model}")


def _of(model: type[BaseModel], template: str) -> dict[str, Any]:
    return model.model_json_schema(ref_template=template, schema_generator=_Generator)


def _tidy(schema: Any) -> None:
    """Refuse unknown keys everywhere, and let references stand where a literal does."""
    if isinstance(schema, list):
        for item in schema:
            _tidy(item)
    if not isinstance(schema, dict):
        return
    for key, value in list(schema.items()):
        if key in ("properties", "$defs"):
            for inner in value.values():
                _tidy(inner)
        elif key not in ("default", "examples", "const", "enum", "discriminator"):
            _tidy(value)
    if "properties" in schema:
        schema["additionalProperties"] = False
    if schema.get("type") == "object":
        schema["type"] = ["object", "null"]  # as when every line of a section is a comment
    _referable(schema)


def _referable(schema: dict[str, Any]) -> None:
    strict = schema.get("type") in _LITERALS or (
        schema.get("type") == "string" and {"enum", "pattern"} & set(schema)
    )
    if strict and "const" not in schema and schema.get("format") != "password":
        literal = dict(schema)
        schema.clear()
        schema.update({key: literal.pop(key) for key in _OUTSIDE if key in literal})
        schema["anyOf"] = [literal, dict(_REFERENCE)]
