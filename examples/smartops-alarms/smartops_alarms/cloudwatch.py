"""The alarms of CloudWatch."""

from __future__ import annotations

from collections.abc import Sequence

from smartops_aws.kit import Action, Allowance, Region

from .alarms import Alarm, Alarms

DESCRIBE = Action("cloudwatch", "DescribeAlarms", "list alarms", Allowance(9, 9))


class CloudWatchAlarms(Alarms):
    """The alarms of one account and region."""

    def __init__(self, region: Region) -> None:
        self.name = f"{region.name}/alarms"
        self._region = region

    async def ping(self) -> None:
        await self._region.call(DESCRIBE, MaxRecords=1)

    async def ringing(self) -> Sequence[Alarm]:
        pages = self._region.pages(DESCRIBE, StateValue="ALARM", MaxRecords=100)
        return [
            Alarm(item["AlarmName"], item.get("StateReason", ""), self._region.name)
            async for page in pages
            for item in page["MetricAlarms"]
        ]
