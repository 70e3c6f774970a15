"""The HTTP server: messages in front, probes and metrics behind, hypercorn below.

``serve`` is all that the rest of SmartOps needs; ``Intake`` is an ASGI
application like any other, for those who bring their own server.
"""

from .intake import Intake
from .probes import Probes
from .runner import serve
from .web import web_app

__all__ = ["Intake", "Probes", "serve", "web_app"]
