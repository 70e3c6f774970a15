"""What the author of a channel imports besides ``smartops``.

The contract of a channel with what goes in and out of it, the proof of origin,
the blocks that only channels see, and JSON as the wire contract has it. And a kit
for what most channels need: typed access to payloads, typed text, splitting, rate
limits of the platform, and URLs that may be called.
"""

from smartops.addresses import is_loopback
from smartops.channel import Channel
from smartops.errors import ApprovalInvalid, AuthenticationFailed
from smartops.message import Claims, Headers, Inbound, Receipt, Response
from smartops.render import clean, plain
from smartops.reply import Form, FormField
from smartops.services import HttpClient, HttpReply, Issuer, Verified, Verifier
from smartops.stack import Stack
from smartops.wire import dump_json, envelope, parse_json

from .pacing import Pace, Paces, retry_after
from .payloads import JsonObject, object_of, objects_of, text_of
from .splitting import beginning, compact_json, grouped, json_size, lines_of
from .texts import one_line, shortened, without_emphasis, without_residue
from .urls import Url

__all__ = [
    "ApprovalInvalid",
    "AuthenticationFailed",
    "Channel",
    "Claims",
    "Form",
    "FormField",
    "Headers",
    "HttpClient",
    "HttpReply",
    "Inbound",
    "Issuer",
    "JsonObject",
    "Pace",
    "Paces",
    "Receipt",
    "Response",
    "Stack",
    "Url",
    "Verified",
    "Verifier",
    "beginning",
    "clean",
    "compact_json",
    "dump_json",
    "envelope",
    "grouped",
    "is_loopback",
    "json_size",
    "lines_of",
    "object_of",
    "objects_of",
    "one_line",
    "parse_json",
    "plain",
    "retry_after",
    "shortened",
    "text_of",
    "without_emphasis",
    "without_residue",
]
