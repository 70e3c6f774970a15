"""A local AWS: EC2, SSM, CloudWatch, Cost Explorer, STS and Bedrock. See the README beside it."""

from .converse import Answer, Asked, Brain, answered, says, script, uses
from .faults import AwsError, Fault
from .scenario import Scenario
from .server import AwsSimulator, Call

__all__ = [
    "Answer",
    "Asked",
    "AwsError",
    "AwsSimulator",
    "Brain",
    "Call",
    "Fault",
    "Scenario",
    "answered",
    "says",
    "script",
    "uses",
]
