"""A Teams to talk to without Teams: login, connector and people, over real HTTP.

::

    async with Simulator.start() as teams:
        # run SmartOps with plugins: {teams: teams.settings()}
        teams.bot = "http://127.0.0.1:3978/api/messages"
        await teams.says("stop web-1", user="alice", conversation="ops")
        asked = await teams.shown("ops")
        await teams.clicks(asked, "confirm", user="alice")

It checks what the real service checks, and answers as that would. What the real
one would not let pass is kept as a breach, and fails the test at the end.
"""

from .service import Simulator
from .world import Clicked, Conversation, Shown, User

__all__ = ["Clicked", "Conversation", "Shown", "Simulator", "User"]
