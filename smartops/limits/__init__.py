"""Rate limits: several windows checked together, all taken or none.

Otherwise a user over the user limit could use up the team's limit: a refused
request counts in no window.

A window is stored as groups of requests that expire together. A request counts
for at least ``seconds``, so there are never more than ``limit`` requests in any
span of ``seconds``. If the limit is larger than :data:`GROUPS`, a request may count
longer, by less than one part in :data:`GROUPS`: so a key needs at most
:data:`GROUPS` + 1 numbers.
"""

from .memory import MemoryLimiter
from .shared import SharedLimiter
from .window import GROUPS, Limiter, Verdict, Window

__all__ = ["GROUPS", "Limiter", "MemoryLimiter", "SharedLimiter", "Verdict", "Window"]
