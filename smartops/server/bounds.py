"""Limits, so that no client can block others."""

BACKLOG = 512
KEEP_ALIVE_SECONDS = 75.0
"""How long a connection may be idle, or take to send its headers.

Longer than the idle timeout of load balancers (usually 60 seconds): a request on
a connection that the server is closing would fail.
"""

MAX_HEADERS = 16 * 1024
"""Bytes of a request's path and headers together."""

REFUSALS = 100
"""How many requests without proof of origin are refused at once in a second."""

REFUSAL_PAUSE = 0.5
"""After how many seconds further ones are refused."""

SEND_SECONDS = 30.0
"""How long a client may take to read a response, and its system to acknowledge it."""
