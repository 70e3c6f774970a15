"""What the author of a channel or an event source imports besides ``smartops``.

- The contract of a channel: its inbound requests and responses, the verification of
  tokens, the blocks that only channels see, and JSON as the wire contract has it.
- The contract of an event source, which also gets inbound requests.
- A kit for most channels: access to JSON payloads, repair of typed text, replies in
  several parts, the rate limits of the platform, and URLs that may be called.
"""

from smartops.addresses import is_loopback
from smartops.channel import Channel, welcome
from smartops.errors import ApprovalInvalid, AuthenticationFailed
from smartops.event import Event, EventSource
from smartops.message import Claims, Headers, Inbound, Place, Receipt, Response
from smartops.render import clean, plain
from smartops.reply import Form, FormField
from smartops.services import HttpClient, HttpReply, Issuer, Verified, Verifier
from smartops.stack import Stack
from smartops.wire import dump_json, envelope, parse_json

from .pacing import Pace, Paces, retry_after
from .parts import Unfinished
from .payloads import JsonObject, object_of, objects_of, text_of
from .proofs import Secrets, check_bearer, check_hmac, header, unproven
from .splitting import beginning, compact_json, grouped, json_size, lines_of
from .texts import one_line, shortened, usage, without_emphasis, without_residue
from .urls import Url

__all__ = [
    "ApprovalInvalid",
    "AuthenticationFailed",
    "Channel",
    "Claims",
    "Event",
    "EventSource",
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
    "Place",
    "Receipt",
    "Response",
    "Secrets",
    "Stack",
    "Unfinished",
    "Url",
    "Verified",
    "Verifier",
    "beginning",
    "check_bearer",
    "check_hmac",
    "clean",
    "compact_json",
    "dump_json",
    "envelope",
    "grouped",
    "header",
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
    "unproven",
    "usage",
    "welcome",
    "without_emphasis",
    "without_residue",
]
