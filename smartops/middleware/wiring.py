"""A command joined to the backends it asked for, ready to be called.

Everything that can be worked out at start is worked out here, so that a message
costs a dictionary merge and a call.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from smartops.backend import Backend
from smartops.command import Call, Command, Effect, Handler
from smartops.contained import contained
from smartops.plan import Plan
from smartops.reply import Reply
from smartops.work import Work


class Wired:
    """One command with its parameters filled."""

    def __init__(self, command: Command, backends: Mapping[type[Backend], Backend]) -> None:
        self.command = command
        self._backends = {
            name: backends.get(kind) if name in command.optional else backends[kind]
            for name, kind in command.wants.items()
            if issubclass(kind, Backend)
        }
        self._calls = tuple(name for name, kind in command.wants.items() if kind is Call)
        self._plans = tuple(name for name, kind in command.wants.items() if kind is Plan)
        self._works = tuple(name for name, kind in command.wants.items() if kind is Work)
        self._lists = tuple(item.name for item in command.parameters if item.many)
        self.takes_targets = any(item.is_target for item in command.parameters)
        self._planner = _with_names(command.companions.get("plan"))
        self._classifier = _with_names(command.companions.get("classify"))

    @property
    def classifies(self) -> bool:
        """Whether the effect is only known call by call."""
        return self._classifier is not None

    async def run(self, call: Call, plan: Plan | None = None, work: Work | None = None) -> Reply:
        """Call the handler and make a Reply of what it returns.

        Raises TypeError or ValueError if that is none, or cannot be sent.
        """
        owner, handler = self.command.owner, self.command.handler
        result = await contained(owner, handler(**self._arguments(call, plan, work)))
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

    def _chosen(self, call: Call, names: frozenset[str]) -> dict[str, Any]:
        filled = self._arguments(call)
        return {name: value for name, value in filled.items() if name in names}

    def _arguments(
        self, call: Call, plan: Plan | None = None, work: Work | None = None
    ) -> dict[str, Any]:
        filled = {**call.arguments, **self._backends}
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


def _with_names(function: Handler | None) -> tuple[Handler, frozenset[str]] | None:
    if function is None:
        return None
    return function, frozenset(inspect.signature(function).parameters)
