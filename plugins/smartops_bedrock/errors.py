"""What goes wrong with a model: the refusal people see, and the fault it comes from."""

from __future__ import annotations

from typing import Literal

from smartops import InterpreterFailed

Cause = Literal["service", "credentials", "parameters", "unreached", "unanswered"]
"""``service``: Bedrock refused. ``credentials``: there are none to sign with. ``parameters``: it
was never sent. ``unreached``: there was no connection. ``unanswered``: it may have worked on it."""


_LONGEST = 4000
"""Characters of a message that are kept: a proxy's error page can be a megabyte."""


class ModelFailed(InterpreterFailed):
    """The language model did not do its work; ``details`` hold the remedy."""

    code = "BEDROCK_ERROR"


class Fault(Exception):
    """A call failed. ``code`` and ``message`` are those of AWS, or say what happened on the way.

    ``operation`` is the one that failed: credentials may have to be had before
    the model is asked. ``retry_after`` is in seconds, None if nothing was said.
    """

    def __init__(
        self,
        cause: Cause,
        code: str,
        message: str,
        *,
        operation: str = "",
        retry_after: int | None = None,
    ) -> None:
        message = message[:_LONGEST]
        super().__init__(f"{code}: {message}")
        self.cause = cause
        self.code = code
        self.message = message
        self.operation = operation
        self.retry_after = retry_after

    @property
    def is_free(self) -> bool:
        """Whether AWS certainly charges nothing for it: the model never worked."""
        return self.cause != "unanswered" and self.code not in _AT_WORK


_AT_WORK = frozenset({"ModelTimeoutException", "ModelErrorException", "InternalServerException"})
