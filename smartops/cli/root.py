"""The root command: the core's sub-commands, and those of plugins under the plugin's name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import located, option

if TYPE_CHECKING:
    from smartops.command import Command


class Root(click.Group):
    """Finds ``smartops PLUGIN COMMAND`` in what the plugin registers.

    The plugin is loaded if the configuration names it, with its section. If
    there is no configuration, naming it here is what loads it.
    """

    def __init__(self, *, commands: Sequence[click.Command], **attributes: Any) -> None:
        super().__init__(commands=commands, params=[option()], **attributes)
        self._order = [command.name or "" for command in commands]

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the core's commands in the order of a first day."""
        return self._order

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is meant, looking among plugins after the core's own."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            given, rest = _config_of(args[1:])
            group = _plugin_group(args[0], given or ctx.params.get("config"))
            if group is not None:
                return args[0], group, rest
        return super().resolve_command(ctx, args)


def _config_of(args: Sequence[str]) -> tuple[Path | None, list[str]]:
    """Return the file of a ``--config`` among the arguments, and the other arguments."""
    rest: list[str] = []
    found: Path | None = None
    items = iter(args)
    for item in items:
        name, equals, value = item.partition("=")
        if item == "--":
            rest += [item, *items]
        elif name == "--config":
            found = Path(value if equals else next(items, ""))
        else:
            rest.append(item)
    return found, rest


def _plugin_group(name: str, given: Path | None) -> click.Group | None:
    """Return the commands of a plugin as a group of its name, or None if it is no plugin."""
    from smartops.config import read
    from smartops.errors import StartupError
    from smartops.plugins import Plugins, available

    path = located(given, required=False)
    document = read(path) if path else None
    named = document.plugins() if document else {}
    if name not in named and name not in available():
        return None
    if document and name not in named:
        raise StartupError(
            document.problem(
                "plugins", f"the plugin {name} is not among them", f"add {name}: there"
            )
        )
    loaded = Plugins()
    loaded.load({name: named.get(name, "")})
    if document and name in loaded.names:
        loaded.configs[name] = document.plugin(name, loaded.model(name))
    offers = loaded.collect("register_cli", commands=partial(_commands, path))
    if loaded.problems:
        raise StartupError(*loaded.problems)
    found = [*(offer.value for offer in offers), *_simulators(name, loaded.configs.get(name))]
    commands = {str(command.name): command for command in found}
    if not commands:
        raise click.UsageError(f"the plugin {name} has no commands")
    return click.Group(name, commands=commands, help=f"Commands of the plugin {name}.")


def _simulators(name: str, config: Any) -> Iterator[click.Command]:
    """Yield the command that runs a local stand-in for the platform of a plugin.

    The entry point is a function from the plugin's configuration, or None, to the command.
    """
    for entry in entry_points(group="smartops.simulators", name=name):
        yield entry.load()(config)


def _commands(path: Path | None) -> Sequence[Command]:
    """Return what people can say; without a configuration that is what the core offers."""
    from smartops.app import compose
    from smartops.middleware import CORE_COMMANDS

    return compose(path, writes=False).commands if path else CORE_COMMANDS
