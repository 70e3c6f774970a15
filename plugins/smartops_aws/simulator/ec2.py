"""EC2: instances, what they are told to do, and their tags."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .answers import AwsError
from .describe import rendered, reservation_id, state
from .filters import compiled
from .machines import Instance
from .paging import page
from .request import Request

_ID = re.compile(r"i-([0-9a-f]{8}|[0-9a-f]{17})")
_MOST_IDS = 1000


def describe_instances(request: Request) -> dict[str, Any]:
    """List instances: those named, or those that pass the filters, page by page."""
    params = request.params
    ids = params.get("InstanceIds", ())
    size = params.get("MaxResults")
    if size is not None:
        _check_size(size, ids)
    _check_dry_run(params)
    found = _named(request, ids) if ids else list(request.world.instances.values())
    for keep in compiled(params.get("Filters", ()), request.world, request.now):
        found = [each for each in found if keep(each)]
    wrong = AwsError("InvalidParameterValue", "Unable to parse pagination token")
    shown, token = page(
        found, size or len(found) + 1, params.get("NextToken", ""), "instances", wrong
    )
    answer: dict[str, Any] = {"Reservations": _reservations(request, shown)}
    return answer | ({"NextToken": token} if token else {})


def _check_size(size: int, ids: Sequence[str]) -> None:
    if ids:
        raise AwsError(
            "InvalidParameterCombination",
            "The parameter instancesSet cannot be used with the parameter maxResults",
        )
    if not 5 <= size <= 1000:
        raise AwsError(
            "InvalidParameterValue",
            f"Value ( {size} ) for parameter maxResults is invalid. "
            "Expecting a value between 5 and 1000.",
        )


def _reservations(request: Request, shown: Sequence[Instance]) -> list[dict[str, Any]]:
    return [
        {
            "ReservationId": reservation_id(each),
            "OwnerId": request.world.account,
            "Groups": [],
            "Instances": [rendered(request.world, each, request.now)],
        }
        for each in shown
    ]


def _named(request: Request, ids: Sequence[str]) -> list[Instance]:
    malformed = [each for each in ids if not _ID.fullmatch(each)]
    if malformed:
        raise AwsError("InvalidInstanceID.Malformed", f'Invalid id: "{malformed[0]}"')
    if len(ids) > _MOST_IDS:
        raise AwsError("InvalidParameterValue", "Too many instance ids: at most 1000 are allowed")
    wanted = dict.fromkeys(ids)
    missing = [each for each in wanted if each not in request.world.instances]
    if missing:
        several = len(missing) > 1
        raise AwsError(
            "InvalidInstanceID.NotFound",
            f"The instance ID{'s' if several else ''} '{', '.join(missing)}' "
            f"do{'' if several else 'es'} not exist",
        )
    return [request.world.instances[each] for each in wanted]


def _check_dry_run(params: Mapping[str, Any]) -> None:
    if params.get("DryRun"):
        raise AwsError(
            "DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412
        )


def start_instances(request: Request) -> dict[str, Any]:
    """Start instances; those that run stay as they are."""
    found = _named(request, request.params["InstanceIds"])
    _check_dry_run(request.params)
    _check_states(request, found, ("stopping", "shutting-down", "terminated"), "started")
    timing = request.cloud.scenario.timing
    return {"StartingInstances": _turned(request, found, lambda i: i.start(request.now, timing))}


def stop_instances(request: Request) -> dict[str, Any]:
    """Stop instances; those that are stopped stay as they are."""
    found = _named(request, request.params["InstanceIds"])
    _check_dry_run(request.params)
    _check_states(request, found, ("pending", "shutting-down", "terminated"), "stopped")
    for each in found:
        if each.protected:
            raise AwsError(
                "OperationNotPermitted",
                f"The instance '{each.id}' may not be stopped. Modify its 'disableApiStop' "
                "instance attribute and try again.",
            )
    timing = request.cloud.scenario.timing
    return {"StoppingInstances": _turned(request, found, lambda i: i.stop(request.now, timing))}


def reboot_instances(request: Request) -> dict[str, Any]:
    """Reboot instances, which have to run."""
    found = _named(request, request.params["InstanceIds"])
    _check_dry_run(request.params)
    unfit = ("pending", "stopping", "stopped", "shutting-down", "terminated")
    _check_states(request, found, unfit, "rebooted")
    for each in found:
        each.reboot(request.now, request.cloud.scenario.timing)
    return {}


def _check_states(
    request: Request, found: Sequence[Instance], unfit: Sequence[str], done: str
) -> None:
    for each in found:
        if each.state(request.now) in unfit:
            raise AwsError(
                "IncorrectInstanceState",
                f"The instance '{each.id}' is not in a state from which it can be {done}.",
            )


def _turned(
    request: Request, found: Sequence[Instance], turn: Callable[[Instance], None]
) -> list[dict[str, Any]]:
    changes = []
    for each in found:
        before = each.state(request.now)
        turn(each)
        changes.append(
            {
                "InstanceId": each.id,
                "CurrentState": state(each.settled),
                "PreviousState": state(before),
            }
        )
    return changes


def describe_instance_attribute(request: Request) -> dict[str, Any]:
    """Tell one thing about an instance: here, what protects it."""
    (instance,) = _named(request, [request.params["InstanceId"]])
    _check_dry_run(request.params)
    attribute = request.params["Attribute"]
    if attribute == "disableApiStop":
        return {"InstanceId": instance.id, "DisableApiStop": {"Value": instance.protected}}
    if attribute == "disableApiTermination":
        return {"InstanceId": instance.id, "DisableApiTermination": {"Value": False}}
    if attribute == "instanceType":
        return {"InstanceId": instance.id, "InstanceType": {"Value": instance.type}}
    raise AwsError(
        "InvalidParameterValue", f"Value ({attribute}) for parameter attribute is invalid."
    )


def modify_instance_attribute(request: Request) -> dict[str, Any]:
    """Protect an instance from being stopped, or no longer."""
    (instance,) = _named(request, [request.params["InstanceId"]])
    _check_dry_run(request.params)
    wanted = request.params.get("DisableApiStop", {}).get("Value")
    if wanted is None:
        raise AwsError("InvalidParameterCombination", "No attributes specified.")
    instance.protected = wanted
    return {}


def create_tags(request: Request) -> dict[str, Any]:
    """Set tags."""
    found = _named(request, request.params["Resources"])
    _check_dry_run(request.params)
    tags = {each.get("Key", ""): each.get("Value", "") for each in request.params["Tags"]}
    for key, value in tags.items():
        _check_tag(key, value)
    for each in found:
        if len(each.tags | tags) > 50:
            raise AwsError("TagLimitExceeded", "More than 50 tags specified")
    for each in found:
        each.tags.update(tags)
        each.changed()
    return {}


def _check_tag(key: str, value: str) -> None:
    if not key or len(key) > 128 or len(value) > 256:
        raise AwsError("InvalidParameterValue", "Tag key or value has a length that is not allowed")
    if key.lower().startswith("aws:"):
        raise AwsError(
            "InvalidParameterValue",
            f"Tag keys starting with 'aws:' are reserved for internal use: {key}",
        )


def delete_tags(request: Request) -> dict[str, Any]:
    """Remove tags; one with a value only if it has that value, and all if none are named."""
    found = _named(request, request.params["Resources"])
    _check_dry_run(request.params)
    for each in found:
        for tag in request.params.get("Tags", [{"Key": key} for key in list(each.tags)]):
            if tag.get("Value") in (None, each.tags.get(tag["Key"])):
                each.tags.pop(tag["Key"], None)
        each.changed()
    return {}


def describe_regions(request: Request) -> dict[str, Any]:
    """List the regions of the account."""
    regions = request.cloud.scenario.accounts[request.world.account].regions
    wanted = request.params.get("RegionNames") or list(regions)
    unknown = [each for each in wanted if each not in regions]
    if unknown:
        raise AwsError("InvalidParameterValue", f"Invalid region provided: {unknown[0]}")
    _check_dry_run(request.params)
    return {
        "Regions": [
            {
                "RegionName": each,
                "Endpoint": f"ec2.{each}.amazonaws.com",
                "OptInStatus": "opt-in-not-required",
            }
            for each in wanted
        ]
    }


OPERATIONS: Mapping[str, Callable[[Request], Mapping[str, Any]]] = {
    "DescribeInstances": describe_instances,
    "StartInstances": start_instances,
    "StopInstances": stop_instances,
    "RebootInstances": reboot_instances,
    "DescribeInstanceAttribute": describe_instance_attribute,
    "ModifyInstanceAttribute": modify_instance_attribute,
    "CreateTags": create_tags,
    "DeleteTags": delete_tags,
    "DescribeRegions": describe_regions,
}
