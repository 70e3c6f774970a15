"""Messages of Amazon SNS: only signed ones of configured topics, and the events in them."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

import smartops_sns
from smartops import BackendUnavailable, Refusal
from smartops.channels import AuthenticationFailed, Event, Headers, HttpReply, Inbound
from smartops.testing import Bot

pytestmark = pytest.mark.anyio

TOPIC = "arn:aws:sns:eu-central-1:123456789012:alarms"
HOST = "https://sns.eu-central-1.amazonaws.com"
CERTIFICATE = f"{HOST}/SimpleNotificationService-0123abcd.pem"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": (
        "Message",
        "MessageId",
        "SubscribeURL",
        "Timestamp",
        "Token",
        "TopicArn",
        "Type",
    ),
}


def certificate(now: datetime, name: str = "sns.amazonaws.com", days: int = 30) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=60))
        .not_valid_after(now + timedelta(days=days))
        .sign(KEY, SHA256())
    )
    return made.public_bytes(Encoding.PEM)


class Sns:
    """What can be fetched from SNS; and the messages that it signs."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.fetched: list[str] = []
        self.pages = {CERTIFICATE: HttpReply(200, {}, certificate(now))}
        self.away = False

    async def request(self, method: str, url: str, **_: Any) -> HttpReply:
        assert method == "GET"
        if self.away:
            raise BackendUnavailable("no answer")
        self.fetched.append(url)
        return self.pages.get(url, HttpReply(404, {}, b""))

    def message(self, content: Any, **members: str) -> dict[str, str]:
        """Return a signed message; ``members`` are signed too."""
        body = {
            "Type": "Notification",
            "MessageId": "m-1",
            "TopicArn": TOPIC,
            "Message": content if isinstance(content, str) else json.dumps(content),
            "Timestamp": self.now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "SignatureVersion": "2",
            "SigningCertURL": CERTIFICATE,
            "UnsubscribeURL": f"{HOST}/?Action=Unsubscribe",
            **members,
        }
        names = SIGNED.get(body["Type"], SIGNED["SubscriptionConfirmation"])
        text = "".join(f"{name}\n{body[name]}\n" for name in names if name in body)
        signature = KEY.sign(text.encode(), padding.PKCS1v15(), SHA256())
        return {"Signature": base64.b64encode(signature).decode(), **body}


class Receiver:
    """A webhook with the configuration of a test."""

    def __init__(self, bot: Bot) -> None:
        services = bot.services
        self.clock = bot.clock
        self.sns = Sns(bot.clock.now())
        object.__setattr__(services, "http", self.sns)
        config = smartops_sns.SnsConfig(topics=(TOPIC,))
        [self.source] = smartops_sns.register_event_sources(config, services)

    async def events(self, body: Mapping[str, Any], **headers: str) -> list[Event]:
        pairs = [(name.replace("_", "-").encode(), it.encode()) for name, it in headers.items()]
        raw = json.dumps(body).encode()
        inbound = Inbound("POST", "/hooks/sns", Headers(pairs), raw, "r1")
        await self.source.authenticate(inbound)
        return list(await self.source.read(inbound))


@pytest.fixture
def receiver(bot: Bot) -> Receiver:
    bot.load(smartops_sns, name="sns", topics=[TOPIC])
    return Receiver(bot)


ALARM = {
    "AlarmName": "cpu-web-1",
    "AlarmDescription": "CPU is high",
    "AlarmArn": "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:cpu-web-1",
    "NewStateValue": "ALARM",
    "NewStateReason": "Threshold Crossed",
    "StateChangeTime": "2026-11-24T16:00:00.000+0000",
    "Region": "EU (Frankfurt)",
    "Trigger": {"Dimensions": [{"name": "InstanceId", "value": "i-0abc"}]},
}


async def test_a_signed_alarm_is_an_event(receiver: Receiver) -> None:
    [event] = await receiver.events(receiver.sns.message(ALARM, Subject="ALARM"))
    assert (event.fingerprint, event.status, event.title) == (
        ALARM["AlarmArn"],
        "firing",
        "cpu-web-1",
    )
    assert event.started == datetime(2026, 11, 24, 16, tzinfo=UTC)
    assert event.text == "CPU is high\nThreshold Crossed"
    assert event.severity == "warning"
    assert event.labels == {
        "alertname": "cpu-web-1",
        "region": "eu-central-1",
        "account": "123456789012",
        "InstanceId": "i-0abc",
        "instance": "i-0abc",
    }
    [ended] = await receiver.events(receiver.sns.message({**ALARM, "NewStateValue": "OK"}))
    assert ended.status == "resolved"
    assert receiver.sns.fetched == [CERTIFICATE]
    unknown = {**ALARM, "NewStateValue": "INSUFFICIENT_DATA"}
    assert await receiver.events(receiver.sns.message(unknown)) == []


async def test_a_composite_alarm_has_no_trigger(receiver: Receiver) -> None:
    composite = {key: value for key, value in ALARM.items() if key != "Trigger"}
    rule = {"AlarmRule": 'ALARM("cpu-web-1")', "TriggeringChildren": []}
    [event] = await receiver.events(receiver.sns.message({**composite, **rule}))
    assert "instance" not in event.labels


@pytest.mark.parametrize(
    "change",
    [
        {"Message": "{}"},
        {"Type": "SubscriptionConfirmation"},
        {"Signature": ""},
        {"Signature": "no base64"},
        {"Signature": base64.b64encode(b"x" * 256).decode()},
        {"SignatureVersion": "1"},
        {"TopicArn": TOPIC.replace("alarms", "others")},
        {"Timestamp": "yesterday"},
    ],
)
async def test_a_changed_message_is_refused(receiver: Receiver, change: dict[str, str]) -> None:
    with pytest.raises(AuthenticationFailed):
        await receiver.events({**receiver.sns.message(ALARM), **change})


@pytest.mark.parametrize(
    "url",
    [
        CERTIFICATE.replace("https", "http"),
        CERTIFICATE.replace("eu-central-1", "us-east-1"),
        CERTIFICATE.replace("amazonaws.com", "amazonaws.com.evil.example"),
        CERTIFICATE.replace("sns.", "sns@evil.example/sns."),
        CERTIFICATE.replace("amazonaws.com/", "amazonaws.com:8443/"),
        CERTIFICATE + "?x=.pem",
        "https://evil.example/SimpleNotificationService-0123abcd.pem",
    ],
)
async def test_certificates_come_from_sns_in_the_topics_region(
    receiver: Receiver, url: str
) -> None:
    with pytest.raises(AuthenticationFailed):
        await receiver.events(receiver.sns.message(ALARM, SigningCertURL=url))
    assert receiver.sns.fetched == []


async def test_old_and_future_messages_are_refused(receiver: Receiver) -> None:
    message = receiver.sns.message(ALARM)
    receiver.clock.advance(64 * 60)
    assert len(await receiver.events(message)) == 1  # SNS sends it again for an hour
    receiver.clock.advance(2 * 60)
    with pytest.raises(AuthenticationFailed):
        await receiver.events(message)


@pytest.mark.parametrize("made", [{"name": "evil.example"}, {"days": -1}])
async def test_the_certificate_must_be_valid_and_of_sns(
    receiver: Receiver, made: dict[str, Any]
) -> None:
    page = HttpReply(200, {}, certificate(receiver.sns.now, **made))
    receiver.sns.pages[CERTIFICATE] = page
    with pytest.raises(AuthenticationFailed):
        await receiver.events(receiver.sns.message(ALARM))


async def test_unsigned_forms_are_refused(receiver: Receiver) -> None:
    with pytest.raises(AuthenticationFailed):
        await receiver.events(ALARM)
    with pytest.raises(AuthenticationFailed):
        await receiver.events(receiver.sns.message(ALARM), x_amz_sns_rawdelivery="true")


async def test_a_certificate_that_cannot_be_fetched_is_tried_again(receiver: Receiver) -> None:
    receiver.sns.away = True
    with pytest.raises(BackendUnavailable):
        await receiver.events(receiver.sns.message(ALARM))


async def test_a_subscription_to_a_configured_topic_is_confirmed(receiver: Receiver) -> None:
    url = f"{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t"
    receiver.sns.pages[url] = HttpReply(200, {}, b"<ok/>")
    kind = {"Type": "SubscriptionConfirmation", "Token": "t"}
    message = receiver.sns.message("You have chosen to subscribe", SubscribeURL=url, **kind)
    assert await receiver.events(message) == []
    assert receiver.sns.fetched[-1] == url

    evil = receiver.sns.message("x", SubscribeURL="https://evil.example/?Action=Confirm", **kind)
    with pytest.raises(Refusal):
        await receiver.events(evil)


def bridge(kind: str, detail: dict[str, Any], **more: Any) -> dict[str, Any]:
    known = {"version": "0", "id": "e1", "account": "123456789012", "region": "eu-central-1"}
    return {**known, "time": "2026-11-24T16:00:00Z", "detail-type": kind, "detail": detail, **more}


@pytest.mark.parametrize(
    ("body", "status", "title"),
    [
        (
            bridge(
                "CloudWatch Alarm State Change",
                {
                    "alarmName": "cpu",
                    "state": {"value": "ALARM", "timestamp": "2026-11-24T16:00:00.000+0000"},
                },
                resources=["arn:aws:cloudwatch:eu-central-1:123456789012:alarm:cpu"],
            ),
            "firing",
            "cpu",
        ),
        (
            bridge(
                "EC2 Instance State-change Notification",
                {"instance-id": "i-0abc", "state": "stopped"},
            ),
            "firing",
            "i-0abc is stopped",
        ),
        (
            bridge(
                "AWS Health Event",
                {
                    "eventArn": "arn:aws:health:eu-central-1::event/EC2/X/1",
                    "eventTypeCode": "AWS_EC2_INSTANCE_RETIREMENT_SCHEDULED",
                    "eventTypeCategory": "scheduledChange",
                    "statusCode": "upcoming",
                    "startTime": "Fri, 27 Nov 2026 06:02:51 GMT",
                    "service": "EC2",
                    "eventDescription": [{"language": "en_US", "latestDescription": "retired"}],
                    "affectedEntities": [{"entityValue": "i-0abc"}],
                },
            ),
            "firing",
            "EC2: instance retirement scheduled",
        ),
        (
            bridge(
                "EC2 Instance Launch Unsuccessful",
                {"AutoScalingGroupName": "web", "StatusMessage": "no capacity"},
            ),
            "firing",
            "Auto Scaling cannot launch instances of web",
        ),
        (
            bridge("EC2 Instance Terminate Successful", {"AutoScalingGroupName": "web"}),
            "resolved",
            "Auto Scaling cannot terminate instances of web",
        ),
    ],
)
async def test_events_of_eventbridge(
    receiver: Receiver, body: dict[str, Any], status: str, title: str
) -> None:
    [event] = await receiver.events(receiver.sns.message(body))
    assert (event.status, event.title) == (status, title)


@pytest.mark.parametrize("body", ["plain text", {"x": 1}, bridge("Other", {}), []])
async def test_other_messages_are_no_events(receiver: Receiver, body: Any) -> None:
    assert await receiver.events(receiver.sns.message(body)) == []
