"""A Teams to talk to without Teams: login, connector and people, over real HTTP.

::

    async with TeamsSimulator.start() as teams:
        # run SmartOps with plugins: {teams: teams.settings(client_secret="simulated")}
        teams.bot = "http://127.0.0.1:3978/api/messages"
        await teams.says("stop web-1", user="alice", conversation="ops")
        asked = await teams.shown("ops")
        await teams.clicks(asked, "confirm", user="alice")

It checks requests as Teams does, and answers alike. A request that Teams would not accept is a
breach, and fails the test at the end.
"""

from .model import Clicked, Conversation, Message, User
from .service import TeamsSimulator

__all__ = ["Clicked", "Conversation", "Message", "TeamsSimulator", "User"]
