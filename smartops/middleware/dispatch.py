"""Running a call: the plugins' layers, then the handler, under the command's deadline.

Everything that can be worked out at start is worked out in :class:`Wired`, so that
a message costs a dictionary merge and a call.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from smartops.command import Call, Command, Effect, Handler
from smartops.contained import Caught, PluginFailed, contained
from smartops.errors import DeadlineExceeded, PermissionDenied, Refusal
from smartops.plan import Plan
from smartops.plugins import Offer
from smartops.reply import Reply
from smartops.services import Clock
from smartops.threads import in_thread
from smartops.work import Work

Rest = Callable[[], Awaitable[Reply]]


class Wired:
    """One command with everything that SmartOps fills, ready to be called."""

    def __init__(self, command: Command, provided: Mapping[type, object]) -> None:
        self.command = command
        self._provided = {
            name: provided.get(kind) if name in command.optional else provided[kind]
            for name, kind in command.wants.items()
            if kind not in (Call, Plan, Work)
        }
        self._calls = tuple(name for name, kind in command.wants.items() if kind is Call)
        self._plans = tuple(name for name, kind in command.wants.items() if kind is Plan)
        self._works = tuple(name for name, kind in command.wants.items() if kind is Work)
        self._lists = tuple(item.name for item in command.parameters if item.many)
        self.takes_targets = any(item.is_target for item in command.parameters)
        self.looked_up = tuple(item for item in command.parameters if item.looked_up)
        self._handler = in_thread(command.handler, command.name)
        self._planner = _with_names(command, "plan")
        self._classifier = _with_names(command, "classify")
        self._guard = _with_names(command, "guard")
        self._undo = _with_names(command, "undo")

    @property
    def classifies(self) -> bool:
        """Whether the effect is only known call by call."""
        return self._classifier is not None

    async def run(self, call: Call, plan: Plan | None = None, work: Work | None = None) -> Reply:
        """Call the handler and make a Reply of what it returns.

        Raises TypeError or ValueError if that is none, or cannot be sent.
        """
        arguments = self._arguments(call, plan, work)
        result = await contained(self.command.owner, self._handler(**arguments))
        if isinstance(result, str):
            return Reply.of(result)
        if isinstance(result, Reply):
            result.check()
            return result
        raise TypeError(
            f"command {self.command.name!r} of {self.command.owner} returned "
            f"{type(result).__name__}; return a Reply or a string"
        )

    async def plan(self, call: Call) -> Plan:
        """Return what the call would do; without a planner, that it would run."""
        if self._planner is None:
            return Plan(f"Run {call.text}")
        function, names = self._planner
        plan = await contained(self.command.owner, function(**self._chosen(call, names)))
        if not isinstance(plan, Plan):
            raise TypeError(f"the plan of {self.command.name!r} returned {type(plan).__name__}")
        return plan

    async def effect(self, call: Call) -> Effect:
        """Return the effect of the call; never worse than the declared one."""
        if self._classifier is None:
            return self.command.effect
        function, names = self._classifier
        chosen = function(**self._chosen(call, names))
        return Effect(await contained(self.command.owner, chosen))

    def guard(self, call: Call) -> Awaitable[Any] | None:
        """Return the verdict of the command's own guard, to be awaited, if it has one."""
        if self._guard is None:
            return None
        function, names = self._guard
        verdict: Awaitable[Any] = function(**self._chosen(call, names))
        return verdict

    async def inverse(
        self, call: Call, plan: Plan | None
    ) -> tuple[Command, Mapping[str, Any]] | None:
        """Return the call that undoes this one, if the command has one."""
        if self._undo is None:
            return None
        function, names = self._undo
        chosen = self._chosen(replace(call, arguments={**call.arguments, "plan": plan}), names)
        found: tuple[Command, Mapping[str, Any]] | None = await contained(
            self.command.owner, function(**chosen)
        )
        return found

    def _chosen(self, call: Call, names: frozenset[str]) -> dict[str, Any]:
        filled = self._arguments(call)
        return {name: value for name, value in filled.items() if name in names}

    def _arguments(
        self, call: Call, plan: Plan | None = None, work: Work | None = None
    ) -> dict[str, Any]:
        filled = {**call.arguments, **self._provided}
        for name in self.command.added:
            filled.pop(name, None)
        for name in self._calls:
            filled[name] = call
        for name in self._plans:
            filled[name] = plan
        for name in self._works:
            filled[name] = work
        for name in self._lists:
            if filled[name] is not None:
                filled[name] = list(filled[name])
        return filled


def _with_names(command: Command, role: str) -> tuple[Handler, frozenset[str]] | None:
    function = command.companions.get(role)
    if function is None:
        return None
    names = frozenset(inspect.signature(function).parameters)
    return in_thread(function, f"{role} of {command.name}"), names


@dataclass(frozen=True, slots=True)
class Run:
    """One run of an allowed call: with its plan if it changes something, and its work if stored.

    The scope of the deadline is added to ``scopes``.
    """

    wired: Wired
    call: Call
    effect: Effect
    plan: Plan | None = None
    work: Work | None = None
    scopes: list[Any] = field(default_factory=list)


async def dispatch(clock: Clock, layers: Sequence[Offer], run: Run) -> Reply:
    """Run the call through the plugins' layers to its handler.

    Raises DeadlineExceeded when the command's deadline passes, saying whether
    something may have happened.
    """
    chain: Rest = partial(run.wired.run, run.call, run.plan, run.work)
    for layer in reversed(layers):
        chain = _Layered(layer, run, chain)
    deadline = run.wired.command.deadline.total_seconds()
    try:
        with clock.fail_after(deadline) as scope:
            run.scopes.append(scope)
            return await chain()
    except TimeoutError:
        raise DeadlineExceeded(
            f"{run.call.text} did not finish within {deadline:g} seconds",
            details="Nothing was changed."
            if run.effect is Effect.READ
            else "The result is unknown. Check the target's state before you retry.",
        ) from None


class _Layered:
    """One layer around the rest of the way.

    The call that runs is the one that was approved, and it runs once: a layer
    may refuse it before, and add to the reply. What came of a change is
    reported although a layer hides it.
    """

    def __init__(self, layer: Offer, run: Run, rest: Rest) -> None:
        self._layer = layer
        self._call = run.call
        self._changes = run.effect is not Effect.READ
        self._rest = rest
        self._passed = False
        self._reply: Reply | None = None
        self._error: BaseException | None = None

    async def __call__(self) -> Reply:
        """Run the layer; raises PluginFailed if it does what a layer must not."""
        owner = self._layer.owner
        with Caught() as caught:
            reply = await contained(owner, self._layer.value(self._call, self._call_next))
        self._report_change(caught.error)
        caught.reraise()
        if self._changes and not self._passed:
            raise PermissionDenied(
                f"The plugin {owner} did not let this pass: {self._call.text}",
                details="Nothing was done.",
            )
        if not isinstance(reply, Reply):
            raise PluginFailed(f"the layer of {owner} returned {type(reply).__name__}, not a Reply")
        return reply

    def _report_change(self, error: BaseException | None) -> None:
        """Raise what became of a change if the layer, raising ``error``, says otherwise."""
        if not self._changes:
            return
        if self._error is not None and error is not self._error:
            raise self._error
        if self._reply is not None and isinstance(error, Refusal):
            raise PluginFailed(f"the layer of {self._layer.owner} refused what was done")

    async def _call_next(self, call: Call) -> Reply:
        owner = self._layer.owner
        if self._passed:
            raise PluginFailed(f"the layer of {owner} called call_next twice")
        if call != self._call:
            raise PermissionDenied(
                f"The plugin {owner} passed on another call than this: {self._call.text}",
                details="Nothing was done.",
            )
        self._passed = True
        with Caught() as caught:
            reply = self._reply = await self._rest()
        self._error = caught.error
        caught.reraise()
        return reply
