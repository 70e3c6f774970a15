"""Every operation of AWS that the plugin calls, and what has to be known of each."""

from __future__ import annotations

from functools import partial

from .kit import Action, Allowance

# The buckets of EC2 are published; SSM's are not, so that low ones are assumed there.
_READ = Allowance(100, 20)
_CHANGE = Allowance(50, 5)
_SSM = Allowance(20, 10)
_FEW = Allowance(10, 5)

_compute = partial(Action, "ec2", feature="compute")
_change = partial(Action, "ec2", allowance=_CHANGE, feature="changes")
_tagging = partial(Action, "ec2", allowance=_CHANGE, kind="change", feature="tagging")
_runner = partial(Action, "ssm", feature="runner")
_metrics = partial(Action, "cloudwatch", feature="metrics")

DESCRIBE = _compute("DescribeInstances", "list instances", _READ)
STATUS = _compute(
    "DescribeInstanceStatus",
    "see the status checks of instances",
    _READ,
    answer="InstanceStatuses",
)
PROTECTION = Action(
    "ec2",
    "DescribeInstanceAttribute",
    "see whether an instance is protected",
    _READ,
    feature="changes",
)
START = _change(
    "StartInstances",
    "start instance",
    kind="change",
    answer="StartingInstances",
    resources=Allowance(1000, 2),
)
STOP = _change(
    "StopInstances",
    "stop instance",
    kind="change",
    answer="StoppingInstances",
    resources=Allowance(1000, 20),
)
REBOOT = _change("RebootInstances", "reboot instance", kind="once")
CREATE_TAGS = _tagging("CreateTags", "tag instance")
DELETE_TAGS = _tagging("DeleteTags", "untag instance")
NODES = _runner(
    "DescribeInstanceInformation",
    "see which instances can be reached",
    _SSM,
    answer="InstanceInformationList",
)
SEND = _runner("SendCommand", "run commands on instance", _FEW, "once", answer="Command.CommandId")
COMMANDS = _runner("ListCommands", "find commands", _SSM, answer="Commands")
INVOCATIONS = _runner(
    "ListCommandInvocations", "read the results of commands", _SSM, answer="CommandInvocations"
)
OUTPUT = _runner(
    "GetCommandInvocation", "read the output of commands", Allowance(50, 20), answer="Status"
)
CANCEL = _runner("CancelCommand", "cancel commands", _FEW, "change")
DATA = _metrics("GetMetricData", "read metrics", Allowance(50, 50), answer="MetricDataResults")
LIST_METRICS = _metrics("ListMetrics", "list metrics", Allowance(25, 25), answer="Metrics")
COST = Action(
    "ce",
    "GetCostAndUsage",
    "read costs",
    Allowance(5, 1),
    following="NextPageToken",
    answer="ResultsByTime",
    feature="costs",
)
