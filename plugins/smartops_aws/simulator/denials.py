"""Refusals by IAM, in the words of each service."""

from __future__ import annotations

import zlib
from base64 import urlsafe_b64encode
from collections.abc import Sequence

from .answers import AwsError
from .incidents import Refusal
from .machines import Instance
from .model import right
from .request import Request

_BECAUSE = {
    "implicit": "because no identity-based policy allows the {action} action",
    "explicit": "with an explicit deny in an identity-based policy",
    "scp": "with an explicit deny in a service control policy",
}


def check(request: Request) -> None:
    """Raise the AwsError for a request that is denied."""
    action = right(request.service, request.operation)
    for arn, instance in _resources(request):
        refusal = request.rules.refusal(request.world, action, arn, instance)
        if refusal is not None:
            raise _denied(request, refusal, action, arn)


def _resources(request: Request) -> Sequence[tuple[str, Instance | None]]:
    params, world = request.params, request.world
    if request.service == "bedrock-runtime":
        return [(f"arn:aws:bedrock:{world.region}::foundation-model/{params['modelId']}", None)]
    if request.service == "sts":
        return [(params.get("RoleArn", "*"), None)]
    ids = params.get("InstanceIds") or params.get("Resources") or ()
    if not ids or request.operation.startswith(("Describe", "List", "Get")):
        return [("*", None)]
    return [(world.arn(each), world.instances.get(each)) for each in ids]


def _denied(request: Request, refusal: Refusal, action: str, arn: str) -> AwsError:
    because = _BECAUSE[refusal.because].format(action=action)
    sentence = (
        f"User: {request.caller.arn} is not authorized to perform: {action} "
        f"on resource: {arn} {because}"
    )
    if request.service == "ec2":
        return AwsError("UnauthorizedOperation", _ec2_text(refusal, sentence), 403)
    if request.service == "sts":
        return AwsError("AccessDenied", sentence, 403)
    if request.service == "cloudwatch":
        return AwsError("AccessDeniedException", sentence, 403)
    return AwsError(
        "AccessDeniedException", sentence, 403 if request.service == "bedrock-runtime" else 400
    )


def _ec2_text(refusal: Refusal, sentence: str) -> str:
    bare = "You are not authorized to perform this operation."
    if refusal.worded == "bare":
        return bare
    encoded = f" Encoded authorization failure message: {_blob(sentence)}"
    if refusal.worded == "blob":
        return bare + encoded
    return f"{bare} {sentence}.{encoded}"


def _blob(sentence: str) -> str:
    """Return something as long and as unreadable as what AWS sends."""
    once = zlib.compress(sentence.encode())
    body = b"".join(zlib.compress(once + bytes([n])) for n in range(4))
    return urlsafe_b64encode(body).decode().rstrip("=")
