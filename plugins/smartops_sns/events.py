"""Events in what AWS sends: CloudWatch alarms, and the envelopes of EventBridge.

Sources: the user guides of Amazon CloudWatch (alarms over SNS), Amazon EC2, AWS Health and Amazon
EC2 Auto Scaling (events of EventBridge).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

from smartops import ValidationFailed
from smartops.channels import Event, JsonObject, object_of, objects_of, text_of

Status = Literal["firing", "resolved"]

_ALARM: Mapping[str, Status] = {"ALARM": "firing", "OK": "resolved"}
_INSTANCE: Mapping[str, Status] = {
    "stopped": "firing",
    "terminated": "firing",
    "running": "resolved",
}


def events_in(body: JsonObject) -> Sequence[Event] | None:
    """Return the events in the JSON of a message; None if it is of another kind.

    Alarms have no severity. Raises ValidationFailed if it lacks what its kind always has.
    """
    if "AlarmName" in body:
        return _alarm(body)
    read = _KINDS.get(text_of(body, "detail-type"))
    return read(body) if read else None


def _alarm(body: JsonObject) -> Sequence[Event]:
    """Read an alarm, of one metric or composite, as CloudWatch sends it to a topic."""
    status = _ALARM.get(text_of(body, "NewStateValue"))
    if status is None:  # INSUFFICIENT_DATA says neither
        return []
    arn, name = _required(body, "AlarmArn"), _required(body, "AlarmName")
    dimensions = objects_of(object_of(body, "Trigger"), "Dimensions")
    labels = {text_of(item, "name"): text_of(item, "value") for item in dimensions}
    text = "\n".join(filter(None, (text_of(body, "AlarmDescription"), _reason(body))))
    started = _time(body, "StateChangeTime")
    return [Event(arn, status, name, started, text=text, labels=_labels(arn, name, labels))]


def _reason(body: JsonObject) -> str:
    return text_of(body, "NewStateReason")


def _alarm_changed(body: JsonObject) -> Sequence[Event]:
    """Read an alarm as EventBridge reports it."""
    detail = object_of(body, "detail")
    state = object_of(detail, "state")
    status = _ALARM.get(text_of(state, "value"))
    if status is None:
        return []
    arn = next(iter(_texts(body, "resources")), "") or _required(detail, "alarmName")
    labels: dict[str, str] = {}
    for metric in objects_of(object_of(detail, "configuration"), "metrics"):
        stat = object_of(object_of(metric, "metricStat"), "metric")
        found = object_of(stat, "dimensions")
        labels |= {key: value for key, value in found.items() if isinstance(value, str)}
    name, text = _required(detail, "alarmName"), text_of(state, "reason")
    started = _time(state, "timestamp")
    return [Event(arn, status, name, started, text=text, labels=_labels(arn, name, labels))]


def _labels(arn: str, name: str, dimensions: Mapping[str, str]) -> Mapping[str, str]:
    """Return the labels of an alarm: its origin and its dimensions."""
    named = {"instance": dimensions["InstanceId"]} if "InstanceId" in dimensions else {}
    return {"alertname": name, **_of_arn(arn), **dimensions, **named}


def _instance(body: JsonObject) -> Sequence[Event]:
    """Read a change of the state of an instance: it fires while that is stopped or terminated."""
    detail = object_of(body, "detail")
    instance, state = _required(detail, "instance-id"), text_of(detail, "state")
    status = _INSTANCE.get(state)
    if status is None:
        return []
    labels = {"alertname": "InstanceState", "instance": instance, "state": state, **_origin(body)}
    title = f"{instance} is {state}"
    return [Event(f"state-{instance}", status, title, _time(body, "time"), "info", "", labels)]


def _health(body: JsonObject) -> Sequence[Event]:
    """Read an event of AWS Health; its pages repeat it with other entities."""
    detail = object_of(body, "detail")
    arn, kind = _required(detail, "eventArn"), _required(detail, "eventTypeCode")
    described = objects_of(detail, "eventDescription")
    text = next((text_of(item, "latestDescription") for item in described), "")
    closed = text_of(detail, "statusCode") == "closed"
    entities = [text_of(item, "entityValue") for item in objects_of(detail, "affectedEntities")]
    service = text_of(detail, "service")
    labels = {"alertname": kind, "service": service, **_origin(body)}
    if len(entities) == 1:
        labels["instance"] = entities[0]
    started = _http_time(text_of(detail, "startTime")) or _time(body, "time")
    critical = text_of(detail, "eventTypeCategory") == "issue"
    return [
        Event(
            arn,
            "resolved" if closed else "firing",
            f"{service}: {_words(kind, service)}",
            started,
            "critical" if critical else "info",
            text,
            labels,
        )
    ]


def _words(kind: str, service: str) -> str:
    """Return AWS_EC2_INSTANCE_STOP_SCHEDULED as words without the service."""
    return kind.removeprefix("AWS_").removeprefix(f"{service}_").replace("_", " ").lower()


def _scaling(body: JsonObject) -> Sequence[Event]:
    """Read what Auto Scaling did: it fires while launches or terminations fail."""
    detail = object_of(body, "detail")
    group, kind = _required(detail, "AutoScalingGroupName"), text_of(body, "detail-type")
    failed = kind.endswith("Unsuccessful")
    what = kind.split()[2].lower()
    labels = {"alertname": f"AutoScaling{what.capitalize()}", "group": group, **_origin(body)}
    return [
        Event(
            f"{what}-{group}",
            "firing" if failed else "resolved",
            f"Auto Scaling cannot {what} instances of {group}",
            _time(body, "time"),
            "warning",
            text_of(detail, "StatusMessage") or text_of(detail, "Cause"),
            labels,
        )
    ]


_KINDS: Mapping[str, Callable[[JsonObject], Sequence[Event]]] = {
    "CloudWatch Alarm State Change": _alarm_changed,
    "EC2 Instance State-change Notification": _instance,
    "AWS Health Event": _health,
    **{
        f"EC2 Instance {what} {how}": _scaling
        for what in ("Launch", "Terminate")
        for how in ("Successful", "Unsuccessful")
    },
}


def _required(body: JsonObject, name: str) -> str:
    found = text_of(body, name)
    if not found:
        raise ValidationFailed(f"The event has no {name}")
    return found


def _texts(body: JsonObject, name: str) -> Sequence[str]:
    value = body.get(name)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _of_arn(arn: str) -> Mapping[str, str]:
    parts = arn.split(":")
    return {"region": parts[3], "account": parts[4]} if len(parts) > 5 else {}


def _origin(body: JsonObject) -> Mapping[str, str]:
    return {name: text_of(body, name) for name in ("region", "account")}


def _time(body: JsonObject, name: str) -> datetime:
    try:
        at = datetime.fromisoformat(text_of(body, name))
    except ValueError:
        raise ValidationFailed(f"{name} of the event is no time") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _http_time(text: str) -> datetime | None:
    """Return a time as AWS Health writes it, such as ``Fri, 27 Nov 2026 06:02:51 GMT``."""
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        return None
