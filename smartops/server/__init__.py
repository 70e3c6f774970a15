"""The HTTP server: messages in front, probes and metrics behind, an engine below.

``serve`` is all that the rest of SmartOps needs; ``Intake`` is an ASGI
application like any other, for those who bring their own server.
"""

from .engines import engine
from .intake import Intake
from .probes import Probes
from .runner import serve
from .web import web_app

__all__ = ["Intake", "Probes", "engine", "serve", "web_app"]
