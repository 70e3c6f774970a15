"""SmartOps: run your infrastructure from chat, safely.

This is what the author of a command imports; :mod:`smartops.channels`,
:mod:`smartops.backends` and :mod:`smartops.guards` hold what the authors of those need
besides. Nothing else below ``smartops.`` is promised to stay where it is, except
``smartops.client`` and ``smartops.testing``.
"""

from .backend import Compute, Costs, Instance, Metrics, Runner
from .channel import Runtime
from .command import Call, Command, Effect, Layer, command
from .errors import (
    BackendUnavailable,
    DeadlineExceeded,
    InstanceNotFound,
    InterpreterFailed,
    PermissionDenied,
    RateLimited,
    Refusal,
    StartupError,
    Unreachable,
    ValidationFailed,
)
from .guard import Guard
from .hookspecs import hookimpl
from .interpreter import FreeText, Interpreter
from .jsonable import timestamp
from .message import Identity, Message, Person
from .observer import DecisionEvent, Observer
from .plan import Change, Plan
from .reply import Action, Cell, Code, Fields, Issue, Issues, Reply, Severity, Table, Text
from .services import Clock, KeyValueStore, Services
from .values import ByteSize, Duration, Secret
from .version import __version__ as __version__
from .work import Work

__all__ = [
    "Action",
    "BackendUnavailable",
    "ByteSize",
    "Call",
    "Cell",
    "Change",
    "Clock",
    "Code",
    "Command",
    "Compute",
    "Costs",
    "DeadlineExceeded",
    "DecisionEvent",
    "Duration",
    "Effect",
    "Fields",
    "FreeText",
    "Guard",
    "Identity",
    "Instance",
    "InstanceNotFound",
    "Interpreter",
    "InterpreterFailed",
    "Issue",
    "Issues",
    "KeyValueStore",
    "Layer",
    "Message",
    "Metrics",
    "Observer",
    "PermissionDenied",
    "Person",
    "Plan",
    "RateLimited",
    "Refusal",
    "Reply",
    "Runner",
    "Runtime",
    "Secret",
    "Services",
    "Severity",
    "StartupError",
    "Table",
    "Text",
    "Unreachable",
    "ValidationFailed",
    "Work",
    "command",
    "hookimpl",
    "timestamp",
]
