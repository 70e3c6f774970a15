"""Find, load and check plugins, and collect what they offer with the owner's name.

Only plugins that the configuration names are loaded, by entry point of the
group ``smartops`` or as an importable module. Hooks are called per plugin, so
that a failure has a name and the other plugins' problems are still found.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import inspect
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from types import MappingProxyType, ModuleType
from typing import Any

import click
import pluggy
from pydantic import BaseModel

from . import hookspecs
from .backend import Backend
from .channel import Channel, Runtime
from .command import Command
from .errors import Problem, StartupError
from .event import EventSource
from .interpreter import Interpreter
from .nearness import hint as near_hint
from .nearness import nearest
from .services import Services
from .sink import AuditSink

log = logging.getLogger(__name__)

HOOKS = tuple(
    name
    for name, value in vars(hookspecs).items()
    if inspect.isfunction(value) and hasattr(value, f"{hookspecs.PROJECT}_spec")
)

_KINDS: Mapping[str, tuple[type | int, str]] = {
    "register_backends": (Backend, "a Backend"),
    "register_commands": (Command, "a command (a function under @command)"),
    "register_channels": (Channel, "a Channel"),
    "register_layers": (2, "a layer (async def layer(call, call_next))"),
    "register_guards": (3, "a guard (async def guard(call, effect, plan))"),
    "register_observers": (1, "an observer (async def observe(event))"),
    "register_event_sources": (EventSource, "an EventSource"),
    "register_audit_sinks": (AuditSink, "an AuditSink"),
    "register_interpreters": (Interpreter, "an Interpreter"),
    "register_cli": (click.Command, "a click command"),
}
"""What the items of each hook are: a type, or the number of a coroutine function's arguments."""


def available() -> list[str]:
    """Return the names of all installed plugins, sorted."""
    return sorted(point.name for point in _entry_points())


@dataclass(frozen=True, slots=True)
class Offer:
    """Something a plugin registered, with the name of the plugin."""

    owner: str
    value: Any


_NONE: Mapping[str, str] = MappingProxyType({})


class Plugins:
    """The loaded plugins of one app. ``problems`` grows with everything found wrong.

    ``sources`` has the plugins of those that have another name, ``prefixes`` the words
    that the commands of some begin with.
    """

    def __init__(
        self, sources: Mapping[str, str] = _NONE, prefixes: Mapping[str, str] = _NONE
    ) -> None:
        self.sources, self.prefixes = sources, prefixes
        self._managers: dict[str, pluggy.PluginManager] = {}
        self._objects: dict[str, object] = {}
        self.problems: list[Problem] = []
        self.configs: dict[str, Any] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the plugins that loaded, in configuration order."""
        return tuple(self._managers)

    def load(self, names: Mapping[str, str]) -> None:
        """Load plugins; ``names`` maps each to its place in the configuration."""
        for name, where in names.items():
            module = self._import(self.sources.get(name, name), where)
            if module is not None:
                self.register(name, module, where)

    def register(self, name: str, plugin: object, where: str = "") -> None:
        """Register a module or object as the plugin ``name``, checking its hooks."""
        manager = pluggy.PluginManager(hookspecs.PROJECT)
        manager.add_hookspecs(hookspecs)
        if not self._add(manager, name, plugin, where):
            return
        if not _hooks(manager, plugin):
            self._problem(
                where, f"{name} is not a plugin: it implements no hook", "mark hooks with @hookimpl"
            )
            return
        self._managers[name] = manager

    def setup(self, services: Services) -> None:
        """Call every plugin's ``setup``; the object it returns has hooks as the plugin has."""
        for name, manager in self._managers.items():
            if name in self._objects:
                manager.unregister(self._objects.pop(name))
            config = self.configs.get(name)
            made = self._call(name, "setup", {"config": config, "services": services})
            if made is not None:
                self._set_up(name, manager, made)

    def _set_up(self, name: str, manager: pluggy.PluginManager, made: object) -> None:
        own = {*self.hooks(name), "config_type", "register_cli"}
        if not self._add(manager, f"{name}.setup", made, f"plugin {name}"):
            return
        self._objects[name] = made
        hooks = _hooks(manager, made)
        if not hooks:
            self._bad(name, "setup", f"returned {made!r}, no method of which is a @hookimpl")
        for hook in own.intersection(hooks):
            self._bad(name, hook, "must be in the plugin or in what its setup returns, not in both")

    def _add(self, manager: pluggy.PluginManager, name: str, plugin: object, where: str) -> bool:
        """Register hooks with a manager; whether they are valid."""
        if problems := [
            Problem(f"hook {hook} of plugin {name} {text}", where=where, hint=hint)
            for hook in HOOKS
            for text, hint in _mistakes(plugin, hook)
        ]:
            self.problems += problems
            return False
        try:
            manager.register(plugin, name)
            manager.check_pending()
        except pluggy.PluginValidationError as error:
            self.problems.append(_invalid(name, error, where))
            return False
        return True

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

    def lifespans(self, services: Services, app: Runtime) -> list[Offer]:
        """Return every plugin's lifespan context manager, not yet entered.

        Raises StartupError if a hook fails or returns anything else.
        """
        offers = []
        for name in self.names:
            arguments = {"config": self.configs.get(name), "services": services, "app": app}
            found = self._call(name, "lifespan", arguments)
            if isinstance(found, AbstractAsyncContextManager):
                offers.append(Offer(name, found))
            elif found is not None:
                kind = type(found).__name__
                self._bad(name, "lifespan", f"returned {kind}, not an async context manager")
        if self.problems:
            raise StartupError(*self.problems)
        return offers

    def hooks(self, name: str) -> list[str]:
        """Return the hooks that a plugin implements, itself or in what its setup returned."""
        manager = self._managers.get(name)
        plugins = manager.list_name_plugin() if manager else ()
        return sorted(hook for _, plugin in plugins for hook in _hooks(manager, plugin))

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
            self._problem(where, f"plugin {name} cannot be imported: {brief(error)}", "")
        else:
            return loaded
        return None

    def _call(self, name: str, hook: str, arguments: Mapping[str, Any]) -> Any:
        services = arguments.get("services")
        if isinstance(services, Services):
            arguments = {**arguments, "services": services.of(name)}
        caller = getattr(self._managers[name].hook, hook)
        wanted = caller.spec.argnames if caller.spec else ()
        try:
            found = caller(**{key: arguments.get(key) for key in wanted})
            return [*map(_drawn, found)] if isinstance(found, list) else found
        except (Exception, SystemExit) as error:  # a plugin may raise anything
            log.debug("hook %s of plugin %s failed", hook, name, exc_info=True)
            hint = "smartops check -v shows where"
            self.problems.append(Problem(brief(error), f"plugin {name}", hook, hint))
            return None

    def _items(self, name: str, hook: str, result: object) -> Sequence[object]:
        if not isinstance(result, Iterable) or isinstance(result, str | bytes | Mapping):
            self._bad(name, hook, f"returned {type(result).__name__}, not a list")
            return ()
        kind, wanted = _KINDS[hook]
        items = []
        for item in result:
            fits = isinstance(item, kind) if isinstance(kind, type) else _is_async(item, kind)
            if fits:
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


def _hooks(manager: pluggy.PluginManager | None, plugin: object) -> list[str]:
    callers = manager.get_hookcallers(plugin) if manager else None
    return [caller.name for caller in callers or ()]


def _mistakes(plugin: object, hook: str) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a hook, and the remedy."""
    function = getattr(plugin, hook, None)
    if inspect.iscoroutinefunction(function):
        yield (
            "is 'async def'",
            "hooks run once at start: return objects whose methods are coroutines",
        )
    elif inspect.isasyncgenfunction(function):
        yield (
            "is 'async def'",
            "decorate it with @contextlib.asynccontextmanager, below @hookimpl",
        )
    elif (
        inspect.isroutine(function)
        and not hasattr(function, f"{hookspecs.PROJECT}_impl")
        and function.__module__ in (getattr(plugin, "__name__", None), type(plugin).__module__)
    ):
        yield "is not marked", "write @hookimpl above it"


def _is_async(item: object, arguments: int) -> bool:
    """Whether an item is callable with so many arguments and returns an awaitable."""
    inner = item
    while isinstance(inner, functools.partial):
        inner = inner.func
    called = getattr(inner, "__call__", None)  # noqa: B004 - of an object with async __call__
    if not callable(item) or not any(map(inspect.iscoroutinefunction, (inner, called))):
        return False
    try:
        inspect.signature(item).bind(*range(arguments))
    except TypeError:
        return False
    return True


def _drawn(result: object) -> object:
    """Return what a hook yields, if it is a generator: that may fail as the hook may."""
    return list(result) if inspect.isgenerator(result) else result


def _near(name: str) -> str:
    if meant := nearest(name, available()):
        return f"did you mean {meant}?"
    return f"installed are {', '.join(available())}; or name an importable module"


def _invalid(name: str, error: pluggy.PluginValidationError, where: str) -> Problem:
    text = str(error)
    reason, hint = text.splitlines()[-1].strip(), ""
    if unknown := re.search(r"unknown hook '(\w+)'", text):
        reason = f"there is no hook {unknown[1]}"
        hint = near_hint(unknown[1], HOOKS, "the hooks are")
    elif stray := re.search(r"for hook '(\w+)'.*Argument\(s\) \{'(\w+)'", text, re.DOTALL):
        known = list(inspect.signature(getattr(hookspecs, stray[1])).parameters)
        reason = f"the hook {stray[1]} has no argument {stray[2]}"
        hint = near_hint(stray[2], known, "it has") or "it has none"
    return Problem(f"plugin {name}: {reason}", where=where, hint=hint)


def brief(error: BaseException) -> str:
    """Return an exception as one line."""
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0]}" if text else type(error).__name__
