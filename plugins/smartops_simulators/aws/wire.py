"""The protocols of AWS, decoded and encoded generically from botocore's service models.

EC2 and query requests are forms and their results XML. JSON 1.1 requests name the operation in a
header. Converse is REST-JSON.
"""

from __future__ import annotations

import json
import re
import uuid
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote
from xml.sax.saxutils import escape

import botocore.session

from .errors import AwsError, InvalidRequest

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
_OLDER_CODES = {
    "ThrottlingException": "Throttling",
    "ExpiredTokenException": "ExpiredToken",
    "UnrecognizedClientException": "InvalidClientTokenId",
}
"""Codes that a service with both protocols repeats for clients of the older one."""


class Encoded(str):
    """The content of an XML element that is encoded already."""

    __slots__ = ()


@cache
def service_model(name: str) -> Any:
    """Return botocore's model of a service."""
    return botocore.session.Session().get_service_model(name)


@dataclass(frozen=True, slots=True)
class Target:
    """What a request is addressed to, and its parameters still encoded."""

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
        """The IAM action that the operation needs."""
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
    shape = to.model.input_shape
    form = to.protocol in ("ec2", "query")
    try:
        found: dict[str, Any] = (
            _from_form(shape, _tree(to.body), ec2=to.protocol == "ec2")
            if form
            else {**to.path, **_from_json(shape, json.loads(to.body or b"{}"))}
        )
    except (ValueError, TypeError, KeyError, AttributeError) as problem:
        code = "MalformedQueryString" if form else "SerializationException"
        raise AwsError(code, f"The request cannot be read: {problem!r}") from None
    problems = list(_problems(shape, found, ""))
    if to.protocol == "ec2":
        problems = [each for each in problems if "Member must have" in each]
    if problems:
        code = _INVALID.get(to.protocol, "ValidationException")
        text = f"{len(problems)} validation error(s) detected: {'; '.join(problems)}"
        raise InvalidRequest(code, text)
    return found


def _tree(body: bytes) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in parse_qsl(body.decode(), keep_blank_values=True):
        node = tree
        *path, last = key.split(".")
        for part in path:
            node = node.setdefault(part, {})
        node[last] = value
    return tree


def _form_name(name: str, member: Any, *, ec2: bool) -> str:
    written = member.serialization
    found = str(written.get("name", name))
    return written.get("queryName", found[0].upper() + found[1:]) if ec2 else found


def _from_form(shape: Any, node: Any, *, ec2: bool) -> Any:
    if shape.type_name == "structure":
        names = {_form_name(name, member, ec2=ec2): name for name, member in shape.members.items()}
        return {
            name: _from_form(shape.members[name], node[key], ec2=ec2)
            for key, name in names.items()
            if key in node
        }
    if shape.type_name == "list":
        if node and not ec2 and not shape.serialization.get("flattened"):
            node = node[shape.member.serialization.get("name", "member")]
        return [_from_form(shape.member, node[key], ec2=ec2) for key in sorted(node, key=int)]
    return _SCALARS[shape.type_name](node)


_SCALARS: Mapping[str, Callable[[str], Any]] = {
    "string": "".join,  # raises TypeError for a branch of the form
    "boolean": lambda text: {"true": True, "false": False}[text.lower()],
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "timestamp": datetime.fromisoformat,
    "blob": b64decode,
}
_JSON_TYPES = {"string": str, "blob": str, "boolean": bool, "integer": int, "long": int}


def _from_json(shape: Any, value: Any) -> Any:
    kind = shape.type_name
    if getattr(shape, "is_document_type", False):
        return value
    if kind == "structure":
        names = {_json_name(shape, name): name for name in shape.members}
        return {
            names[key]: _from_json(shape.members[names[key]], each)
            for key, each in value.items()
            if key in names and each is not None
        }
    if kind == "list" and isinstance(value, list):
        return [_from_json(shape.member, each) for each in value]
    if kind == "map":
        return {key: _from_json(shape.value, each) for key, each in value.items()}
    if kind == "timestamp":
        iso = isinstance(value, str)
        return datetime.fromisoformat(value) if iso else datetime.fromtimestamp(value, UTC)
    fits = isinstance(value, _JSON_TYPES.get(kind, int | float))
    if not fits or isinstance(value, bool) != (kind == "boolean"):
        raise TypeError(f"{value!r} is not a {kind}")
    return value


def _json_name(shape: Any, name: str) -> str:
    return str(shape.members[name].serialization.get("name", name))


def _problems(shape: Any, value: Any, path: str) -> Iterator[str]:
    if getattr(shape, "is_document_type", False):
        return
    rule = _broken_rule(shape, value)
    if rule:
        yield f"Value at '{path}' failed to satisfy constraint: Member must {rule}"
    for member, each, name in _children(shape, value):
        yield from _problems(member, each, f"{path}.{name}".lstrip("."))


def _children(shape: Any, value: Any) -> list[tuple[Any, Any, Any]]:
    if shape.type_name == "structure":
        return [(shape.members[name], each, name) for name, each in value.items()]
    if shape.type_name == "list":
        return [(shape.member, each, place) for place, each in enumerate(value, 1)]
    if shape.type_name == "map":
        return [(shape.value, each, key) for key, each in value.items()]
    return []


def _broken_rule(shape: Any, value: Any) -> str:
    kind, limits = shape.type_name, shape.metadata
    if kind == "structure":
        missing = [name for name in shape.required_members if name not in value]
        return f"have {', '.join(missing)}" if missing else ""
    if kind in ("string", "list", "map", "integer", "long", "float", "double"):
        size = len(value) if kind in ("string", "list", "map") else value
        least, most = limits.get("min", size), limits.get("max", size)
        if not least <= size <= most:
            return f"be between {least} and {most}, in value or length, and is {size}"
    if kind == "string" and shape.enum and value not in shape.enum:
        return f"be one of [{', '.join(shape.enum)}], and is {value}"
    if kind == "string" and not _matches(limits.get("pattern", ""), value):
        return f"match {limits['pattern']}, and is {value}"
    return ""


def _matches(pattern: str, value: str) -> bool:
    try:
        return not pattern or re.fullmatch(pattern, value) is not None
    except re.error:  # written for Java, which knows more than Python
        return True


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response."""

    status: int
    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


def result(to: Target, value: Mapping[str, Any]) -> Response:
    """Encode the result of an operation; raises KeyError for a member the model does not have."""
    model, shape = to.model, to.model.output_shape
    if to.protocol in ("json", "rest-json"):
        body = json.dumps(to_json(shape, value) if shape else {})
        return Response(200, body.encode(), _CONTENT_TYPES[to.protocol])
    inside = to_xml(shape, value) if shape else "<return>true</return>"
    if to.protocol == "ec2":
        inside = f"<requestId>{uuid.uuid4()}</requestId>{inside}"
    elif shape:
        wrapper = shape.serialization.get("resultWrapper", f"{model.name}Result")
        inside = f"<{wrapper}>{inside}</{wrapper}>"
    body = f'<{model.name}Response xmlns="{model.metadata["xmlNamespace"]}">{inside}'
    body += f"</{model.name}Response>"
    return Response(200, body.encode(), _CONTENT_TYPES[to.protocol])


def to_xml(shape: Any, value: Mapping[str, Any]) -> str:
    """Encode the members of a structure as XML."""
    return "".join(
        _element(shape.members[name], shape.members[name].serialization.get("name", name), each)
        for name, each in value.items()
        if each is not None
    )


def _element(shape: Any, name: str, value: Any) -> str:
    if isinstance(value, Encoded):
        inside: str = value
    elif shape.type_name == "structure":
        inside = to_xml(shape, value)
    elif shape.type_name == "list":
        flat = shape.serialization.get("flattened", False)
        item = name if flat else shape.member.serialization.get("name", "member")
        inside = "".join(_element(shape.member, item, each) for each in value)
        if flat:
            return inside
    else:
        inside = _text(value)
    return f"<{name}>{inside}</{name}>"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03d}Z"
    return _NOT_XML.sub("\ufffd", escape(str(value))).replace("\r", "&#13;")


_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_json(shape: Any, value: Any) -> Any:
    """Return a value as JSON has it."""
    kind = shape.type_name
    if getattr(shape, "is_document_type", False):
        return value
    if kind == "structure":
        return {
            _json_name(shape, name): to_json(shape.members[name], each)
            for name, each in value.items()
            if each is not None
        }
    if kind == "list":
        return [to_json(shape.member, each) for each in value]
    if kind == "map":
        return {key: to_json(shape.value, each) for key, each in value.items()}
    return round(value.timestamp(), 3) if kind == "timestamp" else value


def failure(to: Target, error: AwsError) -> Response:
    """Encode an error."""
    side = "Sender" if error.status < 500 else "Receiver"
    told = f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
    headers = dict(error.headers)
    if to.protocol == "ec2":
        body = f"<Response><Errors><Error>{told}</Error></Errors></Response>"
    elif to.protocol == "query":
        body = f"<ErrorResponse><Error><Type>{side}</Type>{told}</Error></ErrorResponse>"
    else:
        body = json.dumps({"__type": error.code, "message": error.message})
        headers["x-amzn-ErrorType"] = error.code
        if to.service == "cloudwatch" and error.code in _OLDER_CODES:
            headers["x-amzn-query-error"] = f"{_OLDER_CODES[error.code]};{side}"
    return Response(error.status, body.encode(), _CONTENT_TYPES[to.protocol], headers)
