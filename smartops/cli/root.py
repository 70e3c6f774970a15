"""The root command: the core's sub-commands, and those of plugins under the plugin's name."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smartops.errors import StartupError
from smartops.version import __version__

from .options import CONFIG, NAMES, located

if TYPE_CHECKING:
    from smartops.command import Command
    from smartops.config import Document


class Root(click.Group):
    """Finds ``smartops PLUGIN COMMAND`` in what the plugin registers.

    The plugin is loaded if the configuration names it, with its section. Without a
    configuration, every installed plugin can be named.
    """

    def __init__(self, *, commands: Sequence[click.Command], **attributes: Any) -> None:
        config = click.Option(NAMES, is_eager=True, **CONFIG)  # before --help, which needs it
        settings = {"help_option_names": ["-h", "--help"]}
        super().__init__(
            commands=commands, params=[config], context_settings=settings, **attributes
        )
        for command in (self, *commands):
            message = "smartops %(version)s"
            click.version_option(__version__, message=message, hidden=command is not self)(command)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the core's commands in the order in which they are first needed."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the core's commands, and those of the plugins."""
        super().format_commands(ctx, formatter)
        rows: list[tuple[str, str]] = []
        with suppress(StartupError):  # help must work with a broken configuration too
            path, document = _document(ctx.params.get("config"))
            for name in document.plugins() if document else _installed():
                with suppress(StartupError):
                    commands = _plugin_commands(name, path, document)
                    rows += [(f"{name} {it.name}", it.get_short_help_str(200)) for it in commands]
        if rows:
            with formatter.section("Commands of plugins"):
                formatter.write_dl(rows)

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
    """Return the file of ``--config`` or ``-c`` among the arguments, and the other arguments."""
    rest: list[str] = []
    found: Path | None = None
    items = iter(args)
    for item in items:
        name, equals, value = item.partition("=")
        if item == "--":
            rest += [item, *items]
        elif name in NAMES:
            found = Path(value if equals else next(items, ""))
        else:
            rest.append(item)
    return found, rest


def _document(given: Path | None) -> tuple[Path | None, Document | None]:
    from smartops.config import read

    path = located(given, required=False)
    return path, read(path) if path else None


def _installed() -> Sequence[str]:
    from smartops.plugins import available

    return available()


def _plugin_group(name: str, given: Path | None) -> click.Group | None:
    """Return the commands of a plugin as a group of its name, or None if it is no plugin."""
    path, document = _document(given)
    named = document.plugins() if document else {}
    if name not in named and name not in _installed():
        return None
    if document and name not in named:
        raise StartupError(
            document.problem(
                "plugins", f"the plugin {name} is not among them", f"add {name}: there"
            )
        )
    commands = {str(item.name): item for item in _plugin_commands(name, path, document)}
    if not commands:
        raise click.UsageError(f"the plugin {name} has no commands")
    return click.Group(name, commands=commands, help=f"Commands of the plugin {name}.")


def _plugin_commands(
    name: str, path: Path | None, document: Document | None
) -> Sequence[click.Command]:
    """Return the commands that a plugin registers, and the one that simulates its platform.

    The entry point of a simulator is a function from the plugin's configuration, or
    None, to the command. Raises StartupError if the plugin cannot be loaded.
    """
    from smartops.plugins import Plugins

    loaded = Plugins(document.reserved("plugin") if document else {})
    loaded.load({name: document.plugins()[name] if document else ""})
    if document and name in loaded.names:
        loaded.configs[name] = document.plugin(name, loaded.model(name))
    offers = loaded.collect("register_cli", commands=partial(_chat_commands, path))
    if loaded.problems:
        raise StartupError(*loaded.problems)
    config = loaded.configs.get(name)
    simulators = entry_points(group="smartops.simulators", name=loaded.sources.get(name, name))
    return [*(offer.value for offer in offers), *(entry.load()(config) for entry in simulators)]


def _chat_commands(path: Path | None) -> Sequence[Command]:
    """Return the commands of chats: without a configuration, those of the core."""
    from smartops.app import compose
    from smartops.builtin import CORE_COMMANDS

    return compose(path, writes=False).commands if path else CORE_COMMANDS
