"""What ``smartops teams|slack simulate`` prints: a configuration of SmartOps, and how to start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .page import PEOPLE

if TYPE_CHECKING:
    from .platform import Platform

_REST = """\
roles:
  operator:
rules:
  - {name: operators, allow: {roles: operator}}"""
_FLEET = "  fake: {instances: 11, fleet: [{name: web-server-01, tags: {Role: web}}]}"
_SCRIPTS = "  exec: {scripts: [{script: df -h, read_only: true}]}"


def configuration(
    platform: Platform[Any, Any],
    name: str,
    settings: Mapping[str, Any],
    variables: Mapping[str, str],
) -> Iterator[str]:
    """Return the lines; ``variables`` are the settings that come from the environment."""
    yield f"Save this as smartops.yaml, or take its {name} and its people into your own:\n"
    yield f"plugins:\n  {name}:"
    for key, value in settings.items():
        yield f"    {key}: {f'${{{variables[key]}}}' if key in variables else written(value)}"
    yield f"{_FLEET}\n  instances:\n  health:\n{_SCRIPTS}\npeople:"
    for person in PEOPLE:
        yield f"  {person}:\n    roles: [operator]"
        yield f"    identities: [{platform.user(person).identity}]"
    yield f"{_REST}\n"
    values = " ".join(f"{variable}={settings[key]}" for key, variable in variables.items())
    yield "Then start SmartOps beside it, in another terminal:\n"
    yield f"  {values} smartops serve\n"
    yield "Once smartops.yaml is there, this command reads it too, and needs the same variables:\n"
    yield f"  {values} smartops {name} simulate\n"
    yield f"Open {platform.url} and say: list instances"


def differences(config: Any, settings: Mapping[str, Any]) -> Iterator[str]:
    """Return what a configuration must say to use this simulator, and does not."""
    for name, wanted in settings.items():
        given = getattr(config, name)
        if isinstance(wanted, list):
            differs = not set(wanted) <= set(given)
        elif isinstance(given, str):
            differs = given.rstrip("/").lower() != wanted.rstrip("/").lower()
        else:
            continue  # a secret, which the simulator has from the configuration
        if differs:
            yield f"Its configuration must say {name}: {written(wanted)}"


def written(value: object) -> object:
    return f"[{', '.join(value)}]" if isinstance(value, list) else value
