"""What ``smartops teams|slack simulate`` prints: a configuration of SmartOps, and how to start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any

from .page import PEOPLE

if TYPE_CHECKING:
    from .platform import Platform


def configuration(
    platform: Platform[Any, Any], settings: Mapping[str, Any], variables: Mapping[str, str]
) -> str:
    """Return the text; ``variables`` are the settings that come from the environment."""
    refer = {key: f"${{{variable}}}" for key, variable in variables.items()}
    named = ((key, refer.get(key, written(value))) for key, value in settings.items())
    people = {
        person: f"{{roles: [operator], identities: [{platform.user(person).identity}]}}"
        for person in PEOPLE
    }
    return Template(files(__package__).joinpath("printed.txt").read_text()).substitute(
        name=platform.title.lower(),
        settings="\n".join(f"    {key}: {value}" for key, value in named),
        people="\n".join(f"  {person}: {value}" for person, value in people.items()),
        values=" ".join(f"{variable}={settings[key]}" for key, variable in variables.items()),
        url=platform.url,
    )


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
