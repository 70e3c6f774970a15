"""The protocols of AWS, decoded and encoded from botocore's service models.

EC2 and query requests are forms and their results XML. JSON 1.1 requests name the operation in a
header. Converse is REST-JSON.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote
from xml.sax.saxutils import escape

import botocore.session

from .faults import AwsError, InvalidRequest, Response

Protocol = Literal["ec2", "query", "json", "rest-json"]
SERVICES = {
    "ec2": "ec2",
    "sts": "sts",
    "ssm": "ssm",
    "monitoring": "cloudwatch",
    "ce": "ce",
    "bedrock": "bedrock-runtime",
}
"""Signing names, and what botocore calls the service."""

_IAM = {"Converse": "InvokeModel"}
_CONTENT_TYPES: Mapping[Protocol, str] = {
    "ec2": "text/xml;charset=UTF-8",
    "query": "text/xml",
    "json": "application/x-amz-json-1.1",
    "rest-json": "application/json",
}
_INVALID = {"ec2": "MissingParameter", "query": "ValidationError"}
_QUERY_CODES = {
    "ThrottlingException": "Throttling",
    "ExpiredTokenException": "ExpiredToken",
    "UnrecognizedClientException": "InvalidClientTokenId",
}
"""Codes that CloudWatch repeats in the form of its older protocol, which clients prefer."""


@cache
def service_model(name: str) -> Any:
    return botocore.session.Session().get_service_model(name)


@dataclass(frozen=True, slots=True)
class Target:
    """The operation that a request calls, and its parameters still encoded."""

    protocol: Protocol
    service: str
    operation: str
    body: bytes
    path: Mapping[str, str] = field(default_factory=dict)

    @property
    def model(self) -> Any:
        """The model of the operation; None if the service has no such operation."""
        known = service_model(self.service)
        if self.operation not in known.operation_names:
            return None
        return known.operation_model(self.operation)

    @property
    def action(self) -> str:
        return f"{self.service.removesuffix('-runtime')}:{_IAM.get(self.operation, self.operation)}"


def target(path: str, headers: Mapping[str, str], body: bytes, signed_for: str) -> Target | None:
    """Return what a request is addressed to; None if it is no request to a known service."""
    prefix, _, operation = headers.get("x-amz-target", "").partition(".")
    if operation:
        for name in SERVICES.values():
            if service_model(name).metadata.get("targetPrefix") == prefix:
                return Target("json", name, operation, body)
        return None
    converse = re.fullmatch(r"/model/([^/]+)/converse", path)
    if converse:
        named = {"modelId": unquote(converse[1])}
        return Target("rest-json", "bedrock-runtime", "Converse", body, named)
    service = SERVICES.get(signed_for or "ec2", "")
    if service not in ("ec2", "sts", "cloudwatch"):
        return None
    form = dict(parse_qsl(body.decode(errors="replace")))
    return Target("ec2" if service == "ec2" else "query", service, form.get("Action", ""), body)


def parameters(to: Target) -> dict[str, Any]:
    """Decode and validate the parameters of a request; raises AwsError."""
    form = to.protocol in ("ec2", "query")
    problems: list[str] = []
    try:
        node = _tree(to.body) if form else {**to.path, **json.loads(to.body or b"{}")}
        found: dict[str, Any] = _read(to.model.input_shape, node, to.protocol, problems)
    except (ValueError, TypeError, KeyError, AttributeError) as problem:
        code = "MalformedQueryString" if form else "SerializationException"
        raise AwsError(code, f"The request cannot be read: {problem!r}") from None
    if problems:
        code = _INVALID.get(to.protocol, "ValidationException")
        text = f"{len(problems)} validation error(s) detected: {'; '.join(problems)}"
        raise InvalidRequest(code, text)
    return found


def _tree(body: bytes) -> dict[str, Any]:
    """Return a form as nested objects: its keys are paths."""
    tree: dict[str, Any] = {}
    for key, value in parse_qsl(body.decode(), keep_blank_values=True):
        node = tree
        *path, last = key.split(".")
        for part in path:
            node = node.setdefault(part, {})
        node[last] = value
    return tree


def _read(shape: Any, node: Any, protocol: Protocol, problems: list[str], path: str = "") -> Any:
    """Decode a parameter, and add to ``problems`` what the model does not allow."""
    kind = shape.type_name
    if getattr(shape, "is_document_type", False):
        return node
    if kind == "structure":
        keys = {name: _key(name, member, protocol) for name, member in shape.members.items()}
        there = {name: node[key] for name, key in keys.items() if node.get(key) is not None}
        if missing := [name for name in shape.required_members if name not in there]:
            problems.append(f"'{path}' must have {', '.join(missing)}")
        return {
            name: _read(shape.members[name], each, protocol, problems, f"{path}.{name}".lstrip("."))
            for name, each in there.items()
        }
    if kind == "map":
        value: Any = {
            key: _read(shape.value, each, protocol, problems, path) for key, each in node.items()
        }
    elif kind == "list":
        items = _items(shape, node, protocol)
        value = [_read(shape.member, each, protocol, problems, path) for each in items]
    elif protocol in ("ec2", "query"):
        value = _FROM_TEXT[kind](node)
    else:
        value = datetime.fromtimestamp(node, UTC) if kind == "timestamp" else node
    size = len(value) if kind in ("string", "list", "map") else value
    least, most = (shape.metadata.get(name, size) for name in ("min", "max"))
    if not least <= size <= most:
        problems.append(f"'{path}' must be between {least} and {most}, and is {size}")
    return value


def _key(name: str, member: Any, protocol: Protocol) -> str:
    key = _name(name, member)
    if protocol != "ec2":
        return key
    return str(member.serialization.get("queryName", key[0].upper() + key[1:]))


def _items(shape: Any, node: Any, protocol: Protocol) -> Iterable[Any]:
    if protocol not in ("ec2", "query"):
        return [*node]
    if node and protocol == "query" and not shape.serialization.get("flattened"):
        node = node[shape.member.serialization.get("name", "member")]
    return [node[key] for key in sorted(node, key=int)]


_FROM_TEXT: Mapping[str, Callable[[str], Any]] = {
    "string": str,
    "boolean": {"true": True, "false": False}.__getitem__,
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "timestamp": datetime.fromisoformat,
}


def _name(name: str, member: Any) -> str:
    return str(member.serialization.get("name", name))


def result(to: Target, value: Mapping[str, Any]) -> Response:
    """Encode the result of an operation; raises KeyError for a member the model does not have."""
    model, shape = to.model, to.model.output_shape
    if to.protocol in ("json", "rest-json"):
        body = json.dumps(_to_json(shape, value) if shape else {})
        return Response(200, body.encode(), _CONTENT_TYPES[to.protocol])
    inside = "".join(_to_xml(shape, value)) if shape else "<return>true</return>"
    if to.protocol == "ec2":
        inside = f"<requestId>{uuid.uuid4()}</requestId>{inside}"
    elif shape:
        wrapper = shape.serialization.get("resultWrapper", f"{model.name}Result")
        inside = f"<{wrapper}>{inside}</{wrapper}>"
    body = f'<{model.name}Response xmlns="{model.metadata["xmlNamespace"]}">{inside}'
    body += f"</{model.name}Response>"
    return Response(200, body.encode(), _CONTENT_TYPES[to.protocol])


def _to_xml(shape: Any, value: Mapping[str, Any]) -> Iterator[str]:
    members = shape.members
    for name, each in value.items():
        if each is not None:
            yield from _element(members[name], _name(name, members[name]), each)


def _element(shape: Any, name: str, value: Any) -> Iterator[str]:
    if shape.type_name == "list":
        flat = shape.serialization.get("flattened", False)
        item = name if flat else shape.member.serialization.get("name", "member")
        inside = "".join(part for each in value for part in _element(shape.member, item, each))
        yield inside if flat else f"<{name}>{inside}</{name}>"
    elif shape.type_name == "structure":
        yield f"<{name}>{''.join(_to_xml(shape, value))}</{name}>"
    else:
        yield f"<{name}>{_text(value)}</{name}>"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03d}Z"
    return _NOT_XML.sub("\ufffd", escape(str(value))).replace("\r", "&#13;")


_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _to_json(shape: Any, value: Any) -> Any:
    kind = shape.type_name
    if getattr(shape, "is_document_type", False):
        return value
    if kind == "structure":
        return {
            _name(name, shape.members[name]): _to_json(shape.members[name], each)
            for name, each in value.items()
            if each is not None
        }
    if kind == "list":
        return [_to_json(shape.member, each) for each in value]
    if kind == "map":
        return {key: _to_json(shape.value, each) for key, each in value.items()}
    return round(value.timestamp(), 3) if kind == "timestamp" else value


def failure(to: Target, error: AwsError) -> Response:
    side = "Sender" if error.status < 500 else "Receiver"
    inside = f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
    headers = dict(error.headers)
    if to.protocol == "ec2":
        body = f"<Response><Errors><Error>{inside}</Error></Errors></Response>"
    elif to.protocol == "query":
        body = f"<ErrorResponse><Error><Type>{side}</Type>{inside}</Error></ErrorResponse>"
    else:
        body = json.dumps({"__type": error.code, "message": error.message})
        headers["x-amzn-ErrorType"] = error.code
        if to.service == "cloudwatch" and error.code in _QUERY_CODES:
            headers["x-amzn-query-error"] = f"{_QUERY_CODES[error.code]};{side}"
    return Response(error.status, body.encode(), _CONTENT_TYPES[to.protocol], headers)
