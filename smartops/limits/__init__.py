"""Rate limits: several windows checked together, all taken or none.

Taking them one by one would let a user who is over the user limit use up the
team's limit; here a refused request counts in no window.

A window is kept as groups of requests that leave together. A request counts
for ``seconds`` at least, so there are **never more than ``limit`` requests in
any span of ``seconds``**; where the limit is larger than :data:`GROUPS` it may
count a little longer, by less than one part in :data:`GROUPS`. That is the
price of holding at most :data:`GROUPS` + 1 numbers a key, whatever the limit.
"""

from .memory import MemoryLimiter
from .shared import SharedLimiter
from .window import GROUPS, Limiter, Verdict, Window

__all__ = ["GROUPS", "Limiter", "MemoryLimiter", "SharedLimiter", "Verdict", "Window"]
