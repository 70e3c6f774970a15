"""What the author of a channel imports besides ``smartops``.

The contract of a channel with what goes in and out of it, the proof of origin,
the blocks that only channels see, and JSON as the wire contract has it.
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
    "Receipt",
    "Response",
    "Stack",
    "Verified",
    "Verifier",
    "clean",
    "dump_json",
    "envelope",
    "is_loopback",
    "parse_json",
    "plain",
]
