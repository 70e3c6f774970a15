"""What ``smartops serve`` prints when it has started."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from smartops.app import App, Composition
from smartops.command import Effect
from smartops.message import Identity, Place
from smartops.version import __version__

from .check import warnings


def welcome(app: App, config: Path, url: str) -> str:
    """Return the address, what is loaded, warnings, and a curl line."""
    composition = app.composition
    commands = sorted(command.name for command in composition.commands)
    lines = [
        f"SmartOps {__version__} listens on {url}",
        f"  plugins:  {', '.join(composition.plugins.names) or 'none'}",
        f"  channels: {', '.join(channel.name for channel in composition.channels) or 'none'}",
        f"  commands: {', '.join(commands)}",
        *(f"  WARNING: {warning}" for warning in warnings(composition)),
        *_open_access(composition),
    ]
    auth = composition.settings.auth
    has_fallback = any(channel.fallback for channel in composition.channels)
    if has_fallback and (auth.issuers or auth.anonymous):
        lines += ["Try it:", f"  {_try_line(composition, config, url)}"]
    return "\n".join(lines)


def _open_access(composition: Composition) -> Iterator[str]:
    """Yield what is allowed without a listed person."""
    if composition.settings.auth.anonymous:
        yield "  DEVELOPMENT ONLY: requests from this machine need no token."
    local = {item.name for item in composition.local_issuers}
    for guest in composition.settings.guests:
        if guest.provider in local and _may_change(composition, guest.provider):
            roles = " and ".join(guest.roles)
            yield (
                f"  FOR THE DEMO ONLY: every token of {guest.provider} "
                f"has the role {roles} and may run changes."
            )


def _may_change(composition: Composition, provider: str) -> bool:
    """Whether an unlisted user of the issuer may run any command that changes something."""
    person = composition.people.person(Identity(provider, "", "anybody"))
    if person is None:
        return False
    decisions = (
        composition.policy.decide(person, command, effect, Place(channel.name), None, None)
        for channel in composition.channels
        for command in composition.commands
        if command.effect is not Effect.READ
        for effect in (Effect.CHANGE, Effect.DANGEROUS)
    )
    return any(decision.allowed or decision.maybe for decision in decisions)


def _try_line(composition: Composition, config: Path, url: str) -> str:
    """Return a curl line that works when it is pasted into a shell of this folder."""
    names = {command.name for command in composition.commands}
    text = "list instances" if "list instances" in names else "help"
    headers = ["-H 'Content-Type: application/json'"]
    if not composition.settings.auth.anonymous:
        headers.insert(0, f'-H "Authorization: Bearer {_token(composition, config)}"')
    body = f'{{"text": "{text}", "from": {{"id": "me"}}, "conversation": {{"id": "try"}}}}'
    return f"curl -s {url}/api/messages {' '.join(headers)} -d '{body}'"


def _token(composition: Composition, config: Path) -> str:
    if not composition.local_issuers:
        return "$TOKEN"
    several = len(composition.local_issuers) > 1
    issuer = f" --issuer {composition.local_issuers[0].name}" if several else ""
    return f"$({_program()} token --config {shlex.quote(str(config))} --user me{issuer})"


def _program() -> str:
    """Return how this program was called."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m smartops"
    return called.name if shutil.which(called.name) == str(called) else shlex.quote(str(called))
