"""The contract for event sources: what other systems report by HTTP, such as alerts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from .message import Inbound


@dataclass(frozen=True, slots=True)
class Event:
    """One report that something is wrong (``firing``) or no longer wrong (``resolved``).

    ``fingerprint`` identifies it within its source; reports with the same ``started`` are
    about the same occurrence. ``severity`` is the source's own word, such as critical.
    ``links`` are URLs by what they are called. ``text`` may have several lines.
    """

    fingerprint: str
    status: Literal["firing", "resolved"]
    title: str
    started: datetime
    severity: str = ""
    text: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)


class EventSource(ABC):
    """A webhook under ``/hooks/NAME``. Subclasses set ``name``, which is used in routes and logs.

    The sender gets status 200 once the events are durable, and 503 while they cannot be
    stored, so that it sends them again.
    """

    name: str

    @abstractmethod
    async def authenticate(self, inbound: Inbound) -> None:
        """Authenticate a request; raises AuthenticationFailed.

        Nothing in the body may be used before, except to verify its signature.
        """

    @abstractmethod
    async def read(self, inbound: Inbound) -> Sequence[Event]:
        """Return the events in an authenticated request; raises ValidationFailed."""
