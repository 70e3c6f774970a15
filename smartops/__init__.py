"""SmartOps: run your infrastructure from chat, safely.

This is all a plugin imports. Nothing below ``smartops.`` is promised to stay
where it is, except ``smartops.client`` and ``smartops.testing``.
"""

from .backend import (
    Backend,
    Compute,
    Costs,
    DayCost,
    Instance,
    Metric,
    Metrics,
    Page,
    Query,
    Runner,
    RunResult,
    Sample,
    State,
    Transition,
    Usage,
    Verb,
)
from .channel import Channel
from .command import Call, Command, Effect, Layer, command
from .errors import (
    ApprovalInvalid,
    AuthenticationFailed,
    BackendUnavailable,
    DeadlineExceeded,
    InstanceNotFound,
    InterpreterFailed,
    PermissionDenied,
    RateLimited,
    Refusal,
    ValidationFailed,
)
from .hookspecs import hookimpl
from .interpreter import Interpreter
from .message import (
    Claims,
    Headers,
    Identity,
    Inbound,
    Message,
    Person,
    Place,
    Receipt,
    Response,
)
from .plan import Change, Plan
from .render import clean, markdown, plain
from .reply import (
    Action,
    Cell,
    Code,
    Fields,
    Issue,
    Issues,
    Reply,
    Severity,
    Table,
    Text,
)
from .services import Clock, HttpClient, HttpReply, Issuer, Services, Verified, Verifier
from .values import ByteSize, Duration, Secret
from .wire import dump_json, envelope, parse_json

__version__ = "0.1.0"

__all__ = [
    "Action",
    "ApprovalInvalid",
    "AuthenticationFailed",
    "Backend",
    "BackendUnavailable",
    "ByteSize",
    "Call",
    "Cell",
    "Change",
    "Channel",
    "Claims",
    "Clock",
    "Code",
    "Command",
    "Compute",
    "Costs",
    "DayCost",
    "DeadlineExceeded",
    "Duration",
    "Effect",
    "Fields",
    "Headers",
    "HttpClient",
    "HttpReply",
    "Identity",
    "Inbound",
    "Instance",
    "InstanceNotFound",
    "Interpreter",
    "InterpreterFailed",
    "Issue",
    "Issuer",
    "Issues",
    "Layer",
    "Message",
    "Metric",
    "Metrics",
    "Page",
    "PermissionDenied",
    "Person",
    "Place",
    "Plan",
    "Query",
    "RateLimited",
    "Receipt",
    "Refusal",
    "Reply",
    "Response",
    "RunResult",
    "Runner",
    "Sample",
    "Secret",
    "Services",
    "Severity",
    "State",
    "Table",
    "Text",
    "Transition",
    "Usage",
    "ValidationFailed",
    "Verb",
    "Verified",
    "Verifier",
    "clean",
    "command",
    "dump_json",
    "envelope",
    "hookimpl",
    "markdown",
    "parse_json",
    "plain",
]
