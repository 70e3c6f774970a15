"""One account: with which credentials it is called, and the SDK that does so."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from smartops import Clock

from .action import Kind
from .config import ConnectionLimits, CredentialsConfig, is_loopback

if TYPE_CHECKING:
    from .sdk import Sdk

_ATTEMPTS: Mapping[Kind, int] = {"read": 3, "change": 2, "once": 1}


def _nothing(client: Any, service: str, region: str) -> None:
    """Leave a client as it is."""


@dataclass(frozen=True, slots=True)
class Access:
    """How an account is called.

    ``number`` are its twelve digits: credentials of another account are refused.
    Without it they are not checked. ``prepare`` is called with every client of
    the SDK, its service and its region.
    """

    name: str
    credentials: CredentialsConfig
    limits: ConnectionLimits
    number: str = ""
    endpoint: str = ""
    sts_endpoint: str = ""
    attempts: Mapping[Kind, int] = field(default_factory=lambda: _ATTEMPTS)
    prepare: Callable[[Any, str, str], None] = _nothing

    @property
    def is_local(self) -> bool:
        """Whether it is a simulator on this machine, which gets made-up keys."""
        return bool(self.endpoint) and is_loopback(self.endpoint)


class Account:
    """One account, shared by its regions."""

    def __init__(self, access: Access, clock: Clock) -> None:
        self.access = access
        self.clock = clock
        self._made: Sdk | None = None
        self._making = threading.Lock()

    @property
    def sdk(self) -> Sdk:
        """The SDK, which takes a while to import: worker threads ask for it."""
        from .sdk import Sdk

        with self._making:
            if self._made is None:
                self._made = Sdk(self.access, self.clock)
        return self._made

    def close(self) -> None:
        """Close the connections that are open; the next call opens new ones."""
        if self._made is not None:
            self._made.close()
