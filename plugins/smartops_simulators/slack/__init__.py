"""A Slack to talk to without Slack: events, Web API and people, over real HTTP.

::

    async with SlackSimulator.start() as slack:
        # run SmartOps with plugins: {slack: slack.settings()}
        slack.bot = "http://127.0.0.1:3978/api/messages"
        await slack.says("stop web-1", user="alice", channel="ops")
        asked = await slack.shown("ops")
        await slack.clicks(asked, "confirm", user="alice")

It checks requests as Slack does, and answers alike. A request that Slack would not accept is a
breach, and fails the test at the end.
"""

from .model import Conversation, Dialog, File, Message
from .service import SlackSimulator

__all__ = ["Conversation", "Dialog", "File", "Message", "SlackSimulator"]
