"""`smartops` that answers Teams as fast as it can, for comparing it with those who always do.

python unpaced.py ARGUMENTS...

Teams takes no more than 30 calls a second from a bot, and SmartOps makes no more.
"""

from __future__ import annotations

from smartops.cli import main
from smartops_teams import connector

if __name__ == "__main__":
    connector.ALTOGETHER = connector.PER_CONVERSATION = ((10**6, 1.0),)
    main()
