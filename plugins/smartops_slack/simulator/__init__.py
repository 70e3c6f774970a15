"""A Slack to talk to without Slack: events, Web API and people, over real HTTP.

::

    async with Simulator.start() as slack:
        # run SmartOps with plugins: {slack: slack.settings()}
        slack.bot = "http://127.0.0.1:3978/api/messages"
        await slack.says("stop web-1", user="alice", channel="ops")
        asked = await slack.shown("ops")
        await slack.clicks(asked, "confirm", user="alice")

It checks what the real service checks, and answers as that would. What the real
one would not let pass is kept as a breach, and fails the test at the end.
"""

from .service import Simulator
from .world import Conversation, Dialog, File, Shown, User

__all__ = ["Conversation", "Dialog", "File", "Shown", "Simulator", "User"]
