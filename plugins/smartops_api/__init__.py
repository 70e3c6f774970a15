"""The HTTP channel: a program posts a message and gets the reply in the response.

Requests are authenticated by a bearer token of one of ``auth.issuers``. The plugin's
configuration section is empty: ``api: {}``.
"""

from __future__ import annotations

from collections.abc import Iterable

from smartops import Services, hookimpl
from smartops.channels import Channel

from .channel import ApiChannel

__all__ = ["ApiChannel", "register_channels"]


@hookimpl
def register_channels(services: Services) -> Iterable[Channel]:
    """Return the channel ``api``."""
    return [ApiChannel(services)]
