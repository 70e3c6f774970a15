"""What goes back over the wire: results and errors, in the words of each protocol."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from . import jsonwire, xmlwire
from .xmltext import escape

Protocol = Literal["ec2", "query", "json", "rest-json"]


class AwsError(Exception):
    """An error as AWS gives it: its code, its text and the HTTP status.

    ``query_code`` is the older code that a service with two protocols adds for
    clients which know only that one.
    """

    def __init__(self, code: str, message: str, status: int = 400, *, query_code: str = "") -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.query_code = query_code


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


_TYPES: Mapping[Protocol, str] = {
    "ec2": "text/xml;charset=UTF-8",
    "query": "text/xml",
    "json": "application/x-amz-json-1.1",
    "rest-json": "application/json",
}


def result(protocol: Protocol, model: Any, value: Mapping[str, Any], request: str) -> Answer:
    """Return what an operation answers, serialised by its model."""
    if protocol == "ec2":
        body = xmlwire.ec2_result(model, value, request)
    elif protocol == "query":
        body = xmlwire.query_result(model, value, request)
    else:
        body = jsonwire.dump(model.output_shape, value)
    return Answer(200, body, _TYPES[protocol], {"x-amzn-RequestId": request})


def error(protocol: Protocol, fault: AwsError, namespace: str, request: str) -> Answer:
    """Return an error in the form that clients of the protocol look for."""
    headers = {"x-amzn-RequestId": request}
    if protocol in ("ec2", "query"):
        body = _ec2(fault, request) if protocol == "ec2" else _query(fault, namespace, request)
        return Answer(fault.status, body.encode(), _TYPES[protocol], headers)
    content: dict[str, str] = {"message": fault.message}
    if protocol == "json":
        content = {"__type": fault.code, "message": fault.message}
    else:
        headers["x-amzn-ErrorType"] = fault.code
    if fault.query_code:
        side = "Sender" if fault.status < 500 else "Receiver"
        headers["x-amzn-query-error"] = f"{fault.query_code};{side}"
    return Answer(fault.status, json.dumps(content).encode(), _TYPES[protocol], headers)


def _ec2(fault: AwsError, request: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Response><Errors><Error><Code>{escape(fault.code)}</Code>"
        f"<Message>{escape(fault.message)}</Message></Error></Errors>"
        f"<RequestID>{request}</RequestID></Response>"
    )


def _query(fault: AwsError, namespace: str, request: str) -> str:
    side = "Sender" if fault.status < 500 else "Receiver"
    return (
        f'<ErrorResponse xmlns="{escape(namespace)}"><Error><Type>{side}</Type>'
        f"<Code>{escape(fault.query_code or fault.code)}</Code>"
        f"<Message>{escape(fault.message)}</Message></Error>"
        f"<RequestId>{request}</RequestId></ErrorResponse>"
    )
