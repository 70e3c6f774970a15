"""One rule, compiled from the configuration."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain

from smartops.backend import NAME_TAG
from smartops.command import Command
from smartops.config.policy import RuleSettings

from .conditions import (
    Answer,
    Argument,
    Condition,
    LateCondition,
    Request,
    Tags,
    all_of,
    labels,
    read,
)


class CompiledRule:
    """A rule with its conditions.

    ``early`` conditions depend on the person, command, effect and place, ``late``
    ones on the arguments and targets. A rule that allows is tested for one target
    at a time.
    """

    def __init__(self, settings: RuleSettings) -> None:
        self.name = settings.name
        self.denies = settings.deny is not None
        chosen = settings.allow if settings.deny is None else settings.deny
        assert chosen is not None
        self._roles = chosen.roles
        conditions = read(chosen, denies=self.denies)
        self.early = tuple(item for item in conditions if not isinstance(item, LateCondition))
        self.late = tuple(item for item in conditions if isinstance(item, LateCondition))
        self.tags = next((item for item in conditions if isinstance(item, Tags)), None)

    def tag_keys(self, commands: Iterable[Command]) -> frozenset[str]:
        """Return the keys of the tags that decide whether the rule applies.

        That includes the tag that holds the name, where the rule lists targets.
        """
        keys = self.tags.keys if self.tags else frozenset[str]()
        arguments = [item for item in self.late if isinstance(item, Argument)]
        named = any(item.names_targets(command) for item in arguments for command in commands)
        return keys | {NAME_TAG} if named else keys

    def begin(self, request: Request) -> Answer:
        """Answer the early conditions; False also if no call can meet the late ones."""
        if any(condition.impossible(request.command) for condition in self.late):
            return False
        return all_of(condition.test(request) for condition in self.early)

    def roles_for(self, request: Request) -> frozenset[str]:
        """Return the roles with which the rule could allow the call."""
        if self.denies or not self._roles:
            return frozenset()
        person = replace(request.person, roles=frozenset(self._roles))
        met = self.begin(replace(request, person=person))
        return frozenset() if met is False else person.roles

    def finish(self, begun: Answer, request: Request) -> Answer:
        """Answer the late conditions, given the answer to the early ones."""
        late = (condition.test(request) for condition in self.late)
        return all_of(chain((begun,), late))

    def denial(self, request: Request) -> str:
        """Return the sentence that says that the rule denies, and for which targets."""
        if self.tags is None or not request.targets:
            return f'The rule "{self.name}" denies this.'
        hit = labels(target for target in request.targets if self.tags.has(target))
        return f'The rule "{self.name}" denies this for {hit}.'

    def explain(self, request: Request) -> str:
        """Explain in a line whether the rule applies, and why not."""
        head = f"{'deny ' if self.denies else 'allow'} {self.name}"
        for condition in self.late:
            if impossible := condition.impossible(request.command):
                return f"{head}: does not apply: {impossible}"
        requests = [request] if self.denies else request.each()
        pairs = [(one, self._unmet(one)) for one in requests]
        verdict, reason = next(((no, why) for _, (no, why) in pairs if no is not True), (True, ""))
        if verdict is True:
            return f"{head}: applies"
        hit = labels(one.targets[0] for one, (met, _) in pairs if met and one.targets)
        if hit:
            return f"{head}: applies to {hit} only: {reason}"
        return f"{head}: {'may apply' if verdict is None else 'does not apply'}: {reason}"

    def _unmet(self, request: Request) -> tuple[Answer, str]:
        """Return the answer of all conditions, and the reason of the one that decides it."""
        conditions: Sequence[Condition] = (*self.early, *self.late)
        answers = [condition.test(request) for condition in conditions]
        answer = all_of(answers)
        return answer, "" if answer else conditions[answers.index(answer)].why(request)
