"""The calls that were made, for tests to look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .model import right


@dataclass(slots=True)
class Call:
    """A call: ``error`` is the code it was refused with, or empty. ``service`` is botocore's name.

    ``account`` and ``caller`` (an ARN) are empty if the credentials were not good.
    """

    service: str
    operation: str
    region: str
    at: float
    account: str = ""
    caller: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""

    @property
    def action(self) -> str:
        """The IAM action that the call needs."""
        return right(self.service, self.operation)


MOST = 100_000


class Calls(list[Call]):
    """The calls, the oldest first; of more than 100,000 the oldest are forgotten."""

    def note(self, call: Call) -> None:
        """Add a call."""
        self.append(call)
        if len(self) > MOST:
            del self[: MOST // 2]

    def of(self, operation: str) -> list[Call]:
        """Return the calls of one operation."""
        return [each for each in self if each.operation == operation]

    @property
    def actions(self) -> set[str]:
        """The IAM actions that the calls needed."""
        return {each.action for each in self}
