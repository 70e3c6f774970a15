"""CloudWatch as real clients see it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

pytestmark = pytest.mark.anyio

STEADY = {"cpu": 40, "memory": 60, "disk": 70, "spread": 0}
WEB = {"name": "web-01", "metrics": STEADY}
WIN = {"name": "dc-01", "platform": "windows", "metrics": STEADY}


def ago(place: Any, **much: float) -> datetime:
    return place.clock.now() - timedelta(**much)


def stat(metric: dict[str, Any], period: int = 300, stat: str = "Average") -> dict[str, Any]:
    return {"Metric": metric, "Period": period, "Stat": stat}


def cpu(place: Any, name: str, period: int = 300, kind: str = "Average") -> dict[str, Any]:
    own = [{"Name": "InstanceId", "Value": place.world().instance(name).id}]
    metric = {"Namespace": "AWS/EC2", "MetricName": "CPUUtilization", "Dimensions": own}
    return stat(metric, period, kind)


async def data(place: Any, *stats: dict[str, Any], since: float = 1800, **more: Any) -> Any:
    queries = [{"Id": f"q{n}", "MetricStat": each} for n, each in enumerate(stats)]
    answer = await place.client("cloudwatch")(
        "get_metric_data",
        MetricDataQueries=queries,
        StartTime=ago(place, seconds=since),
        EndTime=place.clock.now(),
        **more,
    )
    return answer["MetricDataResults"]


async def test_values_come_newest_first_unless_asked_otherwise(start):
    async with start(instances=[{**WEB, "metrics": {"cpu": 40}}]) as place:
        (newest,) = await data(place, cpu(place, "web-01"))
        (oldest,) = await data(place, cpu(place, "web-01"), ScanBy="TimestampAscending")
        (again,) = await data(place, cpu(place, "web-01"))
        now = place.clock.time()
    assert len(newest["Values"]) == 6  # half an hour of five minutes each
    assert newest["Values"] == again["Values"] == oldest["Values"][::-1]
    assert all(37 <= value <= 43 for value in newest["Values"])
    assert len(set(newest["Values"])) > 1
    times = [each.timestamp() for each in newest["Timestamps"]]
    assert times == sorted(times, reverse=True)
    assert times[0] == now // 300 * 300 - 300
    assert newest["StatusCode"] == "Complete"
    assert newest["Label"] == "CPUUtilization"


async def test_what_the_agent_measures_on_linux_and_on_windows(start):
    async with start(instances=[WEB, WIN]) as place:
        cloudwatch = place.client("cloudwatch")
        listed = (await cloudwatch("list_metrics", Namespace="CWAgent"))["Metrics"]
        assert sorted(each["MetricName"] for each in listed) == [
            "LogicalDisk % Free Space",
            "Memory % Committed Bytes In Use",
            "disk_used_percent",
            "mem_used_percent",
        ]
        results = await data(place, *(stat(each, 60) for each in listed))
        latest = {each["Label"]: each["Values"][0] for each in results}
        assert latest["LogicalDisk % Free Space"] == pytest.approx(30)  # free, not used
        assert latest["Memory % Committed Bytes In Use"] == pytest.approx(60)
        assert latest["disk_used_percent"] == pytest.approx(70)
        assert latest["mem_used_percent"] == pytest.approx(60)

        disk = next(each for each in listed if each["MetricName"] == "disk_used_percent")
        names = {each["Name"] for each in disk["Dimensions"]}
        assert {"InstanceId", "path", "device", "fstype"} < names
        some = {**disk, "Dimensions": disk["Dimensions"][:2]}
        (missing,) = await data(place, stat(some, 60))  # a metric is all of its dimensions
        assert (missing["Values"], missing["StatusCode"]) == ([], "Complete")

        own = {"Name": "InstanceId", "Value": place.world().instance("dc-01").id}
        listed = (await cloudwatch("list_metrics", Dimensions=[own]))["Metrics"]
        assert len(listed) == 3
        listed = (await cloudwatch("list_metrics", Dimensions=[{"Name": "path"}]))["Metrics"]
        assert [each["MetricName"] for each in listed] == ["disk_used_percent"]


async def test_metrics_are_listed_in_pages(start):
    async with start(generate=[{"count": 200}]) as place:
        pages = await place.client("cloudwatch").pages("list_metrics", None)
        cloudwatch = place.client("cloudwatch")
        code, _, _ = await cloudwatch.refused("list_metrics", NextToken="mine")
    assert [len(page["Metrics"]) for page in pages] == [500, 100]
    assert code == "InvalidParameterValue"


async def test_incidents_begin_and_end(start):
    incident = {"instance": "web-*", "metric": "cpu", "value": 95, "since": "30m", "lasts": "20m"}
    async with start(instances=[WEB], incidents=[incident]) as place:
        (found,) = await data(place, cpu(place, "web-01"), since=3000)
        assert found["Values"][::-1] == [40, 40, 40, 40, 95, 95, 95, 95, 40, 40]
        place.simulator.incident(instance="web-01", metric="memory", value=99, since="5m")
        listed = await place.client("cloudwatch")("list_metrics", MetricName="mem_used_percent")
        (memory,) = await data(place, stat(listed["Metrics"][0], 60), since=600)
        assert memory["Values"] == [99] * 5 + [60] * 5


async def test_nothing_is_measured_while_an_instance_is_stopped(start):
    async with start(instances=[WEB], timing={"stop": "0s", "start": "0s"}) as place:
        ec2, id_ = place.client("ec2"), place.world().instance("web-01").id
        await ec2("stop_instances", InstanceIds=[id_])
        place.clock.advance(1200)
        (off,) = await data(place, cpu(place, "web-01"))
        assert len(off["Values"]) == 2
        await ec2("start_instances", InstanceIds=[id_])
        place.clock.advance(600)
        (on,) = await data(place, cpu(place, "web-01"), since=2400)
    assert len(on["Values"]) == 4  # two before, two since


@pytest.mark.parametrize(
    ("statistic", "value"),
    [
        ("Average", 4.0),
        ("Minimum", 1.0),
        ("Maximum", 9.0),
        ("Sum", 16.0),
        ("SampleCount", 4.0),
        ("p50", 3.0),
        ("p100", 9.0),
    ],
)
async def test_what_was_put_is_got(start, statistic, value):
    own = [{"Name": "Queue", "Value": "q"}]
    metric = {"Namespace": "Shop", "MetricName": "Waiting", "Dimensions": own}
    async with start() as place:
        at = datetime.fromtimestamp(place.clock.time() // 300 * 300 - 300, UTC)
        measured = [
            {"Value": 1.0},
            {"Values": [3.0], "Counts": [2.0]},
            {"StatisticValues": {"SampleCount": 1, "Sum": 9, "Minimum": 9, "Maximum": 9}},
        ]
        common = {"MetricName": "Waiting", "Dimensions": own, "Timestamp": at}
        await place.client("cloudwatch")(
            "put_metric_data",
            Namespace="Shop",
            MetricData=[{**common, **each} for each in measured],
        )
        (found,) = await data(place, stat(metric, 300, statistic))
        assert found["Values"] == [value]
        assert found["Timestamps"][0] == at
        listed = await place.client("cloudwatch")("list_metrics", Namespace="Shop")
        assert listed["Metrics"] == [metric]


async def test_too_many_values_come_in_parts(start):
    async with start(instances=[WEB], points_per_page=4) as place:
        queries = [{"Id": f"q{n}", "MetricStat": cpu(place, "web-01", 300)} for n in range(2)]
        parameters = {
            "MetricDataQueries": queries,
            "StartTime": ago(place, seconds=1800),
            "EndTime": place.clock.now(),
        }
        cloudwatch = place.client("cloudwatch")
        first = await cloudwatch("get_metric_data", **parameters)
        (part,) = first["MetricDataResults"]
        assert (part["Id"], part["StatusCode"], len(part["Values"])) == ("q0", "PartialData", 4)
        second = await cloudwatch("get_metric_data", **parameters, NextToken=first["NextToken"])
        assert [
            (each["Id"], each["StatusCode"], len(each["Values"]))
            for each in second["MetricDataResults"]
        ] == [("q0", "Complete", 2), ("q1", "PartialData", 2)]
        third = await cloudwatch("get_metric_data", **parameters, NextToken=second["NextToken"])
        assert "NextToken" not in third
        code, _, _ = await cloudwatch.refused("get_metric_data", **parameters, NextToken="mine")
        assert code == "InvalidNextToken"


@pytest.mark.parametrize(
    ("wrong", "part"),
    [
        ({"MetricDataQueries": 501}, "size greater than 500"),
        ({"EndTime": datetime(2000, 1, 1, tzinfo=UTC)}, "StartTime must be less"),
        ({"Id": "Q"}, "expected pattern"),
        ({"Period": 90}, "multiple of 60"),
        ({"Stat": "Median"}, "Stat is not supported"),
    ],
)
async def test_questions_that_make_no_sense(start, wrong, part):
    async with start(instances=[WEB]) as place:
        given = {
            "StartTime": ago(place, hours=1),
            "EndTime": wrong.get("EndTime", place.clock.now()),
            "MetricDataQueries": [
                {
                    "Id": wrong.get("Id", f"q{n}"),
                    "MetricStat": cpu(
                        place, "web-01", wrong.get("Period", 300), wrong.get("Stat", "Average")
                    ),
                }
                for n in range(wrong.get("MetricDataQueries", 1))
            ],
        }
        code, text, status = await place.client("cloudwatch").refused("get_metric_data", **given)
    assert (code, status) == ("ValidationError", 400)
    assert part in text


async def test_older_clients_speak_forms(start):
    async with start(instances=[WEB]) as place:
        form = {
            "Action": "ListMetrics",
            "Version": "2010-08-01",
            "Namespace": "AWS/EC2",
            "Dimensions.member.1.Name": "InstanceId",
        }
        signed = AWSRequest("POST", place.simulator.url, data=urlencode(form))
        signed.headers["Content-Type"] = "application/x-www-form-urlencoded"
        SigV4Auth(Credentials("x", "y"), "monitoring", "eu-central-1").add_auth(signed)
        async with aiohttp.ClientSession() as session:
            answer = await session.post(signed.url, data=signed.data, headers=dict(signed.headers))
            text = await answer.text()
    assert answer.status == 200
    assert "<ListMetricsResult><Metrics><member><Namespace>AWS/EC2</Namespace>" in text
    assert f"<Value>{place.world().instance('web-01').id}</Value>" in text
