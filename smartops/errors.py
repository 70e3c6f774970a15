"""Everything that can go wrong, named by what happens next.

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

Anything else that is raised while a message is handled becomes an
:class:`InternalError`; its text goes to the log, never to the sender.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


class SmartOpsError(Exception):
    """Base of every error SmartOps raises on purpose."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that keeps SmartOps from starting.

    ``where`` is ``file:line:column`` or a plugin's name; ``path`` the dotted
    configuration path; ``hint`` a near miss or the remedy. Any may be empty.
    """

    text: str
    where: str = ""
    path: str = ""
    hint: str = ""

    def __str__(self) -> str:
        place = ": ".join(part for part in (self.where, self.path) if part)
        line = f"{place}: {self.text}" if place else self.text
        return f"{line}; {self.hint}" if self.hint else line


class StartupError(SmartOpsError):
    """SmartOps must not start; ``problems`` holds all that is wrong, in file order."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class Refusal(SmartOpsError):
    """A message is refused; ``message`` and ``details`` are safe to show to the sender.

    ``retry_after`` is in seconds. ``code`` and ``status`` are the wire code and
    the HTTP status of the wire contract. ``reason`` says more, for the log only.
    ``response`` is the envelope it came in, where a client raises what a server
    refused. ``excerpt`` is the beginning of ``details`` that needs a monospaced
    font: a line of the text with carets below it.
    """

    code: str = "INTERNAL_ERROR"
    status: int = 500
    reason: str = ""
    response: Mapping[str, Any] | None = None
    excerpt: str = ""

    def __init__(
        self, message: str, *, details: str | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        self.retry_after = retry_after

    def reworded(self, message: str, details: str | None) -> Self:
        """Return the same refusal, with its code and all, in other words."""
        kind = type(self)
        made = kind.__new__(kind)  # a subclass may be made of other things than a message
        made.__dict__.update(self.__dict__)
        made.args = (message,)
        made.message, made.details = message, details
        return made


class AuthenticationFailed(Refusal):
    """No valid proof of origin. The reason belongs in the log, not in the answer."""

    code = "AUTHENTICATION_FAILED"
    status = 401


class PermissionDenied(Refusal):
    """Policy said no, or the backend did; ``details`` names the rule or the right."""

    code = "PERMISSION_DENIED"
    status = 403


class RateLimited(Refusal):
    """Too many requests; ``retry_after`` says when it is worth trying again."""

    code = "RATE_LIMITED"
    status = 429


class InstanceNotFound(Refusal):
    """No such target."""

    code = "INSTANCE_NOT_FOUND"
    status = 404


class ValidationFailed(Refusal):
    """Malformed request, unknown command or bad argument; ``details`` points at it."""

    code = "VALIDATION_ERROR"
    status = 400


class ApprovalInvalid(Refusal):
    """The approval is expired, used, someone else's, or its plan no longer holds."""

    code = "APPROVAL_INVALID"
    status = 409


class BackendUnavailable(Refusal):
    """A backend did not do its work; ``undone`` is True if it certainly did none of it."""

    code = "BACKEND_UNAVAILABLE"
    status = 503
    undone: bool = False


class Unreachable(BackendUnavailable):
    """Nobody was reached, so nothing was asked for: it may be tried again without harm."""

    undone = True


class InterpreterFailed(Refusal):
    """Free text could not be understood because the interpreter failed."""

    code = "INTERPRETER_FAILED"
    status = 502


class DeadlineExceeded(Refusal):
    """The deadline passed; the text says whether the effect may have happened."""

    code = "TIMEOUT"
    status = 504


class InternalError(Refusal):
    """Anything unforeseen."""

    code = "INTERNAL_ERROR"
    status = 500
