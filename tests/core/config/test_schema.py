"""The JSON schema for editors."""

from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel, ConfigDict

from smartops import ByteSize, Duration, Secret
from smartops.config import json_schema


class Inner(BaseModel):
    model_config = ConfigDict(extra="allow")
    count: int = 1


class Model(BaseModel):
    inner: Inner = Inner()
    wait: Duration | None = None
    size: ByteSize = 0
    token: Secret | None = None
    flag: bool = False


@pytest.fixture(scope="module")
def schema() -> Any:
    return json_schema({"p": Model, "bare": None, "my.module": Inner})


def valid(schema: Any, content: Any) -> bool:
    return bool(jsonschema.Draft202012Validator(schema).is_valid(content))


def test_the_schema_is_valid(schema):
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["title"] == "SmartOps"
    assert schema["properties"]["server"]["description"] == "The HTTP server."
    wait = schema["$defs"]["ServerSettings"]["properties"]["wait"]
    assert wait["default"] == "25s"


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"server": None, "log": {"level": "debug"}},
        {"server": {"port": 1, "wait": "1m30s", "max_body": "1MB"}},
        {"server": {"port": "${PORT}", "host": "${HOST}", "wait": "${WAIT:-1m}"}},
        {"store": {"url": "postgresql+psycopg://u:${PW}@h/d"}},
        {"auth": {"issuers": [{"name": "a", "kind": "local"}], "anonymous": "${A}"}},
        {"rules": [{"name": "a", "allow": {"roles": "x", "tags": {"a": ["b"], "c": "d"}}}]},
        {"plugins": {"p": {"inner": {"count": 2}, "token": "${T}", "size": 5}}},
        {"plugins": {"p": None, "bare": None, "my.module": {"count": 1}, "unknown.one": {"x": 1}}},
    ],
)
def test_what_loads_is_valid(schema, content):
    assert valid(schema, content)


@pytest.mark.parametrize(
    "content",
    [
        {"sever": {}},
        {"server": {"prot": 1}},
        {"server": {"port": "high"}},
        {"server": {"port": 70000}},
        {"server": {"wait": "soon"}},
        {"log": {"level": "loud"}},
        {"auth": {"issuers": [{"name": "a", "kind": "x"}]}},
        {"auth": {"issuers": [{"name": "a", "kind": "local", "metadata": "x"}]}},
        {"plugins": {"p": {"innner": {}}}},
        {"plugins": {"p": {"inner": {"count": 1, "x": 1}}}},
        {"plugins": {"p": {"token": "literal"}}},
        {"plugins": {"p": {"flag": "yes"}}},
        {"plugins": {"bare": {"x": 1}}},
    ],
)
def test_what_does_not_load_is_not_valid(schema, content):
    assert not valid(schema, content)
