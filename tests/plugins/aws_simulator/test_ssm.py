"""SSM Run Command as real clients see it."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.anyio

SHELL = "AWS-RunShellScript"
TIMING = {"visible": "1s", "deliver": "2s", "run": "10s", "cancel": "3s"}
WEB = {"name": "web-01", "tags": {"Role": "web"}}
WIN = {"name": "dc-01", "platform": "windows", "tags": {"Role": "web"}}
LOST = {"name": "lost-01", "agent": "lost"}
BARE = {"name": "bare-01", "agent": "missing"}
OFF = {"name": "off-01", "state": "stopped"}


def send(place: Any, script: str, *names: str, **more: Any) -> Any:
    ids = [place.world().instance(name).id for name in names]
    chosen = {"InstanceIds": ids} if names else {}
    given = {"DocumentName": SHELL, "Parameters": {"commands": [script]}, **chosen, **more}
    return place.client("ssm")("send_command", **given)


async def invocations(place: Any, id: str) -> list[dict[str, Any]]:
    answer = await place.client("ssm")("list_command_invocations", CommandId=id, Details=True)
    return answer["CommandInvocations"]


async def details(place: Any, id: str) -> dict[str, str]:
    return {each["InstanceName"]: each["StatusDetails"] for each in await invocations(place, id)}


async def test_a_command_runs_its_course(start):
    outputs = [
        {"script": "^df", "stdout": "on {name} {id}\n", "stderr": "warn", "exit_code": 3},
    ]
    async with start(instances=[WEB], timing=TIMING, outputs=outputs) as place:
        ssm, one = place.client("ssm"), place.world().instance("web-01")
        sent = (await send(place, "df -h", "web-01", Comment="hello"))["Command"]
        assert len(sent["CommandId"]) == 36
        assert (sent["Status"], sent["TargetCount"]) == ("Pending", 1)
        this = {"CommandId": sent["CommandId"], "InstanceId": one.id}

        assert await invocations(place, sent["CommandId"]) == []
        assert (await ssm("list_commands", CommandId=sent["CommandId"]))["Commands"] == []
        code, _, status = await ssm.refused("get_command_invocation", **this)
        assert (code, status) == ("InvocationDoesNotExist", 400)

        place.clock.advance(1)
        assert await details(place, sent["CommandId"]) == {"web-01": "Pending"}
        place.clock.advance(1)
        assert await details(place, sent["CommandId"]) == {"web-01": "InProgress"}
        running = await ssm("get_command_invocation", **this)
        assert (running["ResponseCode"], running["StandardOutputContent"]) == (-1, "")

        place.clock.advance(10)
        (done,) = await invocations(place, sent["CommandId"])
        (plugin,) = done["CommandPlugins"]
        assert (plugin["Name"], plugin["Status"]) == ("aws:runShellScript", "Failed")
        assert plugin["ResponseCode"] == 3
        assert plugin["Output"] == (
            f"on web-01 {one.id}\n\n----------ERROR-------\n"
            "warn\nfailed to run commands: exit status 3"
        )
        told = await ssm("get_command_invocation", **this)
        assert told["StandardOutputContent"] == f"on web-01 {one.id}\n"
        assert told["StandardErrorContent"] == "warn\nfailed to run commands: exit status 3"
        assert told["ExecutionElapsedTime"] == "PT10.000S"
        (command,) = (await ssm("list_commands", CommandId=sent["CommandId"]))["Commands"]
        assert (command["Status"], command["Comment"]) == ("Failed", "hello")
        assert (command["CompletedCount"], command["ErrorCount"]) == (1, 1)


async def test_output_is_cut_where_ssm_cuts_it(start):
    outputs = [{"script": ".", "stdout": "o" * 24_001, "stderr": "e" * 8_001}]
    timing = {"visible": "0s", "run": "0s", "deliver": "0s"}
    async with start(instances=[WEB], timing=timing, outputs=outputs) as place:
        one = place.world().instance("web-01")
        id_ = (await send(place, "x", "web-01"))["Command"]["CommandId"]
        told = await place.client("ssm")("get_command_invocation", CommandId=id_, InstanceId=one.id)
        stdout, stderr = told["StandardOutputContent"], told["StandardErrorContent"]
        assert (len(stdout), len(stderr)) == (24_000, 8_000)
        assert stdout.endswith("o\n---Output truncated---")
        assert stderr.endswith("e\n---Error truncated---")
        (done,) = await invocations(place, id_)
        assert len(done["CommandPlugins"][0]["Output"]) == 2_500


@pytest.mark.parametrize("name", ["off-01", "bare-01"])
async def test_what_ssm_cannot_send_to(start, name):
    async with start(instances=[WEB, OFF, BARE]) as place:
        ssm, one = place.client("ssm"), place.world().instance(name)
        parameters = {"DocumentName": SHELL, "Parameters": {"commands": ["uptime"]}}
        good = place.world().instance("web-01").id
        assert await ssm.refused("send_command", InstanceIds=[good, one.id], **parameters) == (
            "InvalidInstanceId",
            f"Instances [[{one.id}]] not in a valid state for account 123456789012",
            400,
        )
        assert not place.world().commands


async def test_requests_are_held_against_the_model(start):
    async with start(instances=[WEB]) as place:
        ssm, one = place.client("ssm"), place.world().instance("web-01")
        many = [f"i-{n:017x}" for n in range(51)]
        code, text, status = await ssm.refused(
            "send_command", DocumentName=SHELL, InstanceIds=many, TimeoutSeconds=29
        )
        assert (code, status) == ("ValidationException", 400)
        assert text.startswith("2 validation errors detected: Value ")
        assert "at 'instanceIds' failed to satisfy constraint: Member must have length less" in text
        assert "Value '29' at 'timeoutSeconds' failed to satisfy constraint" in text
        code, text, _ = await ssm.refused("send_command", InstanceIds=[one.id])
        assert text == (
            "1 validation error detected: Value null at 'documentName' failed to satisfy "
            "constraint: Member must not be null"
        )
        code, text, _ = await ssm.refused("send_command", DocumentName=SHELL, TimeoutSeconds="x")
        assert code == "SerializationException"
        code, _, _ = await ssm.refused("describe_instance_information", MaxResults=51)
        assert code == "ValidationException"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"DocumentName": "Nobody-Knows"}, "InvalidDocument"),
        ({"Parameters": {}}, "InvalidParameters"),
        ({"Parameters": {"commands": ["x"], "colour": ["red"]}}, "InvalidParameters"),
        ({"Parameters": {"commands": ["x"], "executionTimeout": ["no"]}}, "InvalidParameters"),
        ({"DocumentName": "Win", "Parameters": {}}, "UnsupportedPlatformType"),
        ({"DocumentName": "Own", "Parameters": {}}, "InvalidParameters"),
        ({"DocumentName": "Own", "Parameters": {"unit": ["a;b"]}}, "InvalidParameters"),
        ({"DocumentName": "Own", "Parameters": {"unit": ["a", "b"]}}, "InvalidParameters"),
        ({"InstanceIds": []}, "ValidationException"),
        ({"InstanceIds": ["i-0000000a", "i-0000000a"]}, "DuplicateInstanceId"),
        ({"InstanceIds": [], "Targets": [{"Key": "colour", "Values": ["x"]}]}, "InvalidTarget"),
    ],
)
async def test_commands_that_make_no_sense(start, wrong, code):
    documents = [
        {"name": "Win", "script": "Get-Date", "platforms": ["windows"]},
        {"name": "Own", "script": "restart {unit}", "parameters": {"unit": {"pattern": "^\\w+$"}}},
    ]
    async with start(instances=[WEB], documents=documents) as place:
        given = {
            "DocumentName": SHELL,
            "Parameters": {"commands": ["x"]},
            "InstanceIds": [place.world().instance("web-01").id],
            **wrong,
        }
        assert (await place.client("ssm").refused("send_command", **given))[0] == code


async def test_documents_of_the_account_are_run_with_their_parameters(start):
    documents = [
        {
            "name": "Own",
            "script": "restart {unit} {how}",
            "parameters": {"unit": {"values": ["nginx"]}, "how": {"default": "now"}},
        }
    ]
    outputs = [{"script": "^restart nginx now$", "document": "Own", "stdout": "done"}]
    timing = {"visible": "0s", "run": "0s", "deliver": "0s"}
    arn = "arn:aws:ssm:eu-central-1:123456789012:document/Own"
    async with start(instances=[WEB], documents=documents, outputs=outputs, timing=timing) as place:
        sent = await send(place, "", "web-01", DocumentName=arn, Parameters={"unit": ["nginx"]})
        (done,) = await invocations(place, sent["Command"]["CommandId"])
        assert done["CommandPlugins"][0]["Output"] == "done"


async def test_a_lost_agent_gets_it_never(start):
    async with start(instances=[LOST], timing=TIMING) as place:
        sent = await send(place, "uptime", "lost-01", TimeoutSeconds=60)
        id_ = sent["Command"]["CommandId"]
        place.clock.advance(59)
        assert await details(place, id_) == {"lost-01": "Pending"}
        place.clock.advance(1)
        (done,) = await invocations(place, id_)
        assert (done["Status"], done["StatusDetails"]) == ("TimedOut", "DeliveryTimedOut")
        assert done["CommandPlugins"][0]["ResponseCode"] == -1
        (command,) = (await place.client("ssm")("list_commands", CommandId=id_))["Commands"]
        assert (command["DeliveryTimedOutCount"], command["ErrorCount"]) == (1, 0)
        assert command["Status"] == "TimedOut"


async def test_a_script_that_takes_too_long_is_ended(start):
    async with start(instances=[WEB], timing=TIMING) as place:
        parameters = {"commands": ["uptime"], "executionTimeout": ["5"]}
        sent = await send(place, "", "web-01", Parameters=parameters)
        place.clock.advance(7)
        (done,) = await invocations(place, sent["Command"]["CommandId"])
        assert (done["Status"], done["StatusDetails"]) == ("TimedOut", "ExecutionTimedOut")


async def test_cancelling(start):
    instances = [{"name": f"n{n}"} for n in range(3)]
    async with start(instances=instances, timing={**TIMING, "visible": "0s"}) as place:
        ssm = place.client("ssm")
        code, _, _ = await ssm.refused("cancel_command", CommandId="0" * 36)
        assert code == "InvalidCommandId"
        sent = await send(place, "uptime", "n0", "n1", "n2", MaxConcurrency="1")
        id_ = sent["Command"]["CommandId"]
        place.clock.advance(15)  # the first has ended, the second runs, the third waits
        await ssm("cancel_command", CommandId=id_)
        assert await details(place, id_) == {
            "n0": "Success",
            "n1": "Cancelling",
            "n2": "Cancelled",
        }
        place.clock.advance(3)
        assert (await details(place, id_))["n1"] == "Cancelled"
        place.clock.advance(100)
        assert (await details(place, id_))["n2"] == "Cancelled"


async def test_after_too_many_errors_no_further_node_begins(start):
    instances = [{"name": f"n{n}", "tags": {"Role": "web"}} for n in range(7)]
    outputs = [{"script": ".", "instance": "n1", "exit_code": 1}]
    async with start(instances=instances, outputs=outputs, timing=TIMING) as place:
        targets = [{"Key": "tag:Role", "Values": ["web"]}]
        ended = {}
        for errors in ("0", "100%"):
            sent = await send(place, "uptime", Targets=targets, MaxErrors=errors)
            place.clock.advance(200)
            ended[errors] = await details(place, sent["Command"]["CommandId"])
            assert sent["Command"]["TargetCount"] == 7
    assert ended["0"]["n0"] == "Success"
    assert ended["0"]["n1"] == "Failed"
    assert {ended["0"][f"n{n}"] for n in (3, 4, 5, 6)} == {"Terminated"}
    assert {each for name, each in ended["100%"].items() if name != "n1"} == {"Success"}


async def test_targets_that_cannot_do_it_are_told_apart(start):
    refusal = {"action": "ssm:SendCommand", "unless_tags": {"smartops": "managed"}}
    managed = {"name": "ours", "tags": {"smartops": "managed", "Role": "web"}}
    async with start(instances=[WEB, WIN, managed], denials=[refusal], timing=TIMING) as place:
        targets = [{"Key": "tag:Role", "Values": ["web"]}]
        sent = await send(place, "uptime", Targets=targets, MaxErrors="100%")
        place.clock.advance(60)
        assert await details(place, sent["Command"]["CommandId"]) == {
            "web-01": "AccessDenied",
            "dc-01": "AccessDenied",
            "ours": "Success",
        }
        place.simulator.allow_all()
        sent = await send(place, "uptime", Targets=targets, MaxErrors="100%")
        place.clock.advance(60)
        assert (await details(place, sent["Command"]["CommandId"]))["dc-01"] == "InvalidPlatform"
        nobody = [{"Key": "tag:Role", "Values": ["nobody"]}]
        sent = await send(place, "uptime", Targets=nobody)
        assert sent["Command"]["StatusDetails"] == "NoInstancesInTag"


async def test_invocations_come_in_pages(start):
    generate = [{"count": 60, "name": "n-{n:02}", "tags": {"Role": "web"}}]
    async with start(generate=generate, timing={**TIMING, "visible": "0s"}) as place:
        targets = [{"Key": "tag:Role", "Values": ["web"]}]
        sent = await send(place, "uptime", Targets=targets)
        pages = await place.client("ssm").pages(
            "list_command_invocations", 25, CommandId=sent["Command"]["CommandId"]
        )
        assert [len(page["CommandInvocations"]) for page in pages] == [25, 25, 10]
        code, _, _ = await place.client("ssm").refused(
            "list_command_invocations", NextToken="other"
        )
        assert code == "InvalidNextToken"


async def test_nodes(start):
    generate = [{"count": 12, "name": "n-{n:02}"}]
    async with start(instances=[WEB, WIN, LOST, BARE, OFF], generate=generate) as place:
        ssm = place.client("ssm")
        answer = await ssm("describe_instance_information")
        assert len(answer["InstanceInformationList"]) == 10  # unless asked for more
        pages = await ssm.pages("describe_instance_information", 50)
        nodes = [each for page in pages for each in page["InstanceInformationList"]]
        assert len(nodes) == 15  # not the stopped one, nor the one without an agent
        ids = [place.world().instance(name).id for name in ("dc-01", "lost-01", "off-01")]
        answer = await ssm(
            "describe_instance_information", Filters=[{"Key": "InstanceIds", "Values": ids}]
        )
        told = {
            (each["PlatformType"], each["PingStatus"]) for each in answer["InstanceInformationList"]
        }
        assert told == {("Windows", "Online"), ("Linux", "ConnectionLost")}
        code, _, _ = await ssm.refused(
            "describe_instance_information", Filters=[{"Key": "Colour", "Values": ["x"]}]
        )
        assert code == "InvalidFilterKey"


@pytest.mark.parametrize(
    ("script", "code", "stdout"),
    [
        ("echo 'hello'", 0, "hello\n"),
        ("hostname\nwhoami", 0, "web-01\nroot\n"),
        ("set -e\n# nothing\ntrue", 0, ""),
        ("exit 7", 7, ""),
        ("frobnicate", 127, ""),
    ],
)
async def test_scripts_that_every_machine_knows(start, script, code, stdout):
    timing = {"visible": "0s", "run": "0s", "deliver": "0s"}
    async with start(instances=[WEB], timing=timing) as place:
        id_ = (await send(place, script, "web-01"))["Command"]["CommandId"]
        told = await place.client("ssm")(
            "get_command_invocation",
            CommandId=id_,
            InstanceId=place.world().instance("web-01").id,
        )
        assert (told["ResponseCode"], told["StandardOutputContent"]) == (code, stdout)


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        ([{"Key": "tag-key", "Values": ["Role"]}], {"web-01", "dc-01"}),
        ([{"Key": "InstanceIds", "Values": ["*"]}], {"web-01", "dc-01", "lost-01"}),
        (
            [{"Key": "tag:Role", "Values": ["web"]}, {"Key": "tag:Team", "Values": ["a", "b"]}],
            {"dc-01"},
        ),
    ],
)
async def test_targets_are_anded_and_their_values_ored(start, targets, expected):
    windows = {**WIN, "tags": {"Role": "web", "Team": "b"}}
    timing = {**TIMING, "visible": "0s"}
    async with start(instances=[WEB, windows, LOST, OFF, BARE], timing=timing) as place:
        sent = await send(place, "uptime", Targets=targets)
        found = await details(place, sent["Command"]["CommandId"])
    assert set(found) == expected


async def test_commands_are_found_by_what_they_are(start):
    timing = {"visible": "0s", "deliver": "0s", "run": "10s"}
    power = "AWS-RunPowerShellScript"
    async with start(instances=[WEB, WIN], timing=timing) as place:
        ssm = place.client("ssm")
        first = (await send(place, "uptime", "web-01"))["Command"]["CommandId"]
        place.clock.advance(60)
        between = f"{place.clock.now():%Y-%m-%dT%H:%M:%SZ}"
        place.clock.advance(60)
        second = (await send(place, "hostname", "dc-01", DocumentName=power))["Command"]

        async def found(key: str, value: str) -> list[str]:
            answer = await ssm("list_commands", Filters=[{"key": key, "value": value}])
            return [each["CommandId"] for each in answer["Commands"]]

        listed = (await ssm("list_commands"))["Commands"]
        assert [each["CommandId"] for each in listed] == [second["CommandId"], first]
        assert await found("Status", "Success") == [first]
        assert await found("ExecutionStage", "Executing") == [second["CommandId"]]
        assert await found("DocumentName", power) == [second["CommandId"]]
        assert await found("InvokedBefore", between) == [first]
        assert await found("InvokedAfter", between) == [second["CommandId"]]
        ids = {"InstanceId": place.world().instance("web-01").id}
        assert [each["CommandId"] for each in (await ssm("list_commands", **ids))["Commands"]] == [
            first
        ]
        answer = await ssm(
            "list_command_invocations", Filters=[{"key": "Status", "value": "InProgress"}]
        )
        assert [each["InstanceName"] for each in answer["CommandInvocations"]] == ["dc-01"]


@pytest.mark.parametrize(
    ("key", "values", "expected"),
    [
        ("tag:Role", ["web"], {"web-01", "dc-01"}),
        ("tag-key", ["Role"], {"web-01", "dc-01"}),
        ("PlatformTypes", ["Windows"], {"dc-01"}),
        ("PingStatus", ["ConnectionLost"], {"lost-01"}),
    ],
)
async def test_nodes_are_found_by_what_they_are(start, key, values, expected):
    async with start(instances=[WEB, WIN, LOST]) as place:
        ssm = place.client("ssm")
        answer = await ssm(
            "describe_instance_information", Filters=[{"Key": key, "Values": values}]
        )
        found = {
            place.world().instances[each["InstanceId"]].name
            for each in answer["InstanceInformationList"]
        }
        assert found == expected
        if not key.startswith("tag"):
            old = [{"key": key, "valueSet": values}]
            again = await ssm("describe_instance_information", InstanceInformationFilterList=old)
            assert again["InstanceInformationList"] == answer["InstanceInformationList"]
