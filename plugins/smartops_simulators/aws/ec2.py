"""EC2 and STS: instances, their power and tags, and who calls."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from .cloud import AccountRegion, Caller, Instance, Request, moment
from .faults import AwsError
from .scenario import Role, State

_STATES = ("pending", "running", "shutting-down", "terminated", "stopping", "stopped")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):role/(?:[\w+=,.@-]+/)*([\w+=,.@-]+)")
_GROUPS = [{"GroupId": "sg-0a1b2c3d4e5f60718", "GroupName": "default"}]


def describe_instances(request: Request) -> dict[str, Any]:
    """List the instances that are named or that pass the filters, page by page."""
    params = request.params
    ids, size = params.get("InstanceIds", ()), params.get("MaxResults")
    if size is not None and (ids or not 5 <= size <= 1000):
        text = "maxResults must be 5 to 1000, and not with the parameter instancesSet"
        raise AwsError("InvalidParameterCombination", text)
    _dry_run(request)
    found = _found(request)
    shown, token = request.page(found, size or len(found) + 1, "InvalidParameterValue")
    return {"Reservations": [_reservation(request, each) for each in shown], **token}


def describe_instance_status(request: Request) -> dict[str, Any]:
    """Report status checks and events of running instances."""
    params = request.params
    found = [each for each in _found(request) if each.state(request.now) == "running"]
    shown, token = request.page(found, params.get("MaxResults", 1000), "InvalidParameterValue")
    return {"InstanceStatuses": [_status(each, request.now) for each in shown], **token}


def _found(request: Request) -> list[Instance]:
    """Return the instances that are named, or all, which pass the filters."""
    ids = request.params.get("InstanceIds", ())
    found = _named(request, ids) if ids else list(request.region.instances.values())
    for each in request.params.get("Filters", ()):
        passes = _filter(request, each.get("Name", ""), each.get("Values", ()))
        found = [instance for instance in found if passes(instance)]
    return found


def _status(each: Instance, now: float) -> dict[str, Any]:
    events = [
        {
            "Code": event.code,
            "Description": event.description,
            "NotBefore": moment(int(now + event.due.total_seconds())),
        }
        for event in each.events
    ]
    return {
        "InstanceId": each.id,
        "InstanceState": _state("running"),
        "InstanceStatus": _checks(each, "instance", now),
        "SystemStatus": _checks(each, "system", now),
        "Events": events,
    }


def _checks(each: Instance, kind: str, now: float) -> dict[str, Any]:
    status = _checked(each, kind)
    since = {"ImpairedSince": moment(int(now - 1800))} if status == "impaired" else {}
    return {"Status": status, "Details": [{"Name": "reachability", **since}]}


def _checked(each: Instance, kind: str) -> str:
    return "impaired" if kind in each.failed_checks else "ok"


def _reservation(request: Request, each: Instance) -> dict[str, Any]:
    own = {"ReservationId": f"r-{each.id[:1:-1]:0<17}", "OwnerId": request.region.account}
    return {**own, "Instances": [_fields(request.region, each, request.now)]}


def _state(name: str) -> dict[str, Any]:
    return {"Code": 16 * _STATES.index(name), "Name": name}


def _fields(region: AccountRegion, each: Instance, now: float) -> dict[str, Any]:
    state = each.state(now)
    windows = each.platform == "windows"
    fields: dict[str, Any] = {
        "InstanceId": each.id,
        "ImageId": each.image,
        "State": _state(state),
        "InstanceType": each.type,
        "LaunchTime": moment(int(each.launched(now))),
        "Placement": {"AvailabilityZone": f"{region.name}a", "Tenancy": "default"},
        "Platform": "windows" if windows else None,
        "PlatformDetails": "Windows" if windows else "Linux/UNIX",
        "Architecture": "arm64" if "g." in each.type else "x86_64",
        "Tags": [{"Key": key, "Value": value} for key, value in each.tags.items()],
        "InstanceLifecycle": "spot" if each.spot else None,
    }
    if each.reason and state not in ("pending", "running"):
        fields["StateReason"] = {"Code": each.reason.partition(":")[0], "Message": each.reason}
    return fields if state == "terminated" else fields | _network(region, each)


def _network(region: AccountRegion, each: Instance) -> dict[str, Any]:
    """Return addresses, and the nested parts that have items and tags of their own."""
    host = f"ip-{each.private_ip.replace('.', '-')}.{region.name}.compute.internal"
    names = {"PrivateDnsName": host, "PrivateIpAddress": each.private_ip}
    card = {"Groups": _GROUPS, "PrivateIpAddresses": [{"Primary": True, **names}], **names}
    return {
        **names,
        "PublicIpAddress": each.public_ip or None,
        "SecurityGroups": _GROUPS,
        "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"Status": "attached"}}],
        "NetworkInterfaces": [card],
        "MetadataOptions": {"State": "applied", "HttpTokens": "required"},
    }


def _wildcard(pattern: str) -> re.Pattern[str]:
    r"""Compile a value with ``*`` and ``?``; a ``\`` makes the next character plain."""
    special = {"*": ".*", "?": "."}
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    texts = (special.get(each) or re.escape(each[-1]) for each in parts)
    return re.compile("".join(texts), re.DOTALL)


_FILTERS: Mapping[str, Callable[[Request, Instance], Iterable[str]]] = {
    "instance-id": lambda _, each: [each.id],
    "instance-type": lambda _, each: [each.type],
    "instance-state-name": lambda request, each: [each.state(request.now)],
    "tag-key": lambda _, each: each.tags,
    "private-ip-address": lambda _, each: [each.private_ip],
    "ip-address": lambda _, each: [each.public_ip],
    "instance-status.status": lambda _, each: [_checked(each, "instance")],
    "system-status.status": lambda _, each: [_checked(each, "system")],
    "event.code": lambda _, each: [event.code for event in each.events],
}


def _filter(request: Request, name: str, values: Sequence[str]) -> Callable[[Instance], bool]:
    if not values or (name not in _FILTERS and not name.startswith("tag:")):
        raise AwsError("InvalidParameterValue", f"The filter '{name}' is invalid")
    if len(values) > 200:
        raise AwsError("FilterLimitExceeded", "At most 200 filter values are allowed")
    key = name.removeprefix("tag:")
    patterns = [_wildcard(value) for value in values]

    def passes(instance: Instance) -> bool:
        tag = [instance.tags[key]] if key in instance.tags else []
        texts = tag if name.startswith("tag:") else _FILTERS[name](request, instance)
        return any(pattern.fullmatch(text) for text in texts for pattern in patterns)

    return passes


def _named(request: Request, ids: Sequence[str]) -> list[Instance]:
    instances = request.region.instances
    missing = [each for each in dict.fromkeys(ids) if each not in instances]
    if missing:
        several = len(missing) > 1
        text = f"ID{'s' if several else ''} '{', '.join(missing)}' do{'' if several else 'es'}"
        raise AwsError("InvalidInstanceID.NotFound", f"The instance {text} not exist")
    return [instances[each] for each in dict.fromkeys(ids)]


def _dry_run(request: Request) -> None:
    if request.params.get("DryRun"):
        text = "Request would have succeeded, but DryRun flag is set."
        raise AwsError("DryRunOperation", text, 412)


def _targets(request: Request, refused: Sequence[State] = ()) -> list[Instance]:
    """Return the instances to change; raises AwsError for a dry run or one in a refused state."""
    params = request.params
    ids = params.get("InstanceIds") or params.get("Resources") or [params["InstanceId"]]
    found = _named(request, ids)
    _dry_run(request)
    for each in found:
        if each.state(request.now) in refused:
            text = f"The instance '{each.id}' is not in a state in which this can be done."
            raise AwsError("IncorrectInstanceState", text)
    return found


def start_instances(request: Request) -> dict[str, Any]:
    """Start instances; no change for one that runs."""
    timing = request.cloud.scenario.timing
    found = _targets(request, ("stopping", "shutting-down", "terminated"))
    done = _turned(request, found, "stopped", ("pending", "running"), timing.start)
    for each in found:
        if each.states[-1][0] > request.now:
            each.awake = each.states[-1][0] + timing.agent.total_seconds()
            if each.falls_back:
                each.states[-1] = (each.states[-1][0], "stopped")
                each.reason = each.falls_back
    return {"StartingInstances": done}


def stop_instances(request: Request) -> dict[str, Any]:
    """Stop instances; no change for one that is stopped."""
    found = _targets(request, ("pending", "shutting-down", "terminated"))
    for each in found:
        if each.protected:
            text = f"The instance '{each.id}' may not be stopped. Modify its 'disableApiStop' "
            raise AwsError("OperationNotPermitted", text + "instance attribute and try again.")
    lasts = request.cloud.scenario.timing.stop
    done = _turned(request, found, "running", ("stopping", "stopped"), lasts)
    for each in found:
        each.reason = "Client.UserInitiatedShutdown: User initiated shutdown"
    return {"StoppingInstances": done}


def _turned(
    request: Request,
    found: Sequence[Instance],
    before: State,
    after: tuple[State, State],
    lasts: timedelta,
) -> list[dict[str, Any]]:
    changes = []
    for each in found:
        previous = each.state(request.now)
        if previous == before:
            end = request.now + lasts.total_seconds()
            each.states += [(request.now, after[0]), (end, after[1])]
        changes.append(
            {
                "InstanceId": each.id,
                "CurrentState": _state(after[0] if previous == before else previous),
                "PreviousState": _state(previous),
            }
        )
    return changes


def reboot_instances(request: Request) -> dict[str, Any]:
    """Reboot instances: they are running all the while, but their agents are away."""
    refused: Sequence[State] = ("pending", "stopping", "stopped", "shutting-down", "terminated")
    for each in _targets(request, refused):
        each.awake = request.now + request.cloud.scenario.timing.reboot.total_seconds()
    return {}


def describe_instance_attribute(request: Request) -> dict[str, Any]:
    (each,) = _targets(request)
    attribute = request.params["Attribute"]
    values: dict[str, dict[str, Any]] = {
        "disableApiStop": {"DisableApiStop": {"Value": each.protected}},
        "instanceType": {"InstanceType": {"Value": each.type}},
    }
    if attribute not in values:
        raise AwsError("InvalidParameterValue", f"Value ({attribute}) for attribute is invalid.")
    return {"InstanceId": each.id, **values[attribute]}


def create_tags(request: Request) -> dict[str, Any]:
    found = _targets(request)
    tags = {each.get("Key", ""): each.get("Value", "") for each in request.params["Tags"]}
    for each in found:
        each.tags.update(tags)
    return {}


def delete_tags(request: Request) -> dict[str, Any]:
    """Remove tags: one with a value only if it has that value."""
    for each in _targets(request):
        for tag in request.params["Tags"]:
            if tag.get("Value") in (None, each.tags.get(tag["Key"])):
                each.tags.pop(tag["Key"], None)
    return {}


def get_caller_identity(request: Request) -> dict[str, Any]:
    caller = request.caller
    return {"UserId": "made-up", "Account": caller.account, "Arn": caller.arn}


def assume_role(request: Request) -> dict[str, Any]:
    """Return credentials of a role to an account that it trusts."""
    params = request.params
    found = _ROLE.fullmatch(params["RoleArn"])
    account, role = found.groups() if found else ("", "")
    if not _trusted(request, account, role):
        text = f"User: {request.caller.arn} is not authorized to perform: sts:AssumeRole "
        raise AwsError("AccessDenied", f"{text}on resource: {params['RoleArn']}", 403)
    caller = Caller(account, f"assumed-role/{role}/{params['RoleSessionName']}")
    expires = request.now + params.get("DurationSeconds", 3600)
    key, token = request.cloud.hand_out(caller, expires)
    return {
        "Credentials": {
            "AccessKeyId": key,
            "SecretAccessKey": "made-up",
            "SessionToken": token,
            "Expiration": moment(expires),
        },
        "AssumedRoleUser": {"AssumedRoleId": "made-up", "Arn": caller.arn},
    }


def _trusted(request: Request, account: str, role: str) -> bool:
    if account not in request.cloud.scenario.accounts:
        return False
    roles = request.cloud.scenario.accounts[account].roles
    wanted = roles.get(role, None if roles else Role())
    return (
        wanted is not None
        and request.caller.account in (wanted.accounts or [request.caller.account])
        and (not wanted.external_id or request.params.get("ExternalId") == wanted.external_id)
    )
