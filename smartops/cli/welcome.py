"""What ``smartops serve`` prints once it serves."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from smartops.app import App, Composition
from smartops.command import Effect
from smartops.message import Identity, Place
from smartops.version import __version__


def welcome(app: App, config: Path, url: str) -> str:
    """Return where it listens, what is loaded, what to beware of, and a line to try."""
    composition = app.composition
    commands = sorted(command.name for command in composition.commands)
    lines = [
        f"SmartOps {__version__} listens on {url}",
        f"  plugins:  {', '.join(composition.plugins.names) or 'none'}",
        f"  channels: {', '.join(channel.name for channel in composition.channels) or 'none'}",
        f"  commands: {', '.join(commands)}",
        *warnings(composition),
    ]
    if any(channel.name == "api" for channel in composition.channels):
        lines += ["Try it:", f"  {try_line(composition, config, url)}"]
    return "\n".join(lines)


def warnings(composition: Composition) -> Iterator[str]:
    """Yield what nobody may overlook: doors that are open to all, or that are not there."""
    if not composition.channels:
        yield "  WARNING: no channel is enabled; add one under plugins:, for example api."
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
    """Whether there is anything that somebody nobody has named could change."""
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


def try_line(composition: Composition, config: Path, url: str) -> str:
    """Return a curl line that works when it is pasted here."""
    names = {command.name for command in composition.commands}
    text = "list instances" if "list instances" in names else "help"
    headers = ["-H 'Content-Type: application/json'"]
    if not composition.settings.auth.anonymous:
        headers.insert(0, f'-H "Authorization: Bearer {_token(composition, config)}"')
    body = f'{{"text": "{text}", "from": {{"id": "me"}}, "conversation": {{"id": "try"}}}}'
    return f"curl -s {_reachable(url)}/api/messages {' '.join(headers)} -d '{body}'"


def _token(composition: Composition, config: Path) -> str:
    if not composition.local_issuers:
        return "$TOKEN"
    several = len(composition.local_issuers) > 1
    issuer = f" --issuer {composition.local_issuers[0].name}" if several else ""
    return f"$({_program()} token --config {shlex.quote(str(config))} --user me{issuer})"


def _program() -> str:
    """Return how this program was called, if it can be called so again."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m smartops"
    on_path = shutil.which(called.name)
    if on_path and called.exists() and called.samefile(on_path):
        return called.name
    return shlex.quote(str(called))


def _reachable(url: str) -> str:
    """Return the URL with an address one can connect to in place of "all of them"."""
    host = urlsplit(url).hostname or ""
    if host and ip_address(host).is_unspecified:
        return url.replace("[::]", "[::1]").replace("0.0.0.0", "127.0.0.1")  # noqa: S104
    return url
