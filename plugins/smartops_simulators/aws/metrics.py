"""CloudWatch and Cost Explorer: measurements and bills, computed from the scenario."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from zlib import crc32

from .cloud import Instance, Metric, Request, moment
from .faults import AwsError
from .scenario import Bill

_MINUTE = 60
_MOST_SAMPLES = 60
_AGENT: Mapping[str, tuple[tuple[str, str, dict[str, str]], ...]] = {
    "linux": (
        ("mem_used_percent", "memory", {}),
        ("disk_used_percent", "disk", {"path": "/", "device": "nvme0n1p1", "fstype": "xfs"}),
    ),
    "windows": (
        ("Memory % Committed Bytes In Use", "memory", {"objectname": "Memory"}),
        ("LogicalDisk % Free Space", "disk", {"objectname": "LogicalDisk", "instance": "C:"}),
    ),
}
"""What the CloudWatch agent measures, with its dimensions beside those of the instance."""

_SERVICES = ["Amazon Elastic Compute Cloud - Compute", "EC2 - Other", "AmazonCloudWatch"]

_STATISTICS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "Average": lambda values: sum(values) / len(values),
    "Minimum": min,
    "Maximum": max,
    "Sum": lambda values: float(sum(values)),
    "SampleCount": lambda values: float(len(values)),
}


def _metrics(each: Instance) -> Iterator[tuple[Metric, str]]:
    """Yield the metrics of an instance, and which of its levels each is."""
    own = {"InstanceId": each.id}
    if each.levels.cpu is not None:
        yield ("AWS/EC2", "CPUUtilization", tuple(own.items())), "cpu"
    own |= {"ImageId": each.image, "InstanceType": each.type}
    for name, kind, more in _AGENT[each.platform]:
        if getattr(each.levels, kind) is not None:
            yield ("CWAgent", name, tuple(sorted((own | more).items()))), kind


def list_metrics(request: Request) -> dict[str, Any]:
    """List metrics, 500 a page."""
    params, region = request.params, request.region
    wanted = {each["Name"]: each.get("Value") for each in params.get("Dimensions", ())}
    one = region.instances.get(wanted.get("InstanceId") or "")
    instances = region.instances.values() if one is None else [one]
    known = [metric for each in instances for metric, _ in _metrics(each)] + list(region.measured)
    found = [
        {"Namespace": space, "MetricName": name, "Dimensions": _dimensions(own)}
        for space, name, own in known
        if params.get("Namespace", space) == space
        and params.get("MetricName", name) == name
        and all(value in (None, dict(own).get(key)) for key, value in wanted.items())
        and wanted.keys() <= dict(own).keys()
    ]
    shown, token = request.page(found, 500, "InvalidParameterValue")
    return {"Metrics": shown, **token}


def _dimensions(own: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"Name": key, "Value": value} for key, value in own]


def get_metric_data(request: Request) -> dict[str, Any]:
    """Return series, the newest values first unless asked otherwise."""
    params = request.params
    if len(params["MetricDataQueries"]) > 500 or params["StartTime"] >= params["EndTime"]:
        raise AwsError("ValidationError", "At most 500 queries, and StartTime before EndTime")
    backwards = params.get("ScanBy", "TimestampDescending") == "TimestampDescending"
    series = [
        (each, _points(request, each["MetricStat"])[:: -1 if backwards else 1])
        for each in params["MetricDataQueries"]
        if each.get("ReturnData", True)
    ]
    start = request.place("InvalidNextToken")
    end = start + min(params.get("MaxDatapoints", 100_800), request.cloud.scenario.points_per_page)
    total = sum(len(points) for _, points in series)
    token = request.following(end) if end < total else {}
    return {"MetricDataResults": list(_window(series, start, end)), "Messages": [], **token}


def _window(series: Any, start: int, end: int) -> Iterator[dict[str, Any]]:
    """Yield the part of the series that is on one page."""
    place = 0
    for each, points in series:
        first, last = max(0, start - place), min(len(points), end - place)
        if first < last or (not points and start == 0):
            yield {
                "Id": each["Id"],
                "Label": each.get("Label", each["MetricStat"]["Metric"].get("MetricName", "")),
                "Timestamps": [moment(at) for at, _ in points[first:last]],
                "Values": [value for _, value in points[first:last]],
                "StatusCode": "PartialData" if last < len(points) else "Complete",
            }
        place += len(points)


def _points(request: Request, wanted: Mapping[str, Any]) -> list[tuple[float, float]]:
    metric = _metric(wanted["Metric"].get("Namespace", ""), wanted["Metric"])
    period, statistic = wanted["Period"], _STATISTICS.get(wanted["Stat"])
    if statistic is None:
        raise AwsError("ValidationError", f"The value {wanted['Stat']} for Stat is not supported.")
    start = math.floor(request.params["StartTime"].timestamp() / period) * period
    end = min(request.params["EndTime"].timestamp(), request.now)
    buckets = (
        (at, _values(request, metric, at, period)) for at in range(start, math.ceil(end), period)
    )
    return [(at, statistic(found)) for at, found in buckets if found]


def _metric(namespace: str, given: Mapping[str, Any]) -> Metric:
    own = sorted((each["Name"], each["Value"]) for each in given.get("Dimensions", ()))
    return namespace, given.get("MetricName", ""), tuple(own)


def _values(request: Request, metric: Metric, at: int, period: int) -> list[float]:
    measured = request.region.measured.get(metric)
    if measured is not None:
        return [value for when, value in measured if at <= when < at + period]
    instance = request.region.instances.get(dict(metric[2]).get("InstanceId", ""))
    kind = dict(_metrics(instance)).get(metric) if instance else None
    if instance is None or kind is None:
        return []
    resolution = 5 * _MINUTE if kind == "cpu" else _MINUTE
    step = max(1, period // resolution // _MOST_SAMPLES) * resolution
    moments: Iterable[int] = range(-(-at // resolution) * resolution, at + period, step)
    moments = [each for each in moments if each + resolution <= request.now]
    found = [_measured(request, instance, kind, each) for each in moments]
    return [100 - each if "Free" in metric[1] else each for each in found if each is not None]


def _measured(request: Request, each: Instance, kind: str, at: float) -> float | None:
    if each.state(at) != "running":
        return None
    for incident, since in request.cloud.incidents:
        if incident.metric == kind and at >= since and each.matches(incident.instance):
            return incident.value
    noise = crc32(f"{each.id}/{kind}/{at // _MINUTE}".encode()) / 0x7FFFFFFF - 1
    usual: float = getattr(each.levels, kind) + each.levels.spread * noise
    return min(100.0, max(0.0, usual))


def get_cost_and_usage(request: Request) -> dict[str, Any]:
    params, today = request.params, moment(request.now).date()
    start, end = (date.fromisoformat(params["TimePeriod"][each]) for each in ("Start", "End"))
    if params["Granularity"] != "DAILY" or len(params.get("GroupBy", ())) > 1 or start >= end:
        raise AwsError("ValidationException", "This local AWS has whole days, and one group")
    if start < today - timedelta(days=400):
        raise AwsError("ValidationException", "You haven't enabled data beyond 14 months")
    accounts, own = request.cloud.scenario.accounts, request.region.account
    billed = set(accounts) if accounts[own].management else {own}
    billed &= set(params.get("Filter", {}).get("Dimensions", {}).get("Values", billed))
    shares = _shares(request, billed, *params.get("GroupBy", ()))
    results: list[dict[str, Any]] = []
    for day in (start + timedelta(days=n) for n in range((end - start).days)):
        costs = {each: _cost(accounts[each].costs, each, day, today) for each in billed}
        amounts: defaultdict[str, float] = defaultdict(float)
        for account, group, share in shares:
            amounts[group] += costs[account] * share
        totals = {
            group: {each: {"Amount": f"{amount:.10f}", "Unit": "USD"} for each in params["Metrics"]}
            for group, amount in amounts.items()
        }
        results.append(
            {
                "TimePeriod": {"Start": f"{day}", "End": f"{day + timedelta(days=1)}"},
                "Total": totals.pop("", {}),
                "Groups": [{"Keys": [key], "Metrics": totals[key]} for key in totals],
                "Estimated": day >= today - timedelta(days=1),
            }
        )
    return {"ResultsByTime": results}


def _shares(
    request: Request, billed: Iterable[str], by: Mapping[str, str] | None = None
) -> Sequence[tuple[str, str, float]]:
    """Return the groups of each account's costs, and their shares in these."""
    found = []
    for account in billed:
        regions = request.cloud.scenario.accounts[account].regions
        machines = [
            each
            for name in regions
            for each in request.cloud.region(account, name).instances.values()
        ]
        if by is None:
            groups = [""]
        elif by["Type"] == "TAG":
            groups = [f"{by['Key']}${each.tags.get(by['Key'], '')}" for each in machines]
            groups = groups or [f"{by['Key']}$"]
        else:
            names = {"SERVICE": _SERVICES, "REGION": list(regions), "LINKED_ACCOUNT": [account]}
            groups = names[by["Key"]] or ["NoRegion"]
        found += [(account, group, 1 / len(groups)) for group in groups]
    return found


def _cost(bill: Bill, account: str, day: date, today: date) -> float:
    """Return what a day costs: nothing to come, and today is half over."""
    if day > today:
        return 0.0
    amount = bill.daily / float((1 + bill.growth) ** ((today - day).days / 7))
    amount *= bill.weekend if day.weekday() >= 5 else 1
    noise = crc32(f"{account}/{day}".encode()) / 0xFFFFFFFF - 0.5
    return amount * (1 + 0.02 * noise) * (0.5 if day == today else 1.0)
