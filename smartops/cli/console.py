"""The console: messages of a user of this machine, through the same gate as all others.

A line becomes a message of the channel ``console`` from the identity ``console:USER``.
Approvals are stored, so a later process can confirm what an earlier one asked.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from smartops.message import Identity, Message, Place
from smartops.middleware import ProgressReporter, complete, identify, may_ever
from smartops.reply import Action, Reply

if TYPE_CHECKING:
    from smartops.app import App
    from smartops.telemetry import Level

CHANNEL = "console"
YES = frozenset({"yes", "y", "confirm"})
NO = frozenset({"no", "n"})


class _Reporter(ProgressReporter):
    """Holds what the running command last reported."""

    text = ""

    async def show(self, text: str, done: int, total: int) -> None:
        """Hold the text."""
        self.text = f"{text} ({done} of {total})" if total else text


class Console:
    """One person's conversation with a running app.

    With ``asks``, SmartOps may ask for missing arguments.
    """

    def __init__(self, app: App, user: str, *, asks: bool = True) -> None:
        self._app = app
        self._asks = asks
        self._sender = Identity(CHANNEL, "", user)
        self._pending: tuple[Action, ...] = ()
        self._reporter = _Reporter()

    @property
    def asked(self) -> bool:
        """Whether the last reply asked for confirmation."""
        return bool(self._pending)

    @property
    def progress(self) -> str:
        """What the running command last reported."""
        return self._reporter.text

    async def say(self, text: str) -> Reply:
        """Send a message; after a question, ``yes`` and ``no`` press its buttons."""
        action = self._pressed(text.strip().lower())
        self._reporter.text = ""
        reply = await self._send("" if action else text, action)
        buttons = tuple(item for item in reply.actions if item.type in ("confirm", "cancel"))
        confirms = any(item.type == "confirm" for item in buttons)
        self._pending = buttons if confirms and reply.status == "pending" else ()
        return reply

    async def cancel(self) -> bool:
        """Ask the operations that run here to stop; False if there are none."""
        operations = [each for each in self._app.parts.running.ids if each.startswith("op-")]
        for operation in operations:
            await self._send(f"cancel {operation}")
        return bool(operations)

    async def _send(self, text: str, action: str = "") -> Reply:
        return await self._app.handle(
            Message(
                id="",
                channel=CHANNEL,
                conversation=str(self._sender),
                sender=self._sender,
                place=Place(CHANNEL),
                at=self._app.composition.services.clock.now(),
                request_id=secrets.token_hex(8),
                text=text,
                action=action,
                sender_name=self._sender.id,
                asks=self._asks,
            ),
            self._reporter,
        )

    async def complete(self, text: str, *, names: bool) -> list[str]:
        """Return the words that can stand where ``text`` ends, with ``names`` of instances too."""
        parts, place = self._app.parts, Place(CHANNEL)
        person = identify(parts, self._sender)
        return await complete(
            parts, text, lambda item: may_ever(parts.policy, person, item, place), names=names
        )

    def _pressed(self, word: str) -> str:
        wanted = "confirm" if word in YES else "cancel" if word in NO else ""
        return next((item.value for item in self._pending if item.type == wanted), "")


@asynccontextmanager
async def console(
    config: Path, user: str, level: Level, *, asks: bool = True
) -> AsyncIterator[Console]:
    """Start the app of a configuration and open its console; ``level`` is that of the log."""
    from smartops.app import App, compose
    from smartops.telemetry import configure

    configure(level, "console")
    composition = compose(config)
    configure(level, "console", masker=composition.masker)
    async with App(composition, adopts=False) as app:
        yield Console(app, user, asks=asks)
