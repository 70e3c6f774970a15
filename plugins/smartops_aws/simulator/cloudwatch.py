"""CloudWatch: metrics that are there, and their values."""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from .answers import AwsError
from .machines import Instance
from .paging import make, page, place_of
from .request import Request
from .signals import Dimensions, Metric, Source, metrics

_MOST_QUERIES = 500
_METRICS_PAGE = 500
_MOST_POINTS = 100_800
_MOST_SAMPLES = 60
_ID = re.compile(r"[a-z][A-Za-z0-9_]*")

Series = list[tuple[float, float]]


def list_metrics(request: Request) -> dict[str, Any]:
    """List metrics, page by page."""
    params = request.params
    wanted = params.get("Dimensions", ())
    found = [each for each in _known(request, wanted) if _is(each, params, wanted)]
    wrong = AwsError("InvalidParameterValue", "Invalid nextToken")
    shown, token = page(found, _METRICS_PAGE, params.get("NextToken", ""), "metrics", wrong)
    told = [
        {
            "Namespace": each.namespace,
            "MetricName": each.name,
            "Dimensions": [{"Name": name, "Value": value} for name, value in each.dimensions],
        }
        for each in shown
    ]
    return {"Metrics": told} | ({"NextToken": token} if token else {})


def _known(request: Request, wanted: Sequence[Mapping[str, str]]) -> Iterator[Metric]:
    world = request.world
    named = [each["Value"] for each in wanted if each["Name"] == "InstanceId" and "Value" in each]
    chosen = [world.instances[each] for each in named if each in world.instances]
    for instance in chosen if named else world.instances.values():
        for metric, _ in metrics(instance):
            yield metric
    yield from world.signals.written


def _is(metric: Metric, params: Mapping[str, Any], wanted: Sequence[Mapping[str, str]]) -> bool:
    if params.get("Namespace", metric.namespace) != metric.namespace:
        return False
    if params.get("MetricName", metric.name) != metric.name:
        return False
    own = dict(metric.dimensions)
    return all(
        each["Name"] in own and each.get("Value", own[each["Name"]]) == own[each["Name"]]
        for each in wanted
    )


def get_metric_data(request: Request) -> dict[str, Any]:
    """Return series, the newest values first unless asked otherwise."""
    params = request.params
    _check(params)
    descending = params.get("ScanBy", "TimestampDescending") == "TimestampDescending"
    series = [
        (each, _points(request, each["MetricStat"]))
        for each in params["MetricDataQueries"]
        if each.get("ReturnData", True)
    ]
    if descending:
        series = [(each, points[::-1]) for each, points in series]
    most = min(params.get("MaxDatapoints") or _MOST_POINTS, request.cloud.scenario.points_per_page)
    wrong = AwsError("InvalidNextToken", "Invalid nextToken")
    start = place_of(params.get("NextToken", ""), "points", wrong)
    total = sum(len(points) for _, points in series)
    results = list(_window(series, start, start + most))
    token = {"NextToken": make(start + most, "points")} if start + most < total else {}
    return {"MetricDataResults": results, "Messages": []} | token


def _window(
    series: Sequence[tuple[Mapping[str, Any], Series]], start: int, end: int
) -> Iterator[dict[str, Any]]:
    place = 0
    for each, points in series:
        first, last = max(0, start - place), min(len(points), end - place)
        if first < last or (not points and start == 0):
            shown = points[first:last]
            yield {
                "Id": each["Id"],
                "Label": each.get("Label", each["MetricStat"]["Metric"].get("MetricName", "")),
                "Timestamps": [datetime.fromtimestamp(at, UTC) for at, _ in shown],
                "Values": [value for _, value in shown],
                "StatusCode": "PartialData" if last < len(points) else "Complete",
            }
        place += len(points)


def _check(params: Mapping[str, Any]) -> None:
    queries = params["MetricDataQueries"]
    if len(queries) > _MOST_QUERIES:
        raise _invalid("The collection MetricDataQueries must not have a size greater than 500.")
    if params["StartTime"] >= params["EndTime"]:
        raise _invalid("The parameter StartTime must be less than the parameter EndTime.")
    ids = [each["Id"] for each in queries]
    if len(set(ids)) < len(ids):
        raise _invalid("The values for parameter id in MetricDataQueries are not unique.")
    for each in queries:
        if not _ID.fullmatch(each["Id"]):
            raise _invalid(
                f"The value {each['Id']} for parameter id is not matching the expected pattern"
            )
        if "MetricStat" not in each:
            raise _invalid(
                f"Error in expression '{each['Id']}': this look-alike has no expressions"
            )
        period = each["MetricStat"]["Period"]
        if period % 60 and period not in (1, 5, 10, 20, 30):
            raise _invalid(f"Period {period} of query {each['Id']} must be a multiple of 60")


def _invalid(text: str) -> AwsError:
    return AwsError("ValidationError", text)


def _points(request: Request, wanted: Mapping[str, Any]) -> Series:
    metric = _metric(wanted["Metric"])
    period = wanted["Period"]
    statistic = _statistic(wanted["Stat"])
    start = math.floor(request.params["StartTime"].timestamp() / period) * period
    end = min(request.params["EndTime"].timestamp(), request.now)
    written = request.world.signals.written.get(metric)
    source = None if written is not None else _source(request, metric)
    points = []
    for bucket in range(start, math.ceil(end), period):
        if written is not None:
            first = bisect_left(written, (bucket, -math.inf))
            last = bisect_left(written, (bucket + period, -math.inf))
            values = [value for _, value in written[first:last]]
        else:
            values = _sampled(request, source, bucket, period) if source else []
        if values:
            points.append((float(bucket), statistic(values)))
    return points


def _metric(given: Mapping[str, Any]) -> Metric:
    return Metric(given.get("Namespace", ""), given.get("MetricName", ""), _dimensions(given))


def _dimensions(given: Mapping[str, Any]) -> Dimensions:
    return tuple(sorted((each["Name"], each["Value"]) for each in given.get("Dimensions", ())))


def _source(request: Request, metric: Metric) -> Source | None:
    instance = _instance(request, metric)
    if instance is None:
        return None
    return next((source for known, source in metrics(instance) if known == metric), None)


def _instance(request: Request, metric: Metric) -> Instance | None:
    return request.world.instances.get(dict(metric.dimensions).get("InstanceId", ""))


def _sampled(request: Request, source: Source, bucket: int, period: int) -> list[float]:
    step = source.resolution
    if period // step > _MOST_SAMPLES:
        step = period // _MOST_SAMPLES // step * step
    found = []
    for at in range(math.ceil(bucket / step) * step, bucket + period, step):
        if at + source.resolution > request.now:
            continue
        value = request.world.signals.value(source, at)
        if value is not None:
            found.append(value)
    return found


def _statistic(name: str) -> Callable[[Sequence[float]], float]:
    if name in _STATISTICS:
        return _STATISTICS[name]
    found = re.fullmatch(r"p(\d{1,2}(?:\.\d+)?|100)", name)
    if found is None:
        raise _invalid(f"The value {name} for parameter Stat is not supported.")
    share = float(found[1]) / 100
    return lambda values: sorted(values)[min(len(values) - 1, int(share * len(values)))]


_STATISTICS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "Average": lambda values: sum(values) / len(values),
    "Minimum": min,
    "Maximum": max,
    "Sum": lambda values: float(sum(values)),
    "SampleCount": lambda values: float(len(values)),
}


def put_metric_data(request: Request) -> dict[str, Any]:
    """Keep values that somebody measured."""
    namespace = request.params["Namespace"]
    if namespace.startswith("AWS/"):
        raise AwsError(
            "InvalidParameterValueException",
            "The value AWS/ for parameter Namespace is invalid.",
            query_code="InvalidParameterValue",
        )
    written = request.world.signals.written
    for datum in request.params.get("MetricData", ()):
        metric = Metric(namespace, datum["MetricName"], _dimensions(datum))
        at = datum["Timestamp"].timestamp() if "Timestamp" in datum else request.now
        series = written.setdefault(metric, [])
        series.extend((at, value) for value in _values(datum))
        series.sort()
    return {}


def _values(datum: Mapping[str, Any]) -> list[float]:
    if "Values" in datum:
        counts = datum.get("Counts", [1.0] * len(datum["Values"]))
        pairs = zip(datum["Values"], counts, strict=True)
        return [value for value, count in pairs for _ in range(int(count))]
    if "StatisticValues" in datum:
        told = datum["StatisticValues"]
        return [told["Sum"] / told["SampleCount"]] * int(told["SampleCount"])
    if "Value" in datum:
        return [datum["Value"]]
    raise AwsError(
        "MissingRequiredParameterException",
        "At least one of the parameters must be specified: Value, Values, StatisticValues.",
        query_code="MissingParameter",
    )


OPERATIONS: Mapping[str, Callable[[Request], Mapping[str, Any]]] = {
    "ListMetrics": list_metrics,
    "GetMetricData": get_metric_data,
    "PutMetricData": put_metric_data,
}
