"""Find, load and check plugins, and collect what they offer with the owner's name.

Only plugins that the configuration names are loaded, by entry point of the
group ``smartops`` or as an importable module. Hooks are called per plugin, so
that a failure has a name and the other plugins' problems are still found.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
import inspect
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import click
import pluggy
from pydantic import BaseModel

from . import hookspecs
from .backend import Backend
from .channel import Channel
from .command import Command
from .errors import Problem
from .interpreter import Interpreter

log = logging.getLogger(__name__)

HOOKS = tuple(
    name
    for name, value in vars(hookspecs).items()
    if inspect.isfunction(value) and hasattr(value, f"{hookspecs.PROJECT}_spec")
)

_KINDS: Mapping[str, tuple[type | None, str]] = {
    "register_backends": (Backend, "a Backend"),
    "register_commands": (Command, "a command (a coroutine function under @command)"),
    "register_channels": (Channel, "a Channel"),
    "register_middleware": (None, "a layer (async def layer(call, call_next))"),
    "register_interpreters": (Interpreter, "an Interpreter"),
    "register_cli": (click.Command, "a click command"),
}


def available() -> list[str]:
    """Return the names of all installed plugins, sorted."""
    return sorted(point.name for point in _entry_points())


@dataclass(frozen=True, slots=True)
class Offer:
    """Something a plugin registered, with the name of the plugin."""

    owner: str
    value: Any


class Plugins:
    """The loaded plugins of one app. ``problems`` grows with everything found wrong."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self.problems: list[Problem] = []
        self.configs: dict[str, Any] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the plugins that loaded, in configuration order."""
        return tuple(name for name, _ in self._manager.list_name_plugin())

    def load(self, names: Mapping[str, str]) -> None:
        """Load plugins; ``names`` maps each to its place in the configuration."""
        for name, where in names.items():
            module = self._import(name, where)
            if module is not None:
                self.register(name, module, where)

    def register(self, name: str, plugin: object, where: str = "") -> None:
        """Register a module or object as the plugin ``name``, checking its hooks."""
        problems = [
            Problem(
                f"hook {hook} of plugin {name} is 'async def'",
                where=where,
                hint="hooks run once at start: return objects whose methods are coroutines",
            )
            for hook in HOOKS
            if inspect.iscoroutinefunction(getattr(plugin, hook, None))
        ]
        if problems:
            self.problems += problems
            return
        try:
            self._manager.register(plugin, name)
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            self._manager.unregister(name=name)
            self.problems.append(_invalid(name, error, where))
            return
        if not self.hooks(name):
            self._manager.unregister(name=name)
            self._problem(
                where, f"{name} is not a plugin: it implements no hook", "mark hooks with @hookimpl"
            )

    def model(self, name: str) -> type[BaseModel] | None:
        """Return the model that the plugin's section fills, or None."""
        found = self._call(name, "config_type", {})
        if found is None or (isinstance(found, type) and issubclass(found, BaseModel)):
            return found
        self._bad(name, "config_type", f"returned {found!r}, not a pydantic model class")
        return None

    def collect(self, hook: str, **arguments: Any) -> list[Offer]:
        """Call a ``register_*`` hook on every plugin and return what it offers."""
        offers = []
        for name in self.names:
            config = self.configs.get(name)
            for result in self._call(name, hook, {"config": config, **arguments}) or ():
                offers += [Offer(name, item) for item in self._items(name, hook, result)]
        return offers

    def lifespans(self, app: object) -> list[Offer]:
        """Return every plugin's lifespan context manager, not yet entered."""
        found = (
            Offer(
                name, self._call(name, "lifespan", {"config": self.configs.get(name), "app": app})
            )
            for name in self.names
        )
        return [offer for offer in found if offer.value is not None]

    def hooks(self, name: str) -> list[str]:
        """Return the hooks that a plugin implements."""
        plugin = self._manager.get_plugin(name)
        callers = self._manager.get_hookcallers(plugin) or [] if plugin else []
        return sorted(caller.name for caller in callers)

    def _import(self, name: str, where: str) -> ModuleType | None:
        points = [point for point in _entry_points() if point.name == name]
        if len(points) > 1:
            modules = " and ".join(sorted(point.value for point in points))
            self._problem(where, f"two packages offer a plugin called {name}: {modules}", "")
            return None
        try:
            loaded = points[0].load() if points else importlib.import_module(name)
        except ModuleNotFoundError as error:
            if points or error.name != name.partition(".")[0]:
                self._problem(
                    where, f"plugin {name} needs {error.name}, which is not installed", ""
                )
            else:
                self._problem(where, f"there is no plugin {name}", _near(name))
        except (Exception, SystemExit) as error:  # a plugin may raise anything
            log.exception("plugin %s cannot be imported", name)
            self._problem(where, f"plugin {name} cannot be imported: {_brief(error)}", "")
        else:
            return loaded
        return None

    def _call(self, name: str, hook: str, arguments: Mapping[str, Any]) -> Any:
        plugin = self._manager.get_plugin(name)
        others = [other for other in self._manager.get_plugins() if other is not plugin]
        caller = self._manager.subset_hook_caller(hook, remove_plugins=others)
        spec = caller.spec
        wanted = spec.argnames if spec else ()
        try:
            return caller(**{key: arguments.get(key) for key in wanted})
        except (Exception, SystemExit) as error:  # a plugin may raise anything
            log.debug("hook %s of plugin %s failed", hook, name, exc_info=True)
            self._bad(name, hook, _brief(error))
            return None

    def _items(self, name: str, hook: str, result: object) -> Sequence[object]:
        if not isinstance(result, Iterable) or isinstance(result, str | bytes | Mapping):
            self._bad(name, hook, f"returned {type(result).__name__}, not a list")
            return ()
        kind, wanted = _KINDS[hook]
        items = []
        for item in result:
            good = isinstance(item, kind) if kind else inspect.iscoroutinefunction(item)
            if good:
                items.append(item)
            else:
                self._bad(name, hook, f"returned {item!r} where {wanted} belongs")
        return items

    def _bad(self, name: str, hook: str, text: str) -> None:
        self.problems.append(Problem(text, where=f"plugin {name}", path=hook))

    def _problem(self, where: str, text: str, hint: str) -> None:
        self.problems.append(Problem(text, where=where, hint=hint))


def _entry_points() -> Iterable[importlib.metadata.EntryPoint]:
    return importlib.metadata.entry_points(group=hookspecs.PROJECT)


def _near(name: str) -> str:
    near = difflib.get_close_matches(name, available(), 1)
    if near:
        return f"did you mean {near[0]}?"
    return f"installed are {', '.join(available())}; or name an importable module"


def _invalid(name: str, error: pluggy.PluginValidationError, where: str) -> Problem:
    reason = str(error).splitlines()[-1].strip()
    hint = ""
    unknown = getattr(error, "args", [""])[0]
    if "unknown hook" in str(unknown):
        written = str(unknown).split("unknown hook '")[1].partition("'")[0]
        near = difflib.get_close_matches(written, HOOKS, 1)
        hint = f"did you mean {near[0]}?" if near else f"the hooks are {', '.join(HOOKS)}"
        reason = f"there is no hook {written}"
    return Problem(f"plugin {name}: {reason}", where=where, hint=hint)


def _brief(error: BaseException) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0]}" if text else type(error).__name__
