"""What IAM does not allow, in the words of each service."""

from __future__ import annotations

import zlib
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

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


class Rules:
    """The denials of the scenario, and those made since."""

    def __init__(self, refusals: Iterable[Refusal]) -> None:
        self._refusals = list(refusals)

    def add(self, refusal: Refusal) -> None:
        """Deny something from now on."""
        self._refusals.append(refusal)

    def clear(self) -> None:
        """Deny nothing any more."""
        self._refusals.clear()

    def check(self, request: Request) -> None:
        """Raise the AwsError for a request that is denied."""
        action = right(request.service, request.operation)
        if not any(fnmatchcase(action, each.action) for each in self._refusals):
            return
        for arn, instance in _resources(request):
            refusal = self.refusal(request, action, arn, instance)
            if refusal is not None:
                raise denied(request, refusal, action, arn)

    def refusal(
        self, request: Request, action: str, arn: str, instance: Instance | None
    ) -> Refusal | None:
        """Return what denies an action on a resource, or None."""
        for each in self._refusals:
            if not fnmatchcase(action, each.action) or not fnmatchcase(arn, each.resource):
                continue
            if not fnmatchcase(request.world.account, each.account):
                continue
            if not fnmatchcase(request.world.region, each.region):
                continue
            if each.unless_tags and (instance is None or _carries(instance, each)):
                continue
            return each
        return None


def _carries(instance: Instance, refusal: Refusal) -> bool:
    return refusal.unless_tags.items() <= instance.tags.items()


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


def denied(request: Request, refusal: Refusal, action: str, arn: str) -> AwsError:
    """Return how the service of a request says that something is not allowed."""
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
