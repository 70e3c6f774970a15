"""SSM Run Command: nodes, and what becomes of commands on them as time passes."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from math import inf
from typing import Any

from .cloud import AccountRegion, Instance, Request, moment
from .faults import AwsError
from .scenario import Document, DocumentParameter, Output

_PING = {"online": "Online", "lost": "ConnectionLost", "inactive": "Inactive"}
_STDOUT, _STDERR, _LISTED = 24_000, 8_000, 2_500
_LIMIT = "executionTimeout"
_SCRIPT: Any = {"script": "{commands}", "parameters": {"commands": DocumentParameter()}}
_OF_AWS = (
    Document(name="AWS-RunShellScript", **_SCRIPT),
    Document(name="AWS-RunPowerShellScript", platforms=("windows", "linux"), **_SCRIPT),
)


@dataclass(slots=True)
class Invocation:
    """A command on one node; ``starts`` is inf if it is never run there."""

    instance: Instance
    starts: float
    ends: float
    outcome: str
    code: int = -1
    stdout: str = ""
    stderr: str = ""

    def ran(self, now: float) -> bool:
        return self.starts <= now and self.ends <= now

    def details(self, now: float) -> str:
        if now >= self.ends:
            return self.outcome
        return "InProgress" if now >= self.starts else "Pending"

    def status(self, now: float) -> str:
        details = self.details(now)
        if details.endswith("TimedOut"):
            return "TimedOut"
        plain = ("Pending", "InProgress", "Success", "Cancelled")
        return details if details in plain else "Failed"


@dataclass(slots=True)
class Command:
    """A command that was sent: ``limit`` is how many seconds the script may take on a node."""

    params: Mapping[str, Any]
    at: float
    document: Document
    script: str
    limit: float
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    invocations: dict[str, Invocation] = field(default_factory=dict)

    @property
    def latest(self) -> float:
        """When it is given up if it has not begun."""
        return self.at + float(self.params.get("TimeoutSeconds", 3600))

    @property
    def plugin(self) -> str:
        kind = self.document.name.removeprefix("AWS-R")
        return "runScript" if kind == self.document.name else f"aws:r{kind}"

    def status(self, now: float) -> str:
        found = {each.status(now) for each in self.invocations.values()}
        if "Pending" in found and len(found) > 1:
            return "InProgress"
        order = ("InProgress", "Pending", "Cancelled", "Failed", "TimedOut", "Success")
        return next(each for each in order if each in found)

    def fields(self, now: float) -> dict[str, Any]:
        copied = ("DocumentName", "Comment", "Parameters", "InstanceIds", "TimeoutSeconds")
        details = {each.details(now) for each in self.invocations.values()}
        status = self.status(now)
        return {
            "CommandId": self.id,
            **{name: self.params[name] for name in copied if name in self.params},
            "RequestedDateTime": moment(self.at),
            "Status": status,
            "StatusDetails": details.pop() if len(details) == 1 else status,
            "TargetCount": len(self.invocations),
        }


def _managed(each: Instance, now: float) -> bool:
    return each.agent != "missing" and each.state(now) == "running"


def describe_instance_information(request: Request) -> dict[str, Any]:
    now = request.now
    found = [each for each in request.region.instances.values() if _managed(each, now)]
    for given in request.params.get("Filters", ()):
        read = _FILTERS[given["Key"]]
        found = [each for each in found if read(each, now) in given["Values"]]
    shown, token = request.page(found, request.params.get("MaxResults", 10), "InvalidNextToken")
    return {"InstanceInformationList": [_node(each, now) for each in shown], **token}


def _ping(each: Instance, now: float) -> str:
    return "ConnectionLost" if each.agent == "online" and now < each.awake else _PING[each.agent]


_FILTERS: Mapping[str, Callable[[Instance, float], str]] = {
    "InstanceIds": lambda each, _: each.id,
    "PingStatus": _ping,
    "PlatformTypes": lambda each, _: each.platform.capitalize(),
}


def _node(each: Instance, now: float) -> dict[str, Any]:
    ping = _ping(each, now)
    return {
        "InstanceId": each.id,
        "PingStatus": ping,
        "LastPingDateTime": moment(now - (20 if ping == "Online" else 3 * 3600)),
        "AgentVersion": "3.3.3050.0",
        "PlatformType": each.platform.capitalize(),
        "ResourceType": "EC2Instance",
        "IPAddress": each.private_ip,
    }


def send_command(request: Request) -> dict[str, Any]:
    """Send a script to the nodes that are named."""
    params, now = request.params, request.now
    document = _document(request, params["DocumentName"])
    script, limit = _script(document, params.get("Parameters", {}))
    nodes = _nodes(request, params["InstanceIds"])
    if any(each.platform not in document.platforms for each in nodes):
        text = f"The document {document.name} does not support the platform of the instances"
        raise AwsError("UnsupportedPlatformType", text)
    command = Command(params, now, document, script, limit)
    for each in nodes:
        command.invocations[each.id] = _invocation(request, command, each)
    request.region.commands[command.id] = command
    return {"Command": command.fields(now)}


def _nodes(request: Request, ids: Sequence[str]) -> list[Instance]:
    there = request.region.instances
    nodes = [there[each] for each in ids if each in there and _managed(there[each], request.now)]
    if unfit := set(ids) - {each.id for each in nodes}:
        text = f"Instances [[{', '.join(sorted(unfit))}]] not in a valid state for account "
        raise AwsError("InvalidInstanceId", text + request.region.account)
    return nodes


def _document(request: Request, name: str) -> Document:
    for each in (*_OF_AWS, *request.cloud.scenario.documents):
        if each.name == name.rsplit("document/", 1)[-1]:
            return each
    raise AwsError("InvalidDocument", f"Document with name {name} does not exist.")


def _script(document: Document, given: Mapping[str, Sequence[str]]) -> tuple[str, float]:
    """Return the text that is run and how many seconds it may take."""
    known = {_LIMIT: DocumentParameter(default="3600"), **document.parameters}
    unknown = given.keys() - known.keys()
    if unknown:
        raise _wrong(f"Parameter {min(unknown)} is not defined in the document {document.name}")
    values = {name: _value(name, each, given.get(name)) for name, each in known.items()}
    limit = values[_LIMIT]
    text = re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), document.script)
    return text, float(limit)


def _value(name: str, parameter: DocumentParameter, given: Sequence[str] | None) -> str:
    value = parameter.default if given is None else "\n".join(given)
    if value is None:
        raise _wrong(f"Missing required parameter: {name}")
    if parameter.values and value not in parameter.values:
        raise _wrong(f"Parameter {name} has a value that is not in allowedValues: {value}")
    if not parameter.pattern.search(value):
        raise _wrong(f"Parameter {name} value '{value}' does not match its pattern")
    return value


def _wrong(text: str) -> AwsError:
    return AwsError("InvalidParameters", text)


def _invocation(request: Request, command: Command, each: Instance) -> Invocation:
    timing, now = request.cloud.scenario.timing, request.now
    outputs = (o for o in request.cloud.scenario.outputs if _fits(o, command, each))
    output = next(outputs, None) or _standard(command.script, each)
    if output.ends:
        return Invocation(each, inf, now, output.ends)
    starts = max(now, each.awake) + timing.deliver.total_seconds()
    if each.agent != "online" or starts > command.latest:
        return Invocation(each, inf, command.latest, "DeliveryTimedOut")
    takes = (timing.run if output.takes is None else output.takes).total_seconds()
    stdout, stderr = (_filled(t, request.region, each) for t in (output.stdout, output.stderr))
    code, outcome = output.exit_code, "Failed" if output.exit_code else "Success"
    if takes > command.limit:
        takes, code, outcome = command.limit, -1, "ExecutionTimedOut"
    elif code:
        stderr += "\n" * bool(stderr) + f"failed to run commands: exit status {code}"
    return Invocation(each, starts, starts + takes, outcome, code, stdout, stderr)


def _fits(output: Output, command: Command, each: Instance) -> bool:
    named = each.matches(output.instance) and fnmatchcase(command.document.name, output.document)
    return named and output.script.search(command.script) is not None


def _filled(text: str, region: AccountRegion, each: Instance) -> str:
    words = {"name": each.name, "id": each.id, "ip": each.private_ip}
    words |= {"account": region.account, "region": region.name}
    return re.sub(r"\{(name|id|ip|account|region)\}", lambda found: words[found[1]], text)


_DF = "Filesystem      Size  Used Avail Use% Mounted on\n/dev/nvme0n1p1   50G   25G   26G  50% /\n"
_ANY = re.compile("")


def _standard(script: str, each: Instance) -> Output:
    """Return what a few commands print on every machine; no other command is found."""
    word, _, rest = script.strip().partition(" ")
    if word == "exit":
        return Output(script=_ANY, exit_code=int(rest or 0))
    printed = {
        "echo": rest.strip("\"'") + "\n",
        "hostname": f"{each.name or each.id}\n",
        "whoami": "nt authority\\system\n" if each.platform == "windows" else "root\n",
        "uptime": " 09:41:07 up 30 days,  2:14,  0 users,  load average: 0.21, 0.18, 0.15\n",
        "true": "",
        "df": _DF,
    }
    if word not in printed:
        return Output(script=_ANY, exit_code=127, stderr=f"sh: 1: {word}: not found")
    return Output(script=_ANY, stdout=printed[word])


def cancel_command(request: Request) -> dict[str, Any]:
    """Cancel a command on all nodes on which it has not ended."""
    command = request.region.commands.get(request.params["CommandId"])
    if command is None:
        raise AwsError("InvalidCommandId")
    for each in command.invocations.values():
        if request.now < each.ends:
            each.ends, each.outcome, each.code = request.now, "Cancelled", -1
    return {}


def list_commands(request: Request) -> dict[str, Any]:
    """List commands, the newest first."""
    params = request.params
    found = [each for each in _visible(request) if _passes(each, params.get("Filters", ()))]
    shown, token = request.page(found, params.get("MaxResults", 50), "InvalidNextToken")
    return {"Commands": [each.fields(request.now) for each in shown], **token}


def _visible(request: Request) -> list[Command]:
    params = request.params
    before = request.now - request.cloud.scenario.timing.visible.total_seconds()
    return [
        each
        for each in reversed(request.region.commands.values())
        if each.at <= before
        and params.get("CommandId", each.id) == each.id
        and ("InstanceId" not in params or params["InstanceId"] in each.invocations)
    ]


def _passes(command: Command, filters: Sequence[Mapping[str, str]]) -> bool:
    moments = ((each["key"], datetime.fromisoformat(each["value"])) for each in filters)
    return all((command.at > when.timestamp()) == (key == "InvokedAfter") for key, when in moments)


def list_command_invocations(request: Request) -> dict[str, Any]:
    """List what became of commands on each node; nothing for a new command at first."""
    params = request.params
    found = [
        (command, each)
        for command in _visible(request)
        for each in command.invocations.values()
        if params.get("InstanceId", each.instance.id) == each.instance.id
    ]
    shown, token = request.page(found, params.get("MaxResults", 50), "InvalidNextToken")
    return {"CommandInvocations": [_listed(request, *each) for each in shown], **token}


def _listed(request: Request, command: Command, each: Invocation) -> dict[str, Any]:
    common = _common(request, command, each)
    step: dict[str, Any] = {name: common[name] for name in ("Status", "StatusDetails")}
    step |= {"Name": command.plugin, "ResponseCode": -1, "Output": ""}
    if each.starts <= request.now:
        step["ResponseStartDateTime"] = moment(each.starts)
    if each.ran(request.now):
        errors = f"\n----------ERROR-------\n{each.stderr}" if each.stderr else ""
        output = _cut(each.stdout + errors, _LISTED, "Output")
        ended = {"ResponseFinishDateTime": moment(each.ends), "ResponseCode": each.code}
        step |= {**ended, "Output": output}
    return {
        **common,
        "InstanceName": each.instance.name,
        "Comment": command.params.get("Comment", ""),
        "RequestedDateTime": moment(command.at),
        "CommandPlugins": [step] if request.params.get("Details") else [],
    }


def _common(request: Request, command: Command, each: Invocation) -> dict[str, Any]:
    return {
        "CommandId": command.id,
        "InstanceId": each.instance.id,
        "DocumentName": command.params["DocumentName"],
        "Status": each.status(request.now),
        "StatusDetails": each.details(request.now),
    }


def _cut(text: str, size: int, what: str) -> str:
    mark = f"\n---{what} truncated---"
    return text if len(text) <= size else text[: size - len(mark)] + mark


def get_command_invocation(request: Request) -> dict[str, Any]:
    """Return what became of a command on one node, with as much of its output as SSM keeps."""
    params = request.params
    commands = {command.id: command for command in _visible(request)}
    command = commands.get(params["CommandId"])
    each = command.invocations.get(params["InstanceId"]) if command else None
    if command is None or each is None:
        raise AwsError("InvocationDoesNotExist")
    ran = each.ran(request.now)
    return {
        **_common(request, command, each),
        "PluginName": command.plugin,
        "ResponseCode": each.code if ran else -1,
        "StandardOutputContent": _cut(each.stdout, _STDOUT, "Output") if ran else "",
        "StandardErrorContent": _cut(each.stderr, _STDERR, "Error") if ran else "",
    }
