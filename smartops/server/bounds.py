"""What every engine keeps to: no connection may hold anything up.

Not by endless headers, by slow ones, nor by answers left unread.
"""

BACKLOG = 512
KEEP_ALIVE_SECONDS = 75.0
"""How long a connection may be silent, or take to send its headers.

Longer than load balancers keep theirs (60 seconds is usual): one that is closed
at this end just as it is used again is a failed request.
"""

MAX_HEADERS = 16 * 1024
