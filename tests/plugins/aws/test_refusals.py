"""Every error of AWS becomes the right refusal, in words for a chat."""

from __future__ import annotations

import pytest

from smartops import (
    BackendUnavailable,
    InstanceNotFound,
    PermissionDenied,
    RateLimited,
    Refusal,
    ValidationFailed,
)
from smartops_aws import actions
from smartops_aws.actions import COST, DATA, DESCRIBE, SEND, START, STOP
from smartops_aws.kit import Action
from smartops_aws.kit.faults import Cause, Fault
from smartops_aws.kit.refusals import SsmUnavailable, certainly_undone, clean, refusal

USER = "arn:aws:sts::123456789012:assumed-role/smartops/alice"
TARGET = "arn:aws:ec2:eu-central-1:123456789012:instance/i-0abc"
BLOB = "Encoded authorization failure message: mB7_xyz-" + "A" * 400
SENTENCE = "You are not authorized to perform this operation."
NAMED = (
    f"User: {USER} is not authorized to perform: ec2:StopInstances on resource: {TARGET} because "
    "no identity-based policy allows the ec2:StopInstances action."
)
ACTIONS = [item for item in vars(actions).values() if isinstance(item, Action)]


def service(code: str, message: str = "Because.", status: int = 400, **more: float) -> Fault:
    return Fault("service", code, message, status=status, **more)


@pytest.mark.parametrize(
    ("fault", "action", "kind"),
    [
        (service("UnauthorizedOperation", SENTENCE, 403), STOP, PermissionDenied),
        (service("AccessDeniedException"), SEND, PermissionDenied),
        (service("AccessDeniedException", status=403), DATA, PermissionDenied),
        (service("AccessDenied", status=403), STOP, PermissionDenied),
        (service("AuthFailure", status=401), DESCRIBE, PermissionDenied),
        (service("ExpiredToken", status=403), DESCRIBE, PermissionDenied),
        (service("ExpiredTokenException"), SEND, PermissionDenied),
        (service("InvalidClientTokenId", status=403), DESCRIBE, PermissionDenied),
        (service("UnrecognizedClientException"), SEND, PermissionDenied),
        (service("SignatureDoesNotMatch", status=403), DESCRIBE, PermissionDenied),
        (Fault("credentials", "NoCredentialsError", "Unable"), DESCRIBE, PermissionDenied),
        (service("RequestLimitExceeded", status=503), STOP, RateLimited),
        (service("EC2ThrottledException", status=503), STOP, RateLimited),
        (service("Throttling"), DATA, RateLimited),
        (service("ThrottlingException"), SEND, RateLimited),
        (service("TooManyRequestsException", status=429), SEND, RateLimited),
        (service("LimitExceededException"), COST, RateLimited),
        (service("InvalidInstanceID.NotFound"), STOP, InstanceNotFound),
        (service("InvalidInstanceID.Malformed"), STOP, ValidationFailed),
        (Fault("parameters", "ParamValidationError", "bad"), STOP, ValidationFailed),
        (service("ValidationException"), COST, ValidationFailed),
        (service("InvalidParameterValue"), DATA, ValidationFailed),
        (service("InvalidParameterCombination"), DATA, ValidationFailed),
        (service("InvalidDocument"), SEND, ValidationFailed),
        (service("InvalidParameters"), SEND, ValidationFailed),
        (service("IncorrectInstanceState"), STOP, ValidationFailed),
        (service("OperationNotPermitted"), STOP, ValidationFailed),
        (service("UnsupportedOperation"), STOP, ValidationFailed),
        (service("InvalidSomethingNew"), STOP, ValidationFailed),
        (service("InvalidInstanceId"), SEND, SsmUnavailable),
        (service("DataUnavailableException"), COST, BackendUnavailable),
        (service("InternalError", status=500), STOP, BackendUnavailable),
        (service("InvalidSomethingNew", status=500), STOP, BackendUnavailable),
        (service("InternalServerError", status=500), SEND, BackendUnavailable),
        (Fault("unreached", "EndpointConnectionError", "no"), DESCRIBE, BackendUnavailable),
        (Fault("unreached", "ConnectTimeoutError", "no"), DESCRIBE, BackendUnavailable),
        (Fault("unanswered", "ReadTimeoutError", "no"), DESCRIBE, BackendUnavailable),
        (Fault("unreadable", "InvalidResponse", "no"), DESCRIBE, BackendUnavailable),
        (service("InsufficientInstanceCapacity", status=500), START, BackendUnavailable),
        (service("VcpuLimitExceeded"), START, ValidationFailed),
        (service("InstanceLimitExceeded"), START, ValidationFailed),
        (service("OptInRequired", status=401), DESCRIBE, PermissionDenied),
        (Fault("account", "WrongAccount", "no"), DESCRIBE, BackendUnavailable),
    ],
    ids=lambda value: getattr(value, "code", ""),
)
def test_each_code_becomes_its_refusal(fault: Fault, action: Action, kind: type[Refusal]) -> None:
    said = refusal(fault, action)
    assert type(said) is kind
    assert fault.code in said.reason
    assert fault.message in said.reason


@pytest.mark.parametrize(
    "message", [SENTENCE, f"{SENTENCE} {BLOB}", f"{SENTENCE} {NAMED} {BLOB}", NAMED]
)
def test_the_action_that_is_missing_is_named_and_nothing_else_is(message: str) -> None:
    said = refusal(service("UnauthorizedOperation", message, 403), STOP)
    assert said.message == "Insufficient permissions to stop instance"
    assert said.details == "Required IAM action: ec2:StopInstances"


def test_the_action_is_taken_from_the_text_where_it_is_another() -> None:
    text = f"User: {USER} is not authorized to perform: ssm:GetParameters on resource: {TARGET}"
    said = refusal(service("AccessDeniedException", text), SEND)
    assert said.details == "Required IAM action: ssm:GetParameters"


def test_the_role_that_may_not_be_assumed_is_what_is_missing() -> None:
    text = f"User: {USER} is not authorized to perform: sts:AssumeRole on resource: {TARGET}"
    fault = Fault("service", "AccessDenied", text, operation="AssumeRole", status=403)
    said = refusal(fault, STOP)
    assert said.message == "Insufficient permissions to assume the role of the account"
    assert (said.details or "").startswith("Required IAM action: sts:AssumeRole. It looks the same")
    assert "external_id" in (said.details or "")


@pytest.mark.parametrize(
    ("policy", "words"),
    [("a service control policy", "A service control policy"), ("an identity-based", "A policy")],
)
def test_an_explicit_deny_is_reported(policy: str, words: str) -> None:
    named = NAMED.partition(" because")[0]
    text = f"{SENTENCE} {named} with an explicit deny in {policy} {BLOB}"
    said = refusal(service("UnauthorizedOperation", text, 403), STOP)
    assert said.details == (
        "Required IAM action: ec2:StopInstances. "
        f"{words} denies it explicitly, so that allowing it will not help"
    )


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.right)
@pytest.mark.parametrize("code", ["UnauthorizedOperation", "InvalidParameterValue", "Teapot"])
def test_refusals_contain_no_arn_and_no_blob(action: Action, code: str) -> None:
    said = refusal(service(code, f"{NAMED} {BLOB}", 403), action)
    shown = f"{said.message} {said.details}"
    assert "arn:" not in shown
    assert "123456789012" not in shown
    assert "mB7_xyz" not in shown
    assert len(shown) < 600


@pytest.mark.parametrize(("reported", "seconds"), [(None, 5), (0.0, 5), (7.2, 8), (30.0, 30)])
def test_throttling_says_when_to_try_again(reported: float | None, seconds: int) -> None:
    fault = Fault("service", "Throttling", "Rate exceeded", status=400, retry_after=reported)
    assert refusal(fault, STOP).retry_after == seconds


def test_the_instance_that_is_not_there_is_named() -> None:
    said = refusal(
        service("InvalidInstanceID.NotFound", "The instance IDs 'i-0abc, i-0def' do not exist"),
        STOP,
    )
    assert said.message == "There is no instance i-0abc, i-0def"
    assert refusal(service("InvalidInstanceID.NotFound", ""), STOP).message == (
        "There is no instance"
    )


@pytest.mark.parametrize(
    ("cause", "code", "status", "undone"),
    [
        ("service", "IncorrectInstanceState", 400, True),
        ("service", "RequestLimitExceeded", 503, True),
        ("service", "InternalError", 500, False),
        ("unreached", "ConnectTimeoutError", 0, True),
        ("unanswered", "ReadTimeoutError", 0, False),
        ("unreadable", "InvalidResponse", 0, False),
        ("account", "WrongAccount", 0, True),
        ("service", "InsufficientInstanceCapacity", 500, True),
        ("credentials", "NoCredentialsError", 0, True),
    ],
)
def test_a_failed_change_reports_whether_it_happened(
    cause: Cause, code: str, status: int, undone: bool
) -> None:
    fault = Fault(cause, code, "", status=status)
    assert certainly_undone(fault) is undone
    said = refusal(fault, STOP)
    if type(said) is BackendUnavailable:
        assert said.undone is undone
        reported = f"{said.message} {said.details}"
        assert ("may or may not have happened" in reported) is not undone


@pytest.mark.parametrize("operation", ["AssumeRole", "GetCallerIdentity"])
def test_what_fails_before_a_change_leaves_it_undone(operation: str) -> None:
    fault = Fault("unanswered", "ReadTimeoutError", "", operation=operation)
    said = refusal(fault, SEND)
    assert certainly_undone(fault)
    assert said.message == "AWS did not answer to run commands on instance"
    assert said.details == f"ReadTimeoutError from sts:{operation}. Nothing was done"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Insufficient capacity.", "AWS has no capacity now; nothing was started"),
        (
            "We currently do not have sufficient m5.large capacity in the Availability Zone you "
            "requested (eu-central-1a). You can currently get m5.large capacity elsewhere.",
            "AWS has no capacity for m5.large in eu-central-1a now; nothing was started",
        ),
    ],
)
def test_no_capacity_says_that_nothing_was_started(text: str, words: str) -> None:
    said = refusal(service("InsufficientInstanceCapacity", text, 500), START)
    assert said.message == words


@pytest.mark.parametrize(
    ("code", "quota"),
    [("VcpuLimitExceeded", "vCPUs"), ("InstanceLimitExceeded", "running instances")],
)
def test_an_exhausted_quota_is_named(code: str, quota: str) -> None:
    text = "You have requested more vCPU capacity than your current vCPU limit of 32 allows"
    said = refusal(service(code, text), START)
    assert quota in said.message
    assert "limit of 32" in (said.details or "")


def test_a_disabled_region_is_distinguished_from_a_missing_permission() -> None:
    said = refusal(service("OptInRequired", "You are not subscribed", 401), DESCRIBE)
    assert said.message == "Cannot list instances: the region is not enabled in the AWS account"
    assert "no permission is missing" in (said.details or "")


def test_a_message_of_any_length_is_bounded() -> None:
    assert len(refusal(service("Odd", "x" * 10**6, 407), STOP).reason) < 5000


def test_a_failed_read_reports_no_possible_effect() -> None:
    said = refusal(Fault("unanswered", "ReadTimeoutError", ""), DESCRIBE)
    assert said.message == "AWS did not answer to list instances"
    assert said.details == "ReadTimeoutError from ec2:DescribeInstances"


def test_long_texts_are_cut_to_a_line() -> None:
    assert clean("a\n  b\t c") == "a b c"
    assert clean("x" * 1000) == "x" * 300 + "…"
