"""An AWS to test against and to try SmartOps with: one port, no account, nothing to pay.

It speaks the protocols of AWS as botocore's service models define them, and
answers the way AWS does, for the operations that SmartOps uses.
"""

from __future__ import annotations

from .answers import AwsError
from .calls import Call, Calls
from .machines import Instance
from .scenario import Scenario
from .simulator import AwsSimulator
from .world import World

__all__ = ["AwsError", "AwsSimulator", "Call", "Calls", "Instance", "Scenario", "World"]
