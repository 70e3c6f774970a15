"""What is remembered of a conversation, so that a question can follow up on the one before.

It is kept for one person in one conversation, thread included: nobody is ever
answered from what somebody else was allowed to see.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from smartops import Clock, KeyValueStore, Message, Person

from .config import ContextConfig
from .fence import cut

_SPACE = "context/"
_MOST = 40_000
_LONGEST_TEXT = 4000
_LONGEST_RESULT = 3000
_MOST_STEPS = 4


@dataclass(frozen=True, slots=True)
class Step:
    """A tool that the model used for an exchange, and the result it was given."""

    tool: str
    input: dict[str, Any]
    result: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question, what was looked up for it, and the answer.

    The answer is empty where SmartOps answered instead of the model. ``private``
    says that something in it is for the person alone, and so is what follows.
    """

    question: str
    answer: str
    steps: tuple[Step, ...] = ()
    private: bool = False


class Memory:
    """The last exchanges of each person in each conversation."""

    def __init__(self, config: ContextConfig, store: KeyValueStore, clock: Clock) -> None:
        self._config = config
        self._store = store
        self._clock = clock

    async def recall(self, message: Message, person: Person) -> tuple[Exchange, ...]:
        """Return what was said before, oldest first."""
        kept = await self._store.get(_key(message, person))
        if kept is None or not self._config.exchanges:
            return ()
        document = json.loads(kept)
        if document["expires"] <= self._clock.time():
            return ()
        return tuple(_exchange(item) for item in document["exchanges"])[-self._config.exchanges :]

    async def remember(
        self, message: Message, person: Person, before: Sequence[Exchange], new: Exchange
    ) -> None:
        """Keep an exchange after those before it."""
        if not self._config.exchanges:
            return
        kept = [*before, _shortened(new)][-self._config.exchanges :]
        while len(text := self._written(kept)) > _MOST:
            del kept[0]
        await self._store.put(_key(message, person), text)

    async def forget(self, message: Message, person: Person) -> None:
        """Forget a conversation."""
        await self._store.delete(_key(message, person))

    async def sweep(self) -> None:
        """Forget the conversations that have expired."""
        now = self._clock.time()
        for key, kept in (await self._store.items(_SPACE)).items():
            if json.loads(kept)["expires"] <= now:
                await self._store.delete(key)

    def _written(self, exchanges: Sequence[Exchange]) -> str:
        expires = self._clock.time() + self._config.expires.total_seconds()
        document = {"expires": expires, "exchanges": [asdict(item) for item in exchanges]}
        text = json.dumps(document, ensure_ascii=False)
        return text.encode("utf-8", "replace").decode()  # a model may write half a character


def turns(exchanges: Sequence[Exchange], question: Sequence[Any]) -> list[dict[str, Any]]:
    """Return exchanges and the new question as the turns of a request.

    What was data then is data now.
    """
    found: list[dict[str, Any]] = []
    for number, exchange in enumerate(exchanges):
        _say(found, "user", [{"text": exchange.question}])
        if exchange.steps:
            ids = [f"before-{number}-{place}" for place in range(len(exchange.steps))]
            steps = list(zip(ids, exchange.steps, strict=True))
            _say(found, "assistant", [_use(key, step) for key, step in steps])
            _say(found, "user", [_result(key, step) for key, step in steps])
        if exchange.answer:
            _say(found, "assistant", [{"text": exchange.answer}])
    _say(found, "user", question)
    return found


def _say(turns: list[dict[str, Any]], role: str, content: Sequence[Any]) -> None:
    """Add to the turns; two of one role in a row are one."""
    if turns and turns[-1]["role"] == role:
        turns[-1]["content"].extend(content)
    else:
        turns.append({"role": role, "content": list(content)})


def _use(key: str, step: Step) -> dict[str, Any]:
    return {"toolUse": {"toolUseId": key, "name": step.tool, "input": step.input}}


def _result(key: str, step: Step) -> dict[str, Any]:
    return {"toolResult": {"toolUseId": key, "content": [{"text": step.result}]}}


def _key(message: Message, person: Person) -> str:
    parts = (message.channel, message.conversation, message.thread, person.name)
    return _SPACE + hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _shortened(exchange: Exchange) -> Exchange:
    steps = (replace(step, result=cut(step.result, _LONGEST_RESULT)) for step in exchange.steps)
    return Exchange(
        exchange.question[:_LONGEST_TEXT],
        exchange.answer[:_LONGEST_TEXT],
        tuple(steps)[-_MOST_STEPS:],
        exchange.private,
    )


def _exchange(kept: dict[str, Any]) -> Exchange:
    steps = tuple(Step(**step) for step in kept["steps"])
    private = kept.get("private", True)  # an earlier version did not say
    return Exchange(kept["question"], kept["answer"], steps, private)
