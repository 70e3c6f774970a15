"""``list alarms``, as a third party writes it: alarms of every account and region."""

from collections.abc import Iterable
from typing import Any

from smartops import Call, Command, Reply, Services, Severity, Table, Text, command, hookimpl
from smartops_aws.kit import Action, Allowance, Region, everywhere, regions

ALARMS = Action("cloudwatch", "DescribeAlarms", "list alarms", Allowance(9, 9))


async def alarms_of(region: Region) -> list[dict[str, Any]]:
    pages = region.pages(ALARMS, StateValue="ALARM", MaxRecords=100)
    return [alarm async for page in pages for alarm in page["MetricAlarms"]]


@hookimpl
def register_commands(services: Services) -> Iterable[Command]:
    configured = regions(services)

    @command("list alarms")
    async def list_alarms(call: Call) -> Reply:
        """List the alarms that ring, in every account and region."""
        found = await everywhere(configured, alarms_of)
        rows = tuple((alarm["AlarmName"], name) for name, each in found.items() for alarm in each)
        missing = [Text(f"Without {item}", severity=Severity.WARNING) for item in found.failures]
        return Reply.of(Table(("Alarm", "Where"), rows), *missing)

    return [list_alarms]
