"""What commands came to, as SSM tells it: cut where SSM cuts, and late as SSM is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import inf
from typing import Any

from .answers import AwsError
from .paging import page
from .request import Request
from .runs import Command, Invocation

_STDOUT, _STDERR, _OUTPUT = 24_000, 8_000, 2_500
_OUT_CUT, _ERR_CUT = "\n---Output truncated---", "\n---Error truncated---"
_DEFAULT_SIZE = 50
_PLUGINS = {
    "AWS-RunShellScript": "aws:runShellScript",
    "AWS-RunPowerShellScript": "aws:runPowerShellScript",
}


def command_fields(command: Command, now: float) -> dict[str, Any]:
    """Return a command as SSM tells of it."""
    given = command.settings
    found = list(command.invocations.values())
    late = sum(each.details(now) == "DeliveryTimedOut" for each in found)
    ended = [each.status(now) for each in found if each.finished <= now]
    errors = sum(status in ("Failed", "TimedOut") for status in ended) - late
    return {
        "CommandId": command.id,
        "DocumentName": command.document,
        "DocumentVersion": given.get("DocumentVersion", "$DEFAULT"),
        "Comment": given.get("Comment", ""),
        "ExpiresAfter": _moment(command.requested + command.timeout + 3600),
        "Parameters": given.get("Parameters", {}),
        "InstanceIds": given.get("InstanceIds", []),
        "Targets": given.get("Targets", []),
        "RequestedDateTime": _moment(command.requested),
        "Status": command.status(now),
        "StatusDetails": command.details(now),
        "OutputS3BucketName": "",
        "OutputS3KeyPrefix": "",
        "MaxConcurrency": given.get("MaxConcurrency", "50"),
        "MaxErrors": given.get("MaxErrors", "0"),
        "TargetCount": len(found),
        "CompletedCount": len(ended),
        "ErrorCount": errors,
        "DeliveryTimedOutCount": late,
        "ServiceRole": "",
        "TimeoutSeconds": command.timeout,
    }


def list_commands(request: Request) -> dict[str, Any]:
    """List commands, the newest first."""
    params, now = request.params, request.now
    found = [each for each in _visible(request) if not _other(each, params)]
    for each in params.get("Filters", ()):
        found = [command for command in found if _passes(command, each, now)]
    shown, token = _page(params, found, "commands")
    return {"Commands": [command_fields(each, now) for each in shown]} | token


def _other(command: Command, params: Mapping[str, Any]) -> bool:
    if params.get("CommandId", command.id) != command.id:
        return True
    return "InstanceId" in params and params["InstanceId"] not in command.invocations


def _passes(command: Command, given: Mapping[str, str], now: float) -> bool:
    key, value = given["key"], given["value"]
    if key == "Status":
        return value in (command.status(now), command.details(now))
    if key == "DocumentName":
        return command.document == value
    if key == "ExecutionStage":
        going = command.status(now) in ("Pending", "InProgress", "Cancelling")
        return value == ("Executing" if going else "Complete")
    at = datetime.fromisoformat(value).timestamp()
    return command.requested > at if key == "InvokedAfter" else command.requested < at


def list_command_invocations(request: Request) -> dict[str, Any]:
    """List what became of commands on each node; nothing at first, for a little while."""
    params, now = request.params, request.now
    found = [
        (command, each)
        for command in _visible(request)
        if not _other(command, params)
        for each in command.invocations.values()
        if params.get("InstanceId", each.instance.id) == each.instance.id
    ]
    for given in params.get("Filters", ()):
        found = [
            (command, each)
            for command, each in found
            if (
                each.status(now) == given["value"]
                if given["key"] == "Status"
                else _passes(command, given, now)
            )
        ]
    shown, token = _page(params, found, f"invocations {params.get('CommandId', '')}")
    details = bool(params.get("Details"))
    told = [_invocation(command, each, now, details=details) for command, each in shown]
    return {"CommandInvocations": told} | token


def _visible(request: Request) -> list[Command]:
    commands = request.world.commands.values()
    return [each for each in reversed(commands) if each.visible <= request.now]


def _page(
    params: Mapping[str, Any], found: Sequence[Any], of: str
) -> tuple[list[Any], dict[str, str]]:
    wrong = AwsError("InvalidNextToken", "The specified token is not valid.")
    size = params.get("MaxResults", _DEFAULT_SIZE)
    shown, token = page(found, size, params.get("NextToken", ""), of, wrong)
    return shown, ({"NextToken": token} if token else {})


def _invocation(command: Command, each: Invocation, now: float, *, details: bool) -> dict[str, Any]:
    status, told = each.status(now), each.details(now)
    fields: dict[str, Any] = {
        "CommandId": command.id,
        "InstanceId": each.instance.id,
        "InstanceName": each.instance.name,
        "Comment": command.settings.get("Comment", ""),
        "DocumentName": command.document,
        "DocumentVersion": command.settings.get("DocumentVersion", "$DEFAULT"),
        "RequestedDateTime": _moment(command.requested),
        "Status": status,
        "StatusDetails": told,
        "StandardOutputUrl": "",
        "StandardErrorUrl": "",
        "CommandPlugins": [],
        "ServiceRole": "",
    }
    if details:
        plugin: dict[str, Any] = {
            "Name": _plugin(command),
            "Status": status,
            "StatusDetails": told,
            "ResponseCode": _code(each, now),
            "Output": _output(each) if each.ran(now) else "",
            "StandardOutputUrl": "",
            "StandardErrorUrl": "",
            "OutputS3BucketName": "",
            "OutputS3KeyPrefix": "",
        }
        if each.starts <= now:
            plugin["ResponseStartDateTime"] = _moment(each.starts)
        if each.finished <= now:
            plugin["ResponseFinishDateTime"] = _moment(each.finished)
        fields["CommandPlugins"] = [plugin]
    return fields


def get_command_invocation(request: Request) -> dict[str, Any]:
    """Tell what became of a command on one node."""
    params, now = request.params, request.now
    command = request.world.commands.get(params["CommandId"])
    found = command.invocations.get(params["InstanceId"]) if command else None
    if command is None or found is None or now < command.visible:
        raise AwsError("InvocationDoesNotExist", "")
    name = params.get("PluginName", _plugin(command))
    if name != _plugin(command):
        raise AwsError("InvalidPluginName", "")
    ran = found.ran(now)
    started = found.starts <= now
    ended = started and found.finished <= now
    return {
        "CommandId": command.id,
        "InstanceId": found.instance.id,
        "Comment": command.settings.get("Comment", ""),
        "DocumentName": command.document,
        "DocumentVersion": command.settings.get("DocumentVersion", "$DEFAULT"),
        "PluginName": _plugin(command),
        "ResponseCode": _code(found, now),
        "ExecutionStartDateTime": _text(found.starts) if started else "",
        "ExecutionElapsedTime": f"PT{found.finished - found.starts:.3f}S" if ended else "",
        "ExecutionEndDateTime": _text(found.finished) if ended else "",
        "Status": found.status(now),
        "StatusDetails": found.details(now),
        "StandardOutputContent": _cut(found.outcome.stdout, _STDOUT, _OUT_CUT) if ran else "",
        "StandardOutputUrl": "",
        "StandardErrorContent": _cut(found.outcome.stderr, _STDERR, _ERR_CUT) if ran else "",
        "StandardErrorUrl": "",
        "CloudWatchOutputConfig": {"CloudWatchLogGroupName": "", "CloudWatchOutputEnabled": False},
    }


def _plugin(command: Command) -> str:
    return _PLUGINS.get(command.document.rsplit("/", 1)[-1], "runScript")


def _code(each: Invocation, now: float) -> int:
    return each.outcome.code if each.ran(now) else -1


def _output(each: Invocation) -> str:
    text = each.outcome.stdout
    if each.outcome.stderr:
        text += f"\n----------ERROR-------\n{each.outcome.stderr}"
    return _cut(text, _OUTPUT, _OUT_CUT)


def _cut(text: str, size: int, mark: str) -> str:
    return text if len(text) <= size else text[: size - len(mark)] + mark


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _text(seconds: float) -> str:
    return (
        f"{_moment(seconds):%Y-%m-%dT%H:%M:%S}.{int(seconds % 1 * 1000):03d}Z"
        if seconds < inf
        else ""
    )
