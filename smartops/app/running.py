"""The running app: its store is open, its plugins are started, housekeeping runs."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar

import anyio
from anyio.abc import TaskGroup

from smartops.alerts import Route
from smartops.channel import Channel
from smartops.config import Settings
from smartops.contained import Caught, contained
from smartops.errors import (
    AuthenticationFailed,
    BackendUnavailable,
    PermissionDenied,
    Refusal,
    StartupError,
)
from smartops.event import Event, EventSource
from smartops.message import Claims, Inbound, Message
from smartops.middleware import Gate, Parts, ProgressReporter, Running
from smartops.reply import Reply
from smartops.store import AuditEvent, Store, StoreUnavailable
from smartops.telemetry import Telemetry

from .composition import Composition, limiter
from .delivery import Delivery
from .housekeeping import Housekeeping
from .lifespans import left_at_exit, sole
from .observers import Observers
from .offers import values
from .parts import connect
from .posting import Posting
from .rejections import Rejections
from .reloading import changed, merged, needing_restart
from .requests import Requests
from .scheduling import Scheduling
from .sinks import SinkReader, own_sinks
from .watchdog import Watchdog

log = logging.getLogger("smartops.app")

PING_TIMEOUT = 5.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that messages depend on, and what is wrong with it."""

    name: str
    ok: bool
    text: str = ""


class App:
    """A running SmartOps: messages in, replies out. Use it as an async context manager.

    While it runs, only :meth:`reload` changes it. Unless it ``adopts``, it takes over no
    operations and messages of other processes.
    """

    def __init__(self, composition: Composition, *, adopts: bool = True) -> None:
        self.composition = composition
        self.channels: tuple[Channel, ...] = composition.channels
        self.sources: tuple[EventSource, ...] = values(composition.offers.event_sources)
        self.telemetry = Telemetry()
        self._adopts = adopts
        self._running = Running()
        self._stack = AsyncExitStack()

    @property
    def settings(self) -> Settings:
        """The settings in effect."""
        return self.composition.settings

    async def __aenter__(self) -> Self:
        """Start; raises StartupError if the store does not open or a plugin does not start."""
        try:
            async with AsyncExitStack() as stack:
                await self._start(stack)
                self._stack = stack.pop_all()
        except BaseExceptionGroup as error:
            cause = sole(error)
            if isinstance(cause, StartupError):
                cause = self.composition.masker.startup_error(cause.problems)
            raise cause from None
        return self

    async def __aexit__(self, *reason: Any) -> bool | None:
        """Finish what was accepted, within ``server.shutdown_timeout``, then close everything."""
        return await self._stack.__aexit__(*reason)

    async def handle(self, message: Message, progress: ProgressReporter | None = None) -> Reply:
        """Return the answer to a message, however long it takes."""
        return await self._delivery.handle(message, progress)

    async def answer(
        self, message: Message, seconds: float, channel: Channel | None = None
    ) -> Reply | None:
        """Return the answer to a message, or None if it takes longer than ``seconds``.

        A late answer is pushed if there is a ``channel`` to push it, else it is
        returned when the message is sent again.
        """
        return await self._delivery.answer(message, seconds, channel)

    async def accept(self, channel: Channel, messages: Sequence[Message]) -> None:
        """Take messages that ``channel.send`` answers; they are durable when it returns."""
        await self._delivery.accept(channel, messages)

    async def report(self, source: EventSource, events: Sequence[Event]) -> None:
        """Store the events that a source reports, with secrets masked; durable when it returns."""
        mask = self.composition.masker.text
        masked = [
            replace(
                event,
                title=mask(event.title),
                text=mask(event.text),
                labels={name: mask(value) for name, value in event.labels.items()},
            )
            for event in events
        ]
        await self.store.receive(source.name, masked)

    async def refuse(self, error: Refusal, claims: Claims, request_id: str) -> Reply:
        """Return the answer to a proven caller whose request cannot be read.

        It is counted against the caller's limits like any other request.
        """
        return await self._gate.refuse(error, claims, request_id)

    async def authenticated(self, name: str, inbound: Inbound, proof: Awaitable[T]) -> T:
        """Return what a channel or an event source proves of a request.

        A failure is an audit event.
        """
        try:
            return await contained(name, proof)
        except (AuthenticationFailed, PermissionDenied) as refusal:
            self._rejections.note(name, inbound, refusal)
            raise

    def spawn(self, function: Callable[..., Awaitable[Any]], *arguments: Any) -> None:
        """Run something in the background that shutdown waits for; its failure is logged."""
        self._background.start_soon(_logged, function, arguments)

    def reload(self, new: Composition) -> None:
        """Use the people, rules and limits of a configuration from now on.

        What else it changes needs a restart, and is named in the log.
        """
        old = self.composition
        for path in needing_restart(old, new):
            log.warning("%s was changed: that needs a restart", path)
        self.composition = composition = merged(old, new)
        changes = sorted(changed(old.settings, composition.settings))
        policy_tags = composition.services.policy_tags
        policy_tags.clear()
        policy_tags.update(composition.policy.tag_keys(composition.commands))
        self.parts = self._connect()
        self._gate.parts = self.parts
        self._loaded(f"; changed: {', '.join(changes)}" if changes else "; nothing was changed")

    def _loaded(self, more: str = "") -> None:
        """Write in the log and in the audit log which configuration is in effect."""
        text = f"configuration loaded, sha256 {self.composition.hash}{more}"
        log.info("%s", text)
        self._add_event(
            AuditEvent.of("configuration", self.composition.services.clock.time(), text)
        )

    def _add_event(self, event: AuditEvent) -> None:
        with suppress(StoreUnavailable):  # it is logged
            self.store.add_audit_event(event)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Run the channels' own receivers, such as sockets; only a server does that."""
        self._loaded()
        with Watchdog(self.telemetry.blocked):
            async with _cancelled_at_exit() as group:
                for reader in self._readers:
                    group.start_soon(reader.forever)
                for channel in self.channels:
                    group.start_soon(_logged, channel.run, (self,))
                yield

    async def readiness(self) -> Sequence[Check]:
        """Check everything that messages depend on: plugins, store, limits and backends."""
        composition = self.composition
        checks = [Check("plugins", ok=True, text=", ".join(composition.plugins.names))]
        pings = {"store": self.store.ping, "limits": self.limiter.ping}
        pings |= {f"backend {item.name}": item.ping for item in composition.backends}

        async def look(name: str, ping: Callable[[], Awaitable[None]]) -> None:
            problem = await _problem(ping)
            checks.append(Check(name, not problem, problem))

        async with anyio.create_task_group() as group:
            for name, ping in pings.items():
                group.start_soon(look, name, ping)
        checks += [
            Check(f"place {name}", ok=False, text=text)
            for name, text in self._posting.unreachable.items()
        ]
        checks += [
            Check(f"audit sink {item.sink.name}", not item.problem, item.problem)
            for item in self._readers
        ]
        return sorted(checks, key=lambda check: check.name)

    async def _start(self, stack: AsyncExitStack) -> None:
        composition, settings = self.composition, self.settings
        clock = composition.services.clock
        stack.push_async_callback(composition.http.aclose)
        self.store = await self._opened()
        stack.push_async_callback(self.store.aclose)
        stack.push_async_callback(_yield_sinks, self.store)
        self._rejections = Rejections(clock, self._add_event)
        self._readers = [
            SinkReader(sink, self.store, clock, self.telemetry.behind)
            for sink in (
                *own_sinks(settings.audit, composition.http, clock),
                *values(composition.offers.sinks),
            )
        ]
        stack.push_async_callback(_last_checkpoint, self.store)
        self.limiter = limiter(settings, clock)
        stack.push_async_callback(self.limiter.aclose)
        with suppress(BackendUnavailable):  # logged; each process limits for itself
            await self.limiter.ping()
        self._observers = Observers(composition.offers.observers, self.telemetry.observer)
        self.parts = self._connect()
        self._gate = Gate(self.parts)
        self._delivery = Delivery(self._gate, self.store, self.channels, clock, self.spawn)
        timeout = settings.server.shutdown_timeout.total_seconds()
        lifespans = await stack.enter_async_context(left_at_exit())
        stack.push_async_callback(self.store.leave)
        await stack.enter_async_context(self._observers.running())
        group = await stack.enter_async_context(_cancelled_at_exit())
        self._background = await stack.enter_async_context(_awaited_at_exit(timeout))
        await lifespans.enter(composition.plugins.lifespans(composition.services, self))
        requests = Requests(self._gate, self._delivery, self.store, self.spawn)
        routes = Route.all(settings.routes, settings.places)
        self._posting = Posting(self.store, self._delivery, clock, routes, self.spawn)
        keeping = Housekeeping(
            store=self.store,
            clock=clock,
            revoked=composition.revoked,
            executing=lambda: self._running.ids,
            answering=lambda: self._delivery.keys,
            cancel=self._running.cancel,
            resume=lambda operation: self.spawn(self._gate.resume, operation),
            lost=lambda operation: self.spawn(self._gate.lost, operation),
            take_over=self._delivery.take_over,
            grants=requests.grants,
            look=requests.look,
            adopts=self._adopts,
        )
        stack.push_async_callback(keeping.leave)
        await keeping.once()
        group.start_soon(keeping.forever)
        if self._adopts:
            group.start_soon(self._posting.forever)
        if self._adopts and composition.schedules.channels:
            group.start_soon(self._scheduling().forever)
        group.start_soon(composition.verifier.keep_fresh)

    async def _opened(self) -> Store:
        composition, settings = self.composition, self.settings
        return await Store.open(
            settings.store.url.reveal(),
            composition.services.clock,
            retention=settings.store.retention.total_seconds(),
            signer=composition.audit_key,
            checkpoint_file=settings.audit.checkpoints,
        )

    def _scheduling(self) -> Scheduling:
        composition = self.composition
        clock, fixed = composition.services.clock, composition.schedules.fixed
        return Scheduling(self.store, self._delivery, clock, fixed)

    def _connect(self) -> Parts:
        return connect(
            self.composition,
            self.store,
            self.limiter,
            self._running,
            count=self.telemetry.command,
            notify=self._observers.notify if self._observers else None,
        )


async def _yield_sinks(store: Store) -> None:
    with Caught(log, "the leases of audit sinks were not ended"):
        await store.yield_sinks()


async def _last_checkpoint(store: Store) -> None:
    """Add a checkpoint over the last events of this process."""
    with Caught(log, "the last checkpoint of the audit log was not written"):
        await store.checkpoint()


async def _problem(ping: Callable[[], Awaitable[None]]) -> str:
    """Return what is wrong, in words that may be shown, or nothing."""
    with Caught(log, "readiness check failed"):
        try:
            with anyio.fail_after(PING_TIMEOUT):
                await ping()
        except TimeoutError:
            return f"no answer within {PING_TIMEOUT:g} seconds"
        except Refusal as refusal:
            return refusal.message
        return ""
    return "failed; see the log"


async def _logged(function: Callable[..., Awaitable[Any]], arguments: Sequence[Any]) -> None:
    with Caught(log, "background work failed: %s", getattr(function, "__qualname__", function)):
        await function(*arguments)


@asynccontextmanager
async def _cancelled_at_exit() -> AsyncIterator[TaskGroup]:
    async with anyio.create_task_group() as group:
        try:
            yield group
        finally:
            group.cancel_scope.cancel()


@asynccontextmanager
async def _awaited_at_exit(timeout: float) -> AsyncIterator[TaskGroup]:
    """Wait for the group's tasks at exit; cancel those that take longer than ``timeout``."""
    async with anyio.create_task_group() as group:
        yield group
        group.cancel_scope.deadline = anyio.current_time() + timeout
    if group.cancel_scope.cancelled_caught:
        log.warning("background work was cut off after %g seconds", timeout)
