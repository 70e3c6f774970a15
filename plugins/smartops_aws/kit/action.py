"""Operations of AWS that may be called. Each is declared once, which puts it into the policy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["read", "change", "once"]
"""How often a call may be tried: a read 3 times, an idempotent change 2 times, and what must not
happen twice once."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """A token bucket: calls that may come at once, and how many more each second."""

    burst: float
    rate: float


@dataclass(frozen=True, slots=True)
class Action:
    """An operation; ``service`` and ``operation`` are botocore's names.

    ``wanted`` completes "Insufficient permissions to …". ``allowance`` is the
    limit of calls, if there is one. ``answer`` is the member without which an
    answer is not one of AWS, with a dot before a member of a member;
    ``following`` is the member that leads to the next page.

    ``resources`` is the bucket that is charged for each resource of a call.
    ``iam`` is the IAM action if it has another name than the operation. ``on``
    is the ARN that a policy allows it on, in which {partition}, {region} and
    {account} are filled in. ``feature`` is the feature of the aws plugin that
    the operation belongs to; the actions of other plugins leave it empty.
    """

    service: str
    operation: str
    wanted: str
    allowance: Allowance | None = None
    kind: Kind = "read"
    answer: str = ""
    following: str = "NextToken"
    resources: Allowance | None = None
    iam: str = ""
    on: str = "*"
    feature: str = ""

    def __post_init__(self) -> None:
        _declared.setdefault((self.service, self.operation, self.feature), self)

    @property
    def right(self) -> str:
        """The IAM action that the operation needs."""
        return self.iam or f"{self.service}:{self.operation}"

    @property
    def changes(self) -> bool:
        """Whether it changes something."""
        return self.kind != "read"


_declared: dict[tuple[str, str, str], Action] = {}


def declared() -> Iterable[Action]:
    """Return every action that a plugin which is imported declared."""
    return tuple(_declared.values())


ASSUME = Action(
    "sts",
    "AssumeRole",
    "assume the role of the account",
    answer="Credentials.Expiration",
    feature="role",
)
IDENTITY = Action(
    "sts",
    "GetCallerIdentity",
    "see which account the credentials belong to",
    answer="Account",
    feature="role",
)
