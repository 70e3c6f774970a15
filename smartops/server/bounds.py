"""What the server bounds, so that no client can hold up others."""

BACKLOG = 512
KEEP_ALIVE_SECONDS = 75.0
"""How long a connection may be silent, or take to send its headers.

Longer than load balancers keep theirs (60 seconds is usual): one that is closed
at this end just as it is used again is a failed request.
"""

MAX_HEADERS = 16 * 1024
"""Bytes of a request's path and headers together."""

SEND_SECONDS = 30.0
"""How long a client may take to read an answer, and its system to acknowledge what was sent."""
