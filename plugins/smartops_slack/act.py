"""One act of one person, however Slack told of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

_NOTHING: Mapping[str, Any] = {}


class Act(NamedTuple):
    """What somebody did: said something, pressed a button or filled in a form.

    ``origin`` is their team, organisation and home; ``answers`` is a
    ``response_url``, ``trigger`` what opens a dialog.
    """

    id: str
    origin: tuple[str, str, str]
    user: str
    channel: str
    thread: str = ""
    text: str = ""
    action: str = ""
    form: Mapping[str, str] = _NOTHING
    shown_in: str = ""
    name: str = ""
    answers: str = ""
    trigger: str = ""
    asked: str = ""
