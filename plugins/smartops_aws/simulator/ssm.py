"""SSM Run Command: sending."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .answers import AwsError
from .documents import find, script
from .machines import Instance
from .nodes import describe_instance_information, managed
from .request import Request
from .results import (
    command_fields,
    get_command_invocation,
    list_command_invocations,
    list_commands,
)
from .runs import Command, Outcome, schedule
from .scenario import Document
from .scripts import Task, outcome

_RIGHT = "ssm:SendCommand"


def send_command(request: Request) -> dict[str, Any]:
    """Send a script to nodes that are named, or that carry tags."""
    params, now = request.params, request.now
    ids, targets = params.get("InstanceIds", ()), params.get("Targets", ())
    if bool(ids) == bool(targets):
        text = "Either InstanceIds or Targets must be given, and not both"
        raise AwsError("ValidationException", text)
    document = find(request.cloud.scenario.documents, params["DocumentName"])
    text, limit = script(document, params.get("Parameters", {}))
    nodes = _targeted(request, targets) if targets else _named(request, ids)
    if ids and any(each.platform not in document.platforms for each in nodes):
        raise AwsError(
            "UnsupportedPlatformType",
            f"The document {document.name} does not support the platform of the instances",
        )
    timing = request.cloud.scenario.timing
    command = Command(
        id=str(uuid.uuid4()),
        document=params["DocumentName"],
        requested=now,
        visible=now + timing.visible.total_seconds(),
        settings=params,
        timeout=params.get("TimeoutSeconds", 3600),
        max_errors=_share(params.get("MaxErrors", "0"), len(nodes)),
    )
    task = Task(document.name, text, limit)
    outcomes = [(each, _outcome(request, document, task, each)) for each in nodes]
    most = max(1, _share(params.get("MaxConcurrency", "50"), len(nodes)))
    schedule(command, outcomes, most, timing)
    request.world.commands[command.id] = command
    return {"Command": command_fields(command, now)}


def _outcome(request: Request, document: Document, task: Task, instance: Instance) -> Outcome:
    if request.refuses(_RIGHT, instance):
        return Outcome("AccessDenied", -1)
    if instance.platform not in document.platforms:
        return Outcome("InvalidPlatform", -1)
    return outcome(request.world, request.cloud.scenario, task, instance)


def _share(text: str, count: int) -> int:
    if text.endswith("%"):
        return int(text[:-1]) * count // 100
    return int(text)


def _named(request: Request, ids: Sequence[str]) -> list[Instance]:
    if len(set(ids)) < len(ids):
        raise AwsError("DuplicateInstanceId", "You cannot specify an instance ID twice.")
    found = [request.world.instances.get(each) for each in ids]
    unfit = [
        name
        for name, each in zip(ids, found, strict=True)
        if each is None or not managed(each, request.now)
    ]
    if unfit:
        account = request.world.account
        raise AwsError(
            "InvalidInstanceId",
            f"Instances [[{', '.join(unfit)}]] not in a valid state for account {account}",
        )
    return [each for each in found if each is not None]


def _targeted(request: Request, targets: Sequence[Mapping[str, Any]]) -> list[Instance]:
    found = [each for each in request.world.instances.values() if managed(each, request.now)]
    for target in targets:
        key, values = target.get("Key", ""), target.get("Values", [])
        if key.startswith("tag:"):
            name = key.removeprefix("tag:")
            found = [each for each in found if each.tags.get(name) in values]
        elif key == "tag-key":
            found = [each for each in found if each.tags.keys() & set(values)]
        elif key == "InstanceIds":
            found = [each for each in found if each.id in values or "*" in values]
        else:
            raise AwsError("InvalidTarget", f"The target {key} is not valid.")
    return found


def cancel_command(request: Request) -> dict[str, Any]:
    """Cancel what has not ended yet."""
    command = request.world.commands.get(request.params["CommandId"])
    if command is None:
        raise AwsError("InvalidCommandId", "")
    ids = request.params.get("InstanceIds", ())
    if any(each not in command.invocations for each in ids):
        raise AwsError("InvalidInstanceId", "")
    command.cancel(ids, request.now, request.cloud.scenario.timing.cancel.total_seconds())
    return {}


OPERATIONS: Mapping[str, Callable[[Request], Mapping[str, Any]]] = {
    "SendCommand": send_command,
    "CancelCommand": cancel_command,
    "ListCommands": list_commands,
    "ListCommandInvocations": list_command_invocations,
    "GetCommandInvocation": get_command_invocation,
    "DescribeInstanceInformation": describe_instance_information,
}
