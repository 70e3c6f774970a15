"""Our reader of DescribeInstances returns what the SDK's parser does."""

from __future__ import annotations

from contextlib import nullcontext
from threading import Thread
from typing import Any
from xml.sax.saxutils import escape

import pytest
from botocore.parsers import create_parser
from botocore.session import get_session
from hypothesis import given, settings
from hypothesis import strategies as st

from smartops import Instance
from smartops_aws.kit.answers import PARSING, Unreadable, check_answer
from smartops_aws.parsing import INSTANCES, Listener, read_instances

NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"
SHAPE = get_session().get_service_model("ec2").operation_model("DescribeInstances").output_shape

TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], include_characters="\t\n"),
    max_size=12,
)
TAGS = st.dictionaries(TEXT.filter(bool), TEXT, max_size=4)
NESTED = st.sampled_from(
    [
        "<networkInterfaceSet><item><privateIpAddress>9.9.9.9</privateIpAddress><groupSet>"
        "<item><groupId>sg-1</groupId></item></groupSet><tagSet><item><key>Name</key>"
        "<value>nic</value></item></tagSet></item></networkInterfaceSet>",
        "<networkInterfaceSet/>",
        "<blockDeviceMapping><item><ebs><volumeId>vol-1</volumeId></ebs></item></blockDeviceMapping>",
        "<placement><availabilityZone>eu-central-1a</availabilityZone></placement>",
        "<stateReason><code>pending</code><message>x</message></stateReason>",
        "<productCodes><item><productCode>abc</productCode><type>devpay</type></item></productCodes>",
        "<somethingNew><name>terminated</name><item><key>Name</key><value>no</value></item>"
        "</somethingNew>",
        "<groupSet><item><groupId>sg-1</groupId><groupName>web</groupName></item></groupSet>",
        "<monitoring><state>disabled</state></monitoring>",
    ]
)


@st.composite
def xml_instances(draw: st.DrawFn) -> str:
    fields = {
        "instanceId": draw(st.from_regex(r"i-[0-9a-f]{17}", fullmatch=True)),
        "instanceType": draw(st.sampled_from(["t3.micro", "m5.24xlarge"])),
        "privateIpAddress": draw(st.sampled_from(["", "10.0.0.1"])),
        "ipAddress": draw(st.sampled_from(["", "54.1.2.3"])),
        "launchTime": draw(st.sampled_from(["2026-10-01T08:15:30.000Z", "2026-10-01T08:15:30Z"])),
        "platform": draw(st.sampled_from(["", "windows"])),
        "imageId": "ami-1",
        "instanceLifecycle": draw(st.sampled_from(["", "spot", "scheduled"])),
        "reason": "",
    }
    parts = [f"<{name}>{value}</{name}>" for name, value in fields.items() if value]
    state = draw(st.sampled_from(["running", "stopped", "shutting-down"]))
    parts.append(f"<instanceState><code>16</code><name>{state}</name></instanceState>")
    tags = [
        f"<item><key>{escape(key)}</key>"
        + (f"<value>{escape(value)}</value>" if value else "<value/>")
        + "</item>"
        for key, value in draw(TAGS).items()
    ]
    parts.append(f"<tagSet>{''.join(tags)}</tagSet>" if tags else "<tagSet/>")
    parts += draw(st.lists(NESTED, max_size=5, unique=True))
    return f"<item>{''.join(draw(st.permutations(parts)))}</item>"


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    blank = draw(st.sampled_from(["", "\n    "]))
    reservations = [
        f"<item><reservationId>r-1</reservationId><groupSet><item><groupId>sg-9</groupId></item>"
        f"</groupSet><instancesSet>{blank}{blank.join(items)}</instancesSet></item>"
        for items in draw(st.lists(st.lists(xml_instances(), max_size=3), max_size=3))
    ]
    token = draw(st.sampled_from(["", "<nextToken>abc&amp;=</nextToken>"]))
    comment = draw(st.sampled_from(["", "<!-- <placement> -->"]))
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<DescribeInstancesResponse xmlns="{NAMESPACE}">'
        f"{comment}<reservationSet>{blank}{blank.join(reservations)}</reservationSet>{token}"
        "</DescribeInstancesResponse>"
    ).encode()


def as_the_sdk_reads_it(body: bytes) -> tuple[list[Instance], str]:
    parsed = create_parser("ec2").parse({"body": body, "headers": {}, "status_code": 200}, SHAPE)
    reported = [
        item for each in parsed.get("Reservations", []) for item in each.get("Instances", [])
    ]
    return [instance(item) for item in reported], parsed.get("NextToken", "")


def instance(reported: dict[str, Any]) -> Instance:
    tags = {item["Key"]: item["Value"] for item in reported.get("Tags", [])}
    return Instance(
        id=reported["InstanceId"],
        name=tags.get("Name", ""),
        type=reported["InstanceType"],
        state=reported["State"]["Name"],
        platform=reported.get("Platform", "linux"),
        private_ip=reported.get("PrivateIpAddress", ""),
        public_ip=reported.get("PublicIpAddress", ""),
        tags=tags,
        launched=reported["LaunchTime"],
        backend="prod/eu-central-1",
        state_reason=reported.get("StateReason", {}).get("Message", ""),
        spot=reported.get("InstanceLifecycle") == "spot",
    )


@settings(deadline=None, max_examples=50)
@given(answers())
def test_it_reads_what_the_sdk_reads(body: bytes) -> None:
    assert read_instances(body, "prod/eu-central-1") == as_the_sdk_reads_it(body)


def test_bulk_is_left_in_where_markup_may_stand_in_text() -> None:
    body = (
        b"<R><reservationSet><item><instancesSet><item><instanceId>i-1</instanceId><tagSet>"
        b"<item><key>Name</key><value><![CDATA[<placement>]]></value></item>"
        b"<item><key>b</key><value><![CDATA[</placement>]]></value></item></tagSet></item>"
        b"</instancesSet></item></reservationSet></R>"
    )
    ((found,), _) = read_instances(body, "")
    assert found.tags == {"Name": "<placement>", "b": "</placement>"}


def test_what_is_broken_within_the_bulk_is_refused() -> None:
    body = (
        b"<R><reservationSet><item><instancesSet><item><instanceId>i-1</instanceId><placement>"
        b"<zone\0<&</zone></placement></item></instancesSet></item></reservationSet></R>"
    )
    with pytest.raises(Unreadable):
        read_instances(body, "")


@pytest.mark.parametrize("launched", ["", "yesterday"])
def test_missing_and_invalid_fields_are_left_out(launched: str) -> None:
    body = (
        "<R><reservationSet><item><instancesSet><item><instanceId>i-1</instanceId>"
        f"<launchTime>{launched}</launchTime></item></instancesSet></item></reservationSet></R>"
    )
    ((found,), following) = read_instances(body.encode(), "b")
    assert found == Instance("i-1", "", "", "pending", "linux", backend="b")
    assert following == ""


def test_errors_are_left_to_the_sdk() -> None:
    reported: dict[str, Any] = {"status_code": 503, "body": b"<Response/>"}
    custom: dict[str, Any] = {}
    Listener("b")(response_dict=reported, customized_response_dict=custom, operation_model=None)
    assert (reported["body"], custom) == (b"<Response/>", {})


@pytest.mark.parametrize("status", [200, 202])
@pytest.mark.parametrize(
    "body", [b"", b"<html", b"<html/>", b"<R><requestId/></R>", b'<?xml version="1" encoding="x"?>']
)
def test_an_answer_without_reservations_is_refused(status: int, body: bytes) -> None:
    reported = {"status_code": status, "body": body}
    with pytest.raises(Unreadable):
        Listener("b")(response_dict=reported, customized_response_dict={})


@pytest.mark.parametrize(
    ("service", "operation", "body", "fits"),
    [
        ("ec2", "RebootInstances", b"<RebootInstancesResponse/>", True),
        ("ec2", "RebootInstances", b'<?xml version="1.0"?>\n<RebootInstancesResponse>', True),
        ("ec2", "RebootInstances", b"<StopInstancesResponse/>", False),
        ("ec2", "RebootInstances", b"<html/>", False),
        ("ec2", "RebootInstances", b"", False),
        ("sts", "AssumeRole", b"<AssumeRoleResponse/>", True),
        ("sts", "AssumeRole", b"{}", False),
        ("ssm", "ListCommands", b' {"Commands": []}\n', True),
        ("ssm", "ListCommands", b"[]", False),
        ("ssm", "ListCommands", b"", False),
        ("ssm", "CancelCommand", b"", True),  # it has nothing to say
        ("ssm", "CancelCommand", b"{}", True),
        ("ssm", "CancelCommand", b"{", False),
        ("ssm", "CancelCommand", b"<html/>", False),
        ("cloudwatch", "GetMetricData", b"<html/>", False),
    ],
)
def test_an_answer_looks_like_one_of_its_operation(
    service: str, operation: str, body: bytes, fits: bool
) -> None:
    model = get_session().get_service_model(service).operation_model(operation)
    with nullcontext() if fits else pytest.raises(Unreadable):
        check_answer({"status_code": 200, "body": body}, model)
    check_answer({"status_code": 400, "body": body}, model)  # errors are left to the SDK


def test_one_answer_is_parsed_at_a_time() -> None:
    reported: dict[str, Any] = {"status_code": 200, "body": b"<R><reservationSet/></R>"}
    parsing = Thread(target=lambda: Listener("b")(reported, {}))
    with PARSING:
        parsing.start()
        parsing.join(0.1)
        assert parsing.is_alive()
    parsing.join(10)
    assert not parsing.is_alive()


def test_an_answer_is_handed_over_and_emptied() -> None:
    reported: dict[str, Any] = {
        "status_code": 200,
        "body": b"<R><reservationSet/><nextToken>t</nextToken></R>",
    }
    custom: dict[str, Any] = {}
    Listener("b")(response_dict=reported, customized_response_dict=custom)
    assert custom == {INSTANCES: [], "NextToken": "t"}
    parsed = create_parser("ec2").parse({**reported, "headers": {}}, SHAPE)
    assert "Reservations" not in parsed
