"""Limits, so that no client can block others."""

BACKLOG = 512
KEEP_ALIVE_SECONDS = 75.0
"""How long a connection may be idle, or take to send its headers.

Longer than the idle timeout of load balancers (usually 60 seconds): a request on
a connection that the server is closing would fail.
"""

MAX_HEADERS = 16 * 1024
"""Bytes of a request's path and headers together."""

SEND_SECONDS = 30.0
"""How long a client may take to read a response, and its system to acknowledge it."""
