"""The HTTP server: messages, probes and metrics.

``serve`` runs it on hypercorn; ``create_app`` makes an ASGI application for any other server.
"""

from .factory import create_app, load
from .intake import Intake
from .runner import serve

__all__ = ["Intake", "create_app", "load", "serve"]
