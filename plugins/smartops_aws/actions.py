"""Every operation of AWS that the plugin calls, and what has to be known of each.

Whatever is not in this table cannot be called, so the policy that is made of
it is complete.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["read", "change", "once"]
"""How often a call may be tried: a read 3 times, a change that may be repeated 2 times, and what
must not happen twice once."""

Feature = Literal["compute", "changes", "tagging", "runner", "metrics", "costs", "role"]


@dataclass(frozen=True, slots=True)
class Allowance:
    """A token bucket: calls that may come at once, and how many more each second."""

    burst: float
    rate: float


@dataclass(frozen=True, slots=True)
class Action:
    """An operation: ``service`` as botocore calls it, ``right`` as IAM does.

    ``wanted`` completes "Insufficient permissions to …". ``resources`` is the
    bucket that is charged for each instance of a call, ``following`` the name
    of what leads to the next page. ``answer`` is the member without which an
    answer is not one of AWS, with a dot before a member of a member.
    """

    service: str
    operation: str
    feature: Feature
    wanted: str
    allowance: Allowance
    kind: Kind = "read"
    resources: Allowance | None = None
    following: str = "NextToken"
    answer: str = ""

    @property
    def right(self) -> str:
        """The IAM action that the operation needs."""
        return f"{self.service}:{self.operation}"

    @property
    def changes(self) -> bool:
        """Whether anything is different after it."""
        return self.kind != "read"


# The buckets of EC2 are published; SSM's are not, so that low ones are assumed there.
_READ = Allowance(100, 20)
_CHANGE = Allowance(50, 5)
_SSM = Allowance(20, 10)

DESCRIBE = Action("ec2", "DescribeInstances", "compute", "list instances", _READ)
PROTECTION = Action(
    "ec2", "DescribeInstanceAttribute", "changes", "see whether an instance is protected", _READ
)
START = Action(
    "ec2",
    "StartInstances",
    "changes",
    "start instance",
    _CHANGE,
    "change",
    Allowance(1000, 2),
    answer="StartingInstances",
)
STOP = Action(
    "ec2",
    "StopInstances",
    "changes",
    "stop instance",
    _CHANGE,
    "change",
    Allowance(1000, 20),
    answer="StoppingInstances",
)
REBOOT = Action("ec2", "RebootInstances", "changes", "reboot instance", _CHANGE, "once")
CREATE_TAGS = Action("ec2", "CreateTags", "tagging", "tag instance", _CHANGE, "change")
DELETE_TAGS = Action("ec2", "DeleteTags", "tagging", "untag instance", _CHANGE, "change")
NODES = Action(
    "ssm",
    "DescribeInstanceInformation",
    "runner",
    "see which instances can be reached",
    _SSM,
    answer="InstanceInformationList",
)
SEND = Action(
    "ssm",
    "SendCommand",
    "runner",
    "run commands on instance",
    Allowance(10, 5),
    "once",
    answer="Command.CommandId",
)
COMMANDS = Action("ssm", "ListCommands", "runner", "find commands", _SSM, answer="Commands")
INVOCATIONS = Action(
    "ssm",
    "ListCommandInvocations",
    "runner",
    "read the results of commands",
    _SSM,
    answer="CommandInvocations",
)
OUTPUT = Action(
    "ssm",
    "GetCommandInvocation",
    "runner",
    "read the output of commands",
    Allowance(50, 20),
    answer="Status",
)
CANCEL = Action("ssm", "CancelCommand", "runner", "cancel commands", Allowance(10, 5), "change")
DATA = Action(
    "cloudwatch",
    "GetMetricData",
    "metrics",
    "read metrics",
    Allowance(50, 50),
    answer="MetricDataResults",
)
LIST_METRICS = Action(
    "cloudwatch", "ListMetrics", "metrics", "list metrics", Allowance(25, 25), answer="Metrics"
)
COST = Action(
    "ce",
    "GetCostAndUsage",
    "costs",
    "read costs",
    Allowance(5, 1),
    following="NextPageToken",
    answer="ResultsByTime",
)
ASSUME = Action(
    "sts",
    "AssumeRole",
    "role",
    "assume the role of the account",
    _READ,
    answer="Credentials.Expiration",
)
IDENTITY = Action(
    "sts",
    "GetCallerIdentity",
    "role",
    "see which account the credentials belong to",
    _READ,
    answer="Account",
)
"""It needs no right, so it is not in the table."""

ACTIONS = (
    DESCRIBE,
    PROTECTION,
    START,
    STOP,
    REBOOT,
    CREATE_TAGS,
    DELETE_TAGS,
    NODES,
    SEND,
    COMMANDS,
    INVOCATIONS,
    OUTPUT,
    CANCEL,
    DATA,
    LIST_METRICS,
    COST,
    ASSUME,
)
