"""The wire itself: whatever botocore writes is read as it was meant, and the other way round."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import given, settings
from hypothesis import strategies as st

from smartops_aws.simulator import answers, jsonwire, query
from smartops_aws.simulator.answers import AwsError
from smartops_aws.simulator.filters import wildcard
from smartops_aws.simulator.model import operation

few = settings(deadline=None, max_examples=40)
texts = st.text(st.characters(codec="utf-8"), max_size=20)
words = st.text("ab*?\\.[ \n", max_size=8)
moments = st.integers(946_684_800_000, 4_102_444_800_000).map(
    lambda milliseconds: datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)
)

filters = st.lists(
    st.fixed_dictionaries({"Name": texts, "Values": st.lists(texts, min_size=1, max_size=12)}),
    min_size=1,
    max_size=12,
)


@few
@given(
    st.fixed_dictionaries(
        {
            "Filters": filters,
            "InstanceIds": st.lists(texts, min_size=1, max_size=12),
            "MaxResults": st.integers(-(2**31), 2**31),
            "DryRun": st.booleans(),
        }
    )
)
def test_forms_of_ec2_are_read_as_they_were_written(parameters):
    model = operation("ec2", "DescribeInstances")
    written = create_serializer("ec2", include_validation=False).serialize_to_request(
        parameters, model
    )
    form = [(key, str(value)) for key, value in written["body"].items()]
    assert query.read(model.input_shape, form, ec2=True) == parameters


@few
@given(
    st.fixed_dictionaries(
        {
            "RoleArn": texts,
            "RoleSessionName": texts,
            "Tags": st.lists(
                st.fixed_dictionaries({"Key": texts, "Value": texts}), min_size=1, max_size=11
            ),
            "TransitiveTagKeys": st.lists(texts, min_size=1, max_size=11),
        }
    )
)
def test_forms_of_query_services_are_read_as_they_were_written(parameters):
    model = operation("sts", "AssumeRole")
    written = create_serializer("query", include_validation=False).serialize_to_request(
        parameters, model
    )
    form = [(key, str(value)) for key, value in written["body"].items()]
    assert query.read(model.input_shape, form, ec2=False) == parameters


def parsed(protocol: str, model: Any, answer: answers.Answer) -> Any:
    body = {"status_code": answer.status, "headers": answer.headers, "body": answer.body}
    found = create_parser(protocol).parse(body, model.output_shape)
    del found["ResponseMetadata"]
    return found


visible = st.text(st.characters(codec="utf-8", exclude_categories=("C",)), max_size=20)


@few
@given(st.lists(visible, max_size=4), moments, st.booleans(), st.integers(0, 10**6))
def test_botocore_reads_answers_of_ec2_as_they_were_meant(names, at, flag, number):
    tags = [{"Key": name, "Value": name[::-1]} for name in names]
    instance = {
        "InstanceId": "i-1",
        "LaunchTime": at,
        "EbsOptimized": flag,
        "AmiLaunchIndex": number,
        "Tags": tags,
        "State": {"Code": 16, "Name": "running"},
    }
    value = {"Reservations": [{"ReservationId": "r-1", "Instances": [instance]}]}
    model = operation("ec2", "DescribeInstances")
    assert parsed("ec2", model, answers.result("ec2", model, value, "id")) == value


@few
@given(visible, moments)
def test_botocore_reads_answers_of_query_services_as_they_were_meant(name, at):
    keys = {
        "AccessKeyId": name,
        "SecretAccessKey": "s",
        "SessionToken": "t",
        "Expiration": at,
    }
    value = {"Credentials": keys, "PackedPolicySize": 6}
    model = operation("sts", "AssumeRole")
    assert parsed("query", model, answers.result("query", model, value, "id")) == value


@few
@given(texts, moments, st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=3))
def test_botocore_reads_json_as_it_was_meant(name, at, values):
    result = {"Id": name, "Timestamps": [at] * len(values), "Values": values}
    value = {"MetricDataResults": [result]}
    model = operation("cloudwatch", "GetMetricData")
    assert parsed("json", model, answers.result("json", model, value, "id")) == value


@pytest.mark.parametrize("protocol", ["ec2", "json"])
def test_an_answer_that_the_model_does_not_know_is_a_mistake(protocol):
    name = {"ec2": ("ec2", "DescribeInstances"), "json": ("ssm", "SendCommand")}[protocol]
    with pytest.raises(LookupError):
        answers.result(protocol, operation(*name), {"Colour": "red"}, "id")


def test_what_xml_cannot_say_is_replaced():
    model = operation("ec2", "DescribeInstances")
    answer = answers.result("ec2", model, {"NextToken": "a\x00\ud800b\r"}, "id")
    assert parsed("ec2", model, answer) == {"NextToken": "a\ufffd\ufffdb\r"}


@few
@given(words, words)
def test_wildcards(pattern, text):
    """A matcher by hand, letter by letter, agrees."""

    def fits(pattern: str, text: str) -> bool:
        if not pattern:
            return not text
        if pattern[0] == "*":
            return fits(pattern[1:], text) or (bool(text) and fits(pattern, text[1:]))
        if pattern[0] == "\\" and len(pattern) > 1:
            return text[:1] == pattern[1] and fits(pattern[2:], text[1:])
        plain = pattern[0] != "?" and text[:1] == pattern[0]
        return bool(text) and (plain or pattern[0] == "?") and fits(pattern[1:], text[1:])

    assert bool(wildcard(pattern).fullmatch(text)) == fits(pattern, text)
    literal = re.sub(r"([*?\\])", r"\\\1", text)
    assert wildcard(literal).fullmatch(text)


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ([("Colour", "red")], "UnknownParameter"),
        ([("MaxResults", "many")], "InvalidParameterValue"),
        ([("DryRun", "yes")], "InvalidParameterValue"),
        ([("InstanceId.one", "i-1")], "MalformedQueryString"),
        ([("InstanceId", "i-1")], "MalformedQueryString"),
        ([("Filter.1.Name", "a"), ("Filter.1.Name.x", "b")], "MalformedQueryString"),
        ([("MaxResults.1", "5")], "InvalidParameterValue"),
    ],
)
def test_forms_that_are_no_request(form, code):
    with pytest.raises(AwsError) as caught:
        query.read(operation("ec2", "DescribeInstances").input_shape, form, ec2=True)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "value",
    [
        {"MaxResults": "5"},
        {"MaxResults": True},
        {"Details": "true"},
        {"Filters": {}},
        {"Filters": [1]},
        {"CommandId": 5},
        [],
    ],
)
def test_json_of_other_types_is_refused(value):
    with pytest.raises(jsonwire.Unreadable):
        jsonwire.load(operation("ssm", "ListCommandInvocations").input_shape, value)


async def post(place: Any, service: str, body: str, sign: bool = True, **headers: str) -> Any:
    request = AWSRequest("POST", place.simulator.url + "/", data=body, headers=headers)
    if sign:
        SigV4Auth(Credentials("x", "y"), service, "eu-central-1").add_auth(request)
    async with aiohttp.ClientSession() as session:
        sent = dict(request.headers)
        answer = await session.post(request.url, data=body, headers=sent)
        return answer.status, await answer.text()


@pytest.mark.anyio
async def test_requests_that_nobody_signed(start):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    listing = urlencode({"Action": "DescribeInstances", "Version": "2016-11-15"})
    async with start() as place:
        status, text = await post(place, "ec2", listing, sign=False, **form)
        assert status == 401
        assert "<Code>AuthFailure</Code>" in text
        target = {"X-Amz-Target": "AmazonSSM.ListCommands"}
        status, text = await post(place, "ssm", "{}", sign=False, **target)
        assert status == 400
        assert '"__type": "MissingAuthenticationTokenException"' in text
        assert len(place.simulator.calls) == 0


@pytest.mark.anyio
async def test_requests_that_nobody_understands(start):
    async with start() as place:
        status, _ = await post(place, "s3", "")
        assert status == 404
        status, text = await post(place, "ssm", "{", **{"X-Amz-Target": "AmazonSSM.ListCommands"})
        assert (status, '"SerializationException"' in text) == (400, True)
        status, text = await post(place, "ssm", "{}", **{"X-Amz-Target": "AmazonSSM.Nothing"})
        assert (status, '"UnknownOperationException"' in text) == (400, True)
        status, text = await post(place, "ec2", urlencode({"Action": "Nothing"}))
        assert (status, "<Code>InvalidAction</Code>" in text) == (400, True)
