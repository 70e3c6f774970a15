"""What rings: the capability ``Alarms``, its command, and two backends."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from pydantic import BaseModel

from smartops import Command, Reply, Services, Severity, Table, Text, command, hookimpl
from smartops.backends import Backend, failures_of
from smartops_aws.kit import regions

from .alarms import Alarm, Alarms, StaticAlarms
from .cloudwatch import CloudWatchAlarms

__all__ = ["Alarm", "Alarms"]


class StaticAlarm(BaseModel, extra="forbid"):
    """An alarm that always rings."""

    name: str
    reason: str = ""


class AlarmsConfig(BaseModel, extra="forbid"):
    """The section ``plugins.alarms``."""

    cloudwatch: bool = False
    static: tuple[StaticAlarm, ...] = ()


@hookimpl
def config_type() -> type[BaseModel]:
    return AlarmsConfig


@hookimpl
def register_backends(config: AlarmsConfig, services: Services) -> Iterable[Backend]:
    if config.cloudwatch:
        yield from map(CloudWatchAlarms, regions(services))
    if config.static:
        yield StaticAlarms([Alarm(item.name, item.reason, "static") for item in config.static])


@command("list alarms")
async def list_alarms(alarms: Alarms) -> Reply:
    """List the alarms that ring, in every account and region."""
    found = await alarms.ringing()
    failures = failures_of(found)
    missing = [Text(f"Without {failure}", severity=Severity.WARNING) for failure in failures]
    data = {
        "alarms": [asdict(item) for item in found],
        "failures": [dict(failure.data) for failure in failures],
    }
    if not found:
        return Reply.of("No alarm rings.", *missing, data=data)
    rows = tuple((item.name, item.reason, item.where) for item in found)
    return Reply.of(Table(("Alarm", "Reason", "Where"), rows), *missing, data=data)


@hookimpl
def register_commands() -> Iterable[Command]:
    return [list_alarms]
