"""The hooks. Plain functions, called once per plugin at start, in configuration order.

They return objects; the objects hold coroutines; the path of a message never
touches pluggy. Every argument may be left out of an implementation. An
``async def`` implementation is refused at load. An exception or a wrong return
value stops the start, is reported with the plugin's name, and is collected with
all other problems.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

import click
import pluggy

from .backend import Backend
from .channel import Channel, Runtime
from .command import Command, Layer
from .event import EventSource
from .guard import Guard
from .interpreter import Interpreter
from .observer import Observer
from .services import Services
from .sink import AuditSink

if TYPE_CHECKING:
    from pydantic import BaseModel

PROJECT = "smartops"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec(firstresult=True)
def config_type() -> type[BaseModel] | None:
    """Return the pydantic model that the plugin's section of ``plugins:`` fills.

    Called first, right after the plugin is loaded. Without it the section must
    be empty and ``config`` is None. Unknown keys are refused whatever the model
    says.
    """


@hookspec(firstresult=True)
def setup(config: Any, services: Services) -> object | None:
    """Return an object whose methods marked with ``@hookimpl`` are further hooks.

    It lets hooks share what they make, such as a channel and the lifespan that
    closes its connections. Called once for each app, before ``register_backends``.
    ``config_type`` and ``register_cli`` stay in the plugin itself.
    """


@hookspec
def register_backends(config: Any, services: Services) -> Iterable[Backend]:
    """Return backends. Called once every section is filled.

    Two backends of one name are an error that names both plugins.
    """


@hookspec
def register_commands(config: Any, services: Services) -> Iterable[Command]:
    """Return commands. Called after all backends are known.

    A command that asks for a capability no backend has, or whose phrases can
    match the same text as another's, is an error.
    """


@hookspec
def register_channels(config: Any, services: Services) -> Iterable[Channel]:
    """Return channels. Called after the commands."""


@hookspec
def register_layers(config: Any, services: Services) -> Iterable[Layer]:
    """Return layers ``async def layer(call, call_next) -> Reply``, outermost first.

    They run inside the shared steps, in configuration order, around dispatch.
    They may refuse, by raising a refusal before they await ``call_next(call)``,
    and add to the reply. They pass on the very call they were given, once:
    another call and a second ``call_next`` are refused. A change is never
    answered by a layer: one that returns without ``call_next`` refuses it, and
    what became of a change is reported whatever a layer makes of it. A read may
    be answered from a layer, from a cache for example.
    """


@hookspec
def register_guards(config: Any, services: Services) -> Iterable[Guard]:
    """Return guards ``async def guard(call, effect, plan) -> NeedsApproval | None``.

    Every guard sees every call of a plugin's command that the policy allows, and
    refuses it by raising a refusal: a change after it was planned and before
    its person is asked, and again before it runs; a read before its handler;
    an operation before it is resumed. A guard that fails, returns anything else, or
    takes longer than 10 seconds refuses too. ``effect`` is that of this call.

    A guard that returns ``NeedsApproval`` lets a change pass once that many others
    approve it; a read it refuses. ``call.emergency`` is the reason for which a person
    who may do so runs a call in spite of freezes and the like; empty if it is none.

    ``plan`` is None for a read, and where nothing is planned: in ``can-i``, and in
    help, which also has no arguments (``call.arguments`` is empty). Help marks
    the commands that a guard refuses even so; there a guard may fail.
    """


@hookspec
def register_observers(config: Any, services: Services) -> Iterable[Observer]:
    """Return observers ``async def observe(event: DecisionEvent) -> None``.

    An observer is notified of every decision, in order, from a queue and a task of its
    own: no message waits for it, and it cannot change anything. Its failure is logged
    and counted. While it is slow, up to 1000 events wait; further ones are lost, which
    is logged and counted (``smartops_observer_events_total``). At shutdown it has 5
    seconds for the events that wait.
    """


@hookspec
def register_event_sources(config: Any, services: Services) -> Iterable[EventSource]:
    """Return event sources: webhooks under ``/hooks/NAME``, each with its own proof of origin.

    Name a source after ``services.plugin``, so that several instances of the plugin have a
    path each. Two sources of one name are an error that names both plugins.
    """


@hookspec
def register_audit_sinks(config: Any, services: Services) -> Iterable[AuditSink]:
    """Return sinks, which get a copy of every audit event and checkpoint.

    A server sends them batches, from one replica at a time, and continues after a crash
    where it stopped. No message waits for it. A sink that fails is tried again, after a
    longer time each time; ``/readyz`` says so, and how many events wait.
    """


@hookspec
def register_interpreters(config: Any, services: Services) -> Iterable[Interpreter]:
    """Return interpreters; asked in configuration order about text no command matches."""


@hookspec
def register_cli(config: Any, commands: Callable[[], Sequence[Command]]) -> Iterable[click.Command]:
    """Return click commands; they appear as ``smartops PLUGIN COMMAND``.

    Their options cannot be called ``--config`` or ``-c``: these name the configuration.

    Called by the command line only, without starting the app. ``config`` is
    None when no configuration was given. ``commands()`` returns what people can
    say under that configuration (the core's own included, and only those
    without one), for manifests and the like. It raises StartupError if SmartOps
    could not start with it.
    """


@hookspec(firstresult=True)
def lifespan(
    config: Any, services: Services, app: Runtime
) -> AbstractAsyncContextManager[Any] | None:
    """Return an async context manager that is entered once the app is complete.

    ``smartops serve``, ``say`` and ``chat`` enter it, so it must not receive
    messages: that is for :meth:`~smartops.channel.Channel.run`, which only a
    server calls. It is entered and left in one task of its own, so it may hold
    a task group; ``app.spawn`` and ``app.accept`` work at once. Lifespans are
    entered in configuration order and left in reverse order.

    If entering fails, those entered are left and the start fails. If leaving
    fails or takes longer than 10 seconds, it is logged with the plugin's name
    and the others are still left.
    """
