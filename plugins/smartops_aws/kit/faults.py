"""A failed call of AWS as it is, before it is worded as a refusal."""

from __future__ import annotations

from typing import Literal

Cause = Literal[
    "service", "credentials", "account", "parameters",
    "skipped", "unreached", "unanswered", "unreadable",
]  # fmt: skip
"""``service``: AWS refused. ``credentials``: there are none to sign with. ``account``: they belong
to another account than configured. ``parameters``: it was never sent. ``skipped``: likewise,
because the service hung before. ``unreached``: there was no connection. ``unanswered``: what became
of it is unknown. ``unreadable``: likewise, because the answer was broken or not from AWS."""

_LONGEST = 4000
"""The maximum length of an error text: a proxy's error page can be a megabyte."""


class Fault(Exception):
    """A call failed. ``code`` and ``message`` are those of AWS, or say what happened on the way.

    ``operation`` is the one that failed, which need not be the one called:
    credentials may be fetched first. ``status`` is the HTTP status, 0
    without an answer. ``retry_after`` is in seconds, None if AWS named none.
    """

    def __init__(
        self,
        cause: Cause,
        code: str,
        message: str,
        *,
        operation: str = "",
        status: int = 0,
        retry_after: float | None = None,
    ) -> None:
        message = message[:_LONGEST]
        super().__init__(f"{code}: {message}")
        self.cause = cause
        self.code = code
        self.message = message
        self.operation = operation
        self.status = status
        self.retry_after = retry_after
