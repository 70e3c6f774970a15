"""The HTTP server: messages in front, probes and metrics behind.

``serve`` runs it on hypercorn; ``create_app`` makes an ASGI application for any other server.
"""

from .factory import create_app, load
from .intake import Intake
from .probes import Probes
from .runner import serve
from .web import web_app

__all__ = ["Intake", "Probes", "create_app", "load", "serve", "web_app"]
