"""The state of a command on one instance, as a RunResult."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from smartops.backends import RunResult, RunStatus

MOST_OUTPUT = 24_000
MOST_ERRORS = 8_000
"""Characters that GetCommandInvocation gives of either."""

MOST_LISTED = 2_500
"""Characters that ListCommandInvocations gives of both together."""

_CUT = (
    "---Output truncated---",
    "---Error truncated---",
    "---Error truncated----",
    "--output truncated--",
)
_BOTH = "----------ERROR-------"

_STATUS: Mapping[str, RunStatus] = {
    "Pending": "pending",
    "Delayed": "pending",
    "InProgress": "running",
    "Cancelling": "running",
    "Success": "success",
    "Failed": "failed",
    "TimedOut": "timed-out",
    "Cancelled": "cancelled",
}
_DETAILS: Mapping[str, tuple[RunStatus, str]] = {
    "deliverytimedout": ("unreachable", "The command was not delivered in time"),
    "undeliverable": ("unreachable", "The command could not be delivered"),
    "executiontimedout": ("timed-out", ""),
    "terminated": ("cancelled", "SSM ended the command after errors on other instances"),
    "invalidplatform": ("failed", "The document does not run on this platform"),
    "accessdenied": ("failed", "SSM may not run this here. Required IAM action: ssm:SendCommand"),
    "rateexceeded": ("failed", "AWS is throttling commands: try again later"),
}
"""StatusDetails that are more specific than Status, without their blanks."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a document on one instance; ``code`` is None if it has not ended by itself."""

    name: str
    code: int | None
    output: str


@dataclass(frozen=True, slots=True)
class Invocation:
    """The state of a command on one instance, and the steps that began there."""

    result: RunResult
    steps: tuple[Step, ...]

    @property
    def complete(self) -> bool:
        """Whether the listing has everything: no more output, and no errors mixed into it."""
        text = "".join(step.output for step in self.steps)
        ran = self.result.exit_code is not None
        if self.result.status != "success":
            return not ran and not text
        return len(text) < MOST_LISTED and _BOTH not in text and not text.endswith(_CUT)


def invocation(listed: Mapping[str, Any]) -> Invocation:
    """Read one element of ListCommandInvocations with its details."""
    status, why = _status(listed)
    steps = tuple(_step(item) for item in listed.get("CommandPlugins", ()) if _begun(item))
    codes = [step.code for step in steps if step.code is not None]
    ended = status in ("success", "failed") and codes
    result = RunResult(
        instance_id=listed["InstanceId"],
        status=status,
        exit_code=(next((code for code in codes if code), 0) if ended else None),
        output="".join(step.output for step in steps),
        errors=why,
        seconds=_seconds(listed.get("CommandPlugins", ())),
    )
    return Invocation(result, steps)


def output_of(answer: Mapping[str, Any]) -> tuple[str, str, bool]:
    """Return output, errors and whether they were cut, from GetCommandInvocation."""
    output = str(answer.get("StandardOutputContent", ""))
    errors = str(answer.get("StandardErrorContent", ""))
    cut = len(output) >= MOST_OUTPUT or len(errors) >= MOST_ERRORS
    cut = cut or output.rstrip().endswith(_CUT) or errors.rstrip().endswith(_CUT)
    return _without_mark(output), _without_mark(errors), cut


def _status(listed: Mapping[str, Any]) -> tuple[RunStatus, str]:
    details = str(listed.get("StatusDetails", "")).replace(" ", "").lower()
    if details in _DETAILS:
        return _DETAILS[details]
    return _STATUS.get(str(listed.get("Status", "")), "pending"), ""


def _begun(step: Mapping[str, Any]) -> bool:
    """Whether a step is one of those that were for this instance: others have no beginning."""
    skipped = "Skipped" in str(step.get("StatusDetails", ""))
    return step.get("Status") != "Pending" and not skipped


def _step(step: Mapping[str, Any]) -> Step:
    code = step.get("ResponseCode")
    return Step(
        name=str(step.get("Name", "")),
        code=code if isinstance(code, int) and code >= 0 else None,
        output=str(step.get("Output", "")),
    )


def _seconds(steps: Sequence[Mapping[str, Any]]) -> float:
    begins = _moments(steps, "ResponseStartDateTime")
    ends = _moments(steps, "ResponseFinishDateTime")
    if not begins or not ends:
        return 0.0
    return max(0.0, (max(ends) - min(begins)).total_seconds())


def _moments(steps: Sequence[Mapping[str, Any]], key: str) -> Sequence[datetime]:
    return [moment for step in steps if isinstance(moment := step.get(key), datetime)]


def _without_mark(text: str) -> str:
    bare = text.rstrip()
    for mark in _CUT:
        if bare.endswith(mark):
            return bare.removesuffix(mark)
    return text
