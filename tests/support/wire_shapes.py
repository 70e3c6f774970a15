"""The shapes of the wire contract's data, for assertions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serving import HttpAnswer

NUMBER = (int, float)
TEXT_OR_NONE = (str, type(None))
NUMBER_OR_NONE = (int, float, type(None))

INSTANCE = {
    "instanceId": str,
    "name": str,
    "type": str,
    "state": str,
    "platform": str,
    "privateIp": str,
    "publicIp": TEXT_OR_NONE,
    "tags": dict,
    "launchTime": str,
    "backend": str,
    "metrics": {
        "cpuUtilization": NUMBER_OR_NONE,
        "memoryUtilization": NUMBER_OR_NONE,
        "diskUtilization": NUMBER_OR_NONE,
        "measuredAt": TEXT_OR_NONE,
    },
}
HEALTH = {
    "overall_health": str,
    "summary": dict,
    "issues": [
        {
            "instanceId": str,
            "name": str,
            "severity": str,
            "issue": str,
            "details": str,
            "recommendation": str,
        }
    ],
    "issues_total": int,
    "trends": {
        "cpu_trend": str,
        "memory_trend": str,
        "disk_trend": str,
        "cost_trend": str,
        "instance_count_change": str,
        "unknown": list,
    },
    "operation": str,
}
RESULT = {
    "instanceId": str,
    "name": str,
    "status": str,
    "executionTime": NUMBER,
    "output": str,
    "exitCode": (int, type(None)),
    "truncated": bool,
}
ONE = {**RESULT, "command": str, "commandId": str, "operation": str}
SEVERAL = {
    "command": str,
    "commandId": str,
    "executionTime": NUMBER,
    "results": [RESULT],
    "summary": dict,
    "operation": str,
}
POWER = {
    "action": str,
    "instances": [{"instanceId": str, "name": str, "before": str, "after": str}],
    "summary": dict,
    "operation": str,
}
TAGS = {"instanceId": str, "name": str, "tags": dict}
TOKENS = {"tokens": int, "limit": int, "requests": int}


FAILURE = {"backend": str, "code": str, "message": str}


def fits(value: Any, shape: Any, where: str = "data") -> None:
    """Assert that a value has exactly the keys and the types of a shape."""
    if isinstance(shape, Mapping):
        assert set(value) == set(shape), where
        for key, inner in shape.items():
            fits(value[key], inner, f"{where}.{key}")
    elif isinstance(shape, list):
        for place, item in enumerate(value):
            fits(item, shape[0], f"{where}.{place}")
    else:
        assert isinstance(value, shape), f"{where}: {value!r}"


def data_of(answer: HttpAnswer) -> dict[str, Any]:
    """Return the data of a success, without what people see."""
    assert (answer.status, answer.body["status"]) == (200, "success"), answer.body
    assert set(answer.body) == {"status", "data", "timestamp", "request_id"}
    data = dict(answer.data)
    assert data.pop("message")
    assert isinstance(data.pop("attachments"), list)
    assert isinstance(data.pop("actions"), list)
    return data


def refused(answer: HttpAnswer, status: int, code: str, *words: str) -> dict[str, Any]:
    """Assert that a response is an error whose text has all the words; return the error."""
    assert (answer.status, answer.body["status"]) == (status, "error"), answer.body
    assert set(answer.body) == {"status", "error", "timestamp", "request_id"}
    error: dict[str, Any] = answer.body["error"]
    assert error["code"] == code, error
    assert {"code", "message"} <= set(error) <= {"code", "message", "details", "retry_after"}
    text = f"{error['message']} {error.get('details', '')}"
    assert all(word in text for word in words), text
    assert "arn:" not in text
    assert answer.headers["x-request-id"] == answer.body["request_id"]
    if status == 429:
        assert answer.headers["retry-after"] == str(error["retry_after"])
    return error
