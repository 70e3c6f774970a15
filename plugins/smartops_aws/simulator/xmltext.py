"""Text as XML can carry it."""

from __future__ import annotations

import re

_SPECIAL = re.compile("[&<>\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#xD;"}


def escape(text: str) -> str:
    """Return text that may stand between tags; what XML has no way to say becomes U+FFFD."""
    return _SPECIAL.sub(lambda found: _ENTITIES.get(found[0], "\ufffd"), text)
