"""The exceptions of SmartOps, by what SmartOps does about them.

::

    SmartOpsError
    ├── StartupError            refuse to start; carries every Problem, exit status 2
    └── Refusal                 shown to the sender: wire code, HTTP status, safe text
        ├── AuthenticationFailed   401
        ├── PermissionDenied       403
        ├── RateLimited            429   always with retry_after
        ├── InstanceNotFound       404
        ├── ValidationFailed       400
        ├── ApprovalInvalid        409
        ├── BackendUnavailable     503   a backend may subclass it with a code of its own
        │   └── Unreachable              no connection was made, so nothing was sent
        ├── InterpreterFailed      502   an interpreter may subclass it with a code of its own
        ├── DeadlineExceeded       504
        └── InternalError          500   only the reference is shown

Any other exception raised while a message is handled becomes an
:class:`InternalError`; its text is logged, and never shown to the sender.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


class SmartOpsError(Exception):
    """The base class of all exceptions that SmartOps raises."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason why SmartOps cannot start.

    ``where`` is ``file:line:column`` or a plugin's name; ``path`` the dotted
    configuration path; ``hint`` a near miss or the remedy. All three may be empty.
    """

    text: str
    where: str = ""
    path: str = ""
    hint: str = ""

    def __str__(self) -> str:
        location = ": ".join(part for part in (self.where, self.path) if part)
        line = f"{location}: {self.text}" if location else self.text
        return f"{line}; {self.hint}" if self.hint else line


class StartupError(SmartOpsError):
    """SmartOps cannot start; ``problems`` are all reasons, in file order."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class Refusal(SmartOpsError):
    """A message is refused; ``message`` and ``details`` are safe to show to the sender.

    ``retry_after`` is in seconds. ``code`` and ``status`` are the code and HTTP
    status of the wire contract. ``reason`` has more details, for the log only.
    ``response`` is the envelope from which a client raised this. ``excerpt`` is
    the start of ``details`` that needs a monospace font: a line of text with
    carets below it. ``suggestions`` are texts of commands that the sender may have
    meant, which channels show as buttons.
    """

    code: str = "INTERNAL_ERROR"
    status: int = 500
    reason: str = ""
    response: Mapping[str, Any] | None = None
    excerpt: str = ""
    suggestions: tuple[str, ...] = ()

    def __init__(
        self, message: str, *, details: str | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        self.retry_after = retry_after

    def reworded(self, message: str, details: str | None) -> Self:
        """Return a copy of this error with another message and other details."""
        kind = type(self)
        made = kind.__new__(kind)  # a subclass may have other constructor arguments
        made.__dict__.update(self.__dict__)
        made.args = (message,)
        made.message, made.details = message, details
        return made


class AuthenticationFailed(Refusal):
    """No valid proof of origin. The reason is for the log, never for the response."""

    code = "AUTHENTICATION_FAILED"
    status = 401


class PermissionDenied(Refusal):
    """The policy or the backend denied it; ``details`` names the rule or the right."""

    code = "PERMISSION_DENIED"
    status = 403


class RateLimited(Refusal):
    """Too many requests; ``retry_after`` is when to retry."""

    code = "RATE_LIMITED"
    status = 429


class InstanceNotFound(Refusal):
    """No such target; ``target`` is how it was named."""

    target: str = ""

    code = "INSTANCE_NOT_FOUND"
    status = 404


class ValidationFailed(Refusal):
    """Malformed request, unknown command or invalid argument; ``details`` points at it."""

    code = "VALIDATION_ERROR"
    status = 400


class ApprovalInvalid(Refusal):
    """The approval is expired, used or another person's, or its plan has changed."""

    code = "APPROVAL_INVALID"
    status = 409


class BackendUnavailable(Refusal):
    """A backend failed; ``undone`` is True if it certainly changed nothing."""

    code = "BACKEND_UNAVAILABLE"
    status = 503
    undone: bool = False


class Unreachable(BackendUnavailable):
    """No connection was made, so no request was sent, and a retry is safe."""

    undone = True


class InterpreterFailed(Refusal):
    """The interpreter failed to translate free text."""

    code = "INTERPRETER_FAILED"
    status = 502


class DeadlineExceeded(Refusal):
    """The deadline passed; the message says whether the effect may have happened."""

    code = "TIMEOUT"
    status = 504


class InternalError(Refusal):
    """An unforeseen error."""

    code = "INTERNAL_ERROR"
    status = 500
