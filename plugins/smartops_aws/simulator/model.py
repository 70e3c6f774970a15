"""The service models that ship with botocore: what the look-alike is true to."""

from __future__ import annotations

from functools import cache
from typing import Any

SERVICES = {
    "ec2": "ec2",
    "sts": "sts",
    "ssm": "ssm",
    "monitoring": "cloudwatch",
    "ce": "ce",
    "bedrock": "bedrock-runtime",
}
"""What requests are signed for, and what botocore calls that service."""

_RIGHTS = {"Converse": "InvokeModel", "ConverseStream": "InvokeModelWithResponseStream"}


@cache
def _loader() -> Any:
    from botocore.loaders import Loader

    return Loader()


@cache
def service(name: str) -> Any:
    """Return the model of a service, by the name that botocore gives it."""
    from botocore.model import ServiceModel

    return ServiceModel(_loader().load_service_model(name, "service-2"), service_name=name)


@cache
def operation(name: str, called: str) -> Any:
    """Return the model of an operation, or None if the service has no such operation."""
    if called not in service(name).operation_names:
        return None
    return service(name).operation_model(called)


def right(name: str, called: str) -> str:
    """Return the IAM action that an operation needs, such as ``ec2:StopInstances``."""
    prefix = "bedrock" if name == "bedrock-runtime" else name
    return f"{prefix}:{_RIGHTS.get(called, called)}"
